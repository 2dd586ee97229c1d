"""Artwork on the code plane: modules, text and lines as a texture, and its view in the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from cellmark.data.generate.layout import Layout, Placed


@dataclass(frozen=True)
class Raster:
    """A square texture of ``side`` texels about the plane's origin, ``scale`` texels a module.

    Both are even and whole, so that module borders fall on texel borders and need no antialiasing.
    """

    side: int
    scale: int

    @classmethod
    def of(cls, layout: Layout, reach: float = 1.7, finest: int = 64) -> "Raster":
        """About one texel a pixel, covering ``reach`` times the picture's side."""
        scale = int(np.clip(2 * round(layout.pitch * 0.53), 4, finest))
        modules = reach * layout.size / layout.pitch
        modules = max(modules, 2 * float(layout.extent.max()) + 6)
        return cls(2 * int(np.ceil(modules * scale / 2)), scale)

    def blank(self) -> np.ndarray:
        """An empty texture, float32 (side, side)."""
        return np.zeros((self.side, self.side), np.float32)

    def box(self, code: Placed, margin: int = 0) -> tuple[slice, slice]:
        """The texels of a code, rows and columns, with ``margin`` modules around it."""
        rows, cols = code.shape
        left, top = code.origin
        corners = (top - margin, top + rows + margin), (left - margin, left + cols + margin)
        texels = [[int(np.clip(self.texel(c) + 0.5, 0, self.side)) for c in corner] for corner in corners]
        return slice(*texels[0]), slice(*texels[1])

    def texel(self, coordinate: float) -> float:
        """The texel coordinate of a plane coordinate in modules."""
        return coordinate * self.scale + self.side / 2 - 0.5

    def view(self, texture: np.ndarray, layout: Layout, outside: float = 0.0) -> np.ndarray:
        """The texture as the camera sees it, float32 (size, size) or (size, size, C)."""
        factor, offset = np.float32(self.scale), np.float32(self.side / 2 - 0.5)
        x = np.where(layout.seen.seen, layout.seen.x * factor + offset, np.float32(-1e4))
        y = layout.seen.y * factor + offset
        border = (outside,) * 4
        return cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)

    def modules(self, layout: Layout) -> np.ndarray:
        """Black modules of all codes as 1, white and everything else as 0; lattice only, without offsets."""
        texture = self.blank()
        for code in layout.placed:
            cells = np.kron(code.symbol.modules, np.ones((self.scale, self.scale), np.float32))
            texture[self.box(code)] = cells
        return texture


def stamp(raster: Raster, texture: np.ndarray, points: np.ndarray, patches: np.ndarray) -> None:
    """Adds small patches to a texture.

    Args:
        raster: the texture's scale.
        texture: float32 (side, side), changed in place.
        points: int (N, 2), texel (x, y) of the centre of each patch.
        patches: float32 (N, P, P), P odd.
    """
    half = patches.shape[1] // 2
    line = np.arange(-half, half + 1)
    rows = points[:, 1, None, None] + line[None, :, None]
    cols = points[:, 0, None, None] + line[None, None, :]
    rows, cols = np.broadcast_arrays(rows, cols)
    inside = (rows >= 0) & (rows < raster.side) & (cols >= 0) & (cols < raster.side)
    np.add.at(texture.reshape(-1), (rows * raster.side + cols)[inside], patches[inside])


def offsets_from_texels(raster: Raster, centres: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where marks lie on the texture, and for each texel near them the exact distance to the mark.

    Args:
        raster: the texture.
        centres: (N, 2) plane coordinates in modules.
        half: half the side of the patches, texels.

    Returns:
        points int (N, 2), and dx, dy float32 (N, 2 half + 1, 2 half + 1) in modules from centre to texel.
    """
    exact = centres * raster.scale + raster.side / 2 - 0.5
    points = np.rint(exact).astype(np.int64)
    rest = (exact - points).astype(np.float32)
    line = np.arange(-half, half + 1, dtype=np.float32)
    dx = (line[None, None, :] - rest[:, 0, None, None]) / np.float32(raster.scale)
    dy = (line[None, :, None] - rest[:, 1, None, None]) / np.float32(raster.scale)
    dx, dy = np.broadcast_arrays(dx, dy)
    return points, dx, dy
