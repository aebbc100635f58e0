"""What every policy must do."""

from collections.abc import Callable, Iterator

from ftdd.components import Every, Policy, Unfit
from ftdd.components.guards import answer_fault

NETWORKS = (
    ("stem", "block1", "head"),
    ("stem", *(f"stage{s}_block{b}" for s in range(1, 5) for b in range(1, 3)), "head"),
    tuple(f"layer{i}" for i in range(40)),
)
EPOCHS = (0, 1, 2, 3, 10, 1000)


def fits_some_network(policy: Policy) -> None:
    """There is a network, of 3 to 40 layers, that it can be used with."""
    assert list(_frozen(policy)), "raises Unfit for every network tried"


def freezes_what_is_there(policy: Policy) -> None:
    """A frozen set of indices of layers, and never the head's."""
    for layers, epoch, frozen in _frozen(policy):
        fault = answer_fault(policy, "frozen", frozen, (layers, epoch))
        assert fault is None, f"at epoch {epoch}, frozen gives {fault}"


def has_no_history(policy: Policy) -> None:
    """What is frozen at an epoch depends on the epoch alone, not on earlier calls: resuming cannot change it."""
    forward = {(layers, epoch): frozen for layers, epoch, frozen in _frozen(policy)}
    for (layers, epoch), frozen in reversed(forward.items()):
        again = policy.model_copy().frozen(layers, epoch)
        assert again == frozen, (
            f"at epoch {epoch} it freezes {sorted(frozen)} first and {sorted(again)} when asked again"
        )


def takes_what_all_stands_for(policy: Policy) -> None:
    """Where a sweep may say `all`, every value that it stands for fits the network."""
    for name, field in type(policy).model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Every):
                for layers in NETWORKS:
                    for value in mark.values(layers):
                        _one(policy, name, value, layers)


def _one(policy: Policy, name: str, value: object, layers: tuple[str, ...]) -> None:
    kept = {key: given for key, given in policy.model_dump(exclude_unset=True).items() if key != name}
    try:
        other = type(policy).model_validate(kept | {name: value})
    except ValueError:
        return  # it says one thing or the other, and this one says the other
    try:
        other.frozen(layers, 0)
    except Unfit as unfit:
        raise AssertionError(f"`{name}: all` stands for {value}, which {len(layers)} layers refuse: {unfit}") from unfit


POLICY_CHECKS: tuple[Callable[[Policy], None], ...] = (
    fits_some_network,
    freezes_what_is_there,
    has_no_history,
    takes_what_all_stands_for,
)


def _frozen(policy: Policy) -> Iterator[tuple[tuple[str, ...], int, frozenset[int]]]:
    for layers in NETWORKS:
        for epoch in EPOCHS:
            try:
                yield layers, epoch, policy.frozen(layers, epoch)
            except Unfit:
                continue
