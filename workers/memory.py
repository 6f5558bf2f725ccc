"""What a process gives back of memory. By glibc's own functions, which other systems do not have."""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8
"""malloc.h"""
_ARENAS: Final = 2


def share() -> None:
    """Has all threads, which are yet to be started, share two stores of memory.

    glibc keeps what a thread no longer needs for that thread, and a batch of webhooks needs some 28 MB. Threads of
    Python compute one at a time.
    """
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """What nobody needs now. It takes some milliseconds."""
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
