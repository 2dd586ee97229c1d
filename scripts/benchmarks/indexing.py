"""Reading a root of 20,000 images of 400 cells, beside pycocotools."""

import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from pycocotools.coco import COCO

from benchmarks.timing import Row
from cellmark.data.check import load_root
from cellmark.data.image_files import THREADS
from cellmark.data.index_store import RACY
from cellmark.data.records import BLACK, NOT_LABELLED, WHITE, CocoFile, Code
from cellmark.files import copy_file, write_bytes, write_image, write_json

IMAGES, SIDE, DIFFERENT = 20_000, 20, 8  # images, cells along a side of a code, different pictures and codes
NAMES = {"read": "all but pixels", "decode": "all", "cached": "all, the second time"}
BASELINES = {"read": "plain", "decode": "plain_decode", "cached": "plain"}  # each reads what ours reads
VISIBILITY = {NOT_LABELLED: None, BLACK: 0, WHITE: 1}


def rows() -> list[Row]:
    """Seconds and peak memory, each of a fresh process, in which every image is verified to be there.

    Ours checks everything that `dataset_check` reports. The baseline checks nothing, but reads the same: it is
    pycocotools' constructor with ``os.path.exists`` for each image and, where ours decodes, ``cv2.imread`` in as many
    threads as ours has. At the second start ours decodes nothing, so the baseline does not either.
    """
    table: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for folders, size, works in (
            (1, 128, ("read", "decode", "cached")),
            (6, 128, ("read",)),
            (1, 256, ("decode",)),
        ):
            root = write_root(folder / f"{folders}x{size}", folders, size)
            time.sleep(1 + RACY / 1e9)  # files that have only just changed would be read twice
            for work in works:
                table += _measured(root, work, f"{folders} folder{'s' * (folders > 1)}, {size} px")
    return table


def write_root(root: Path, folders: int, size: int) -> Path:
    """Writes the images, which are hard links to a few different ones, and their codes."""
    rng, grid = np.random.default_rng(0), np.mgrid[:SIDE, :SIDE].reshape(2, -1).T
    texts = []
    for number in range(DIFFERENT):
        noise = rng.integers(0, 256, (size, size, 3)).astype(np.uint8)
        write_image(root / ".pictures" / f"{number}.png", cv2.GaussianBlur(noise, (5, 5), 0))
        points = grid * (size - 4) / SIDE + rng.uniform(0, 3, grid.shape)
        coco = CocoFile()
        coco.add_image("name", size, size, [Code(1, np.column_stack([points, rng.integers(1, 3, len(grid))]))])
        texts.append(json.dumps(coco.annotations[0]).replace('"id": 1, "image_id": 1,', '"id": ID, "image_id": ID,'))
    for number in range(folders):
        folder, count = root / f"fold{number}", IMAGES // folders + (number < IMAGES % folders)
        coco, annotations = CocoFile(), []
        for index in range(count):
            copy_file(root / ".pictures" / f"{index % DIFFERENT}.png", folder / f"{index:05d}.png", link=True)
            coco.add_image(f"{index:05d}.png", size, size, [])
            annotations.append(texts[index % DIFFERENT].replace("ID", str(index + 1)))
        write_json(folder / "annotations.json", coco.to_dict(), indent=None)
        text = (folder / "annotations.json").read_text()
        text = text.replace('"annotations": []', f'"annotations": [{", ".join(annotations)}]')
        write_bytes(folder / "annotations.json", text.encode())
    return root


def _measured(root: Path, work: str, where: str) -> list[Row]:
    """Seconds and MiB of ours and of the baseline."""
    seconds, memory = _run(work, root)
    plain_seconds, plain_memory = _run(BASELINES[work], root)
    name = f"index {IMAGES} images, {where}: {NAMES[work]}"
    return [
        Row(name, seconds, "at most 30", plain_seconds, "s"),
        Row(f"{name}, peak memory", memory, "at most 2048", plain_memory, "MiB"),
    ]


@functools.cache
def _run(work: str, root: Path) -> tuple[float, float]:
    """Seconds and MiB of one of the functions below, in a process of its own."""
    environment = os.environ | {"CELLMARK_CACHE": str(root / ".cache")}
    command = [sys.executable, "-m", "benchmarks.indexing", work, str(root)]
    scripts = Path(__file__).parents[1]
    answer = subprocess.run(command, env=environment, cwd=scripts, stdout=subprocess.PIPE, text=True, check=True)
    seconds, memory = map(float, answer.stdout.splitlines()[-1].split())
    return seconds, memory


def read(root: Path) -> None:
    """All but the pixels."""
    load_root(root, VISIBILITY, decode=False)


def decode(root: Path) -> None:
    """Everything, as at the first start of a training; what was found is kept."""
    load_root(root, VISIBILITY, cache=True)


def cached(root: Path) -> None:
    """As at the second start; fails if there was no first."""
    if not list((root / ".cache").rglob("*.index")):
        raise AssertionError(f"{root}: nothing was kept")
    load_root(root, VISIBILITY, cache=True)


def plain(root: Path) -> list[COCO]:
    """Records without a check, and whether the images are there."""
    found = [COCO(str(file)) for file in sorted(root.glob("*/annotations.json"))]
    for coco, file in zip(found, sorted(root.glob("*/annotations.json")), strict=True):
        if not all(os.path.exists(file.parent / image["file_name"]) for image in coco.imgs.values()):
            raise AssertionError(f"{file}: an image is missing")
    return found


def plain_decode(root: Path) -> None:
    """The same, and all pixels."""
    for coco, file in zip(plain(root), sorted(root.glob("*/annotations.json")), strict=True):
        names = [str(file.parent / image["file_name"]) for image in coco.imgs.values()]
        with ThreadPoolExecutor(THREADS) as pool:
            if not all(pool.map(_decodes, names)):
                raise AssertionError(f"{file}: an image does not decode")


def _decodes(name: str) -> bool:
    return cv2.imread(name) is not None


def _peak() -> float:
    """Most resident memory of this process so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # the figure of getrusage also holds that of the process that started this one
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return float(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    works: dict[str, Callable[[Path], object]] = {
        "read": read,
        "decode": decode,
        "cached": cached,
        "plain": plain,
        "plain_decode": plain_decode,
    }
    started = time.perf_counter()
    works[sys.argv[1]](Path(sys.argv[2]))
    print(time.perf_counter() - started, _peak())
