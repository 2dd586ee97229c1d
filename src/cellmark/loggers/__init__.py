"""Loggers of the trainer: where metrics go. Named in ``conf/logger``."""
