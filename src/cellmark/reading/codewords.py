"""From the cells of one code to its payload: codewords, correction, text. Nothing that no check has confirmed."""

from dataclasses import dataclass

import numpy as np

from cellmark.reading.correction import MAX_RISK, Means, correct
from cellmark.reading.placement import cells_at, draw
from cellmark.reading.text import barcode_of, content
from cellmark.symbology import Symbol, finder


@dataclass(frozen=True)
class Reading:
    """A code that was read.

    Attributes:
        symbol: its size.
        grid: bool (rows, cols), True = black: the symbol as it should be, borders included. It is drawn from
            ``codewords``, so all check codewords fit.
        codewords: uint8 (codewords,), data then check, corrected.
        errors: codewords that were wrong, erased ones left out.
        erasures: codewords that were given up because their cells were in doubt, right or wrong.
        spare: check codewords that nothing was spent on (erasures take one, errors two), in the worst block; below
            zero where the likeliest word is further away than plain correction reaches.
        risk: probability that cells of pure chance would have been accepted like this, in the worst block. For a
            stricter reader: lower ``max_risk`` of ``read_grid``.
        flipped: data cells that had been seen in the other colour, however surely.
        border: share of the cells of the finder and the timing that had been seen in the right colour; unseen ones
            count half. By chance it is one half. Nothing depends on it here.
        text: the payload; ``reading.text.content`` says how binary ones look.
        payload: the same as bytes, before any character set.
    """

    symbol: Symbol
    grid: np.ndarray
    codewords: np.ndarray
    errors: int
    erasures: int
    spare: int
    risk: float
    flipped: int
    border: float
    text: str
    payload: bytes


def read_grid(
    black: np.ndarray, symbol: Symbol, max_risk: float = MAX_RISK, means: Means = "erasures"
) -> Reading | None:
    """Reads one upright grid of cells.

    Args:
        black: float (rows, cols): probability that the cell is black, 0.5 where it was not seen. Row 0 is the upper
            timing row, column 0 the solid left side. What the border says is ignored: it is known.
        symbol: the size.
        max_risk: accept nothing that pure chance would reach with a greater probability (``reading.correction``).
        means: how hard to try, see ``reading.correction.correct``.

    Returns:
        The reading, or None: too much damage, or codewords that mean nothing.

    Raises:
        ValueError: ``black`` has another shape, or values that are no probabilities.
    """
    _check(black, symbol)
    solution = correct(cells_at(black, symbol), symbol, max_risk, means)
    if solution is None:
        return None
    grid = draw(solution.codewords, symbol)
    barcode = barcode_of(grid)
    if barcode is None:
        return None
    fixed = finder(symbol) >= 0
    against = np.where(grid, black < 0.5, black > 0.5)  # seen in the other colour
    return Reading(
        symbol,
        grid,
        solution.codewords,
        solution.errors,
        solution.erasures,
        solution.spare,
        solution.risk,
        flipped=int(against[~fixed].sum()),
        border=float(1 - (against + 0.5 * (black == 0.5))[fixed].mean()),
        text=content(barcode),
        payload=barcode.bytes,
    )


def _check(black: np.ndarray, symbol: Symbol) -> None:
    if black.shape != symbol.shape:
        raise ValueError(f"the grid is {black.shape[0]}x{black.shape[-1]}, the symbol {symbol.rows}x{symbol.cols}")
    if not ((black >= 0) & (black <= 1)).all():  # false for NaN, too
        raise ValueError("black must be probabilities from 0 to 1")
