"""Heatmaps blended over their picture."""

from collections.abc import Sequence

import cv2
import numpy as np

from cellmark.viz.overlay import CELL_COLOURS, Colour

_GROUND = 0.45  # brightness of the picture below the heat


def blend_heatmaps(image: np.ndarray, heatmaps: np.ndarray, *, colors: Sequence[Colour] = CELL_COLOURS) -> np.ndarray:
    """Shows every class's heat in its colour over a darkened grey version of the picture.

    Args:
        image: uint8 (H, W, 3) RGB.
        heatmaps: (C, h, w) floats in 0..1, covering the same area as ``image`` at any resolution.
        colors: RGB of each class.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) * _GROUND
    blended: np.ndarray = np.repeat(grey[..., None], 3, axis=2)
    for index, heatmap in enumerate(heatmaps):
        heat: np.ndarray = np.clip(np.asarray(heatmap, np.float32), 0, 1)
        heat = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
        blended = blended * (1 - heat) + np.array(colors[index % len(colors)], np.float32) * heat
    return np.clip(np.round(blended), 0, 255).astype(np.uint8)
