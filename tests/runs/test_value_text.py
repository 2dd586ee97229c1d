import math

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cellmark.runs.columns import COUNT, KWH, SECONDS, number_texts, unit_of
from cellmark.runs.equality import MISSING, same
from cellmark.runs.value_text import LONGEST, exact, short

PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text("abc_"), inner)), max_leaves=5
)


@given(VALUES)
@example("\x85")
@example(["a\u2028b"])
def test_exact_text_says_all_of_a_value(value):
    again = yaml.safe_load(exact(value))
    assert same(again, value) and type(again) is type(value)


@given(VALUES)
def test_exact_text_is_a_line_that_is_not_the_one_of_a_missing_key(value):
    assert exact(value) and exact(MISSING) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (1e-3, "0.001"),
        (1e-5, "1e-05"),
        (0.1 + 0.2, "0.3"),
        ("a b", "a b"),
        ([8, 0.5, "x"], "[8, 0.5, x]"),
        ({"mse": 1.0, "focal": 0.5}, "{mse: 1, focal: 0.5}"),
        ([{"_target_": "a.b.Turn", "p": 1.0}, {"_target_": "a.Noise", "_partial_": True}], "[Turn{p: 1}, Noise]"),
        (MISSING, "-"),
    ],
)
def test_short_text(value, text):
    assert short(value) == text


def test_long_values_are_cut():
    text = short(list(range(1000)))
    assert len(text) == LONGEST and text.startswith("[0, 1, 2") and text.endswith("\u2026")


@pytest.mark.parametrize(
    ("values", "units", "unit"),
    [
        ([1.0, 170.0], SECONDS, "s"),
        ([1.0, 200.0, None], SECONDS, "min"),
        ([20000.0], SECONDS, "h"),
        ([2e-6], KWH, "mWh"),
        ([0.02], KWH, "Wh"),
        ([2.0], KWH, "kWh"),
        ([8034], COUNT, ""),
        ([30786], COUNT, "k"),
        ([12e6], COUNT, "M"),
        ([None], SECONDS, "s"),
        ([], SECONDS, "s"),
    ],
)
def test_units_fit_the_largest_value(values, units, unit):
    assert unit_of(values, units)[0] == unit


@pytest.mark.parametrize(
    ("values", "digits", "extra", "texts"),
    [
        ([0.98, 0.5, None], 4, 0, ["0.9800", "0.5000", "-"]),
        ([0.0213], 4, 0, ["0.02130"]),
        ([12.178, 0.008], 3, 0, ["12.2", "0.0"]),
        ([12.178, 0.008], 3, 2, ["12.178", "0.008"]),
        ([1234567.0], 3, 2, ["1,234,567"]),
        ([0.0, None], 4, 0, ["0", "-"]),
        ([None], 4, 0, ["-"]),
    ],
)
def test_numbers_of_a_column_have_the_same_decimals(values, digits, extra, texts):
    assert number_texts(values, digits, extra) == texts


@given(st.lists(st.floats(1e-9, 1e9), min_size=1))
def test_the_largest_number_keeps_its_digits(values):
    texts = number_texts(values, 3)
    assert math.isclose(float(texts[values.index(max(values))].replace(",", "")), max(values), rel_tol=0.006)
