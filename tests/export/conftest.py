"""Files that several tests use: exporting takes seconds."""

from pathlib import Path
from typing import NamedTuple

import pytest

from cellmark.export.graph import build_graph
from cellmark.export.writing import export_model
from cellmark.tasks.checkpoint import Model, load_checkpoint
from tests.export.stand_in import shown
from tests.reading.networks import checkpoint


class Exported(NamedTuple):
    """A checkpoint of a tiny network that learned nothing, and what was made of it."""

    ckpt: Path
    onnx: Path
    model: Model


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Exported:
    folder = tmp_path_factory.mktemp("exported")
    ckpt = checkpoint(folder / "tiny.ckpt")
    model = load_checkpoint(ckpt)
    export_model(model, folder / "tiny.onnx")
    return Exported(ckpt, folder / "tiny.onnx", model)


@pytest.fixture(scope="session")
def shown_content() -> bytes:
    """A file of the stand-in whose maps are its pictures."""
    return build_graph(shown()).SerializeToString()
