"""Symbols as zxing-cpp writes them, with payloads that drive its writer into every encodation."""

import string
from functools import lru_cache

import numpy as np
import reedsolo
import zxingcpp

from cellmark.reading.placement import cells_at, draw
from cellmark.symbology import Symbol

ALPHABETS = {
    "ascii digits": string.digits,
    "c40": string.ascii_uppercase + string.digits + " ",
    "text": string.ascii_lowercase + string.digits + " ",
    "x12": string.ascii_uppercase + string.digits + "*>\r ",
    "edifact": string.ascii_uppercase + string.digits + string.punctuation[:10] + ":;<=>?@",
    "mixed": string.digits + string.ascii_letters + string.punctuation + " ",
    "base 256": bytes(range(0xA0, 0x100)).decode("latin-1"),
    "control": "\x00\x1d\x1e\x04\t\n" + string.ascii_letters,
    "utf-8": "¶Жéñ日本語€ß" + string.ascii_letters,  # no single-byte character set has them all: ECI 26
}


def written(symbol: Symbol, content: str | bytes, **options: bool) -> np.ndarray:
    """Bool (rows, cols), True = black.

    Raises:
        ValueError: the content does not fit.
    """
    version = symbol.number
    barcode = zxingcpp.create_barcode(content, zxingcpp.BarcodeFormat.DataMatrix, version=version, **options)
    return np.array(barcode.to_image(scale=1, add_quiet_zones=False)) == 0


def codewords_at(grid: np.ndarray, symbol: Symbol) -> np.ndarray:
    """The codewords of a grid of bool (rows, cols): uint8 (codewords,)."""
    return np.packbits(cells_at(grid, symbol), axis=1)[:, 0]


def random_text(rng: np.random.Generator, kind: str, length: int) -> str:
    alphabet = ALPHABETS[kind]
    return "".join(alphabet[index] for index in rng.integers(len(alphabet), size=length))


@lru_cache(maxsize=512)
def random_symbol(symbol: Symbol, kind: str, seed: int) -> tuple[str, np.ndarray]:
    """A random text of the kind and its grid; digits fill it, others are cut by a quarter until they fit."""
    rng = np.random.default_rng(seed)
    text = random_text(rng, kind, symbol.data_codewords * (2 if kind == "ascii digits" else 1))
    while text:
        try:
            return text, written(symbol, text)
        except ValueError as refused:
            if "too long" not in str(refused):
                raise
        text = text[: len(text) * 3 // 4]
    raise ValueError(f"nothing of kind {kind} fits into {symbol.rows}x{symbol.cols}")


def encoded(symbol: Symbol, words: list[int]) -> np.ndarray:
    """The grid of given data codewords, padded and with check codewords, for symbols of one block."""
    words = words + [129] * (len(words) < symbol.data_codewords)
    while len(words) < symbol.data_codewords:
        pad = 129 + 149 * (len(words) + 1) % 253 + 1  # annex B of the standard: the 253-state algorithm
        words.append(pad if pad <= 254 else pad - 254)
    codec = reedsolo.RSCodec(symbol.check_codewords, fcr=1, prim=0x12D, generator=2)
    return draw(np.frombuffer(bytes(codec.encode(bytes(words))), dtype=np.uint8), symbol)
