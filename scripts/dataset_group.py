"""`cellmark dataset_group` from a checkout: `python scripts/dataset_group.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("dataset_group")
