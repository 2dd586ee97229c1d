from cellmark.data.selection import evenly


def test_images_are_chosen_evenly():
    assert evenly(range(10), 4) == [0, 3, 6, 9]
    assert evenly(range(3), 12) == [0, 1, 2]
    assert evenly(range(0), 12) == []
