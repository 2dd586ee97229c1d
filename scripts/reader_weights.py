"""Makes the weights of the package from a checkpoint: `python scripts/reader_weights.py CKPT [TARGET]`."""

import argparse
import sys
from pathlib import Path

from cellmark.errors import CellmarkError
from cellmark.reading.weights import DEFAULT, save_weights


def main() -> None:
    """Reads the arguments and writes the file."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("ckpt", type=Path, help="a checkpoint of cellmark train experiment=reader")
    arguments.add_argument("target", type=Path, nargs="?", default=DEFAULT, help=f"default: {DEFAULT}")
    options = arguments.parse_args()
    try:
        save_weights(options.ckpt, options.target)
    except CellmarkError as error:
        sys.exit(f"error: {error}")
    print(f"{options.target}: {options.target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
