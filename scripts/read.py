"""`cellmark read` from a checkout: `python scripts/read.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("read")
