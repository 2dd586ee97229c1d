"""A gallery as HTML, its pictures inside of the text."""

import base64

import cv2
import numpy as np

from cellmark.viz.gallery import Gallery, Picture, shrunk
from cellmark.viz.page_table import text

QUALITY = 85  # of the JPEG pictures
SIDE, SIDE_IN_ROWS = 448, 256  # pixels: longer side of a picture on the page, by kind of gallery


def render_gallery(gallery: Gallery, anchor: str) -> str:
    """Title, note and pictures; each of them has an anchor of its own, which begins with ``anchor``."""
    side = SIDE_IN_ROWS if gallery.rows else SIDE
    pictures = "".join(_picture(one, side, f"{anchor}-{index}") for index, one in enumerate(gallery.pictures))
    if gallery.rows:
        style = f"--columns:{gallery.columns};grid-template-columns:repeat({gallery.columns},minmax(0,1fr))"
        laid_out = f"<div class='wide'><div class='rows' style='{style}'>{pictures}</div></div>"
    else:
        laid_out = f"<div class='flow'>{pictures}</div>"
    return f"<h3>{text(gallery.title)}</h3><p class='soft'>{text(gallery.note)}</p>{laid_out}"


def _picture(picture: Picture, side: int, anchor: str) -> str:
    """A figure that fills the window while its anchor is the target of the page's address."""
    if picture.image is None:
        return "<div></div>"
    caption = (
        f"<figcaption title='{text(picture.caption)}'>{text(picture.caption)}</figcaption>" if picture.caption else ""
    )
    image = f"<img src='{_jpeg(picture.image, side)}' alt='{text(picture.alt)}' loading='lazy' decoding='async'>"
    close = f"<a class='close' href='#{anchor}-small' aria-label='close'></a>"
    figure = f"<figure><a class='zoom' href='#{anchor}'>{image}</a>{caption}{close}</figure>"
    return f"<div class='place' id='{anchor}'>{figure}<span id='{anchor}-small'></span></div>"


def _jpeg(image: np.ndarray, side: int) -> str:
    """A picture as the address of itself, its longer side shrunk to at most ``side`` pixels."""
    picture = cv2.cvtColor(shrunk(image, side), cv2.COLOR_RGB2BGR)
    content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"
