"""Writes a whole dataset: a folder of PNG + COCO for each condition, the same bytes for the same seed."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cellmark.data.generate.layout import LARGEST
from cellmark.data.generate.scenes import ALL_CONDITIONS, CONDITIONS, draw
from cellmark.data.generate.symbols import VERSIONS
from cellmark.data.processes import map_in_processes
from cellmark.data.records import CocoFile, Code
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, write_image, write_json

GENERATOR = 2  # counts up whenever the same parameters give other pictures
PARAMETERS = "synth.json"
ANNOTATIONS = "annotations.json"
SMALLEST_SIZE = 64


@dataclass(frozen=True)
class Parameters:
    """Everything that decides what a dataset contains.

    Attributes:
        images_per_folder: pictures of each condition.
        size: side of a picture, pixels.
        seed: seed of all randomness, 0 or greater.
        severity: range from which each picture's severity is drawn uniformly.
        min_pitch: smallest distance between neighbouring cells, pixels.
        conditions: the folders; a condition's pictures do not depend on which others are drawn.
        generator: version of the generator.
    """

    images_per_folder: int
    size: int
    seed: int
    severity: tuple[float, float]
    min_pitch: float = 5.0
    conditions: tuple[str, ...] = CONDITIONS
    generator: int = GENERATOR

    def __post_init__(self) -> None:
        """Refuses what cannot be drawn."""
        _check_conditions(self.conditions)
        if self.images_per_folder < 1:
            raise CellmarkError(f"images_per_folder={self.images_per_folder}: at least 1 is needed")
        if self.size < SMALLEST_SIZE:
            raise CellmarkError(f"size={self.size}: at least {SMALLEST_SIZE} pixels are needed")
        if self.seed < 0:
            raise CellmarkError(f"seed={self.seed}: must not be negative")
        if len(self.severity) != 2 or not 0 <= self.severity[0] <= self.severity[1] < float("inf"):
            raise CellmarkError(f"severity={list(self.severity)}: two numbers are needed, 0 <= first <= second")
        if not 0 < self.min_pitch * VERSIONS[0].side <= LARGEST * self.size:
            raise CellmarkError(
                f"min_pitch={self.min_pitch}: must be positive, and {VERSIONS[0].side} cells of it "
                f"must fit into {LARGEST:.0%} of {self.size} pixels"
            )


def _check_conditions(conditions: tuple[str, ...]) -> None:
    unknown = [name for name in conditions if name not in ALL_CONDITIONS]
    if unknown or not conditions:
        what = f"no condition {', '.join(map(repr, unknown))}" if unknown else "at least one condition is needed"
        raise CellmarkError(f"conditions={list(conditions)}: {what}; there are {', '.join(ALL_CONDITIONS)}")
    if len(set(conditions)) < len(conditions):
        raise CellmarkError(f"conditions={list(conditions)}: each may be named once only")


@dataclass(frozen=True)
class Summary:
    """What was written."""

    images: int
    codes: int
    cells: int


@dataclass(frozen=True)
class _Job:
    parameters: Parameters
    root: Path
    condition: str
    index: int

    @property
    def name(self) -> str:
        return f"{self.index:05d}.png"


def is_there(output_dir: Path, parameters: Parameters) -> bool:
    """Whether ``output_dir`` already holds exactly this dataset.

    Raises:
        CellmarkError: it holds something else; the message says what differs.
    """
    if not output_dir.exists() or (output_dir.is_dir() and not any(output_dir.iterdir())):
        return False
    file = output_dir / PARAMETERS
    if not file.is_file():
        raise CellmarkError(f"{output_dir}: already there and without {PARAMETERS}, so not a synthetic dataset")
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise CellmarkError(f"{file}: not JSON: {error}") from error
    wanted = json.loads(json.dumps(asdict(parameters)))
    keys = [key for key in wanted if not isinstance(found, dict) or found.get(key) != wanted[key]]
    if keys:
        old = found if isinstance(found, dict) else {}
        differences = ", ".join(f"{key} is {old.get(key)} there, {wanted[key]} here" for key in keys)
        raise CellmarkError(f"{output_dir}: holds another dataset: {differences}; name another folder")
    for condition in parameters.conditions:
        count = len(list((output_dir / condition).glob("*.png")))
        if count != parameters.images_per_folder or not (output_dir / condition / ANNOTATIONS).is_file():
            raise CellmarkError(
                f"{output_dir / condition}: {count} images of {parameters.images_per_folder}, "
                f"or no {ANNOTATIONS}: files were removed or added; delete the folder or name another one"
            )
    return True


def write(output_dir: Path, parameters: Parameters, workers: int | None = None) -> Iterator[Summary]:
    """Writes the dataset; the folder appears when the last picture is done.

    Args:
        output_dir: a folder that is not there yet, or empty.
        parameters: what to draw.
        workers: processes; None = one for each core that may be used.

    Yields:
        What has been drawn so far, after each picture.
    """
    images = codes = cells = 0
    with new_folder(output_dir) as root:
        files = {name: CocoFile(info={"description": name}) for name in parameters.conditions}
        jobs = [
            _Job(parameters, root, condition, index)
            for condition in parameters.conditions
            for index in range(parameters.images_per_folder)
        ]
        for name in parameters.conditions:
            (root / name).mkdir()
        with closing(map_in_processes(_draw, jobs, workers)) as drawings:
            for job, drawn in zip(jobs, drawings, strict=True):
                files[job.condition].add_image(job.name, parameters.size, parameters.size, drawn)
                images, codes = images + 1, codes + len(drawn)
                cells += sum(len(code.keypoints) for code in drawn)
                yield Summary(images, codes, cells)
        for name, file in files.items():
            write_json(root / name / ANNOTATIONS, file.to_dict(), indent=None)
        write_json(root / PARAMETERS, asdict(parameters))


def _draw(job: _Job) -> tuple[Code, ...]:
    parameters = job.parameters
    rng = np.random.default_rng([parameters.seed, ALL_CONDITIONS.index(job.condition), job.index])
    severity = float(rng.uniform(*parameters.severity))
    drawing = draw(job.condition, parameters.size, rng, severity, parameters.min_pitch)
    write_image(job.root / job.condition / job.name, drawing.image)
    return drawing.codes
