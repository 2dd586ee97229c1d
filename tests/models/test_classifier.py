"""The network for a second look: one answer per cell, whatever the number of rows and columns."""

import pytest
import torch

from cellmark.data.rectify import CELL
from cellmark.models.classifier import CellClassifier


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return CellClassifier((6, 8, 10), (1, 2)).eval()


@pytest.mark.parametrize(("rows", "cols"), [(1, 2), (10, 10), (8, 48), (30, 7)])
def test_shapes(network, rows, cols):
    cells = network(torch.randint(0, 256, (2, 3, CELL * rows, CELL * cols), dtype=torch.uint8))
    assert cells.black.shape == cells.doubt.shape == cells.inside.shape == (2, rows, cols)
    assert cells.shift.shape == (2, 2, rows, cols)


def test_light_and_contrast_make_no_difference(network):
    torch.manual_seed(1)
    images = 255 * torch.rand(1, 3, 80, 80)
    for changed in (images + 40, 2 * images - 10):
        for one, other in zip(network(images), network(changed), strict=True):
            torch.testing.assert_close(one, other, atol=0.05, rtol=0.05)


def test_an_even_picture_gives_finite_numbers(network):
    assert all(each.isfinite().all() for each in network(torch.full((1, 3, 80, 80), 9.0)))


def test_a_cell_is_told_by_its_own_square():
    """Without neighbours (no blocks), a change within one square changes no answer but those beside it."""
    torch.manual_seed(0)
    network = CellClassifier((6, 8, 10), ()).eval()
    images = 255 * torch.rand(1, 3, 80, 80)
    changed = images.clone()
    changed[..., 4 * CELL + 3 : 4 * CELL + 5, 6 * CELL + 3 : 6 * CELL + 5] = (
        255 - changed[..., 4 * CELL + 3 : 4 * CELL + 5, 6 * CELL + 3 : 6 * CELL + 5]
    )
    difference = (network(images).black - network(changed).black)[0].abs()
    assert difference.argmax() == 4 * 10 + 6


def test_the_number_of_halvings_is_given():
    with pytest.raises(ValueError, match="2 widths make cells of 4 pixels, not of 8"):
        CellClassifier((6, 8))


def test_its_config_builds_it_again(network):
    again = CellClassifier(**network.config)
    again.load_state_dict(network.state_dict())
