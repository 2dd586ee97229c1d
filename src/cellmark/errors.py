"""The one exception that means "the user can fix this"."""


class CellmarkError(ValueError):
    """A problem in the user's data, configuration or files.

    The message names the file, the record and the reason; the command line prints it without a traceback.
    """
