"""Errors that say what the user can do, and the interruption of a verb."""

from typing import ClassVar


class CellmarkError(ValueError):
    """A problem in the user's data, configuration or files.

    The message names the file, the record and the reason; the command line prints it without a traceback.
    """


class FolderInUse(CellmarkError):
    """A folder holds a run already, or another process works in it: nothing in it may be touched."""


class Interrupted(SystemExit):
    """SIGINT or SIGTERM; ends a verb as an error does, so that what it began is cleared away.

    Attributes:
        by: the signal, once there was one. What fails from then on fails because of it: the exception itself may get
            lost, where it is raised in the midst of a library's own handling of errors.
    """

    by: ClassVar[int | None] = None
