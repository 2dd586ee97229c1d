"""Work in several processes, when one of them dies."""

import os

import pytest

from cellmark.data.processes import map_in_processes
from cellmark.errors import CellmarkError


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def test_results_come_in_order():
    assert list(map_in_processes(abs, [-3, 2, -1], workers=2)) == [3, 2, 1]


def test_a_process_that_dies_is_an_error():
    with pytest.raises(CellmarkError, match="a working process died"):
        list(map_in_processes(die_at_three, list(range(8)), workers=2))
