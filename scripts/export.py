"""`cellmark export` from a checkout: `python scripts/export.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("export")
