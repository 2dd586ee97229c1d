"""Makes the data of the report's trainings 2 (``--variants all``, 15x) and 3 and 4 (``--variants warps``, 3x).

For example ``python scripts/report_offline.py photos photos_warped --variants warps --plain laser_line``: every
image of every folder but those named as ``plain`` (the ones to validate and test on) gets its variants beside it.
"""

import argparse
from pathlib import Path

from cellmark.data.prepare.offline import write_offline_set


def main() -> None:
    """Reads the arguments and writes the new root."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("source", type=Path, help="folder of folders")
    arguments.add_argument("target", type=Path, help="new folder")
    arguments.add_argument("--variants", choices=("warps", "all"), default="warps")
    arguments.add_argument("--plain", nargs="*", default=[], help="folders that are copied as they are")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    names = [path.name for path in sorted(options.source.iterdir()) if path.is_dir() and path.name not in options.plain]
    counts = write_offline_set(options.source, options.target, options.variants, options.seed, only=names)
    print(f"{options.target}: {counts}")


if __name__ == "__main__":
    main()
