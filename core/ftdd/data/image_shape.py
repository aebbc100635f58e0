"""The shape of one image, and how its bytes become numbers."""

from typing import NamedTuple


class ImageShape(NamedTuple):
    """Channels, height and width of one image, in pixels."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}×{self.height}×{self.width}"


class Normalization(NamedTuple):
    """Mean and standard deviation per channel, in units of the full range: bytes / 255."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Of ImageNet's training images, as most weights for it were trained with."""
