"""Tiny data sets of plainly drawn codes, independent of the generator."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cellmark.data.records import CocoFile, Code
from cellmark.files import write_image, write_json

PITCH, CELLS = 5.5, 10


def plain_code(rng: np.random.Generator, size: int = 64) -> tuple[np.ndarray, Code]:
    """A 10x10 grid of squares on grey, and its truth."""
    modules = rng.integers(0, 2, (CELLS, CELLS)).astype(bool)
    modules[:, 0] = modules[-1] = True
    corner = rng.uniform(0, size - PITCH * CELLS, 2)
    fine = np.kron(np.where(modules, 30, 225), np.ones((22, 22))).astype(np.uint8)
    image = np.full((size, size), 150, np.uint8)
    shift = np.array([[PITCH / 22, 0, corner[0] + PITCH / 44 - 0.5], [0, PITCH / 22, corner[1] + PITCH / 44 - 0.5]])
    cv2.warpAffine(fine, shift, (size, size), image, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    rows, columns = np.mgrid[:CELLS, :CELLS]
    points = np.stack([columns, rows], axis=-1).reshape(-1, 2) * PITCH + corner + PITCH / 2 - 0.5
    v = np.where(modules.ravel(), 2, 1)
    return np.dstack([image] * 3), Code(1, np.column_stack([points, v]), CELLS, CELLS)


def write_plain_folders(root: Path, folders: int, images: int, size: int = 64) -> Path:
    """``folders`` folders of ``images`` images each."""
    for index in range(folders):
        rng = np.random.default_rng(index)
        coco = CocoFile()
        for number in range(images):
            image, code = plain_code(rng, size)
            name = f"{number:03d}.png"
            write_image(root / f"fold{index}" / name, image)
            coco.add_image(name, size, size, [code])
        write_json(root / f"fold{index}" / "annotations.json", coco.to_dict())
    return root


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Here and in the commands that tests start: sums of several threads need not be equal bit for bit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Indexes of data are kept here, also by the commands that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("CELLMARK_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def plain_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folders of six 64x64 images; nobody writes into it."""
    return write_plain_folders(tmp_path_factory.mktemp("plain"), folders=3, images=6)
