"""Refuse images that cannot all be in memory, before hours go into decoding them."""

import os
from pathlib import Path

from ftdd.components import DataUnavailable

LIMIT = Path("/sys/fs/cgroup/memory.max")
"""What a container may take, in bytes, or `max`."""


def check_memory(title: str, count: int, channels: int, side: int) -> None:
    """See that so many images of bytes, (count, channels, side, side), are less than this machine's memory.

    Raises DataUnavailable. Less is no promise: a run needs room beside its images. Nothing is checked where the machine
    does not say how much it has.
    """
    needed, there = count * channels * side * side, _memory()
    if there is not None and needed > there:
        raise DataUnavailable(
            f"{title}: {count:,} images of {channels}×{side}×{side} take {needed / 1e9:,.2f} GB, and this machine has "
            f"{there / 1e9:,.2f} GB of memory; choose a smaller image_size, or fewer images or classes"
        )


def _memory() -> int | None:
    """In bytes; of a container, what it may take."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None
    try:
        return min(physical, int(LIMIT.read_text()))
    except (OSError, ValueError):
        return physical
