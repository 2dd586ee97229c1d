"""`cellmark crossval` from a checkout: `python scripts/crossval.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("crossval")
