"""One white for a data set: images of more than 8 bits are brought to bytes by one factor, and not each by its own."""

import json
from collections.abc import Iterable
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

KINDS: tuple[Literal["whole", "fractions"], ...] = ("whole", "fractions")


@dataclass(frozen=True)
class Values:
    """The values of an image of more than 8 bits, or of one of which only 8 are read."""

    kind: Literal["whole", "fractions"] | None
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
        known = {kind: white for kind in KINDS if getattr(self, kind) is not None}
        return self if white is None else replace(self, **known)  # type: ignore[arg-type]

    def remarks(self) -> tuple[str, ...]:
        """What a user should know, a sentence each."""
        found = []
        if self.whole is not None and self.images and self.whole != FULL:
            found.append(
                f"{_images(self.images)} of more than 8 bits, with values of at most {self.high:,.0f}: "
                f"{self.whole:,.0f} is taken for white in all of them"
            )
        white, high = self.fractions, self.high_fraction
        if white is not None and (high < white / 2 or white not in (1.0, 255.0)):
            found.append(
                f"fractions of at most {high:,.6g}: {white:,.6g} is taken for white in all images that have them"
            )
        if self.low < 0:
            found.append(f"values below 0, down to {self.low:,.6g}, are taken for black")
        if self.upper_bits:
            found.append(
                f"{_images(self.upper_bits)} with 16 bits a channel, of which the upper 8 are read: if the files use "
                "fewer than 16, they come out dark; convert them"
            )
        return tuple(found)

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

    if not _is_deep(image):
        # The decoder's name for the bytes says that the file has 16 bits a channel where Pillow's mode has only 8.
        return Values(None) if any(";16" in str(tile[3]) for tile in image.tile) else None
    pixels = np.asarray(image, dtype=np.float64)
    finite = pixels[np.isfinite(pixels)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return Values("fractions" if image.mode == "F" else "whole", low, high, _stated(image))


def common_scale(images: Iterable[Values]) -> Scale:
    """The scale of a data set: by the largest value of all its images, where files do not say what is white."""
    given = list(images)
    whole, fractions = ([one for one in given if one.kind == kind] for kind in KINDS)
    guessed = [one for one in whole if one.white is None]
    high, high_fraction = (max((one.high for one in some), default=0.0) for some in (guessed, fractions))
    varies = high > max(min((one.low for one in guessed), default=0.0), 0.0)
    return Scale(
        whole=(high if varies else FULL) if whole else None,  # where all values are one, it says nothing
        fractions=_white_of_fractions(high_fraction) if fractions else None,
        low=min((one.low for one in (*whole, *fractions)), default=0.0),
        high=high,
        high_fraction=high_fraction,
        images=len(guessed),
        upper_bits=sum(one.kind is None for one in given),
    )


def in_bytes(image: Any, scale: Scale) -> Any:
    """The image with 8 bits, black at 0 and white at what the scale or its own file says; others as they are.

    What is no number is black, what is infinite white. Raises ValueError where the scale has none for such images.
    """
    import numpy as np
    from PIL import Image

    if not _is_deep(image):
        return image
    white = _stated(image) or (scale.fractions if image.mode == "F" else scale.whole)
    if white is None:  # by its name it was not read when the scale was made
        raise ValueError(f"{image.format} of more than 8 bits: give it the ending of its format")
    values = np.asarray(image, dtype=np.float64)
    scaled = np.nan_to_num(values * (255.0 / white), posinf=255.0, neginf=0.0)
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _is_deep(image: Any) -> bool:
    """Whether Pillow has it in more than 8 bits."""
    return image.mode == "F" or bool(image.mode.startswith("I"))


def _stated(image: Any) -> float | None:
    """What the file says is white; never 0."""
    if image.mode == "F":
        return None
    if image.format == "TIFF":
        bits = image.tag_v2.get(BITS_PER_SAMPLE)
        return float((1 << bits[0]) - 1) if isinstance(bits, tuple) and 8 < bits[0] < 16 else None
    return STATED.get(image.format)


def _white_of_fractions(high: float) -> float:
    """1 or 255, where values go about as far, else the largest value."""
    if high <= FRACTIONS_PAST_WHITE:
        return 1.0
    return 255.0 if 255.0 / 2 < high <= 255.0 * FRACTIONS_PAST_WHITE else high
