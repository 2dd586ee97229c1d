import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from cellmark.data.image_headers import BrokenImageError
from cellmark.data.images import (
    FORMATS,
    MAX_PIXELS,
    TooManyPixelsError,
    decode_image,
    image_size,
    list_images,
    read_image,
)
from cellmark.errors import CellmarkError

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3)).astype(np.uint8)
SMOOTH = np.linspace(0, 255, 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint8)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(image):
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_exactly(kind):
    image = decode_image(encoded(Image.fromarray(RGB), kind))
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, RGB)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {})])
def test_lossy_formats_come_back_nearly(kind, options):
    image = decode_image(encoded(Image.fromarray(SMOOTH), kind, quality=95, **options))
    assert np.abs(image.astype(int) - SMOOTH).mean() < 3


@pytest.mark.parametrize("kind", FORMATS)
def test_the_size_is_known_before_a_picture_is_decoded(kind):
    assert image_size(encoded(Image.fromarray(RGB), kind)) == (17, 12)


def test_other_formats_have_no_size():
    for content in (encoded(Image.fromarray(RGB), "GIF"), b"", b"hello"):
        with pytest.raises(BrokenImageError):
            image_size(content)
    gif = encoded(Image.fromarray(RGB), "GIF")
    assert decode_image(gif).shape == RGB.shape
    with pytest.raises(BrokenImageError, match="not a picture in a known format"):
        decode_image(gif, formats=FORMATS)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_a_size_that_is_too_large_is_told_apart(kind):
    content = encoded(Image.fromarray(RGB), kind)
    place, packed = (16, struct.pack(">II", 60000, 60000)) if kind == "PNG" else (18, struct.pack("<ii", 60000, 60000))
    head = content[:place] + packed + content[place + 8 :]
    if kind == "PNG":
        head = head[:29] + struct.pack(">I", zlib.crc32(head[12:29])) + head[33:]
        assert image_size(head) == (60000, 60000)
    else:
        with pytest.raises(TooManyPixelsError):
            image_size(head)
    with pytest.raises(BrokenImageError, match=r"more than the limit|exceeds limit"):
        decode_image(head)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
def test_grey_is_repeated(kind):
    image = decode_image(encoded(Image.fromarray(SMOOTH[..., 0]), kind))
    assert np.abs(image.astype(int) - SMOOTH[..., :1]).max() <= (6 if kind == "JPEG" else 0)


def test_alpha_is_composited_over_white():
    alpha = np.linspace(0, 255, RGB[..., 0].size).reshape(RGB.shape[:2]).astype(np.uint8)
    expected = RGB * (alpha[..., None] / 255) + 255 * (1 - alpha[..., None] / 255)
    image = decode_image(encoded(Image.fromarray(np.dstack([RGB, alpha])), "PNG"))
    assert np.abs(image - expected).max() <= 0.51
    grey = decode_image(encoded(Image.fromarray(np.dstack([RGB[..., 0], alpha])), "PNG"))
    assert np.abs(grey - expected[..., :1]).max() <= 0.51


def test_palettes_with_and_without_a_transparent_entry():
    palette = Image.fromarray(SMOOTH).quantize(16)
    np.testing.assert_array_equal(decode_image(encoded(palette, "PNG")), np.asarray(palette.convert("RGB")))
    image = decode_image(encoded(palette, "PNG", transparency=3))
    assert (image[np.asarray(palette) == 3] == 255).all()


def test_one_bit_and_transparent_colour():
    bits = Image.fromarray(RGB[..., 0] > 127)
    assert set(np.unique(decode_image(encoded(bits, "PNG")))) == {0, 255}
    image = decode_image(encoded(Image.fromarray(RGB), "PNG", transparency=tuple(RGB[0, 0].tolist())))
    assert image[0, 0].tolist() == [255] * 3 and image[1, 1].tolist() == RGB[1, 1].tolist()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted(kind):
    cmyk = Image.new("CMYK", (20, 10), (0, 255, 255, 0))
    assert np.abs(decode_image(encoded(cmyk, kind)).astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_png_is_scaled_not_clipped(channels):
    deep = np.random.default_rng(1).integers(0, 65536, (9, 11, channels)).astype(np.uint16)
    deep[..., 3:] = 65535
    image = decode_image(png16(deep))
    expected = (deep[..., [2, 1, 0]] if channels > 1 else deep) / 257
    assert image.shape == (9, 11, 3) and np.abs(image - expected).max() <= 0.51


def test_sixteen_bit_grey_tiff_is_scaled_not_clipped():
    deep = np.linspace(0, 65535, 60).reshape(6, 10).astype(np.uint16)
    assert np.abs(decode_image(encoded(Image.fromarray(deep), "TIFF")) - deep[..., None] / 257).max() <= 0.51


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_only_when_asked_for(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    blocks = np.kron(np.array([[0, 60, 120], [255, 200, 160]], np.uint8), np.ones((16, 16), np.uint8))
    stored = Image.fromarray(np.dstack([blocks] * 3))
    content = encoded(stored, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    assert np.abs(decode_image(content).astype(int) - np.asarray(stored)).mean() < 4
    upright = decode_image(content, exif=True).astype(int)
    assert upright.shape[:2] == ((48, 32) if orientation > 4 else (32, 48))
    corner = {1: 0, 2: 120, 3: 160, 4: 255, 5: 0, 6: 255, 7: 160, 8: 120}[orientation]
    assert abs(upright[4, 4, 0] - corner) < 6


@pytest.mark.parametrize("size", [(12, 17), (48, 64)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("BMP", {}),
        ("WEBP", {}),
        ("JPEG", {"comment": b"\xff\xd9"}),
    ],
)
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, kind, options, size):
    image = np.random.default_rng(2).integers(0, 256, (*size, 3)).astype(np.uint8)
    content = encoded(Image.fromarray(image), kind, **options)
    decode_image(content)
    path = tmp_path / "cut.img"
    last = len(content) - (4 if kind == "BMP" else 1)  # up to three bytes pad the last row of a BMP
    for end in {*np.linspace(1, last, 40).astype(int).tolist(), last - 1, last - 8}:
        path.write_bytes(content[:end])
        with pytest.raises(CellmarkError, match=r"cut\.img: "):
            read_image(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_that_ends_in_zeros_is_refused(kind):
    """As an interrupted download leaves it, where the full size was reserved at once."""
    content = encoded(Image.fromarray(RGB), kind)
    last = len(content) - (12 if kind == "PNG" else 1)  # the checksum of a PNG's empty last chunk guards nothing
    for end in np.linspace(1, last, 40).astype(int).tolist():
        with pytest.raises(BrokenImageError):
            decode_image(content[:end].ljust(len(content), b"\0"))


def test_bytes_after_the_end_do_not_matter():
    for kind in ("PNG", "JPEG"):
        content = encoded(Image.fromarray(RGB), kind)
        np.testing.assert_array_equal(decode_image(content + b"appended by a camera"), decode_image(content))


GREY16 = SMOOTH[..., 0].astype(np.uint16) * 257
SOUND = {
    "png": encoded(Image.fromarray(SMOOTH), "PNG"),
    "png, 16 bits": png16(SMOOTH.astype(np.uint16) * 257),
    "png, alpha": encoded(Image.fromarray(np.dstack([SMOOTH, SMOOTH[..., 0]])), "PNG"),
    "png, palette": encoded(Image.fromarray(SMOOTH).quantize(16), "PNG", transparency=3),
    "jpeg": encoded(Image.fromarray(SMOOTH), "JPEG"),
    "jpeg, grey, progressive": encoded(Image.fromarray(SMOOTH[..., 0]), "JPEG", progressive=True),
    "jpeg, cmyk": encoded(Image.new("CMYK", (64, 48), (0, 255, 128, 0)), "JPEG"),
    "tiff": encoded(Image.fromarray(SMOOTH), "TIFF"),
    "tiff, lzw": encoded(Image.fromarray(SMOOTH), "TIFF", compression="tiff_lzw"),
    "tiff, deflate": encoded(Image.fromarray(SMOOTH), "TIFF", compression="tiff_adobe_deflate"),
    "tiff, 16 bits": encoded(Image.fromarray(GREY16), "TIFF"),
    "tiff, cmyk": encoded(Image.new("CMYK", (64, 48), (0, 255, 128, 0)), "TIFF"),
    "bmp": encoded(Image.fromarray(SMOOTH), "BMP"),
    "webp": encoded(Image.fromarray(SMOOTH), "WEBP"),
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of a TIFF's broken notes
@pytest.mark.parametrize("exif", [False, True])
@pytest.mark.parametrize("kind", SOUND)
def test_damaged_files_are_refused_or_read_but_never_crash(tmp_path, kind, exif):
    """Bytes replaced, mostly near the beginning, bits flipped, a part left out, and the end cut off."""
    content, path, rng = SOUND[kind], tmp_path / "x", np.random.default_rng(3)
    assert decode_image(content).shape == SMOOTH.shape
    for number in range(80):
        damaged = bytearray(content)
        places = rng.integers(0, min(len(content), 300) if number % 2 else len(content), 1 + number % 4)
        for place in places:
            damaged[place] = rng.integers(0, 256) if number % 3 else damaged[place] ^ (1 << rng.integers(0, 8))
        if number % 5 == 0:
            del damaged[places[0] : places[0] + rng.integers(1, 40)]
        if number % 7 == 0:
            del damaged[rng.integers(0, len(damaged)) :]
        path.write_bytes(bytes(damaged))
        try:
            image = read_image(path, exif=exif)
        except CellmarkError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size


def bomb(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello", "not a picture"),
        (b"\xff\xd8\xff\xd9", "no frame header"),
        (b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IEND\xaeB`\x82", "no header"),
        (bomb(60000, 60000), f"more than the limit of {MAX_PIXELS}"),
        (encoded(Image.fromarray(np.zeros((3, 3), np.float32)), "TIFF"), "32 bits per channel"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_name(tmp_path, content, reason):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(CellmarkError, match=reason) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_decompression_bomb_in_another_format_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(BrokenImageError, match="does not decode"):
        decode_image(encoded(Image.fromarray(RGB), "BMP"))


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(CellmarkError, match=r"nothing\.png: no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(CellmarkError, match="cannot be read"):
        read_image(tmp_path)


def test_images_are_listed_by_suffix_and_name(tmp_path):
    for name in ("b.PNG", "a.jpeg", "c.txt", ".d.png", "e.webp"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "f.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.jpeg", "b.PNG", "e.webp"]
