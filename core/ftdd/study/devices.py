"""Which device runs are executed on."""

import re
import shutil
import sys
from pathlib import Path


class DeviceUnavailable(ValueError):
    """The device asked for is not there: a sentence."""


def fitting_device(asked: str | None) -> str:
    """The device as torch names it: the one asked for, or the fastest there is.

    Looks for a GPU without torch first, which takes a second to import. Raises DeviceUnavailable.
    """
    if asked in (None, "auto"):
        return _fastest()
    if asked == "cpu":
        return "cpu"
    if not re.fullmatch(r"cuda(:\d+)?|mps", str(asked)):
        raise DeviceUnavailable(f"device: must be cpu, cuda, cuda:N or mps, got '{asked}'")
    import torch

    if asked == "mps":
        if torch.backends.mps.is_available():
            return "mps"
    else:
        number = int(str(asked).partition(":")[2] or 0)
        if torch.cuda.is_available() and number < torch.cuda.device_count():
            return str(asked)
    raise DeviceUnavailable(f"device: torch finds no {asked} here; leave it out, or say cpu")


def _fastest() -> str:
    nvidia = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    if not nvidia and sys.platform != "darwin":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
