"""One white for a data set: images of more than 8 bits are brought to bytes by one factor, and not each by its own."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

FULL = 65535.0
"""Of 16 bits."""
FRACTIONS_PAST_WHITE = 1.25
"""How far fractions may go past 1, or 255, and mean it: a resized image overshoots at its edges."""
STATED = {"PPM": FULL, "JPEG2000": FULL}
"""Formats that say what is white in them; Pillow has brought it to this."""
BITS_PER_SAMPLE = 258
"""A tag of TIFF."""

Kind = Literal["whole", "fractions"]


@dataclass(frozen=True)
class Values:
    """The values of an image of more than 8 bits, or of one of which only 8 are read."""

    kind: Kind | None
    """None where Pillow reads the upper 8 bits of 16, as of colour."""
    low: float = 0.0
    high: float = 0.0
    """Smallest and largest finite value."""
    white: float | None = None
    """What the file says is white."""


@dataclass(frozen=True)
class Scale:
    """What is white, by kind of number, in the images of a data set that have more than 8 bits. Black is 0."""

    whole: float | None = None
    """Of whole numbers; None where no image has them."""
    fractions: float | None = None
    low: float = 0.0
    """The smallest value of these images."""
    high: float = 0.0
    """The largest value of whole numbers."""
    high_fraction: float = 0.0
    images: int = 0
    """With whole numbers of more than 8 bits whose file does not say what is white."""
    upper_bits: int = 0
    """Images in colour of 16 bits, of which Pillow reads the upper 8."""

    @property
    def key(self) -> str:
        """What pixels depend on; "" where all images have 8 bits."""
        if self.whole is None and self.fractions is None:
            return ""
        return f" white {self.whole} {self.fractions}"

    def with_white(self, white: float | None) -> "Scale":
        """The same with what the user says is white, where there are such images."""
        if white is None:
            return self
        return replace(
            self,
            whole=None if self.whole is None else white,
            fractions=None if self.fractions is None else white,
        )

    def remarks(self) -> tuple[str, ...]:
        """What a user should know, a sentence each."""
        said = []
        if self.whole is not None and self.images and self.whole != FULL:
            said.append(
                f"{_images(self.images)} of more than 8 bits, with values of at most {self.high:,.0f}: "
                f"{self.whole:,.0f} is taken for white in all of them"
            )
        dark = self.fractions is not None and self.high_fraction < self.fractions / 2
        if self.fractions is not None and (dark or self.fractions not in (1.0, 255.0)):
            said.append(
                f"fractions of at most {self.high_fraction:,.6g}: {self.fractions:,.6g} is taken for white in all "
                "images that have them"
            )
        if self.low < 0:
            said.append(f"values below 0, down to {self.low:,.6g}, are taken for black")
        if self.upper_bits:
            said.append(
                f"{_images(self.upper_bits)} with 16 bits a channel, of which the upper 8 are read: if the files use "
                "fewer than 16, they come out dark; convert them"
            )
        return tuple(said)

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Scale":
        """What was kept. Raises ValueError or TypeError for anything else."""
        return Scale(**json.loads(text))


def values_of(image: Any) -> Values | None:
    """What an opened image's values are; None of one of 8 bits. Decodes only images of more."""
    import numpy as np

    if image.mode != "F" and not image.mode.startswith("I"):
        return Values(None) if _sixteen_bits(image) else None
    pixels = np.asarray(image, dtype=np.float64)
    finite = pixels[np.isfinite(pixels)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return Values("fractions" if image.mode == "F" else "whole", low, high, _stated(image))


def common_scale(images: Iterable[Values]) -> Scale:
    """The scale of a data set: by the largest value of all its images, where files do not say what is white."""
    given = list(images)
    whole = [one for one in given if one.kind == "whole"]
    fractions = [one for one in given if one.kind == "fractions"]
    guessed = [one for one in whole if one.white is None]
    lowest = min((one.low for one in (*whole, *fractions)), default=0.0)
    return Scale(
        whole=_white_of_whole(guessed) if whole else None,
        fractions=_white_of_fractions(fractions) if fractions else None,
        low=lowest,
        high=max((one.high for one in guessed), default=0.0),
        high_fraction=max((one.high for one in fractions), default=0.0),
        images=len(guessed),
        upper_bits=sum(one.kind is None for one in given),
    )


def in_bytes(image: Any, scale: Scale) -> Any:
    """The image with 8 bits, black at 0 and white at what the scale or its own file says; others as they are.

    What is no number is black, what is infinite white. Raises ValueError where the scale has none for such images.
    """
    import numpy as np
    from PIL import Image

    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    white = _white(image, scale)
    values = np.asarray(image, dtype=np.float64)
    scaled = np.nan_to_num(values * (255.0 / white), posinf=255.0, neginf=0.0)
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _white(image: Any, scale: Scale) -> float:
    stated = _stated(image)
    if stated is not None:
        return stated
    white = scale.fractions if image.mode == "F" else scale.whole
    if white is None:  # by its name it was not looked at when the scale was made
        raise ValueError(f"{image.format} of more than 8 bits: give it the ending of its format")
    return white


def _stated(image: Any) -> float | None:
    """What the file says is white."""
    if image.mode == "F":
        return None
    if image.format == "TIFF":
        bits = image.tag_v2.get(BITS_PER_SAMPLE)
        return float((1 << bits[0]) - 1) if isinstance(bits, tuple) and 8 < bits[0] < 16 else None
    return STATED.get(image.format)


def _white_of_whole(images: Sequence[Values]) -> float:
    """The largest value; 16 bits' own where all values are one, which says nothing."""
    low, high = min((one.low for one in images), default=0.0), max((one.high for one in images), default=0.0)
    return high if high > max(low, 0.0) else FULL


def _white_of_fractions(images: Sequence[Values]) -> float:
    """1 or 255, where values go about as far, else the largest value."""
    high = max(one.high for one in images)
    if high <= FRACTIONS_PAST_WHITE:
        return 1.0
    return 255.0 if 255.0 / 2 < high <= 255.0 * FRACTIONS_PAST_WHITE else high


def _sixteen_bits(image: Any) -> bool:
    """Whether the file has 16 bits a channel and Pillow's mode only 8: its decoder's name for the bytes says so."""
    return any(";16" in str(tile[3]) for tile in image.tile)
