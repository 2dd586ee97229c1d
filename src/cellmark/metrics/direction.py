"""Which way a metric gets better."""

SPLITS = ("train", "val", "test")
_ERRORS = ("mse", "loss", "loc_error")  # how names of errors begin


def lower_is_better(name: str) -> bool:
    """Whether a smaller value is a better one: of errors and losses it is, of shares such as F1 it is not.

    Args:
        name: of a metric, with or without its split, folder or class: ``mse``, ``val/mse``, ``test/loss_focal/fold1``.
    """
    split, _, rest = name.partition("/")
    return (rest if split in SPLITS and rest else name).startswith(_ERRORS)
