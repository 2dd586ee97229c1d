import numpy as np
import pytest
import zxingcpp

from cellmark.reading.text import barcode_of, text_of
from cellmark.symbology import SYMBOLS, by_shape
from tests.reading.payloads import ALPHABETS, encoded, random_symbol, written

SMALL = by_shape[16, 16]


@pytest.mark.parametrize("kind", ALPHABETS)
def test_texts_of_every_encodation_come_back(kind: str) -> None:
    for symbol in (by_shape[14, 14], by_shape[8, 32], by_shape[32, 32], by_shape[8, 120], by_shape[26, 64]):
        text, grid = random_symbol(symbol, kind, 3)
        if kind == "base 256":  # no character set is declared, and the library guesses one
            barcode = barcode_of(grid)
            assert barcode is not None
            assert barcode.bytes == text.encode("latin-1")
        else:
            assert text_of(grid) == text


def test_gs1_has_its_separators_and_no_brackets() -> None:
    grid = written(by_shape[26, 26], "(01)09521234543213(10)ABC(17)250101", gs1=True)
    barcode = barcode_of(grid)
    assert barcode is not None
    assert barcode.content_type == zxingcpp.ContentType.GS1
    assert text_of(grid) == "010952123454321310ABC\x1d17250101"


def test_bytes_that_are_no_utf_8_are_latin_1() -> None:
    payload = bytes(range(256))
    text = text_of(written(by_shape[64, 64], payload))
    assert text is not None
    assert text.encode("latin-1") == payload


def designator(number: int) -> list[int]:
    """ECI: ISO/IEC 16022, table 6."""
    return [241, number + 1] if number < 127 else [241, (number - 127) // 254 + 128, (number - 127) % 254 + 1]


def ascii_words(data: bytes) -> list[int]:
    """One codeword a byte, two with the upper shift above 127."""
    return [word for byte in data for word in ([byte + 1] if byte < 128 else [235, byte - 127])]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (designator(26) + ascii_words("é".encode()), "é"),
        (designator(7) + ascii_words(b"\xb6"), "Ж"),  # ISO-8859-5
        (designator(899) + ascii_words(b"ab\xe9"), "abé"),  # declared as bytes
        ([236, *ascii_words(b"ab")], "[)>\x1e05\x1dab\x1e\x04"),  # macro 05
        ([237, *ascii_words(b"ab")], "[)>\x1e06\x1dab\x1e\x04"),
        ([234, *ascii_words(b"ab")], "ab"),  # reader initialisation
        ([233, 0x12, 1, 1, *ascii_words(b"ab")], "ab"),  # structured append: this part only
        (ascii_words(b"\x00"), "\x00"),
        (ascii_words(b"hex:ab"), "hex:" + b"hex:ab".hex()),
    ],
)
def test_texts_of_special_codewords(words: list[int], text: str) -> None:
    assert text_of(encoded(SMALL, words)) == text


@pytest.mark.parametrize(
    ("number", "reason"),
    [(900, "reserved"), (14, "never assigned"), (26, "broken UTF-8"), (20, "broken Shift JIS")],
)
def test_bytes_that_have_no_text_in_their_character_set_are_hexadecimal(number: int, reason: str) -> None:
    assert text_of(encoded(SMALL, designator(number) + ascii_words(b"ab\xe9"))) == "hex:6162e9", reason


@pytest.mark.parametrize("words", [[255, 255, 255], [230, 0, 0], [129]], ids=["unused", "c40 of nothing", "empty"])
def test_codewords_that_mean_nothing_are_refused(words: list[int]) -> None:
    assert text_of(encoded(SMALL, words)) is None


def test_damage_beyond_correction_is_refused() -> None:
    rng = np.random.default_rng(0)
    for symbol in SYMBOLS[:9]:
        assert text_of(rng.random(symbol.shape) < 0.5) is None
