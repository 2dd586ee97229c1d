"""`cellmark dataset_warp` from a checkout: `python scripts/dataset_warp.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("dataset_warp")
