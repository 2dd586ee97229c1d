"""What ``scripts/benchmark_reading.py`` measures with: pictures, readers, scores, tables and sheets."""
