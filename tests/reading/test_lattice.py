"""The lattice recovers rows, columns, size and orientation of bent, slanted and damaged codes."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.reading.lattice import FRAMES, Candidate, Lattices
from cellmark.symbology import SYMBOLS, by_shape
from tests.reading.lattices import Seen, see

COMMON = [s for s in SYMBOLS if s.number <= 14 or 25 <= s.number <= 30]


def candidates(seen: Seen) -> Iterator[Candidate]:
    for lattice in Lattices(seen.points, seen.black).lattices():
        yield from (lattice[k] for k in range(len(lattice)))


def is_exact(candidate: Candidate, seen: Seen) -> bool:
    """Every cell that was seen is at its row and column, no other cell is, and the unseen are near their places."""
    if candidate.cells.shape != seen.modules.shape:
        return False
    number = np.arange(seen.modules.size).reshape(seen.modules.shape)
    taken = candidate.cells >= 0
    away = np.linalg.norm(candidate.places - seen.places, axis=2)
    steps = [np.linalg.norm(np.diff(seen.places, axis=k), axis=2).min() for k in (0, 1)]
    # A false cell right on a true one's place cannot be told from it
    right = (seen.source[candidate.cells] == number) | ((seen.source[candidate.cells] < 0) & (away < 0.5 * min(steps)))
    missed = np.isin(number, seen.source[seen.source >= 0]) & ~taken
    return bool(right[taken].all()) and missed.mean() < 0.05 and bool((away < 0.6 * max(steps)).all())


def recovered(seen: Seen, tries: int | None = None) -> bool:
    """Whether one of the candidates is exact: of all that a reader would try, or of the first ones."""
    return any(is_exact(candidate, seen) for candidate in islice(candidates(seen), tries))


@pytest.mark.slow
def test_of_bent_and_damaged_lattices_99_percent_are_recovered_exactly():
    rng = np.random.default_rng(3)
    lost = []
    for case in range(300):
        symbol = COMMON[rng.integers(len(COMMON))]
        seen = see(rng, symbol, mirrored=bool(rng.integers(2)), inverted=bool(rng.integers(2)))
        if not recovered(seen):
            lost.append((case, symbol.shape))
    assert len(lost) <= 3, lost


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(COMMON))
def test_clean_slanted_lattices_are_always_recovered_by_the_first_candidates(seed, symbol):
    seen = see(np.random.default_rng(seed), symbol, waves=0.0, tilt=0.7, missing=0, false=0, wrong=0)
    assert recovered(seen, tries=4)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("shape", [(10, 10), (8, 18), (16, 48), (26, 26), (12, 36)])
def test_orientation_mirror_and_inversion_are_told(shape, mirrored, inverted):
    rng = np.random.default_rng(5)
    seen = see(rng, by_shape[shape], waves=0.03, missing=0.03, wrong=0.0, mirrored=mirrored, inverted=inverted)
    exact = [candidate for candidate in candidates(seen) if is_exact(candidate, seen)]
    assert exact
    assert exact[0].inverted == inverted
    assert exact[0].mirrored == mirrored


def test_several_codes_in_one_picture_are_found_one_after_another():
    rng = np.random.default_rng(7)
    parts = [see(rng, by_shape[shape], waves=0.05) for shape in ((12, 12), (18, 18), (8, 32))]
    shifts = [np.array([0, 0]), np.array([400, 0]), np.array([0, 500])]
    points = np.concatenate([part.points + shift for part, shift in zip(parts, shifts, strict=True)])
    lattices = Lattices(points, np.concatenate([part.black for part in parts]))
    firsts = np.cumsum([0, *(len(part.points) for part in parts)])
    found = set()
    for lattice in lattices.lattices():
        for number in range(len(lattice)):
            candidate = lattice[number]
            for index, part in enumerate(parts):
                own = Candidate(
                    candidate.symbol,
                    candidate.places - shifts[index],
                    np.where(candidate.cells >= 0, candidate.cells - firsts[index], -1),
                    candidate.black,
                    candidate.inverted,
                    candidate.mirrored,
                )
                inside = (own.cells >= -1).all() and (own.cells < len(part.points)).all()
                if index not in found and inside and is_exact(own, part):
                    found.add(index)
                    lattices.remove(candidate)
                    break
    assert found == {0, 1, 2}


def test_a_hole_of_several_cells_is_bridged():
    rng = np.random.default_rng(9)
    seen = see(rng, by_shape[26, 26], waves=0.05, missing=0.02)
    middle = seen.places[12, 12]
    kept = np.linalg.norm(seen.points - middle, axis=1) > 32
    torn = Seen(seen.modules, seen.places, seen.points[kept], seen.black[kept], seen.source[kept])
    assert recovered(torn)


def test_a_code_whose_border_was_not_seen_is_continued_to_it():
    rng = np.random.default_rng(11)
    seen = see(rng, by_shape[20, 20], waves=0.03, missing=0.0, false=0.0)
    row = seen.source // 20
    kept = (row != 0) | (seen.source % 20 < 12)
    torn = Seen(seen.modules, seen.places, seen.points[kept], seen.black[kept], seen.source[kept])
    assert recovered(torn)


@pytest.mark.parametrize("count", [0, 1, 3, 29])
def test_too_few_cells_are_no_lattice(count):
    points = np.random.default_rng(0).uniform(0, 100, (count, 2))
    assert list(Lattices(points, np.full(count, 0.5)).lattices()) == []


@pytest.mark.parametrize("seed", range(5))
def test_scattered_cells_are_no_lattice(seed):
    """Neither at random, nor with room between them, as peaks of a heatmap have it."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 400, (3000, 2))
    apart = [points[0]]
    for point in points[1:]:
        if np.linalg.norm(np.array(apart) - point, axis=1).min() > 9:
            apart.append(point)
    for cells in (points[:1600], np.array(apart)):
        assert sum(len(lattice) for lattice in Lattices(cells, rng.random(len(cells))).lattices()) == 0


def test_on_a_grid_of_cells_all_alike_few_frames_are_tried():
    y, x = np.mgrid[:40, :40] * 10.0
    lattice = next(Lattices(np.stack([x.ravel(), y.ravel()], axis=1), np.ones(1600)).lattices())
    assert len(lattice) == FRAMES


def test_codes_in_line_are_all_on_one_lattice():
    rng = np.random.default_rng(2)
    parts = [see(rng, by_shape[12, 12], tilt=0, waves=0, false=0, wrong=0, missing=0.02) for _ in range(6)]
    points, owner = [], np.repeat(np.arange(6), [len(part.points) for part in parts])
    for number, part in enumerate(parts):
        corner, right, down = part.places[0, 0], part.places[0, 1], part.places[1, 0]
        upright = np.linalg.inv(np.stack([right - corner, down - corner]))
        points.append(10 * ((part.points - corner) @ upright + [15 * number, 0]))
    lattice = next(Lattices(np.concatenate(points), np.concatenate([part.black for part in parts])).lattices())
    found = set()
    for _ in parts:
        owners = [
            owner[candidate.cells[candidate.cells >= 0]] for candidate in map(lattice.__getitem__, range(len(lattice)))
        ]
        number = next(k for k, owned in enumerate(owners) if len(owned) > 130 and len(set(owned)) == 1)
        found.add(owners[number][0])
        lattice.remove(number)
    assert found == set(range(6))
