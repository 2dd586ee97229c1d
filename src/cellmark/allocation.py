"""What the C library does with the memory that tensors leave behind."""

import ctypes
import platform

MMAP_MAX, TRIM_THRESHOLD, NEVER = -4, -1, -1  # of glibc's malloc.h; mallopt(3)


def keep_freed_memory() -> bool:
    """Lets this process keep the memory of freed tensors for the next ones.

    glibc gives every block of more than 32 MB back at once. The next step of a training asks for the same blocks, and
    the kernel fills each with zeros again: up to a third of the time of a step with large maps. Kept, the process
    stays at the most memory that it has needed, and somewhat above.

    Returns:
        Whether the C library is glibc, which is asked for it.
    """
    if not _is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, NEVER))


def return_freed_memory() -> None:
    """Gives all freed memory back to the system; in a forked process that is what its parent had kept for itself."""
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
