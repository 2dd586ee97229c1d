"""The text of a grid whose codewords are known to be right: zxing-cpp knows all encodations, ECI and GS1."""

import numpy as np
import zxingcpp

MODULE = 4  # pixels; fewer than 3 and the sampling of a pure symbol becomes fragile
QUIET = 2  # modules of white around the symbol
BINARY = "hex:"
REPLACEMENT = "\ufffd"


def barcode_of(grid: np.ndarray) -> zxingcpp.Barcode | None:
    """Has zxing-cpp read a drawn symbol.

    Args:
        grid: bool (rows, cols), True = black, upright, borders included.

    Returns:
        Its barcode, read in the text mode Plain (see ``content``); None where the library refuses it: damaged beyond
        correction, or codewords that mean nothing.
    """
    image = np.where(np.pad(grid, QUIET), 0, 255).astype(np.uint8)
    image = image.repeat(MODULE, axis=0).repeat(MODULE, axis=1)
    found = zxingcpp.read_barcodes(
        image,
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.DataMatrix),
        try_rotate=False,
        try_downscale=False,
        try_invert=False,
        text_mode=zxingcpp.TextMode.Plain,
        is_pure=True,
    )
    return next((barcode for barcode in found if barcode.valid), None)


def text_of(grid: np.ndarray) -> str | None:
    """The payload of a drawn symbol as ``content`` gives it; None where zxing-cpp refuses it."""
    barcode = barcode_of(grid)
    return None if barcode is None else content(barcode)


def content(barcode: zxingcpp.Barcode) -> str:
    """The payload as one text, whichever reader found the barcode, as long as it was read in the text mode Plain.

    * Text as it was encoded: no brackets around the identifiers of GS1, no names for control characters (the library's
      default text mode makes both up). Bytes declared as such (ECI 899) are Latin-1 and so lose nothing; for bytes
      without a declared character set the library guesses: UTF-8 or Shift JIS where they look like it, else Latin-1.
    * ``hex:`` and the bytes in hexadecimal where there is no such text: the library does not know the declared
      character set (its text is empty then), or the bytes do not fit it (U+FFFD in their place). Also where the text
      itself begins with ``hex:``, so that the prefix always means the same.
    """
    text: str = barcode.text
    if not text or REPLACEMENT in text or text.startswith(BINARY):
        return BINARY + barcode.bytes.hex()
    return text
