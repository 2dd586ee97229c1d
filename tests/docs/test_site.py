"""The documentation as a site: it builds strictly, is complete, links only to what is there, and needs no network."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import yaml

from cellmark.cli.configs import config_folder
from cellmark.cli.main import VERBS
from tests.docs.pages import CHECKOUT, DOCS

PAGES = {path.stem for path in (DOCS / "verbs").glob("*.md")} - {"index"}


class Read(HTMLParser):
    """Collects what a page shows and what it names.

    Attributes:
        text: without tags.
        ids: places that can be linked to.
        links: ``href`` of what can be clicked.
        loaded: addresses that the browser fetches by itself.
    """

    def __init__(self, file):
        super().__init__()
        self.text, self.ids, self.links, self.loaded = "", set(), set(), set()
        self.feed(file.read_text())

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids |= {named["id"]} if "id" in named else set()
        if tag == "a":
            self.links |= {named["href"]} if "href" in named else set()
        elif named.get("rel") != "canonical":
            self.loaded |= {named[key] for key in ("src", "srcset", "href", "data", "poster") if named.get(key)}

    def handle_data(self, data):
        self.text += data


def build(target, config=CHECKOUT / "mkdocs.yml"):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "--site-dir", str(target)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=quiet)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs") / "site"
    answer = build(folder)
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {file.relative_to(site).as_posix(): Read(file) for file in site.rglob("*.html")}


def test_every_verb_has_a_page_and_every_page_a_verb():
    assert set(VERBS) == PAGES


def test_the_navigation_names_every_page_once():
    nav = yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text())["nav"]
    named = re.findall(r"[\w/]+\.md", str(nav))
    assert sorted(named) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_every_verb_is_explained_in_the_same_order():
    for verb in VERBS:
        text = (DOCS / "verbs" / f"{verb}.md").read_text()
        headings = re.findall(r"^#+ .*$", text, re.MULTILINE)
        assert headings[0] == f"# {verb}" and f"cellmark {verb} " in f"{text} ".replace("\n", " ")
        assert headings[-2:] == ["## What it writes", "## Exit status"], verb


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_of_a_verb_shows_every_key_with_its_comment(verb, pages):
    shown = pages[f"verbs/{verb}.html"].text
    lines = (config_folder() / f"{verb}.yaml").read_text().splitlines()
    groups = re.findall(r"^  - (?!override |paths)(\w+)[\w@]*:", "\n".join(lines), re.MULTILINE)
    assert {f"keys-{group}" for group in groups} <= pages[f"verbs/{verb}.html"].ids
    keys = [line for line in lines if re.match(r"\s*\w+: |.*  # ", line) and not line.startswith("  - ")]
    assert keys and [line for line in keys if line not in shown] == []


def test_the_configuration_shows_every_option_with_its_comments(pages):
    shown = pages["configuration.html"]
    words = " ".join(shown.text.split())
    for file in config_folder().rglob("*/*.yaml"):
        option = file.relative_to(config_folder()).with_suffix("").as_posix()
        assert option.replace("/", "-").replace("_", "-") in shown.ids, option
        for line in file.read_text().splitlines():
            told = line.removeprefix("#").strip() if line.startswith("#") else line
            if told != "@package _global_":
                assert " ".join(told.replace("`", "" if line.startswith("#") else "`").split()) in words, file


def test_links_lead_to_what_is_there(site, pages):
    assert len(pages) > len(PAGES)
    for name, page in pages.items():
        for link in page.links - {"."}:
            if link.startswith(("http:", "https:")) or name == "404.html":  # which lies at the top of a server
                continue
            path, _, place = link.partition("#")
            target = ((site / name).parent / path).resolve() if path else site / name
            assert target.is_file(), (name, link)
            if place and target.suffix == ".html":
                assert place in pages[target.relative_to(site.resolve()).as_posix()].ids, (name, link)


def test_nothing_comes_from_the_network(site, pages):
    for name, page in pages.items():
        assert [address for address in page.loaded if "//" in address] == [], name
        for address in page.loaded - {"."}:
            place = site if name == "404.html" else (site / name).parent
            assert (place / address.partition("#")[0].lstrip("/")).exists(), (name, address)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//|@import", sheet.read_text()), sheet


def test_the_search_knows_every_page_also_without_a_server(site, pages):
    index = (site / "search/search_index.js").read_text()
    assert index.startswith("var __index = ")
    for name in set(pages) - {"404.html", "index.html"}:
        assert f'"location":"{name}"' in index, name


def test_wrong_links_are_errors(tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs")
    config = (CHECKOUT / "mkdocs.yml").read_text().replace("scripts/", f"{CHECKOUT}/scripts/")
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"^watch: .*$", "", config, flags=re.MULTILINE))
    wrong = ["nowhere.md", "start.md#nowhere", "/start.md"]
    with (tmp_path / "docs/data.md").open("a") as page:
        page.write("".join(f"\n[a]({link})\n" for link in wrong))
    answer = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert answer.returncode == 1 and "Aborted with 3 warnings" in answer.stderr + answer.stdout
    assert all(f"'{link}'" in answer.stderr for link in wrong)
