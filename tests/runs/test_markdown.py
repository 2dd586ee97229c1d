import re

import pytest

from cellmark.runs.markdown import markdown_table, markdown_text


@pytest.mark.parametrize("text", ["6_dirty_blurred", "val/cell_f1_50", "a.b-c d, 1 & 2"])
def test_usual_names_stay_as_they_are(text):
    assert markdown_text(text) == text


@pytest.mark.parametrize(
    "text", ["a|b", "_x_", "__init__", "**b**", "`c`", "[a](b)", "<i>", "$x$", "~~s~~", "&lt;", "\\"]
)
def test_nothing_in_a_text_means_anything_to_markdown(text):
    escaped = markdown_text(text)
    assert escaped != text
    bare = re.sub(r"\\[\\`*\[\]_]|&#\d+;", "", escaped)  # without what is escaped no sign is left
    assert not re.search(r"[|*`\[\]<>$~\\]|\b_|_\b", bare)
    shown = re.sub(r"\\(.)|&#(\d+);", lambda found: found[1] or chr(int(found[2])), escaped)
    assert shown == text


def test_a_text_stays_on_its_line():
    assert markdown_text("disk\n is\tfull ") == "disk is full"
    assert markdown_text("half \ud800") == "half \\\\ud800"


def test_a_table():
    text = markdown_table(["name", "n"], [["a", "1"], ["b", "2"]], left=[0])
    assert text == "| name | n |\n| :-- | --: |\n| a | 1 |\n| b | 2 |"
