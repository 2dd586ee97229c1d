"""`cellmark train` from a checkout: `python scripts/train.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("train")
