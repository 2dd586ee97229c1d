"""What an ONNX file tells about itself, under one key of its metadata: all that inference needs beside the graph.

When it changes so that this version cannot read what an earlier one wrote, or the other way round, raise ``FORMAT``.
"""

import json
from dataclasses import asdict
from typing import Any

import onnx

import cellmark
from cellmark.errors import CellmarkError
from cellmark.tasks.checkpoint import Model, check_format

KEY = "cellmark"
FORMAT = 1


def describe(model: Model, precision: str) -> dict[str, Any]:
    """The metadata of a model, as plain values.

    Args:
        model: to be exported.
        precision: of the file.
    """
    kind = type(model.codec)
    return {
        "format": FORMAT,
        "version": cellmark.__version__,
        "precision": precision,
        "classes": list(model.classes),
        "stride": model.network.stride,
        "size": list(model.size),
        "channels": model.network.channels,
        "codec": {"_target_": f"{kind.__module__}.{kind.__qualname__}", **asdict(model.codec)},
        "visibility_to_class": model.visibility_to_class,
    }


def write_metadata(graph: onnx.ModelProto, described: dict[str, Any]) -> None:
    """Puts metadata into a file, in the place of what it has."""
    graph.producer_name, graph.producer_version = "cellmark", cellmark.__version__
    onnx.helper.set_model_props(graph, {KEY: json.dumps(described, allow_nan=False)})


def read_metadata(graph: onnx.ModelProto, source: object) -> dict[str, Any]:
    """The metadata of a file.

    Raises:
        CellmarkError: it has none, or of a format that this version cannot read; ``source`` is named.
    """
    try:
        described = json.loads({entry.key: entry.value for entry in graph.metadata_props}.get(KEY, "null"))
    except json.JSONDecodeError as error:
        raise CellmarkError(f"{source}: its metadata is broken: {error}") from error
    if not isinstance(described, dict):
        raise CellmarkError(f"{source}: no ONNX file of cellmark export")
    check_format(described, FORMAT, source)
    return described
