"""What timm and torchvision have in common: a network that is built by its name, and cut into a chain of layers."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt
from typing_extensions import Self

from ftdd.components import Architecture, DataUnavailable, Unfit
from ftdd.data.image_shape import ImageShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ftdd.networks.chain import Chain

Build = Callable[..., "nn.Module"]


class NamedNetwork(Architecture):
    """A network that a library builds by its name, and may have weights for."""

    model: str
    """Its name in the library."""
    pretrained: bool = False
    """Whether to start from the library's weights; they are fetched once."""
    checkpoint: str | None = None
    """A file to start from instead: of safetensors, or what torch.save, Lightning or a training script has written."""
    image_size: PositiveInt | None = None
    """Pixels a side to which images are resized first; as they are where it is left out."""
    granularity: Literal["blocks", "modules"] = "blocks"
    """`blocks`: a layer is a block. `modules`: a layer is a convolution or linear map with what follows it."""

    @abstractmethod
    def _network(self, image: ImageShape, classes: int) -> "tuple[nn.Module, tuple[str, ...]]":
        """The network before it is cut, with its weights if it has some, and the names of its heads."""

    @abstractmethod
    def _skeleton(self) -> "tuple[nn.Module, tuple[str, ...]]":
        """The network for the names of its weights alone, and the names of its heads."""

    @abstractmethod
    def _published(self) -> Path | None:
        """The file of the library's weights on this machine; None where it is not there."""

    @abstractmethod
    def _fetch(self, say: Callable[[str], None]) -> None:
        """Fetch the library's weights. Raises DataUnavailable."""

    def untrained(self) -> Self:
        """The same network with new weights."""
        return self.model_copy(update={"pretrained": False, "checkpoint": None})

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """The names of the blocks, found by cutting the network once."""
        return _layers(self.untrained(), image, classes)

    def weight_files(self) -> Sequence[Path]:
        """The checkpoint, or the file of the library's weights once they are fetched."""
        if self.checkpoint is not None:
            return (Path(self.checkpoint).expanduser(),)
        file = self._published() if self.pretrained else None
        return () if file is None else (file,)

    def published_file(self) -> Path:
        """The file of the library's weights. Raises DataUnavailable where it is not on this machine."""
        file = self._published()
        if file is None:
            raise DataUnavailable(f"the weights of {self.model} are not on this machine; ftdd run fetches them")
        return file

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that its weights are on this machine, or fetch them."""
        if self.checkpoint is not None:
            from ftdd_plugins.architectures.weights.loading import say_what_is_taken

            if not say_what_is_taken(self.checkpoint, *self._skeleton(), say):
                self._network(ImageShape(3, 224, 224), classes=2)
        elif self.pretrained and not self.weight_files():
            self._fetch(say)

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with the library's initialization, or its weights. Raises Unfit where it cannot be cut."""
        import torch

        from ftdd.networks.cut import CannotCut, cut

        network, head = self._network(image, classes)
        height, width = self._sides(image)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            images = torch.randn(3, image.channels, height, width)
        try:
            chain = cut(network, images, head, self.granularity)
        except CannotCut as error:
            larger = "; where it needs larger images, set image_size, to which they are then resized"
            raise Unfit(
                f"{self.model} on images of {ImageShape(image.channels, height, width)}: {error}"
                f"{'' if self.image_size else larger}",
                "model",
            ) from error
        if (height, width) != (image.height, image.width):
            chain.layers[0].register_forward_pre_hook(_Resize(height))
        return chain

    def sized(self, build: Build, image: ImageShape, keyword: str) -> "tuple[nn.Module, dict[str, Any]]":
        """The network for this image size, where it takes one by this keyword, and how it was given; else as it is."""
        height, width = self._sides(image)
        for given in ((height, width), height):
            if given == height and height != width:
                break
            try:
                return build(**{keyword: given}), {keyword: given}
            except (TypeError, AssertionError, ValueError, RuntimeError) as error:
                if isinstance(error, TypeError) and keyword in str(error):
                    break  # it takes no size
        return build(), {}

    def _sides(self, image: ImageShape) -> tuple[int, int]:
        return (self.image_size, self.image_size) if self.image_size else (image.height, image.width)


def skeleton(build: Build) -> "nn.Module":
    """A network for its names and shapes alone: on no device, unless its initialization looks at the values."""
    import torch

    try:
        with torch.device("meta"):
            return build()
    except Exception:  # they say so in many ways
        with torch.random.fork_rng(devices=[]):
            return build()


@lru_cache(maxsize=256)
def _layers(architecture: NamedNetwork, image: ImageShape, classes: int) -> tuple[str, ...]:
    import torch

    with torch.random.fork_rng(devices=[]):
        return architecture.build(image, classes).names


class _Resize:
    """Resizes what a layer is given, bilinearly."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, _: "nn.Module", given: "tuple[torch.Tensor, ...]") -> "tuple[torch.Tensor, ...]":
        from torch.nn.functional import interpolate

        (images,) = given
        return (interpolate(images, size=(self.size, self.size), mode="bilinear", antialias=True),)
