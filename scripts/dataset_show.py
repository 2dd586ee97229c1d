"""`cellmark dataset_show` from a checkout: `python scripts/dataset_show.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("dataset_show")
