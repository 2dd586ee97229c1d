"""`cellmark configure` from a checkout: `python scripts/configure.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("configure")
