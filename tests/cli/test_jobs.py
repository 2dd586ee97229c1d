"""Values in the grammar of Hydra's overrides, judged by Hydra's own parser."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cellmark.cli.jobs import quoted

PARSER = OverridesParser.create()
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
NASTY = st.text(st.sampled_from("\\'\"=,[]{}() $#:;~+-*?!2é"), max_size=10)


def parsed(text):
    (override,) = PARSER.parse_overrides([f"key={text}"])
    assert not override.is_sweep_override()
    value = override.value()
    return [str(one) for one in value] if isinstance(value, list) else value if value is None else str(value)


@settings(deadline=None, max_examples=150)
@given(TEXT | NASTY)
@example("\\")
@example("\\'")
@example("\\\\'\\\\")
@example("a\\\\b")
@example("2024")
@example("null")
def test_any_text_is_what_hydra_reads(text):
    assert parsed(quoted(text)) == text


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXT | NASTY, min_size=1, max_size=4))
def test_so_is_a_list_of_texts(texts):
    assert parsed(quoted(texts)) == texts


@pytest.mark.parametrize(("value", "read"), [(None, None), (["2024"], ["2024"]), ("", ""), (7, "7")])
def test_other_values(value, read):
    assert parsed(quoted(value)) == read
