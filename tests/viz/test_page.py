import base64
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from cellmark.data.findings import Finding
from cellmark.data.survey import Survey
from cellmark.viz.gallery import Gallery, Picture
from cellmark.viz.page import MOST_PROBLEMS, Page, render
from cellmark.viz.page_gallery import SIDE, SIDE_IN_ROWS, render_gallery
from tests.data.test_findings import USUAL

EVIL = (
    "<script>alert(1)</script>",
    "a\"b'c&d",
    "$title ${root} %s {0}",
    "half \ud800",
    "x\ny",
    "</title><b>",
    "été 漢字",
)
VOID = {"meta", "img", "source", "br"}


class Parsed(HTMLParser):
    """All elements, texts and addresses of a page whose elements must be closed in order."""

    def __init__(self, content):
        super().__init__()
        self.open, self.elements, self.texts, self.links, self.ids = [], [], [], [], []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        assert len({name for name, _ in attributes}) == len(attributes)
        for name, value in attributes:
            assert not name.startswith("on")
            if name in ("src", "href", "srcset"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def gallery(name, rows=False):
    picture = np.random.default_rng(0).integers(0, 256, (600, 300, 3), dtype=np.uint8)
    pictures = [Picture(picture, f"{name}.png: 3 cells", f"cells of {name}"), Picture(None), Picture(picture[:50, :40])]
    return Gallery(name, f"title {name}", f"note {name}", pictures, 3, 320, rows)


def page(names, title=None, made="Made today", **changes):
    survey = Survey(
        root=f"/data/{names[0]}",
        size=(256, 256),
        classes=["black", "white"],
        folders=[replace(USUAL, name=name) for name in names],
        every=replace(USUAL, name="all folders"),
        findings=[],
        problems=[],
        left_out=0,
    )
    chart = np.full((40, 90, 3), 200, np.uint8)
    content = Page(
        title=title or f"Data set {names[0]}",
        made=made,
        settings={"input": "256 x 256 px", names[0]: names[0]},
        survey=replace(survey, **changes),
        overview=render_gallery(gallery("overview", True), "overview-pictures"),
        charts=(chart, 255 - chart),
        galleries=[
            [render_gallery(gallery(name, rows), f"f{number}{rows}") for rows in (0, 1)]
            for number, name in enumerate(names)
        ],
    )
    return render(content)


def text_of(name):
    return name if name.isprintable() else repr(name)[1:-1]


def test_the_page_needs_nothing_but_itself():
    content = page(["one", "two"])
    parsed = Parsed(content)
    assert parsed.links and all(link.startswith(("data:image/", "#")) for link in parsed.links)
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert not any(word in content for word in ("://", "url(", "@import"))
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= set(parsed.ids)
    content.encode()


def test_everything_is_told():
    parsed = Parsed(
        page(["one", "two"], findings=[Finding(1, "odd & strange")], left_out=1, problems=["a.png: broken <b>"])
    )
    told = "\n".join(parsed.texts)
    for words in ("Data set one", "/data/one", "Made today", "256 x 256 px", "1 problem in the data:", "title two"):
        assert words in told, words
    for words in ("a.png: broken <b>", "odd & strange", "Worth a look", "black cells", "note one", "all folders"):
        assert words in told, words
    assert told.count("odd & strange") == 2  # at the top, and at its folder
    images = [attributes for tag, attributes in parsed.elements if tag == "img"]
    assert all(attributes["alt"] is not None for attributes in images) and "cells of two" in str(images)
    assert [a["href"] for tag, a in parsed.elements if tag == "a"][3:5] == ["#folder-0", "#folder-1"]


@pytest.mark.parametrize("name", EVIL)
def test_names_cannot_break_out(name):
    content = page(["plain", name], findings=[Finding(1, name)], problems=[name], title=name, root=name, made=name)
    parsed, plain = Parsed(content), Parsed(page(["plain", "x"], findings=[Finding(1, "x")], problems=["x"]))
    assert [tag for tag, _ in parsed.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(a) for _, a in parsed.elements] == [sorted(a) for _, a in plain.elements]
    assert sum(text_of(name) in text for text in parsed.texts) >= 10
    alts = [attributes["alt"] for tag, attributes in parsed.elements if tag == "img"]
    assert f"cells of {text_of(name)}" in alts
    content.encode()  # no half surrogates


def test_a_class_may_have_any_name_and_may_be_alone():
    one = replace(USUAL, cells={"<i>": 9}, contrast=np.zeros(0), separability=np.zeros(0))
    content = page(["a"], classes=["<i>"], every=one, folders=[one])
    parsed = Parsed(content)
    assert "<i> cells" in "".join(parsed.texts) and "light on dark" not in "".join(parsed.texts[:80])


def test_many_problems_are_counted():
    problems = [f"problem {number} of it" for number in range(MOST_PROBLEMS + 7)]
    told = "\n".join(Parsed(page(["a"], problems=problems, left_out=3)).texts)
    assert f"{len(problems)} problems in the data:" in told and "3 images are left out" in told and "and 7 more" in told
    assert f"problem {MOST_PROBLEMS - 1} of it" in told and f"problem {MOST_PROBLEMS} of it" not in told
    assert "nothing was left out" in "\n".join(Parsed(page(["a"])).texts)


def test_numbers_that_are_not_defined_are_blank():
    empty = {name: np.zeros(0, int) for name in ("code_cells", "pitch", "input_pitch", "contrast", "separability")}
    nothing = replace(USUAL, cells={"black": 0, "white": 0}, grids={}, **empty)
    content = page(["a"], every=nothing, folders=[nothing])
    row = content[content.index("<tfoot>") : content.index("</tfoot>")]
    cells = [cell.split("</td>")[0] for cell in row.split("<td>")[1:]]
    assert cells == ["10", "0", "0", "", "0", "", "", "", "", "", ""] and "nan" not in row


@pytest.mark.parametrize(("rows", "side"), [(False, SIDE), (True, SIDE_IN_ROWS)])
def test_pictures_are_jpegs_of_bounded_size(rows, side):
    parsed = Parsed(render_gallery(gallery("a", rows), "p"))
    pictures = [attributes["src"] for tag, attributes in parsed.elements if tag == "img"]
    head = "data:image/jpeg;base64,"
    shapes = []
    for picture in pictures:
        assert picture.startswith(head)
        content = np.frombuffer(base64.b64decode(picture.removeprefix(head), validate=True), np.uint8)
        shapes.append(cv2.imdecode(content, cv2.IMREAD_COLOR).shape)
    assert shapes == [(side, side // 2, 3), (50, 40, 3)]  # shrunk, never enlarged; the empty place has none


def test_the_chart_follows_the_readers_choice():
    parsed = Parsed(page(["a"]))
    (source,) = [attributes for tag, attributes in parsed.elements if tag == "source"]
    assert source["media"] == "(prefers-color-scheme: dark)"
    content = np.frombuffer(base64.b64decode(source["srcset"].partition(",")[2]), np.uint8)
    assert (cv2.imdecode(content, cv2.IMREAD_COLOR) == 55).all()
