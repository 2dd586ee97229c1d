"""A data set on one HTML page that needs nothing but itself: no network, no scripts, no further files."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template

import cv2
import numpy as np

from cellmark.data.survey import Survey
from cellmark.viz.page_table import facts, folder_facts, legend, spread, statistics_table, terms, text

MOST_PROBLEMS = 50  # that are listed


@dataclass(frozen=True)
class Page:
    """All that the page shows.

    Attributes:
        title: of the page.
        made: when and by what the page was made.
        settings: name and value of the keys that matter.
        survey: the numbers of all folders; the images that its problems concern are not shown.
        overview: some images of all folders, as HTML.
        charts: the statistics as a picture, light and dark.
        galleries: of each folder in order, as HTML, see `render_gallery`.
    """

    title: str
    made: str
    settings: Mapping[str, str]
    survey: Survey
    overview: str
    charts: tuple[np.ndarray, np.ndarray]
    galleries: Sequence[Sequence[str]]


def render(page: Page) -> str:
    """The whole page as HTML."""
    survey = page.survey
    anchors = [f"folder-{index}" for index in range(len(survey.folders))]
    names = [one.name for one in survey.folders]
    links = {"top": "Summary", "overview": "Overview", "statistics": "Statistics"} | dict(
        zip(anchors, names, strict=True)
    )
    sections = [
        _section("overview", "Overview", legend(survey.classes) + page.overview),
        _section("statistics", "Statistics", _statistics(page, anchors)),
    ]
    for index, galleries in enumerate(page.galleries):
        own = [finding.text for finding in survey.findings if finding.folder == index]
        content = folder_facts(survey.folders[index]) + _notice(own) + "".join(galleries)
        sections.append(_section(anchors[index], names[index], content))
    template = Template(files("cellmark.viz").joinpath("page.html").read_text("utf-8"))
    return template.substitute(
        title=text(page.title),
        root=text(survey.root),
        made=text(page.made),
        settings="".join(f"<span>{text(name)} <b>{text(value)}</b></span>" for name, value in page.settings.items()),
        navigation="".join(f"<li><a href='#{anchor}'>{text(name)}</a></li>" for anchor, name in links.items()),
        notices=_problems(survey.problems, survey.left_out) + _findings(survey, anchors),
        facts=_facts(survey),
        sections="\n".join(sections),
        footer="Everything on this page is in this file. The same numbers for programs: statistics.json, beside it.",
    )


def _section(anchor: str, title: str, content: str) -> str:
    return f"<section class='card' id='{anchor}'><h2>{text(title)}</h2>{content}</section>"


def _facts(survey: Survey) -> str:
    every = survey.every
    return facts(
        {
            "folders": f"{len(survey.folders):,}",
            "images": f"{every.images:,}",
            "codes": f"{every.codes:,}",
            "cells": f"{sum(every.cells.values()):,}",
            "pitch at the input": spread(every.input_pitch, "{:.1f}", " px") or "none",
        }
    )


def _problems(problems: Sequence[str], left_out: int) -> str:
    if not problems:
        return "<div class='notice good'>No problem in the data: nothing was left out.</div>"
    noun = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    listed = _list([text(problem) for problem in problems[:MOST_PROBLEMS]])
    more = len(problems) - MOST_PROBLEMS
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    images = "1 image is" if left_out == 1 else f"{left_out or 'no'} images are"
    told = f"<strong>{noun} in the data:</strong> {images} left out of everything below."
    return f"<div class='notice bad'>{told}<details><summary>Show</summary>{listed}{rest}</details></div>"


def _findings(survey: Survey, anchors: Sequence[str]) -> str:
    names = [text(one.name) for one in survey.folders]
    items = [f"<a href='#{anchors[folder]}'>{names[folder]}</a>: {text(told)}" for folder, told in survey.findings]
    return f"<div class='notice'><strong>Worth a look</strong>{_list(items)}</div>" if items else ""


def _statistics(page: Page, anchors: Sequence[str]) -> str:
    every = page.survey.every
    table = statistics_table(page.survey.folders, every, anchors)
    light, dark = (_png(chart) for chart in page.charts)
    chart = (
        "<div class='wide'><figure class='chart'><picture>"
        f"<source media='(prefers-color-scheme: dark)' srcset='{dark}'>"
        f"<img src='{light}' alt='Classes, pitch and contrast of every folder; the numbers are in the table above'>"
        "</picture></figure></div>"
    )
    return table + terms(every) + chart


def _notice(findings: Sequence[str]) -> str:
    return f"<div class='notice'>{_list([text(finding) for finding in findings])}</div>" if findings else ""


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _png(image: np.ndarray) -> str:
    """A diagram as the address of itself; JPEG would blur its letters and be larger."""
    content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return f"data:image/png;base64,{base64.b64encode(content.tobytes()).decode()}"
