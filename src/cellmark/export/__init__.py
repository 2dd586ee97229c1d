"""A trained network as an ONNX file: its graph, its check against PyTorch, and running it again."""

from importlib.util import find_spec

from cellmark.errors import CellmarkError

PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def require_packages(what: str) -> None:
    """Checks that the packages of the extra ``export`` are installed.

    Args:
        what: needs them; the error begins with it.

    Raises:
        CellmarkError: one of them is not.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise CellmarkError(f"{what}: needs {', '.join(missing)}: pip install 'cellmark[export]'")
