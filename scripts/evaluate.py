"""`cellmark evaluate` from a checkout: `python scripts/evaluate.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("evaluate")
