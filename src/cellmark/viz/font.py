"""Letters on pictures."""

from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont


@cache
def sans(pixels: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's own font: Pillow's knows no letter beyond ASCII, and folders have names like "été"."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), pixels)
