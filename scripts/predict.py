"""`cellmark predict` from a checkout: `python scripts/predict.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("predict")
