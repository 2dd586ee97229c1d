"""Reading any ordinary picture as uint8 RGB, or refusing it with a reason.

The pixel grid on disk is the one that annotations count in, so EXIF orientation is ignored unless it is
asked for: COCO's ``width`` and ``height`` state the stored size, and a turned picture would not match them.
"""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cellmark.data.image_headers import PNG_SIGNATURE, BrokenImageError, Header, read_header
from cellmark.errors import CellmarkError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")  # the same, as Pillow calls them
MAX_PIXELS = 178_956_970  # Pillow's own limit for a decompression bomb, here for every decoder

_ORIENTATION_TAG = 0x0112
_TILE_TAGS = (322, 323)  # width and length of the tiles of a TIFF file
_UNDO = {6: 8, 8: 6}  # every other EXIF orientation is its own inverse
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}
# What Pillow's decoders raise for damaged files; its UnidentifiedImageError is an OSError.
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
)
_PILLOW_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)  # the latter where warnings are errors


class TooManyPixelsError(BrokenImageError):
    """A picture that is larger than a limit; known before a pixel is decoded."""


def read_image(path: Path, *, exif: bool = False) -> np.ndarray:
    """Reads the picture, or the first frame of it.

    Grey is repeated to three channels, alpha is composited over white, CMYK and palettes are converted, 16
    bits are scaled by 1/257 and rounded.

    Args:
        path: a PNG, JPEG, BMP, TIFF or WebP file, or whatever else Pillow reads.
        exif: turn the picture as its EXIF orientation says. Only for pictures without annotations.

    Returns:
        uint8 (H, W, 3) RGB, contiguous.

    Raises:
        CellmarkError: the file is missing, empty, truncated, too large or no picture; the message names it.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
        raise CellmarkError(f"{path}: {reason}") from error
    try:
        return decode_image(content, exif=exif)
    except BrokenImageError as error:
        raise CellmarkError(f"{path}: {error}") from error


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height of a picture in one of ``FORMATS`` as its head states them; no pixel is decoded.

    Where a TIFF file has tiles larger than the picture, they count: a decoder makes room for them.

    Args:
        content: the whole file.

    Raises:
        TooManyPixelsError: there are more than Pillow opens a picture with.
        BrokenImageError: the reason why this is no complete picture in one of these formats.
    """
    if not content:
        raise BrokenImageError("the file is empty")
    header = read_header(content)
    if header is not None:
        return header.width, header.height
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            tags = getattr(image, "tag_v2", {})
            width, height = (max(s, int(tags.get(t, 0))) for s, t in zip(image.size, _TILE_TAGS, strict=True))
            return width, height
    except _PILLOW_BOMBS as error:
        raise TooManyPixelsError(_one_line(error)) from error
    except _PILLOW_ERRORS as error:
        raise BrokenImageError(f"does not decode: {_one_line(error)}") from error


def decode_image(content: bytes, *, exif: bool = False, formats: tuple[str, ...] | None = None) -> np.ndarray:
    """Decodes the bytes of a picture file, see `read_image`.

    Args:
        content: the whole file.
        exif: turn the picture as its EXIF orientation says.
        formats: those that are taken, as Pillow calls them; None takes all that it reads.

    Returns:
        uint8 (H, W, 3) RGB, contiguous.

    Raises:
        BrokenImageError: the reason why this is no complete, ordinary picture.
    """
    if not content:
        raise BrokenImageError("the file is empty")
    header = read_header(content)
    if header is not None:
        _refuse_bomb(header.width, header.height)
    pixels = None if header is None else _decode_fast(content, header)
    if pixels is None:
        pixels = _decode_with_pillow(content, formats)
    if exif:
        pixels = _turn(pixels, _orientation(content))
    return np.ascontiguousarray(pixels)


def list_images(folder: Path) -> list[Path]:
    """The picture files directly in ``folder``, by suffix, sorted by name; hidden files are left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooManyPixelsError(f"{width} x {height} pixels are more than the limit of {MAX_PIXELS}")


def _decode_fast(content: bytes, header: Header) -> np.ndarray | None:
    """OpenCV for plain 8-bit files and 16-bit PNG, where Pillow drops the low byte. None if it cannot."""
    deep = header.bits == 16 and content.startswith(PNG_SIGNATURE)
    if not deep and not (header.plain and header.bits == 8):
        return None
    flags = cv2.IMREAD_UNCHANGED if deep else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise BrokenImageError(f"does not decode: {error}") from error
    if pixels is None:
        return None  # Pillow then either reads it or says why not
    if not deep:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    if pixels.ndim == 2:
        return _eight_bits(np.stack([pixels] * 3, axis=-1))
    return _over_white(_eight_bits(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]))


def _decode_with_pillow(content: bytes, formats: tuple[str, ...] | None) -> np.ndarray:
    try:
        with Image.open(BytesIO(content), formats=formats) as image:
            _refuse_bomb(*image.size)
            # Pillow turns TIFF files by itself when it loads them, and no others.
            turned = image.getexif().get(_ORIENTATION_TAG, 1) if image.format == "TIFF" else 1
            image.load()
            return _turn(_rgb(image), _UNDO.get(turned, turned))
    except (*_PILLOW_ERRORS, *_PILLOW_BOMBS) as error:
        raise BrokenImageError(f"does not decode: {_one_line(error)}") from error


def _rgb(image: Image.Image) -> np.ndarray:
    """A loaded Pillow image as uint8 (H, W, 3)."""
    if image.mode.startswith("I;16"):
        grey = _eight_bits(np.asarray(image, np.uint16))
        return np.stack([grey] * 3, axis=-1)
    if image.mode in ("I", "F"):
        raise BrokenImageError("32 bits per channel are no ordinary picture: the range of its values is unknown")
    if image.has_transparency_data:
        return _over_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint16 to uint8, 65535 to 255."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _over_white(pixels: np.ndarray) -> np.ndarray:
    """Composites uint8 (H, W, 4) RGBA over white; (H, W, 3) comes back as it is."""
    if pixels.shape[2] == 3:
        return pixels
    colour, alpha = pixels[..., :3].astype(np.uint32), pixels[..., 3:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    turn = _UPRIGHT.get(orientation)
    return pixels if turn is None else turn(pixels)


def _orientation(content: bytes) -> int:
    """The EXIF orientation 1..8; 1 when the file states none, or one outside that range."""
    try:
        with Image.open(BytesIO(content)) as image:
            value = image.getexif().get(_ORIENTATION_TAG, 1)
    except (*_PILLOW_ERRORS, *_PILLOW_BOMBS) as error:
        raise BrokenImageError(f"its EXIF block cannot be read: {_one_line(error)}") from error
    return value if value in _UPRIGHT else 1


def _one_line(error: BaseException) -> str:
    """The message, without the address of the buffer that Pillow prints in it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "not a picture in a known format" if text.startswith("cannot identify image file") else text
