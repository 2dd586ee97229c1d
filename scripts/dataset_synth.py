"""`cellmark dataset_synth` from a checkout: `python scripts/dataset_synth.py key=value ...`."""

from cellmark.cli.main import main

if __name__ == "__main__":
    main("dataset_synth")
