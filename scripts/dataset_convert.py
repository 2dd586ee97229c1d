"""`cellmark dataset_convert` from a checkout: `python scripts/dataset_convert.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("dataset_convert")
