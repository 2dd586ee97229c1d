"""What ``scripts/benchmark.py`` times, one file per subject."""
