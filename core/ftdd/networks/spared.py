"""Names for what may move in frozen layers; without torch, because policies name it."""

from typing import Literal

Spared = Literal["scales", "batch_norm_scales", "batch_norm_statistics"]
"""What may move in a frozen layer all the same: scale and shift of normalizations, of batch normalizations alone, or
the running statistics of these."""
