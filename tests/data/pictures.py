"""Picture files, sound ones and some with one fault each."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 24, 16


def bad_checksum(content: bytes) -> bytes:
    place = content.index(b"IEND") - 5  # the last byte of the chunk before
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def bad_stream(content: bytes) -> bytes:
    """Pixels that do not inflate, under a checksum that is right."""
    start, end = content.index(b"IDAT"), content.index(b"IEND") - 8
    data = content[start : start + 20] + bytes(16) + content[start + 36 : end]
    return content[:start] + data + struct.pack(">I", zlib.crc32(data)) + content[end + 4 :]


def bomb(content: bytes) -> bytes:
    """A header of 3.6 gigapixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A picture file of the size that the folder states."""
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(content: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).rotate(90, expand=True).save(buffer, "PNG")
    return buffer.getvalue()
