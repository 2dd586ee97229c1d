"""The heatmaps that a network is trained to draw, one panel for each class."""

from collections.abc import Sequence

import cv2
import numpy as np

from cellmark.coordinates import resize_points
from cellmark.data.batch import cell_pitch, collate
from cellmark.data.records import Sample
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.viz.gallery import Gallery, Picture
from cellmark.viz.heatmap import blend_heatmaps
from cellmark.viz.overlay import CELL_COLOURS, Colour

TILE = 320
_CELLS_ACROSS = 8  # of the detail
_KNEE = 0.7  # of the heat, up to which a class's colour brightens; above it turns to white
_DOT: Colour = (255, 255, 255)


def targets_gallery(
    folder: str, samples: Sequence[Sample], codec: GaussianCodec, stride: int, classes: Sequence[str]
) -> Gallery:
    """A row for each sample: the network's input, the target of each class, all blended, and a detail of that.

    Args:
        folder: name of the folder.
        samples: as they are fed to the network, without augmentation.
        codec: renders the targets.
        stride: input pixels per heatmap pixel.
        classes: names, one for each heatmap.
    """
    pictures: list[Picture] = []
    for sample in samples:
        heatmaps = target(sample, codec, stride, len(classes))
        name, (height, width) = sample.path.name, heatmaps.shape[1:]
        pictures.append(Picture(sample.image, name, f"{name} as the network sees it"))
        for index, heat in enumerate(heatmaps):
            caption = f"{classes[index]}: {int((sample.labels == index).sum())} cells, {width} x {height}"
            alt = f"target heatmap of the {classes[index]} cells of {name}"
            pictures.append(Picture(draw_heat(heat, CELL_COLOURS[index % len(CELL_COLOURS)]), caption, alt))
        pictures.append(
            Picture(blend_target(sample.image, heatmaps, stride), "all over the input", f"all targets over {name}")
        )
        pictures.append(Picture(detail(sample, heatmaps, stride), "detail", f"a detail of the targets over {name}"))
    title = f"targets at stride {stride}"
    note = (
        "What the network must draw, as training makes it: the input, a heatmap for each class, all of them over the "
        "input, and a detail in which white dots mark the annotated centres."
    )
    return Gallery(folder, title, note, pictures, len(classes) + 3, TILE, rows=True)


def target(sample: Sample, codec: GaussianCodec, stride: int, classes: int) -> np.ndarray:
    """The heatmaps (classes, h, w) that a network is asked for, float32 in 0..1."""
    batch = collate([sample])
    size = (-(-sample.image.shape[0] // stride), -(-sample.image.shape[1] // stride))
    heatmap: np.ndarray = codec.encode(batch.points, batch.labels, batch.pitch, size, stride, classes)[0].numpy()
    return heatmap


def draw_heat(heat: np.ndarray, colour: Colour, side: int = TILE) -> np.ndarray:
    """A heatmap from black over ``colour`` to white.

    Args:
        heat: (h, w) in 0..1.
        colour: RGB.
        side: least length of the longer side of the picture, in pixels; every pixel of the heatmap becomes a square.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    ramp = np.array([0, _KNEE, 1])
    channels = [np.interp(heat, ramp, (0, value, value + 0.8 * (255 - value))) for value in colour]
    times = -(-side // max(heat.shape))
    return np.kron(np.round(np.stack(channels, axis=-1)).astype(np.uint8), np.ones((times, times, 1), np.uint8))


def blend_target(image: np.ndarray, heatmaps: np.ndarray, stride: int) -> np.ndarray:
    """Every class's heat over the picture, also where the stride does not divide its sides.

    Args:
        image: uint8 (H, W, 3) RGB.
        heatmaps: (C, ceil(H / stride), ceil(W / stride)).
        stride: pixels of the picture per heatmap pixel.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    height, width = image.shape[:2]
    rim = (0, -height % stride, 0, -width % stride)
    return blend_heatmaps(cv2.copyMakeBorder(image, *rim, cv2.BORDER_REPLICATE), heatmaps)[:height, :width]


def detail(sample: Sample, heatmaps: np.ndarray, stride: int) -> np.ndarray:
    """The targets around the middle one of the cells, enlarged, with a dot at every annotated centre.

    Args:
        sample: the picture and its cells.
        heatmaps: (C, h, w) its targets.
        stride: input pixels per heatmap pixel.

    Returns:
        uint8 (S, S, 3) RGB, S at least `TILE`; the whole picture where it is smaller than the detail.
    """
    height, width = sample.image.shape[:2]
    pitch, middle = cell_pitch(sample.points, (height, width)), np.array([width, height]) / 2
    reach = min(height, width) / 4
    if len(pitch):
        centre = np.median(sample.points, axis=0)
        nearest = np.linalg.norm(sample.points - centre, axis=1).argmin()
        middle, reach = sample.points[nearest], _CELLS_ACROSS / 2 * float(np.median(pitch))
    side = max(1, round(2 * reach / stride))  # in pixels of the heatmap, so that both are cut at one place
    left, top = (
        int(np.clip(round(m / stride - side / 2), 0, max(0, n - side)))
        for m, n in zip(middle, heatmaps.shape[:0:-1], strict=True)
    )
    corner = stride * np.array([left, top])
    picture = sample.image[corner[1] :, corner[0] :][: side * stride, : side * stride]
    times = -(-TILE // max(picture.shape[:2]))
    scaled = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    blended = blend_target(scaled, heatmaps[:, top : top + side, left : left + side], stride * times)
    for place in resize_points(sample.points - corner, (times, times)):
        cv2.circle(blended, np.round(place * 16).astype(int).tolist(), 2 * 16, _DOT, cv2.FILLED, cv2.LINE_AA, 4)
    return blended
