"""Where the codes lie: symbols, places on the plane, the view of it, and the true cell centres."""

from dataclasses import dataclass, field, replace

import numpy as np

from cellmark.data.generate.fields import pixel_grid
from cellmark.data.generate.geometry import PlaneView, SurfaceMap, folds, project
from cellmark.data.generate.symbols import Symbol, Version, draw_symbol, draw_version
from cellmark.data.generate.views import View, draw_surface
from cellmark.data.records import BLACK, NOT_LABELLED, WHITE, Code

LARGEST = 0.95  # of the picture's side that the codes may fill
SMALLEST = 0.25
CLOSEST = 0.3  # of the smallest distance between cells that would show the whole of a code, in a close picture
WIDEST = 24.0  # pixels between cells in a close picture
ENOUGH = 60  # cells that a close picture shows, where it can
ATTEMPTS = 24  # each one calmer than the one before; the last is almost a frontal view


@dataclass(frozen=True)
class Frame:
    """How the codes lie in the picture.

    Attributes:
        min_pitch: smallest distance between neighbouring cells, pixels.
        fraction: part of the picture's side that the codes fill, if the cells are then large enough.
        flush: whether the codes begin at the picture's edge.
        pitch: distance between cells of a picture that may hold but a part of the codes; None = all is seen.
    """

    min_pitch: float
    fraction: float
    flush: bool = False
    pitch: float | None = None


@dataclass(frozen=True)
class Placed:
    """A symbol on the plane.

    Attributes:
        symbol: payload and modules.
        origin: plane coordinates (x, y) of its top left corner, whole modules.
        offsets: (rows, cols, 2) by which each cell's mark lies beside the lattice, in modules.
    """

    symbol: Symbol
    origin: tuple[int, int]
    offsets: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.symbol.modules.shape
        return rows, cols

    def centres(self) -> np.ndarray:
        """(rows, cols, 2) plane coordinates of the cell centres."""
        rows, cols = self.shape
        x, y = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
        result: np.ndarray = np.stack([x, y], axis=2) + np.asarray(self.origin) + self.offsets
        return result

    def outline(self) -> np.ndarray:
        """(N, 2) plane points along the four edges."""
        rows, cols = self.shape
        t = np.linspace(0.0, 1.0, 9)
        edges = [(t, 0 * t), (t, 0 * t + 1), (0 * t, t), (0 * t + 1, t)]
        points = np.concatenate([np.stack(edge, axis=1) for edge in edges])
        result: np.ndarray = points * (cols, rows) + np.asarray(self.origin)
        return result


@dataclass(frozen=True)
class Layout:
    """The geometry of one picture, complete: everything that decides where a cell is seen.

    Attributes:
        size: side of the picture in pixels.
        placed: the codes on the plane.
        surface: the map between plane and picture.
        pitch: mean distance between neighbouring cells, pixels.
        seen: the plane as every pixel sees it.
        centres: for each code, float64 (rows, cols, 2), cell centres in pixels.
        extent: half the sides of the box that holds all codes on the plane, in modules.
    """

    size: int
    placed: tuple[Placed, ...]
    surface: SurfaceMap
    pitch: float
    centres: tuple[np.ndarray, ...]
    extent: np.ndarray
    seen: PlaneView = field(repr=False)

    def codes(self) -> tuple[Code, ...]:
        """The annotations; ids count from 1. A code of which no cell is in the picture is left out."""
        pairs = zip(self.placed, self.centres, strict=True)
        every = [(placed, self._keypoints(placed, centres)) for placed, centres in pairs]
        seen = [(placed, points) for placed, points in every if (points[:, 2] != NOT_LABELLED).any()]
        return tuple(
            Code(number, points, *placed.shape, text=placed.symbol.text)
            for number, (placed, points) in enumerate(seen, start=1)
        )

    def _keypoints(self, placed: Placed, centres: np.ndarray) -> np.ndarray:
        points = centres.reshape(-1, 2)
        classes = np.where(placed.symbol.modules.ravel(), BLACK, WHITE)
        inside = ((points > -0.5) & (points < self.size - 0.5)).all(axis=1)
        return np.column_stack([points, np.where(inside, classes, NOT_LABELLED)])


def arrange(view: View, size: int, rng: np.random.Generator, severity: float, min_pitch: float) -> Layout:
    """Draws codes, and views of them until all cells are ``min_pitch`` pixels from their neighbours."""
    close = rng.random() < view.close
    placed = _place(view, size, rng, severity, CLOSEST * min_pitch if close else min_pitch, even=close)
    frame = _draw_frame(view, rng, min_pitch, close, several=len(placed) > 1)
    mirrored, frontal = rng.random() < view.mirror, rng.random() < view.frontal
    outline = np.concatenate([code.outline() for code in placed])
    quarter, turn = rng.integers(4) * np.pi / 2, rng.uniform(-np.pi / 4, np.pi / 4)
    for attempt in range(ATTEMPTS + 1):
        calm = 0.0 if frontal else 1.0 - attempt / ATTEMPTS
        calmer = tuple(replace(code, offsets=code.offsets * calm) for code in placed)
        angle = quarter + turn * calm
        plane = draw_surface(view, outline, rng, severity, calm, angle, min(frame.fraction, 1.0), mirrored)
        fitted = _fit(plane, calmer, size, rng, severity * calm, frame)
        if fitted is not None:
            return fitted
    raise AssertionError("a frontal view of a code that fits the picture always succeeds")


def _draw_frame(view: View, rng: np.random.Generator, min_pitch: float, close: bool, several: bool) -> Frame:
    fraction = rng.uniform(0.55 if several else SMALLEST, LARGEST)
    flush = rng.random() < view.flush and not close
    if flush and rng.random() < 0.5:
        fraction = rng.uniform(0.96, 1.0)
    pitch = float(np.exp(rng.uniform(np.log(min_pitch), np.log(max(WIDEST, min_pitch))))) if close else None
    return Frame(min_pitch, fraction, flush, pitch)


def _place(
    view: View, size: int, rng: np.random.Generator, severity: float, min_pitch: float, even: bool
) -> tuple[Placed, ...]:
    longest = LARGEST * size / min_pitch
    several = rng.random() < view.several and longest >= 24
    columns, rows = (((2, 1), (1, 2), (2, 2), (3, 1))[rng.integers(4)]) if several else (1, 1)
    gap = int(rng.integers(2, 5)) if several else 0
    room = (longest - gap * (max(columns, rows) - 1)) / max(columns, rows)
    if several and room < 10:
        columns, rows, room = 1, 1, longest
    version = draw_version(rng, room, even)
    width, height = (n * side + gap * (n - 1) for n, side in ((columns, version.cols), (rows, version.rows)))
    corners = [
        (col * (version.cols + gap) - width // 2, row * (version.rows + gap) - height // 2)
        for row in range(rows)
        for col in range(columns)
    ]
    return tuple(
        Placed(symbol, corner, _jitter(rng, symbol, version, view.jitter * severity))
        for corner in corners
        for symbol in [draw_symbol(rng, version)]
    )


def _jitter(rng: np.random.Generator, symbol: Symbol, version: Version, strength: float) -> np.ndarray:
    """Drift of a stylus: whole rows and columns lie aside, and each black mark a little on its own."""
    shape = (version.rows, version.cols, 2)
    if strength == 0:
        return np.zeros(shape)
    drift = np.zeros(shape)
    drift[..., 0] += rng.normal(0, 0.5, version.rows)[:, None]
    drift[..., 1] += rng.normal(0, 0.5, version.cols)[None, :]
    single = rng.normal(0, 0.8, shape) * symbol.modules[..., None]
    result: np.ndarray = np.clip((drift + single) * strength, -0.2, 0.2)
    return result


def _fit(
    plane: SurfaceMap,
    placed: tuple[Placed, ...],
    size: int,
    rng: np.random.Generator,
    strength: float,
    frame: Frame,
) -> Layout | None:
    """Scales and shifts the view so that the codes fill their part of the picture; None where they cannot."""
    outline = np.concatenate([code.outline() for code in placed])
    if plane.wrinkles is not None and folds(plane.wrinkles, outline.min(axis=0) - 2, outline.max(axis=0) + 2):
        return None
    cells = [code.centres().reshape(-1, 2) for code in placed]
    mapped = plane.to_image(np.concatenate([outline, *cells]))
    if not np.isfinite(mapped).all():
        return None
    parts = np.split(mapped, np.cumsum([len(outline), *map(len, cells)])[:-1])
    seen, centres = parts[0], [p.reshape(*code.shape, 2) for p, code in zip(parts[1:], placed, strict=True)]
    low, high = seen.min(axis=0), seen.max(axis=0)
    side, pitch = float((high - low).max()), min(_smallest_pitch(points) for points in centres)
    least = frame.min_pitch * side / (pitch * size)
    if pitch <= 0 or least > (LARGEST / CLOSEST if frame.pitch else LARGEST) + 1e-9:
        return None
    fraction = frame.fraction
    if frame.pitch is not None:  # not nearer than the largest code needs: textures of all of it would be huge
        fraction = min(least * frame.pitch / frame.min_pitch, LARGEST / CLOSEST)
    fraction = fraction if fraction >= least else rng.uniform(least, max(least, LARGEST))
    scale = fraction * size / side
    if fraction > 1:
        shift = _part(rng, np.concatenate(parts[1:]) * scale, size)
    else:
        shift = _shift(rng, low * scale, high * scale, size, strength, frame.flush)
    zoom = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]], [0.0, 0.0, 1.0]])
    surface = SurfaceMap(zoom @ plane.homography, plane.cylinder, plane.wrinkles)
    moved = tuple(project(zoom, points.reshape(-1, 2)).reshape(points.shape) for points in centres)
    mean = float(np.mean([np.linalg.norm(np.diff(p, axis=a), axis=2).mean() for p in moved for a in (0, 1)]))
    view = surface.to_plane(*pixel_grid(size))
    return Layout(size, placed, surface, mean, moved, np.abs(outline).max(axis=0), view)


def _smallest_pitch(centres: np.ndarray) -> float:
    """Smallest distance between neighbours; single marks' own errors are averaged over three cells."""
    steps = [
        np.linalg.norm(centres[3:] - centres[:-3], axis=2),
        np.linalg.norm(centres[:, 3:] - centres[:, :-3], axis=2),
    ]
    return min(float(step.min()) for step in steps) / 3.0


def _part(rng: np.random.Generator, centres: np.ndarray, size: int) -> np.ndarray:
    """Moves some cell to somewhere about the middle, so that enough other cells are seen where that can be."""
    best: np.ndarray = np.zeros(2)
    most = -1
    for _ in range(8):
        shift = rng.uniform(0.2, 0.8, 2) * size - centres[rng.integers(len(centres))]
        moved = centres + shift
        count = int(((moved > -0.5) & (moved < size - 0.5)).all(axis=1).sum())
        if count > most:
            best, most = shift, count
        if count >= ENOUGH:
            break
    return best


def _shift(
    rng: np.random.Generator, low: np.ndarray, high: np.ndarray, size: int, strength: float, flush: bool
) -> np.ndarray:
    """Somewhere wholly inside; now and then a part of the code is cut off by the picture's edge."""
    room = size - (high - low)
    place = rng.uniform(0.0, 1.0, 2)
    if flush:
        place = np.where(rng.random(2) < 0.6, np.round(place), place)
    shift = place * room - low - 0.5
    if not flush and rng.random() < 0.1 * strength:
        overlap = rng.uniform(0.03, 0.2) * (high - low)
        side = rng.integers(4)
        axis = side % 2
        shift[axis] = -low[axis] - overlap[axis] if side < 2 else size - high[axis] + overlap[axis]
    result: np.ndarray = shift
    return result
