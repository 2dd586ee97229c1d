"""Errors that say what the user can do, and the interruption of a verb."""


class CellmarkError(ValueError):
    """A problem in the user's data, configuration or files.

    The message names the file, the record and the reason; the command line prints it without a traceback.
    """


class FolderInUse(CellmarkError):
    """A folder holds a run already, or another process works in it: nothing in it may be touched."""


class Interrupted(SystemExit):
    """SIGINT or SIGTERM; ends a verb as an error does, so that what it began is cleared away."""
