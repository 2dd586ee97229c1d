"""The reader: a picture in, payloads out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, zip_longest
from typing import Literal, get_args

import numpy as np

from cellmark.errors import CellmarkError
from cellmark.models.classifier import CellClassifier
from cellmark.reading.classical import read_classical
from cellmark.reading.code import Code, corners_of
from cellmark.reading.codewords import Reading, read_grid
from cellmark.reading.correction import Means
from cellmark.reading.eye import ENLARGED, PEAK, Eye, Region, Sight
from cellmark.reading.lattice import Candidate, Lattice, Lattices
from cellmark.reading.regions import differ, distinct, joined, widened, zooms
from cellmark.reading.second_look import SecondLook
from cellmark.tasks.checkpoint import Model
from cellmark.tasks.devices import choose_device

Choice = Literal["classical", "network", "both"]
SURVEYS = (1024, 320)  # pixels, side of a square as large as the whole picture when looked at first
SMALLEST = 160  # pixels, longer side up to which a small picture is enlarged for that
COVERED = 0.7  # of a part of the picture that is a code which was read: there is no other one
MAX_RISK = 1e-7  # of one try, see ``correction``: one picture takes hundreds
FEW_RISK = 1e-6  # of one try by likelihood: one picture takes a few
NOTHING, UNREAD = "no code was found", "a code was seen, but could not be read"
CLEAR = 0.7  # least agreement with the finder for which the likeliest words are looked for
LIKELIEST = 3  # candidates of a lattice for which doubtful codewords are given up
FRUITLESS = 10  # parts of a picture, the likeliest first, that are looked at closely one after another without a code
CONTENT = 3  # the same, once one was read
FOLLOWED = 8  # lattices of a part of a picture that get a second look


class Reader:
    """Reads the codes of pictures; made once, called often.

    The classical reader is tried first, then the network: it looks at the whole picture small, which shows where
    codes are and how large their cells; then at each such part at the size it needs.

    Attributes:
        reason: why the last picture gave nothing; empty where it gave something.
        device: where its networks are.
    """

    def __init__(
        self,
        model: Model | None,
        device: str = "auto",
        engine: Choice = "both",
        classifier: CellClassifier | None = None,
    ) -> None:
        """Prepares the engines.

        Args:
            model: for the network, see ``Eye``; None with the classical engine.
            device: ``cpu``, ``cuda``, ... or ``auto``: a GPU where there is one.
            engine: ``both``, or one of them alone, to compare.
            classifier: for a second look at the cells of what could not be read by the first; None does without.

        Raises:
            CellmarkError: a model that cannot read, none where one is needed, an engine or a device that is not there.
        """
        if engine not in get_args(Choice):
            raise CellmarkError(f"engine={engine}: one of {', '.join(get_args(Choice))} is needed")
        if engine != "classical" and model is None:
            raise CellmarkError(f"engine={engine} needs a model")
        self.engine, self.reason, self._seen = engine, "", False
        self.device = choose_device(device, None if model is None else model.network)
        self.eye = None if engine == "classical" or model is None else Eye(_keen(model), self.device)
        self.second = None if self.eye is None or classifier is None else SecondLook(classifier, self.device)

    def read(self, image: np.ndarray, codes: int | None = None) -> list[Code]:
        """Reads the codes of a picture.

        Args:
            image: uint8 (H, W, 3) RGB.
            codes: stop as soon as so many are read; None looks for all.
        """
        found = [] if self.engine == "network" else read_classical(image)
        self._seen = False
        if self.eye is not None and not _enough(found, codes):
            for code in self._network(self.eye, image, found):
                found.append(code)
                if _enough(found, codes):
                    break
        found = found[:codes]  # the classical reader finds all at once
        self.reason = "" if found else (UNREAD if self._seen else NOTHING)
        return found

    def _network(self, eye: Eye, image: np.ndarray, known: Sequence[Code]) -> Iterator[Code]:
        """Codes that are not among the known ones."""
        found = list(known)
        regions: list[Region] = []
        unread: list[Lattice] = []
        for zoom in _surveys(image.shape[:2]):
            sight = eye.look(image, zoom)
            shown, left = _codes([sight])
            for code in shown:
                if not _is_known(code, found):
                    found.append(code)
                    yield code
            if zoom >= 1:  # else a closer look is better; followed only where a part may hold a code
                unread += left
            seen = sight.regions()
            regions += seen + joined(seen)
        fruitless = 0
        for region in distinct(regions):
            if any(_covers(code, region) for code in found):
                continue
            self._seen = True
            before, others = len(found), list[Region]()
            for part in chain([region], others):  # those that looking at the first puts there
                within = [lattice for lattice in unread if part.holds(lattice.middle())]
                unread = [lattice for lattice in unread if lattice not in within]
                for code in self._closely(eye, image, part, found, within, others if part is region else []):
                    found.append(code)
                    yield code
            fruitless = 0 if len(found) > before else fruitless + 1
            if fruitless >= (CONTENT if found else FRUITLESS):
                return

    def _closely(
        self,
        eye: Eye,
        image: np.ndarray,
        region: Region,
        found: Sequence[Code],
        unread: list[Lattice],
        others: list[Region],
    ) -> Iterator[Code]:
        """Looks at a part of the picture in several sizes, until all codes in it are read; then a second time.

        Parts of it that then need another size, for codes of smaller or larger cells, are put into ``others``.
        """
        sights: list[Sight] = []
        lattices = [unread]
        for zoom in zooms(region):
            sights.append(eye.look(image, zoom, region))
            wider = widened(region, sights[-1], image.shape) if len(sights) == 1 else region
            if wider != region:  # a code goes on where the first look ended
                region = wider
                sights[-1] = eye.look(image, zoom, region)
            codes, left = _codes(sights)
            lattices.append(left)
            fresh = [code for code in codes if not _is_known(code, found)]
            yield from fresh
            parts = [part for part in sights[-1].regions() if not any(_covers(code, part) for code in found)]
            if fresh:
                others += [part for part in parts if differ(part.pitch, region.pitch)]
                parts = [part for part in parts if not differ(part.pitch, region.pitch)]
            if not parts:  # or the closer look shows that there was none
                break
        if self.second is not None:
            before = len(found)
            yield from _followed(self.second, image, lattices, found)
            if sights and len(found) > before:
                parts = [part for part in sights[-1].regions() if not any(_covers(code, part) for code in found)]
                others += [part for part in parts if differ(part.pitch, region.pitch)]


def _codes(sights: Sequence[Sight]) -> tuple[list[Code], list[Lattice]]:
    """The codes whose cells the last of some sights shows, all of them say what is black; and lattices without any."""
    sight = sights[-1]
    codes: list[Code] = []
    unread: list[Lattice] = []
    for lattice in Lattices(sight.points, sight.black, sight.sample).lattices():
        read = list(_all(lattice, partial(_blackness, sights=sights)))
        codes += read
        if not read:
            unread.append(lattice)
    return codes, unread


def _followed(
    second: SecondLook, image: np.ndarray, lattices: Sequence[Sequence[Lattice]], found: Sequence[Code]
) -> Iterator[Code]:
    """The codes that the second look finds, on the first lattice of each sight, then on the second of each, ..."""
    turns = 0
    for lattice in chain.from_iterable(zip_longest(*lattices)):
        if lattice is None or any(code.covers(lattice.middle()) for code in found):
            continue
        for code in _follow(second, image, lattice):
            if not _is_known(code, found):
                yield code
        turns += 1
        if turns == FOLLOWED:
            return


def _follow(second: SecondLook, image: np.ndarray, lattice: Lattice) -> Iterator[Code]:
    """The codes that the second look finds, from the whole lattice or else from its core."""
    for start in (lambda: lattice.grid.places, lattice.core):
        places = start()
        looked = None if places is None else second.follow(image, places)
        if looked is None:
            continue
        lattice.follow(looked.places, looked.black, looked.known)
        read = list(_all(lattice, lambda candidate: candidate.black))
        yield from read
        if read:
            return


def _all(lattice: Lattice, blackness: Callable[[Candidate], np.ndarray]) -> Iterator[Code]:
    """One code of a lattice after another."""
    while (read := _first(lattice, blackness)) is not None:
        number, reading = read
        yield _code(lattice[number], reading)
        lattice.remove(number)


def _first(lattice: Lattice, blackness: Callable[[Candidate], np.ndarray]) -> tuple[int, Reading] | None:
    """The first candidate that can be read; ``blackness`` tells the probability (rows, cols) of each cell to be black.

    Giving up doubtful codewords costs time, looking for likely ones more: only where no candidate fits without it,
    and for the likeliest, or those whose finder is seen well.
    """
    black: dict[int, np.ndarray] = {}
    likeliest = range(min(LIKELIEST, len(lattice)))
    tries: list[tuple[int, Means]] = [(number, "errors") for number in range(len(lattice))]
    tries += [(number, "erasures") for number in likeliest]
    tries += [(number, "likelihood") for number in likeliest if lattice.agreement(number) >= CLEAR]
    for number, means in tries:
        candidate = lattice[number]
        if number not in black:
            seen = blackness(candidate)
            black[number] = 1 - seen if candidate.inverted else seen
        risk = FEW_RISK if means == "likelihood" else MAX_RISK
        reading = read_grid(black[number], candidate.symbol, risk, means)
        if reading is not None:
            return number, reading
    return None


def _blackness(candidate: Candidate, sights: Sequence[Sight]) -> np.ndarray:
    """What the network says in all sights, in the mean."""
    seen, last = candidate.cells >= 0, sights[-1]
    looks = [sight.sample(candidate.places) for sight in sights[:-1]]
    looks.append(np.where(seen, last.black[candidate.cells], last.sample(candidate.places)))
    black: np.ndarray = np.mean(looks, axis=0)
    return black


def _code(candidate: Candidate, reading: Reading) -> Code:
    return Code(
        text=reading.text,
        rows=candidate.symbol.rows,
        cols=candidate.symbol.cols,
        corners=corners_of(candidate.places),
        cells_found=int((candidate.cells >= 0).sum()),
        errors_corrected=reading.errors + reading.erasures,
        engine="network",
        cells=candidate.places,
        grid=reading.grid,
    )


def _surveys(shape: tuple[int, int]) -> list[float]:
    """Zooms at which the whole picture is looked at; a second one only where it shows much larger cells."""
    side = (shape[0] * shape[1]) ** 0.5  # of a square as large: a long strip may be looked at finer than a square
    wanted = [min(max(1.0, min(SMALLEST / max(shape), ENLARGED)), SURVEYS[0] / side)]
    if side * wanted[0] > 2 * SURVEYS[1]:
        wanted.append(SURVEYS[1] / side)
    return wanted


def _covers(code: Code, region: Region) -> bool:
    """Whether there is hardly anything in the region but that code."""
    left, top, right, bottom = region.box
    low, high = code.corners.min(axis=0), code.corners.max(axis=0)
    middle = (left + right) / 2, (top + bottom) / 2
    inside = bool((low <= middle).all() and (middle <= high).all())
    rim = 4 * region.pitch  # both sides: what ``Sight.regions`` adds to be safe
    return inside and float((high - low).prod()) > COVERED * max(right - left - rim, 1) * max(bottom - top - rim, 1)


def _is_known(code: Code, others: Sequence[Code]) -> bool:
    """Whether a code lies where another one does."""
    return any(other.covers(code.corners.mean(axis=0)) for other in others)


def _enough(found: Sequence[Code], codes: int | None) -> bool:
    return codes is not None and len(found) >= codes


def _keen(model: Model) -> Model:
    """The model with a threshold low enough that the lattice gets every cell there may be."""
    return replace(model, codec=replace(model.codec, threshold=min(PEAK, model.codec.threshold)))
