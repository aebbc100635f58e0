"""What a study was made of, read off its run folders: sweep, data, network, and which layers were frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ftdd.analysis.study_data import StudyData
from ftdd.records.status import State
from ftdd.results.summary import plain
from ftdd.study.remarks import remarks_of_runs, repeats_of_runs
from ftdd.values import flat
from ftdd.wording import column_name, format_value

MOST_VALUES = 24
"""Of a swept setting, one by one."""


@dataclass(frozen=True)
class Swept:
    """One setting of the sweep."""

    path: str
    values: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """The values, those in the middle left out where there are many."""
        if len(self.values) <= MOST_VALUES:
            return self.values
        return (*self.values[: MOST_VALUES - 2], "…", self.values[-1])


@dataclass(frozen=True)
class RoleImages:
    """The images that runs of one role were trained and tested on, as words: a number, or several."""

    role: str
    train_images: str
    test_images: str
    label_noise: str


@dataclass(frozen=True)
class Layer:
    """One layer of a network, with its shares of the whole."""

    name: str
    parameters: int
    flops: int
    share_of_parameters: float
    share_of_flops: float


@dataclass(frozen=True)
class Variant:
    """One way in which a network was frozen, with the run that proves it."""

    frozen: tuple[bool, ...]
    run_id: str
    runs: int
    share_of_parameters: float
    """That is frozen."""
    share_of_flops: float
    phases: tuple[str, ...]
    """Where other layers were frozen later on: for each stretch of epochs, how many layers."""
    hashes: tuple[tuple[str, str], ...]
    """Of each layer, before and after training."""

    @property
    def count(self) -> int:
        """How many layers are frozen."""
        return sum(self.frozen)

    def words(self, network: "FrozenNetwork") -> str:
        """What is frozen, in a sentence."""
        later = f"; {'; '.join(self.phases)}" if self.phases else ""
        return (
            f"Run {self.run_id}: {self.count} of {len(network.layers)} layers, {self.share_of_parameters:.1%} of "
            f"{network.parameters:,} parameters, {self.share_of_flops:.1%} of the forward FLOPs{later}."
        )


@dataclass(frozen=True)
class FrozenNetwork:
    """A chain of layers, and every way in which runs froze it, by the number of frozen layers."""

    layers: tuple[Layer, ...]
    variants: tuple[Variant, ...]

    @property
    def parameters(self) -> int:
        """Values of all parameters together."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def flops(self) -> int:
        """Of one image's forward pass."""
        return sum(layer.flops for layer in self.layers)

    @property
    def first(self) -> int:
        """The variant to begin with: it froze most without freezing all but the head, else most."""
        middle = [i for i, variant in enumerate(self.variants) if variant.count < len(self.layers) - 1]
        return max(middle or range(len(self.variants)), key=lambda i: self.variants[i].count)


@dataclass(frozen=True)
class Design:
    """All of it."""

    sweep: tuple[Swept, ...]
    asked: int
    """Target runs."""
    whole: bool
    """Whether they are every combination of the swept values."""
    shared: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """What all target runs have in common: for each part of a recipe, its paths and values."""
    sides: tuple[RoleImages, ...]
    repeats: tuple[str, ...]
    """How many images equal others of the same run, a sentence a role."""
    remarks: tuple[str, ...]
    """What else should be known of the images, a sentence each."""
    networks: tuple[FrozenNetwork, ...]


def read_design(study: StudyData) -> Design:
    """The design of a study. Files that cannot be read are left out."""
    targets = study.targets
    sweep = tuple(
        Swept(path, tuple(dict.fromkeys(format_value(plain(value)) for value in targets[path]))) for path in study.swept
    )
    statuses = [run.status for run in study.each]
    return Design(
        sweep=sweep,
        asked=len(targets),
        whole=prod(len(one.values) for one in sweep) == len(targets),
        shared=_shared(study),
        sides=_sides(study),
        repeats=repeats_of_runs(statuses),
        remarks=remarks_of_runs(statuses),
        networks=_networks(study),
    )


def _shared(study: StudyData) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    targets = study.targets
    paths: dict[str, None] = {}
    for run in study.each:
        if run.role == "target":
            paths |= dict.fromkeys(flat(dict(run.spec)))
    parts: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        if path in ("version", "role", *study.swept) or targets[path].nunique(dropna=False) != 1:
            continue
        if (value := plain(targets[path].iloc[0])) is not None and value != "":
            part, _, rest = path.partition(".")
            parts.setdefault(part, []).append((column_name(rest), format_value(value)))
    return tuple((column_name(part), tuple(pairs)) for part, pairs in parts.items())


def _sides(study: StudyData) -> tuple[RoleImages, ...]:
    sides = []
    for role in ("source", "target"):
        runs = (run for run in study.each if run.role == role and run.state is not State.CHANGED)
        if given := [data for run in runs if (data := run.status.facts.get("data"))]:
            columns = ("train_images", "test_images", "label_noise_realised")
            sides.append(RoleImages(role, *(_several([one.get(column) for one in given]) for column in columns)))
    return tuple(sides)


def _several(values: Sequence[Any]) -> str:
    """The different values, by size; the smallest and the largest where there are many."""
    found = sorted({value for value in values if value is not None})
    words = [f"{value:,}" if isinstance(value, int) else f"{value:.3g}" for value in found]
    words = list(dict.fromkeys(words))
    return ", ".join(words) if len(words) <= 6 else f"{words[0]} to {words[-1]}"


def _networks(study: StudyData) -> tuple[FrozenNetwork, ...]:
    """Every network with the ways in which it was frozen; the one that most runs have first."""
    found: dict[tuple[tuple[str, int, int], ...], dict[tuple[Any, ...], Variant]] = {}
    for run in study.each:
        ledger = run.ledger
        if run.role != "target" or not ledger:
            continue
        layers = ledger["phases"][0]["layers"]
        sizes = tuple((one["name"], sum(one["parameters"].values()), one["forward_flops"]) for one in layers)
        variant = _variant(run.id, ledger)
        ways = found.setdefault(sizes, {})
        way = (variant.frozen, variant.phases, variant.share_of_parameters)
        ways[way] = replace(ways[way], runs=ways[way].runs + 1) if way in ways else variant
    networks = [
        FrozenNetwork(_layers(sizes), tuple(sorted(ways.values(), key=lambda variant: variant.count)))
        for sizes, ways in found.items()
    ]
    return tuple(sorted(networks, key=lambda network: -sum(variant.runs for variant in network.variants)))


def _variant(run_id: str, ledger: Mapping[str, Any]) -> Variant:
    first, phases = ledger["phases"][0]["layers"], ledger["phases"]
    stretches = [
        f"epochs {phase['first_epoch']} to {phase['last_epoch']}: "
        f"{sum(layer['frozen'] for layer in phase['layers'])} frozen"
        for phase in (phases if len(phases) > 1 else ())
    ]
    return Variant(
        frozen=tuple(bool(layer["frozen"]) for layer in first),
        run_id=run_id,
        runs=1,
        share_of_parameters=ledger["frozen_share_of_parameters"],
        share_of_flops=ledger["frozen_share_of_forward_flops"],
        phases=tuple(stretches),
        hashes=tuple((layer["hash_before"], layer["hash_after"]) for layer in first),
    )


def _layers(sizes: Sequence[tuple[str, int, int]]) -> tuple[Layer, ...]:
    parameters = sum(count for _, count, _ in sizes) or 1
    flops = sum(count for _, _, count in sizes) or 1
    return tuple(Layer(name, own, work, own / parameters, work / flops) for name, own, work in sizes)
