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
from ftdd_plugins.architectures.named_network import NamedNetwork, skeleton

if TYPE_CHECKING:
    from torch import nn


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [Timm]


class Timm(NamedNetwork):
    """Any network of timm (PyTorch Image Models), cut into its own blocks: a layer is a block under timm's own name.

    The chain is proved equal to the network, bit for bit, whenever it is built; a network that cannot be cut is
    refused. With `pretrained` or `checkpoint`, those weights are what is transferred: set `source: none` and no
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
        """That of timm's weights; their mean over the channels where images have another number of them."""
        if not self.pretrained and self.checkpoint is None:
            return None
        found = _config(self.model)
        if image.channels == len(found.mean):
            return Normalization(tuple(found.mean), tuple(found.std))
        mean, std = sum(found.mean) / len(found.mean), sum(found.std) / len(found.std)
        return Normalization((mean,) * image.channels, (std,) * image.channels)

    def _network(self, image: ImageShape, classes: int) -> "tuple[nn.Module, tuple[str, ...]]":
        config = self._config_with_weights() if self.pretrained else _config(self.model)
        given = {"num_classes": classes, "in_chans": image.channels}
        file = self.published_file() if self.pretrained else None
        network, size = self.sized(
            lambda **size: _timm().create_model(self.model, **given, **size), image, keyword="img_size"
        )
        if self.pretrained and config.num_classes == classes and self.checkpoint is None:
            network.reset_classifier(classes)  # type: ignore[operator]
        head = _head(config, network)

        def with_weights(weights: Mapping[str, Any], origin: str) -> "nn.Module":
            return _with_weights({"state_dict": weights}, self.model, given | size, network, head, origin)

        if self.checkpoint is not None:
            from ftdd_plugins.architectures.weights.loading import with_checkpoint

            network = with_checkpoint(self.checkpoint, network, head, with_weights)
        elif file is not None and _is_foreign(config):
            network = _with_weights({"file": str(file)}, self.model, given | size, network, head, self.model)
        elif file is not None:
            from ftdd_plugins.architectures.weights.reading import read

            network = with_weights(read(file), self.model)
        return network, head

    def _skeleton(self) -> "tuple[nn.Module, tuple[str, ...]]":
        config = _config(self.model)
        network = skeleton(lambda: _timm().create_model(self.model))
        return network, _head(config, network)

    def _published(self) -> Path | None:
        from ftdd_plugins.architectures.weights.fetching import in_hub

        config = _config(self.model)
        if _on_hub(config):
            from huggingface_hub import try_to_load_from_cache

            name, revision, files = _repository(config)
            found = (try_to_load_from_cache(name, file, revision=revision) for file in files)
            return next((Path(path) for path in found if isinstance(path, str)), None)
        if not config.url:
            return None
        file = in_hub(config.url if isinstance(config.url, str) else f"file:///{config.url[1]}")
        return file if file.exists() else None

    def _fetch(self, say: Callable[[str], None]) -> None:
        from ftdd_plugins.architectures.weights.fetching import INSTEAD, check_reachable, fetch, fetched

        config, what = self._config_with_weights(), f"the weights of {self.model}"
        if not _on_hub(config):
            check_reachable(_address(config), what)
            fetched(lambda: fetch(_address(config)), what, say)
            return
        from huggingface_hub import constants, hf_hub_url

        name, revision, files = _repository(config)
        if constants.HF_HUB_OFFLINE:
            raise DataUnavailable(
                f"{what} are not in {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE forbids fetching them; unset it, "
                f"{INSTEAD}"
            )
        check_reachable(hf_hub_url(name, files[0], revision=revision), what)
        fetched(lambda: _fetch_first(name, revision, files), what, say)

    def _config_with_weights(self) -> Any:
        config = _config(self.model)
        if not config.has_weights:
            raise DataUnavailable(f"timm has no weights of {self.model}; set pretrained: false")
        return config


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
    from ftdd_plugins.architectures.weights.loading import loading

    overlay = {**source, "custom_load": "file" in source, "num_classes": -1}  # -1: of no head that could be kept
    with loading("timm", model, origin, head) as loaded, _silent():
        theirs: nn.Module = _timm().create_model(model, pretrained=True, pretrained_cfg_overlay=overlay, **given)
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


def _timm() -> Any:
    from ftdd_plugins.architectures.torchvision_operators import declare_operators

    declare_operators()
    import timm

    return timm


def _config(model: str) -> Any:
    """What timm knows of a model's weights. Raises Unfit for a name that it does not have."""
    timm = _timm()
    base = model.partition(".")[0]
    if not timm.is_model(model):
        known = nearest(base, timm.list_models(), "timm.list_models() has them all")
        raise Unfit(f"timm has no model '{model}'; {known}", "model")
    try:
        config = timm.get_pretrained_cfg(model, allow_unregistered=False)
    except (RuntimeError, KeyError) as error:
        tags = sorted(name.partition(".")[2] for name in timm.list_pretrained(f"{base}.*"))
        raise Unfit(f"timm has no such weights '{model}'; there are: {', '.join(tags) or 'none'}", "model") from error
    if config is None:
        raise Unfit(f"timm tells nothing of '{model}'", "model")
    return config


def _head(config: Any, network: "nn.Module") -> tuple[str, ...]:
    """The modules that give the logits: as timm names them, or the last one with a weight."""
    from ftdd.networks.cut.blocks import last_weight

    named = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
    return named or (last_weight(network),)


# ---- files, where timm has them


def _on_hub(config: Any) -> bool:
    """Whether timm takes the weights from the hub of Hugging Face; else they have an address."""
    from ftdd_plugins.architectures.weights.fetching import in_hub

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


def _fetch_first(name: str, revision: str | None, files: Sequence[str]) -> None:
    """Fetch the first of these files that a repository of the hub has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for file in files:
        try:
            hf_hub_download(name, file, revision=revision)
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError) or file == files[-1]:
                raise
        else:
            return
