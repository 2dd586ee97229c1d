"""The statistics of a data set as HTML: a table, a few numbers, and what they mean."""

import html
from collections.abc import Mapping, Sequence

import numpy as np

from cellmark.data.contrast import DISC
from cellmark.data.json_entries import printable
from cellmark.data.statistics import Statistics, spread_of
from cellmark.viz.overlay import CELL_COLOURS

MOST_SIZES = 6  # numbers of rows and columns, or sizes of images, that are listed

TERMS = {
    "cells": "labelled cell centres, and how they are divided between the classes.",
    "not labelled": "cells of a code without a class. In the picture they are no targets: the network learns that "
    "nothing is there. Those outside of it do not matter.",
    "cells per code": "median, then least to greatest; labelled or not.",
    "pitch": "distance of a cell to its nearest neighbour, of either class: median, then 5 % to 95 %. In pixels of the "
    "files, and of the network's input, into which every image is fitted.",
    "contrast": "of each code: mean grey of its white cells minus that of its black ones, as a share of 255, in "
    f"discs of {DISC:g} pitch around the centres: median, then 5 % to 95 %. Negative: light on dark.",
    "separability": "of each code: share of all pairs of a black and a white cell whose brightness is in the usual "
    "order of that code (the area under the ROC curve, or its complement). 1: one threshold of grey parts the classes; "
    "0.5: brightness says nothing. Median, then 5 % to 95 %.",
}
OF_TWO = ("contrast", "separability")  # terms that need two classes


def text(value: str) -> str:
    """Any text, safe inside an element or a quoted attribute; what does not print comes out as an escape."""
    return html.escape(printable(value))


def statistics_table(folders: Sequence[Statistics], every: Statistics, anchors: Sequence[str]) -> str:
    """One row for each folder, linked to its ``anchors``, and one for all of them."""
    head = "".join(f"<th scope='col'>{text(name)}</th>" for name in ("folder", *_cells(every)))
    rows = [
        f"<tr><th scope='row'><a href='#{anchor}'>{text(one.name)}</a></th>{_row(one)}</tr>"
        for one, anchor in zip(folders, anchors, strict=True)
    ]
    last = f"<tr><th scope='row'>{text(every.name)}</th>{_row(every)}</tr>"
    body = f"<tbody>{''.join(rows)}</tbody><tfoot>{last}</tfoot>"
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead>{body}</table></div>"


def terms(every: Statistics) -> str:
    """What the columns of the table mean."""
    told = TERMS if len(every.cells) > 1 else {term: TERMS[term] for term in TERMS if term not in OF_TWO}
    entries = "".join(f"<dt>{text(term)}</dt><dd>{text(meaning)}</dd>" for term, meaning in told.items())
    return f"<details><summary>What these numbers mean</summary><dl class='terms'>{entries}</dl></details>"


def legend(classes: Sequence[str]) -> str:
    """The colour of each class."""
    entries = "".join(
        f"<span><i style='background:{colour_of(index)}'></i>{text(name)} cells</span>"
        for index, name in enumerate(classes)
    )
    return f"<div class='legend'>{entries}</div>"


def facts(values: Mapping[str, str]) -> str:
    """Name and number in small cards; the values are HTML."""
    entries = "".join(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in values.items())
    return f"<dl class='facts'>{entries}</dl>"


def folder_facts(one: Statistics) -> str:
    """The numbers of a folder that do not fit into the table, and the most important that do."""
    grids = {"unknown" if grid is None else f"{grid[0]} x {grid[1]}": count for grid, count in one.grids.items()}
    sizes = {f"{width} x {height}": count for (width, height), count in one.sizes.items()}
    values = {
        "images": f"{one.images:,}",
        "codes": f"{one.codes:,}",
        "cells": f"{sum(one.cells.values()):,}",
        "pitch at the input": spread(one.input_pitch, "{:.1f}", " px"),
        "contrast": spread(one.contrast, "{:+.2f}"),
        "separability": spread(one.separability, "{:.2f}"),
    }
    shown = facts({name: value for name, value in values.items() if value})
    rest = f"Rows x columns: {_listed(grids)}. Images in pixels: {_listed(sizes)}."
    return f"{shown}<p class='soft'>{text(rest)}</p>"


def spread(values: np.ndarray, form: str, unit: str = "") -> str:
    """Median and in small letters the 5th to the 95th percentile, as HTML; nothing where there are no values."""
    found = spread_of(values)
    if found is None:
        return ""
    median, low, high = (form.format(value) for value in found)
    return f"{median}{unit} <small>{low} to {high}</small>"


def colour_of(index: int) -> str:
    """The colour of a class in CSS."""
    return "rgb({}, {}, {})".format(*CELL_COLOURS[index % len(CELL_COLOURS)])


def _row(one: Statistics) -> str:
    return "".join(f"<td>{value}</td>" for value in _cells(one).values())


def _cells(one: Statistics) -> dict[str, str]:
    """The columns of a row in HTML; a number that is not defined is blank."""
    size = one.code_size
    values = {
        "images": f"{one.images:,}",
        "codes": f"{one.codes:,}",
        "cells": f"{sum(one.cells.values()):,}",
        **({" : ".join(one.cells): _shares(one)} if len(one.cells) > 1 else {}),
        "not labelled": f"{one.not_labelled:,}",
        "cells per code": "" if size is None else "{median:g} <small>{min} to {max}</small>".format(**size),
        "pitch, px (files)": spread(one.pitch, "{:.1f}"),
        "pitch, px (input)": spread(one.input_pitch, "{:.1f}"),
    }
    if len(one.cells) > 1:
        values["contrast"] = spread(one.contrast, "{:+.2f}")
        values["light on dark"] = "" if one.light_on_dark is None else f"{100 * one.light_on_dark:.0f} %"
        values["separability"] = spread(one.separability, "{:.2f}")
    return values


def _shares(one: Statistics) -> str:
    shares = [(index, share) for index, share in enumerate(one.shares.values()) if share is not None]
    if not shares:
        return ""
    parts = "".join(f"<i style='width:{100 * s:.2f}%;background:{colour_of(index)}'></i>" for index, s in shares)
    numbers = " : ".join(f"{100 * share:.0f}" for _, share in shares)
    return f"<span class='share'><span class='bar'>{parts}</span>{numbers} %</span>"


def _listed(counts: Mapping[str, int]) -> str:
    """``12 x 12 (40), 16 x 16 (8)``, the most frequent first."""
    shown = ", ".join(f"{name} ({count})" for name, count in list(counts.items())[:MOST_SIZES])
    more = len(counts) - MOST_SIZES
    return f"{shown or 'none'}, and {more} more" if more > 0 else shown or "none"
