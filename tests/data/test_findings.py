from dataclasses import replace

import numpy as np
import pytest

from cellmark.data.findings import find
from cellmark.data.statistics import Statistics

USUAL = Statistics(
    name="usual",
    images=10,
    empty=0,
    cells={"black": 550, "white": 450},
    not_labelled=0,
    background=0,
    sizes={(256, 256): 10},
    grids={(10, 10): 10},
    code_cells=np.full(10, 100),
    pitch=np.full(1000, 8.0),
    input_pitch=np.full(1000, 8.0),
    contrast=np.full(10, 0.6),
    separability=np.full(10, 0.99),
)


def mixed(low, share):
    return np.where(np.arange(1000) < share * 1000, low, 8.0)


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ({}, []),
        ({"empty": 1}, ["1 image holds no code"]),
        ({"empty": 2}, ["2 images hold no code"]),
        ({"not_labelled": 500, "background": 50}, []),  # those outside of the picture do not matter
        ({"background": 51}, ["5 % of the cells are in the image but not labelled"]),
        ({"input_pitch": mixed(3.9, 0.10)}, []),
        ({"input_pitch": mixed(3.9, 0.11)}, ["11 % of the cells are closer than 4 px", "median 8.0 px"]),
        ({"input_pitch": np.full(9, 3.9)}, ["100 % of the cells are closer than 4 px", "3.9 px apart at the network"]),
        (
            {"input_pitch": np.full(9, 16.1)},
            ["16.1 px apart at the network's input (median), in the other folders 8.0"],
        ),
        ({"input_pitch": np.full(9, 15.9)}, []),
        ({"cells": {"black": 640, "white": 360}}, []),
        ({"cells": {"black": 660, "white": 340}}, ["66 % of the cells are black, in the other folders 55 %"]),
        ({"cells": {"black": 9, "white": 0}}, ["100 % of the cells are black", "no white cell"]),
        ({"cells": {"black": 0, "white": 0}, "input_pitch": np.zeros(0)}, ["no cell is labelled"]),
        ({"separability": np.array([0.9, 0.7, 0.71])}, ["hard: brightness tells black from white in 71 %"]),
        ({"separability": np.zeros(0), "contrast": np.zeros(0)}, []),
    ],
)
def test_what_stands_out_is_told_of_its_folder(change, texts):
    odd = replace(USUAL, name="odd", **change)
    found = find([USUAL, odd, replace(USUAL, name="third")], (256, 256))
    assert all(finding.folder == 1 for finding in found)
    told = "\n".join(finding.text for finding in found)
    assert bool(told) == bool(texts)
    assert all(text in told for text in texts), told


def test_one_folder_has_no_others():
    lone = replace(USUAL, cells={"black": 990, "white": 10}, input_pitch=np.full(9, 50.0))
    assert find([lone], (256, 256)) == []
