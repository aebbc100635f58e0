"""Freezing, said aloud: a frozen layer does not change in any way, and every run can prove it."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.images import LabelledImages, Task
from ftdd.networks.chain import Chain
from ftdd.training.features import CacheBudget
from ftdd.training.freezing import hashes, layer_facts, layer_hash, ledger
from ftdd.training.loop import Assignment, Moment, train
from ftdd.training.probe import FrozenLayerChanged
from ftdd.training.settings import SGD, Adam, AdamW, CropAndFlip, EveryEpochs, Training, evaluation_epochs


def small_chain(dropout: float = 0.2) -> Chain:
    torch.manual_seed(0)

    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.Dropout(dropout)
        )

    head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 3))
    return Chain([("one", block(1, 4)), ("two", block(4, 4)), ("three", block(4, 4)), ("head", head)])


def random_task(images: int = 24) -> Task:
    generator = torch.Generator().manual_seed(1)

    def half(count: int) -> LabelledImages:
        pixels = torch.randint(0, 256, (count, 1, 6, 6), generator=generator, dtype=torch.uint8)
        return LabelledImages(pixels, torch.randint(0, 3, (count,), generator=generator), ("a", "b", "c"))

    return Task(half(images), half(16))


def assignment(frozen: int = 0, epochs: int = 3, **changes: object) -> Assignment:
    settings = Training(epochs=epochs, batch_size=8, optimizer=Adam(lr=1e-2))
    base = Assignment(
        task=random_task(),
        training=settings,
        evaluate_at=evaluation_epochs(EveryEpochs(), epochs),
        frozen_at=lambda epoch: frozenset(range(frozen)),
        side="target",
        seed=0,
        label_noise=0.0,
        normalization=Normalization((0.5,), (0.5,)),
    )
    return replace(base, **changes)


def trained(chain: Chain, given: Assignment, resume: Moment | None = None) -> list[Moment]:
    return list(train(chain, given, resume))


def measurements(moments: list[Moment]) -> list[tuple[float | None, ...]]:
    return [
        (m.record.epoch, m.record.train_error, m.record.train_loss, m.record.test_error, m.record.test_loss)
        for m in moments
        if m.record is not None
    ]


OPTIMIZERS = [
    SGD(lr=0.1, momentum=0.9, weight_decay=0.1),
    Adam(lr=1e-2, weight_decay=0.1),
    AdamW(lr=1e-2, weight_decay=0.1),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
@pytest.mark.parametrize("augmentation", [False, True], ids=["plain", "augmented"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_parameters_and_buffers_of_frozen_layers_are_bit_equal_after_training(
    count: int, optimizer: SGD | Adam | AdamW, augmentation: bool
) -> None:
    """Whatever the optimizer does with momentum and decay; and every layer that is not frozen does move."""
    chain = small_chain()
    before = {name: tensor.clone() for name, tensor in chain.state_dict().items()}
    settings = Training(
        epochs=2,
        batch_size=8,
        optimizer=optimizer,
        **({"augmentation": CropAndFlip(padding=1)} if augmentation else {}),
    )
    trained(chain, assignment(count, 2, training=settings))
    frozen_names = chain.names[:count]
    for name, tensor in chain.state_dict().items():
        layer = name.partition(".")[0]
        same = torch.equal(tensor, before[name])
        assert same == (layer in frozen_names), name


def test_train_cannot_reach_a_frozen_layer() -> None:
    """`.eval()` on a part is undone by the next `model.train()` elsewhere; here it is not."""
    chain = small_chain()
    chain.freeze({0, 1})
    chain.train()
    assert [layer.training for layer in chain.layers] == [False, False, True, True]
    chain.eval()
    chain.train(True)
    assert not any(module.training for module in chain.layers[0].modules())


def test_frozen_parameters_take_no_gradient() -> None:
    chain = small_chain()
    chain.freeze({0})
    assert [p.requires_grad for p in chain.layers[0].parameters()] == [False] * 4
    assert all(p.requires_grad for p in chain.layers[1].parameters())
    chain.freeze(())
    assert all(p.requires_grad for p in chain.parameters())


def test_a_weight_shared_by_a_frozen_and_a_trained_layer_is_refused() -> None:
    shared = nn.Linear(4, 4)
    chain = Chain([("one", shared), ("two", nn.Sequential(nn.ReLU(), shared)), ("head", nn.Linear(4, 2))])
    with pytest.raises(ValueError, match=r"'one' and 'two' share the weight '1\.weight'"):
        chain.freeze({0})
    chain.freeze({0, 1})


class Counter(nn.Module):
    """A liar: its buffer moves in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return x * self.weight


def test_a_frozen_layer_whose_buffer_moves_fails_the_training() -> None:
    """Freezing is proved, not assumed: a custom layer that writes into itself is found out before any step."""
    chain = Chain([("liar", Counter()), ("head", nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))])
    moments = []
    with pytest.raises(FrozenLayerChanged, match=r"layer 'liar' is frozen .* moves its buffer 'seen'"):
        moments.extend(train(chain, assignment(1)))
    free = Chain([("liar", Counter()), ("head", nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))])
    assert len(trained(free, assignment(0))) == 4


@pytest.mark.parametrize(
    "budget",
    [CacheBudget(memory=1 << 20), "file", CacheBudget()],
    ids=["memory", "file", "recomputed"],
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_curves_with_and_without_the_cache_agree(
    count: int, budget: CacheBudget | str, tmp_path: pytest.TempPathFactory
) -> None:
    """A frozen prefix is a fixed function, so keeping its outputs changes nothing but the time."""
    if budget == "file":
        budget = CacheBudget(memory=0, disk=1 << 20, folder=tmp_path)
    kept = trained(small_chain(), assignment(count, cache=budget))
    plain = trained(small_chain(), assignment(count))
    places = {"memory": budget.memory > 0, "file": budget.disk > 0}
    assert kept[0].cache == next((place for place, chosen in places.items() if chosen), "recomputed")
    for one, other in zip(measurements(kept), measurements(plain), strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_nothing_is_kept_where_nothing_is_frozen() -> None:
    assert trained(small_chain(), assignment(0, cache=CacheBudget(memory=1 << 20)))[0].cache == "none"


def test_what_is_frozen_may_change_over_the_epochs() -> None:
    """Gradual unfreezing: a layer moves only in the epochs in which it is not frozen, and each phase is proved."""
    chain = small_chain()
    frozen = {0: frozenset({0, 1, 2}), 1: frozenset({0, 1}), 2: frozenset({0})}
    seen = []
    for moment in train(chain, assignment(frozen_at=lambda epoch: frozen[min(epoch, 2)])):
        seen.append(hashes(chain))
        last = moment
    moved = [[a != b for a, b in zip(one, two, strict=True)] for one, two in itertools.pairwise(seen)]
    assert moved == [[False, False, False, True], [False, False, True, True], [False, True, True, True]]
    assert [(p.first_epoch, p.last_epoch, p.frozen) for p in last.phases] == [
        (0, 1, (0, 1, 2)),
        (1, 2, (0, 1)),
        (2, 3, (0,)),
    ]


@pytest.mark.parametrize("stop", [1, 2])
def test_a_resumed_training_is_the_same_as_a_whole_one(stop: int) -> None:
    """Also where what is frozen changes, with dropout, momentum and augmentation: nothing hangs on history."""
    settings = Training(epochs=3, batch_size=7, optimizer=Adam(lr=1e-2), augmentation=CropAndFlip(padding=1))
    given = assignment(training=settings, frozen_at=lambda epoch: frozenset({0, 1}) if epoch == 0 else frozenset({0}))
    whole = trained(small_chain(), given)
    chain = small_chain()
    moments = train(chain, given)
    for moment in moments:
        if moment.epoch == stop:
            break
    moments.close()
    other = small_chain()
    other.load_state_dict(chain.state_dict())
    rest = trained(other, given, moment)
    assert measurements(rest) == measurements(whole)[stop + 1 :]
    assert rest[-1].phases == whole[-1].phases


@pytest.mark.parametrize(
    ("frozen", "length"), [((), 0), ((0, 1), 2), ((1, 2), 0), ((0, 1, 3), 2), (frozenset({2, 1, 0}), 3)]
)
def test_the_prefix_ends_at_the_first_layer_that_is_trained(frozen: tuple[int, ...], length: int) -> None:
    chain = Chain((f"layer{i}", nn.Linear(2, 2)) for i in range(5))
    chain.freeze(frozen)
    assert chain.fixed_prefix == length


def test_the_hash_of_a_layer_sees_every_bit_of_parameters_and_buffers() -> None:
    layer = nn.BatchNorm2d(3)
    seen = {layer_hash(layer)}
    for tensor in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
        tensor.view(torch.int32)[0] ^= 1
        seen.add(layer_hash(layer))
    layer.num_batches_tracked += 1
    seen.add(layer_hash(layer))
    assert len(seen) == 6


def test_the_ledger_lists_what_is_frozen_and_its_share() -> None:
    """Counted by hand: a 3 × 3 convolution with bias has 9 · inputs · outputs + outputs parameters."""
    chain = small_chain()
    last = trained(chain, assignment(2))[-1]
    book = ledger(layer_facts(chain, ImageShape(1, 6, 6)), last.phases)
    one, two, head = 9 * 4 + 4 + 8, 9 * 16 + 4 + 8, 144 * 3 + 3
    assert book["frozen_layers"] == 2
    assert book["parameters"] == one + 2 * two + head
    assert book["trainable_parameters"] == two + head
    assert book["frozen_share_of_parameters"] == pytest.approx((one + two) / (one + 2 * two + head))
    flops = [2 * 36 * 9 * 4, 2 * 36 * 9 * 16, 2 * 36 * 9 * 16, 2 * 144 * 3]
    assert book["forward_flops"] == sum(flops)
    assert book["frozen_share_of_forward_flops"] == pytest.approx(sum(flops[:2]) / sum(flops))
    assert book["unchanged"] is True
    layers = book["phases"][0]["layers"]
    assert [layer["frozen"] for layer in layers] == [True, True, False, False]
    assert [layer["hash_before"] == layer["hash_after"] for layer in layers] == [True, True, False, False]
    assert layers[0]["parameters"] == {"0.weight": 36, "0.bias": 4, "1.weight": 4, "1.bias": 4}
    assert set(layers[0]["buffers"]) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
