import numpy as np

from cellmark.data.statistics import spread_of


def test_spread_is_the_median_and_two_percentiles():
    assert spread_of(np.arange(101.0)) == (50, 5, 95)
    assert spread_of(np.zeros(0)) is None
