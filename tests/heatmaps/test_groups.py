import numpy as np

from cellmark.heatmaps.groups import group_codes


def grid(rows, columns, pitch, corner, angle=0.3):
    steps = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2) * pitch
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return steps @ turn.T + corner


def test_codes_of_several_sizes_and_stray_cells_are_told_apart():
    large, small = grid(14, 14, 12.0, [60, 20]), grid(10, 10, 5.0, [300, 40])
    stray = np.array([[400.0, 400.0], [10.0, 380.0], [262.0, 60.0]])
    codes = group_codes(np.concatenate([small, stray, large]), min_cells=20)
    assert [len(code) for code in codes] == [196, 100]
    assert sorted(codes[1].tolist()) == list(range(100))


def test_missing_cells_do_not_split_a_code():
    rng = np.random.default_rng(0)
    points = grid(16, 16, 8.0, [50, 50])[rng.random(256) < 0.8]
    assert [len(code) for code in group_codes(points, min_cells=20)] == [len(points)]


def test_too_few_cells_are_no_code():
    assert group_codes(np.zeros((0, 2)), 20) == []
    assert group_codes(grid(3, 3, 5.0, [9, 9]), 20) == []
    assert group_codes(np.array([[1.0, 1.0]]), 1) == []
