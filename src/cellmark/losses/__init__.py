"""Losses: one file each, chosen by config."""
