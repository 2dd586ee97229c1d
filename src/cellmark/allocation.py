"""How the C library handles the memory that tensors leave behind."""

import ctypes
import platform

MMAP_MAX, TRIM_THRESHOLD, NEVER = -4, -1, -1  # of glibc's malloc.h; mallopt(3)


def keep_freed_memory() -> bool:
    """Lets this process keep the memory of freed tensors for the next ones.

    glibc gives every block of more than 32 MB back at once. The next step of a training asks for the same blocks, and
    the kernel fills each with zeros again: a quarter of the time of a step with large maps. Kept, the process needs
    about a tenth more memory at its peak, and stays there.

    Returns:
        Whether the C library is glibc, which is asked for it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, NEVER))
