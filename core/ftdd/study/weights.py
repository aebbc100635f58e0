"""Whether a file of weights is whole, by its header: without torch, and without reading the weights."""

import json
from pathlib import Path

_COUNT_BYTES = 8
"""A safetensors file begins with the length of its header."""


def whole_weights(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_COUNT_BYTES), "little")
            size = path.stat().st_size
            if length > size:  # of a torn or foreign file; do not read so much
                return False
            tensors = json.loads(file.read(length))
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return False
    return bool(size == _COUNT_BYTES + length + max(ends, default=0))
