"""What the head of a PNG or JPEG file says, and whether the file is there to its end.

A decoder is not asked, because decoders differ: some fill the missing part of a cut-off file with grey and
only print a warning; some accept a wrong checksum. The structure of both formats is walked instead, which costs
microseconds.
"""

import re
import struct
import zlib
from dataclasses import dataclass

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8"
GREY, RGB = 0, 2  # PNG colour types without palette and without alpha

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not a stuffed byte, a fill byte or a restart marker
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_ALONE = frozenset({0x01, 0xD8})  # markers without a length behind them
MOST_SCANS = 100  # of a JPEG file; a usual one has up to a dozen, and each goes over the whole picture again


class BrokenImageError(Exception):
    """A picture file whose structure ends too early or makes no sense; the message is the reason."""


@dataclass(frozen=True)
class Header:
    """Facts of a picture that are known before it is decoded.

    Attributes:
        width: pixels along x.
        height: pixels along y.
        bits: bits per channel.
        plain: grey or RGB (in a JPEG: YCbCr), no palette and no transparency.
    """

    width: int
    height: int
    bits: int
    plain: bool


def read_header(content: bytes) -> Header | None:
    """The header of a complete PNG or JPEG file, or None for any other format.

    Args:
        content: the whole file.

    Raises:
        BrokenImageError: the file is cut off, or its structure is damaged.
    """
    if content.startswith(PNG_SIGNATURE):
        return _png(content)
    if content.startswith(JPEG_SIGNATURE):
        return _jpeg(content)
    return None


def _png(content: bytes) -> Header:
    header, transparent, position, view = None, False, len(PNG_SIGNATURE), memoryview(content)
    while True:
        if position + 12 > len(content):
            raise BrokenImageError("the PNG file is truncated")
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 12 + length
        if end > len(content):
            raise BrokenImageError("the PNG file is truncated")
        critical = kind[:1].isupper() and kind != b"IEND"  # the others hold no pixels, and that one is empty
        if critical and zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise BrokenImageError(f"the PNG file is damaged: wrong checksum of {kind.decode('ascii', 'replace')}")
        if kind == b"IHDR" and length == 13 and header is None:  # decoders take the first one
            header = struct.unpack_from(">IIBB", content, position + 8)
        transparent |= kind == b"tRNS"
        if kind == b"IEND":
            break
        position = end
    if header is None:
        raise BrokenImageError("the PNG file has no header")
    width, height, bits, colour = header
    return Header(width, height, bits, colour in (GREY, RGB) and not transparent)


def _jpeg(content: bytes) -> Header:
    header, scans, position = None, 0, len(JPEG_SIGNATURE)
    while match := _JPEG_MARKER.search(content, position):
        marker, position = content[match.end() - 1], match.end()
        if marker == _JPEG_END:
            if header is None:
                raise BrokenImageError("the JPEG file has no frame header")
            return header
        if marker in _JPEG_ALONE:
            continue
        if position + 2 > len(content):
            break
        length = struct.unpack_from(">H", content, position)[0]
        if marker in _JPEG_FRAMES and position + 8 <= len(content) and header is None:  # decoders take the first one
            bits, height, width, channels = struct.unpack_from(">BHHB", content, position + 2)
            # A frame inside an embedded preview lies within a skipped segment, so this is the picture's own.
            header = Header(width, height, bits, channels in (1, 3))
        if marker != _JPEG_SCAN and length < 2:
            raise BrokenImageError("the JPEG file has a segment of impossible length")
        scans += marker == _JPEG_SCAN
        if scans > MOST_SCANS:
            raise BrokenImageError(f"the JPEG file has more than {MOST_SCANS} scans")
        position += length
    raise BrokenImageError("the JPEG file is truncated")
