"""The codec between points and heatmaps."""
