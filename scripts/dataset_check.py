"""`cellmark dataset_check` from a checkout: `python scripts/dataset_check.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("dataset_check")
