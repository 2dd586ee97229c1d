"""The second look with the weights of the package, on rendered codes whose every cell is known."""

import numpy as np
import pytest
import torch

from cellmark.data.rectify import cell_size, extended
from cellmark.reading.second_look import SecondLook
from cellmark.reading.weights import load_classifier
from tests.data.test_rectify import bent

ROWS, COLS, PITCH = 20, 22, 8.0


@pytest.fixture(scope="module")
def second():
    return SecondLook(load_classifier(), torch.device("cpu"))


def scene(seed, angle=0.4, bend=0.008):
    """A picture of a bent code on light ground; the centres of its cells, and which are black."""
    rng = np.random.default_rng(seed)
    places = bent(ROWS, COLS, PITCH, angle, bend, origin=(128.0, 128.0))
    black = rng.random((ROWS, COLS)) < 0.5
    black[:, 0] = black[-1] = True
    black[0, 1:] = np.arange(1, COLS) % 2 == 0
    black[:-1, -1] = np.arange(ROWS - 1) % 2 == 1
    around = extended(places, 3)
    colours = np.pad(black, 3)
    image = np.full((256, 256, 3), 215.0)
    y, x = np.mgrid[:256, :256]
    nearest = np.full((256, 256), np.inf)
    for (px, py), dark in zip(around.reshape(-1, 2), colours.ravel(), strict=True):
        distance = (x - px) ** 2 + (y - py) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        image[closer & (distance < PITCH**2)] = 45 if dark else 215
    image += rng.normal(0, 8, image.shape)
    return image.clip(0, 255).astype(np.uint8), places, black


def agreement(probability, black):
    """Share of cells of the right colour, up to an exchange of both: the finder tells which is which."""
    share = float(((probability > 0.5) == black).mean())
    return max(share, 1 - share)


@pytest.mark.parametrize("seed", range(3))
def test_colours_of_a_known_lattice(second, seed):
    image, places, black = scene(seed)
    rng = np.random.default_rng(seed)
    looked = second.look(image, extended(places + rng.normal(0, 0.08 * PITCH, places.shape), 3))
    assert agreement(looked.black[3:-3, 3:-3], black) > 0.97
    assert looked.known[3:-3, 3:-3].mean() > 0.8
    off = np.linalg.norm(looked.places[3:-3, 3:-3] - places, axis=-1) / cell_size(places)
    assert off.mean() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_lattice_is_followed_from_a_part_of_it(second, seed):
    """Only 9 x 9 cells are right; the bent rest would lie far off if they went on straight."""
    image, places, black = scene(seed, bend=0.012)
    start = extended(places[5:14, 6:15], 3)
    looked = second.follow(image, start)
    assert looked is not None
    distance = np.linalg.norm(looked.places[:, :, None, None] - places, axis=-1).reshape(*looked.places.shape[:2], -1)
    own = distance.argmin(axis=-1)[looked.known]
    assert (distance.min(axis=-1)[looked.known] < 0.4 * PITCH).mean() > 0.97
    assert len(np.unique(own)) > 0.9 * ROWS * COLS
    assert agreement(looked.black[looked.known], black.ravel()[own]) > 0.97


def test_there_is_nothing_to_follow_on_noise(second):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    assert second.follow(noise, bent(12, 12, 9.0, 0.2, origin=(100.0, 100.0))) is None


def test_more_cells_than_any_code_has_are_left_alone(second):
    assert second.follow(np.zeros((50, 50, 3), np.uint8), bent(201, 201, 0.2, 0.0)) is None
