"""Labels beside the points of a diagram, so that none lies on another."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

SIZE, RADIUS = 8.5, 5.0  # points: of the letters, of a marker
_Horizontal: TypeAlias = Literal["left", "center", "right"]
_Vertical: TypeAlias = Literal["bottom", "center", "top"]
_SIDES: tuple[tuple[int, int, _Horizontal, _Vertical], ...] = (  # where a label may stand, and what of it is there
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (1, 1, "left", "bottom"),
    (1, -1, "left", "top"),
    (-1, 1, "right", "bottom"),
    (-1, -1, "right", "top"),
)


def place_labels(axes: Axes, places: Sequence[tuple[float, float]], labels: Sequence[str]) -> list[str]:
    """Writes a label beside each point where there is room, the first ones first; the others are left out.

    Call it when the diagram has its final size and limits, after it was drawn once.

    Args:
        axes: the diagram.
        places: (x, y) of the points in data units.
        labels: one for each.

    Returns:
        The labels that were written.
    """
    centres = axes.transData.transform(np.array(places, float))
    radius = RADIUS * axes.figure.dpi / 72
    taken = [Bbox.from_extents(x - radius, y - radius, x + radius, y + radius) for x, y in centres]
    frame, written = axes.get_window_extent(), []
    for (x, y), label in zip(places, labels, strict=True):
        note = axes.annotate(label, (x, y), (0, 0), textcoords="offset points", fontsize=SIZE, zorder=4)
        note.set_parse_math(False)
        note.set_path_effects([withStroke(linewidth=2, foreground="white")])  # readable on lines
        note.set_in_layout(False)
        box = _free_place(note, taken, frame)
        if box is None:
            note.remove()
        else:
            taken.append(box)
            written.append(label)
    return written


def _free_place(note: Annotation, taken: Sequence[Bbox], frame: Bbox) -> Bbox | None:
    """Moves a label to the first side of its point where it covers nothing."""
    for right, up, horizontal, vertical in _SIDES:
        note.set_position((right * (RADIUS + 1), up * (RADIUS + 1)))
        note.set_horizontalalignment(horizontal)
        note.set_verticalalignment(vertical)
        box = note.get_window_extent()
        inside = box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
        if inside and not any(box.overlaps(other) for other in taken):
            return box
    return None
