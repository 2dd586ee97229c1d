"""`cellmark serve` from a checkout: `python scripts/serve.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("serve")
