"""`cellmark compare` from a checkout: `python scripts/compare.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("compare")
