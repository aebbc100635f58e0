"""The architecture `timm`: any network of timm, by its name."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ftdd
from ftdd.components import Architecture, DataUnavailable, Unfit
from ftdd.components.plugins import nearest
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.values import Json
from ftdd_plugins.architectures.zoo.networks import (
    NamedNetwork,
    chain_of,
    check_reachable,
    fetch,
    fetched,
    first_line,
    in_hub,
    loading,
    say_what_is_taken,
    sized,
    with_checkpoint,
)

if TYPE_CHECKING:
    from torch import nn

    from ftdd.networks.chain import Chain


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [Timm]


class Timm(NamedNetwork):
    """Any network of timm (PyTorch Image Models), cut into its own blocks: a layer is a block under timm's own name.

    The chain is proved equal to the network, bit for bit, whenever it is built; a network that cannot be cut is
    refused. With `pretrained` or `checkpoint`, those weights are what is transferred: say `source: none` and no
    source is trained; images are then normalized as the weights were trained. They are loaded as timm loads them, by
    its own rules for names of old, for images of another size and for another number of channels.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"model": "test_convnext"},
        {"model": "test_vit", "granularity": "modules"},
    )

    name: Literal["timm"] = "timm"
    model: str
    """As timm calls it, with or without the tag of its weights: convnext_atto, resnet18.a1_in1k."""

    def normalization(self, image: ImageShape) -> Normalization | None:
        """That of timm's weights."""
        if not self.pretrained and self.checkpoint is None:
            return None
        found = _config(self.model)
        if image.channels == len(found.mean):
            return Normalization(tuple(found.mean), tuple(found.std))
        mean, std = sum(found.mean) / len(found.mean), sum(found.std) / len(found.std)
        return Normalization((mean,) * image.channels, (std,) * image.channels)

    def weight_files(self) -> Sequence[Path]:
        """The checkpoint, or the file of timm's weights once they are fetched."""
        if self.checkpoint is not None:
            return (Path(self.checkpoint).expanduser(),)
        file = _file(_config(self.model)) if self.pretrained else None
        return () if file is None else (file,)

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that its weights are on this machine, or fetch them."""
        if self.checkpoint is not None:
            config, network = _config(self.model), _without_weights(self.model)
            if not say_what_is_taken(self.checkpoint, network, _head(config, network), say):
                self._network(ImageShape(*config.input_size), classes=2)
        elif self.pretrained and not self.weight_files():
            _fetch(self.model, say)

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with timm's initialization, or its weights."""
        network, head = self._network(image, classes)
        return chain_of(network, image, self.image_size, head, self.granularity, self.model)

    def _network(self, image: ImageShape, classes: int) -> "tuple[nn.Module, tuple[str, ...]]":
        """The network before it is cut, and the names of its heads."""
        config, timm = _config(self.model), _timm()
        given = {"num_classes": classes, "in_chans": image.channels}
        if self.pretrained and not config.has_weights:
            raise DataUnavailable(f"timm has no weights of {self.model}; say pretrained: false")
        if self.pretrained and not self.weight_files():
            raise DataUnavailable(f"the weights of {self.model} are not on this machine; ftdd run fetches them")
        network, size = sized(
            lambda **size: timm.create_model(self.model, **given, **size), image, self.image_size, "img_size"
        )
        if self.pretrained and config.num_classes == classes and self.checkpoint is None:
            network.reset_classifier(classes)  # type: ignore[operator]
        head = _head(config, network)

        def with_weights(weights: Mapping[str, Any], origin: str) -> "nn.Module":
            return _with_weights({"state_dict": weights}, self.model, given | size, network, head, origin)

        if self.checkpoint is not None:
            network = with_checkpoint(self.checkpoint, network, head, with_weights)
        elif self.pretrained:
            (file,) = self.weight_files()
            if _is_foreign(config):
                network = _with_weights({"file": str(file)}, self.model, given | size, network, head, self.model)
            else:
                network = with_weights(_read(file), self.model)
        return network, head


def _with_weights(
    source: Mapping[str, Any],
    model: str,
    given: Mapping[str, Any],
    network: "nn.Module",
    head: tuple[str, ...],
    origin: str,
) -> "nn.Module":
    """A network of timm's own with weights from a source, and the given network's head. Raises DataUnavailable.

    source: in place of where timm would take them from: `state_dict`, or `file` for one that is not of torch's kind,
    which the model's own code reads.   given: what the network was made with.   origin: of the weights, in words.
    """
    import torch

    overlay = {**source, "custom_load": "file" in source, "num_classes": -1}  # -1: of no head that could be kept
    with torch.random.fork_rng(devices=[]), loading(model, origin, head) as loaded, _silent():
        try:
            theirs: nn.Module = _timm().create_model(model, pretrained=True, pretrained_cfg_overlay=overlay, **given)
        except DataUnavailable:
            raise
        except Exception as error:  # whatever timm's own code raises for weights that are not the model's
            raise DataUnavailable(
                f"the weights of {origin} do not fit: timm says: {first_line(error)}", "checkpoint"
            ) from error
    if "state_dict" in source:
        loaded.prove()
    getattr(theirs, "pretrained_cfg", {}).pop("state_dict", None)
    own, fresh = theirs.state_dict(), tuple(f"{name}." for name in head)
    for key, tensor in network.state_dict().items():
        if key.startswith(fresh):
            own[key].copy_(tensor)
    return theirs


@contextmanager
def _silent() -> "Iterator[None]":
    """Keep timm from listing keys that are left over: `Loaded.prove` says what matters of them."""
    import logging

    log = logging.getLogger("timm")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _read(file: Path) -> Mapping[str, Any]:
    from ftdd_plugins.architectures.zoo.checkpoints import read

    weights: Mapping[str, Any] = read(file)
    return weights


def _timm() -> Any:
    from ftdd_plugins.architectures.zoo.torchvision_operators import declare_operators

    declare_operators()
    import timm

    return timm


def _config(model: str) -> Any:
    """What timm knows of a model's weights. Raises Unfit for a name that it does not have."""
    timm = _timm()
    if not timm.is_model(model):
        base = model.partition(".")[0]
        known = nearest(base, timm.list_models(), "timm.list_models() has them all")
        raise Unfit(f"timm has no model '{model}'; {known}", "model")
    try:
        config = timm.get_pretrained_cfg(model, allow_unregistered=False)
    except (RuntimeError, KeyError) as error:
        tags = sorted(name.partition(".")[2] for name in timm.list_pretrained(f"{model.partition('.')[0]}.*"))
        raise Unfit(f"timm has no such weights '{model}'; there are: {', '.join(tags) or 'none'}", "model") from error
    if config is None:
        raise Unfit(f"timm tells nothing of '{model}'", "model")
    return config


def _head(config: Any, network: "nn.Module") -> tuple[str, ...]:
    """The modules that give the logits: as timm names them, or the last one with a weight."""
    from ftdd.networks.cut.blocks import last_weight

    named = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
    return named or (last_weight(network),)


def _without_weights(model: str) -> "nn.Module":
    """The network for its names alone."""
    import torch

    try:
        with torch.device("meta"):
            network: nn.Module = _timm().create_model(model)
    except Exception:  # some initializations look at the values, and say so in many ways
        with torch.random.fork_rng(devices=[]):
            network = _timm().create_model(model)
    return network


# ---- files, where timm has them


def _on_hub(config: Any) -> bool:
    """Whether timm takes the weights from the hub of Hugging Face; else they have an address."""
    old = os.environ.get("TIMM_USE_OLD_CACHE", "0") not in ("", "0") and config.url
    return bool(config.hf_hub_id) and not (old and in_hub(_address(config)).exists())


def _address(config: Any) -> str:
    return str(config.url if isinstance(config.url, str) else config.url[0])


def _is_foreign(config: Any) -> bool:
    """Whether they are of a kind that only the model's own code reads, as JAX writes it."""
    return bool(config.custom_load) and (config.custom_load == "hf" or not _on_hub(config))


def _repository(config: Any) -> tuple[str, str | None, tuple[str, ...]]:
    """The hub's name of it, the revision, and the names that the file may have, the first before the others."""
    name, _, revision = str(config.hf_hub_id).partition("@")
    file = config.hf_hub_filename or "pytorch_model.bin"
    safe = {
        "pytorch_model.bin": ("model.safetensors",),
        "open_clip_pytorch_model.bin": ("open_clip_model.safetensors",),
    }
    return name, revision or None, (*safe.get(file, ()), file)


def _file(config: Any) -> Path | None:
    """The weights on this machine; None where they are not."""
    if _on_hub(config):
        from huggingface_hub import try_to_load_from_cache

        name, revision, files = _repository(config)
        found = (try_to_load_from_cache(name, file, revision=revision) for file in files)
        return next((Path(path) for path in found if isinstance(path, str)), None)
    if not config.url:
        return None
    file = in_hub(_address(config)) if isinstance(config.url, str) else in_hub(f"file:///{config.url[1]}")
    return file if file.exists() else None


def _fetch(model: str, say: Callable[[str], None]) -> None:
    """Fetch the weights to where timm finds them. Raises DataUnavailable."""
    config, what = _config(model), f"the weights of {model}"
    if not config.has_weights:
        raise DataUnavailable(f"timm has no weights of {model}; say pretrained: false")
    if not _on_hub(config):
        check_reachable(_address(config), what)
        say(f"fetching {what}")
        fetched(lambda: fetch(_address(config)), model)
        return
    from huggingface_hub import constants, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    name, revision, files = _repository(config)
    check_reachable(hf_hub_url(name, files[0], revision=revision), what)
    if constants.HF_HUB_OFFLINE:
        raise DataUnavailable(
            f"{what} are not in {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE forbids to fetch them; unset it, name a "
            "file that has them with `checkpoint`, or say `pretrained: false`"
        )
    say(f"fetching {what}")

    def of_the_first_name() -> None:
        for file in files:
            try:
                hf_hub_download(name, file, revision=revision)
            except EntryNotFoundError as error:
                if isinstance(error, LocalEntryNotFoundError) or file == files[-1]:
                    raise
            else:
                return

    fetched(of_the_first_name, model)
