"""cut(): any module as a chain of its own blocks, equal to it bit for bit, or a sentence why not."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout, relu

from ftdd.networks.chain import Chain
from ftdd.networks.cut import CannotCut, cut, prove_equal

IMAGES = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.two(relu(self.one(self.norm(x))))


class Network(nn.Module):
    """Stem, three blocks in a list, pooling and a linear head; `middle` is what a test changes."""

    def __init__(self, width: int = 4, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(Block(width) for _ in range(3))
        self.fc = nn.Linear(width, classes)

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.middle(self.stem(x)).mean(dim=(2, 3)))


def made(cls: type[nn.Module], **fields: Any) -> nn.Module:
    torch.manual_seed(1)
    return cls(**fields)


def test_layers_are_the_networks_own_blocks_under_their_own_names() -> None:
    network = made(Network)
    chain = cut(network, IMAGES)
    assert chain.names == ("stem", "blocks.0", "blocks.1", "blocks.2", "fc")
    assert chain.layers[1] is network.get_submodule("blocks.0")
    assert set(map(id, chain.parameters())) == set(map(id, network.parameters()))


def test_a_chain_and_its_network_are_equal_for_any_batch() -> None:
    network = made(Network)
    chain = cut(network, IMAGES)
    images = torch.randn(17, 3, 16, 16)
    for mode in (True, False):
        assert torch.equal(chain.train(mode)(images), network.train(mode)(images))


def test_cutting_leaves_modes_buffers_and_torchs_generator_alone() -> None:
    network = made(Network).train()
    network.blocks[1].eval()  # type: ignore[index]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    cut(network, IMAGES)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert [block.training for block in network.blocks] == [True, False, True]  # type: ignore[union-attr]
    assert all(parameter.grad is None for parameter in network.parameters())


class Sized(Block):
    """Makes a table anew where images have another size, as ConViT does of distances."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.register_buffer("table", torch.zeros(1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.table.shape[1] != x.shape[3]:
            self.table = torch.arange(1.0, x.shape[3] + 1)[None]
        return super().forward(x * self.table)


class WithTable(Network):
    def __init__(self) -> None:
        super().__init__()
        self.blocks[1] = Sized(4)


def test_a_buffer_that_the_network_makes_anew_is_put_back_and_not_overwritten() -> None:
    """Its old values, copied into the new one, would be a table of zeros."""
    network = made(WithTable).eval()
    expected = made(WithTable).eval()(IMAGES)
    chain = cut(network, IMAGES).eval()
    assert torch.equal(network(IMAGES), expected)
    assert torch.equal(chain(IMAGES), expected)


def test_finer_pieces_are_cut_where_one_tensor_crosses() -> None:
    class Plain(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(
                nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 5)
            )

    assert cut(made(Plain), IMAGES, granularity="modules").names == ("0", "2", "5")
    assert cut(made(Network), IMAGES, granularity="modules").names == (
        "stem",
        "blocks.0.one",
        "blocks.1.one",
        "blocks.2.one",
        "fc",
    )


class Branches(Network):
    """Python asks for values: a branch and a loop over sizes."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] == 4 and x.mean() < 1e9:
            for i in range(min(len(self.blocks), x.shape[2])):
                x = self.blocks[i](x)
        return x


class KeepsSizes(Network):
    """Sizes, that of the batch too, are taken before the blocks and used after them."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        count, channels, height, width = x.shape
        x = super().middle(x)
        return (
            x.reshape(count, channels, height * width)
            .reshape(count * channels, height, width)
            .view(count, channels, height, width)
        )


class Dense(Network):
    """All that came before goes into each block: several tensors cross."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        seen = [x]
        for block in self.blocks:
            seen.append(block(torch.stack(seen).sum(dim=0)))
        return torch.stack(seen).sum(dim=0)


class TwoOutputs(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = Block(width)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[int, torch.Tensor]]:
        return self.inner(x), (x.shape[0], x)


class Nested(Network):
    """A block gives tensors and a size in nested tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([TwoOutputs(4), Block(4), Block(4)])

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        x, (count, before) = self.blocks[0](x)
        x = self.blocks[1](x)
        return self.blocks[2](x) + before.view(count, *before.shape[1:])


class OwnWeights(Network):
    """A weight of the network's own, and a constant that is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((4, 1, 1), 0.5))
        self.fixed = torch.linspace(0, 1, 8)

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks[0](x) * self.scale + self.fixed
        return self.blocks[2](self.blocks[1](x))


class FunctionalDropout(Network):
    """Dropout as a function, which hangs on the network's mode."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        return dropout(super().middle(x), 0.5, training=self.training)


class InPlace(Network):
    def middle(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks[0](x)
        x += 1
        x = self.blocks[1](x)
        x.relu_()
        return self.blocks[2](x)


class Twice(Network):
    """One block, run twice."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks[1](self.blocks[0](self.blocks[1](x)))


class SharedPositions(Network):
    """What all blocks are given is the same for every image, and made where the images are."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        positions = torch.linspace(0, 1, 8, device=x.device) * self.stem.bias.view(4, 1, 1)
        for block in self.blocks:
            x = block(x) + positions
        return x


class BatchLast(Network):
    """Images lie along the second axis between blocks, and along a mixed one."""

    def middle(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks[0](x).movedim(0, 1)
        x = x.movedim(1, 0).flatten(0, 1)
        x = self.blocks[1](x.unflatten(0, (-1, 4)))
        return self.blocks[2](x.flatten(0, 1).unflatten(0, (-1, 4)))


@pytest.mark.parametrize(
    ("cls", "layers"),
    [
        (Branches, 5),
        (KeepsSizes, 5),
        (Dense, 5),
        (Nested, 5),
        (OwnWeights, 5),
        (FunctionalDropout, 5),
        (InPlace, 5),
        (Twice, 5),
        (SharedPositions, 5),
        (BatchLast, 5),
    ],
)
def test_networks_that_are_not_plain_are_cut_too(cls: type[nn.Module], layers: int) -> None:
    network = made(cls)
    chain = cut(network, IMAGES)
    assert len(chain.names) == layers
    prove_equal(chain, network, IMAGES)
    images = torch.randn(7, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(chain.eval()(images), network.eval()(images))
        for k in range(len(chain.names)):
            crossing = chain(images, stop=k)
            assert torch.equal(chain(crossing, start=k), chain(images))
            for tensor in crossing if isinstance(crossing, tuple) else (crossing,):
                assert len(tensor) == 7, (
                    "what crosses must have the batch as its first axis: the cache picks images by it"
                )
            one = tuple(t[2:3] for t in crossing) if isinstance(crossing, tuple) else crossing[2:3]
            assert torch.allclose(chain(one, start=k), chain(images)[2:3], atol=1e-5)


def test_several_tensors_cross_as_a_tuple() -> None:
    chain = cut(made(Dense), IMAGES).eval()
    crossing = chain(IMAGES, stop=3)
    assert isinstance(crossing, tuple)
    assert [tuple(tensor.shape) for tensor in crossing] == [(3, 4, 8, 8)] * 3


def test_a_frozen_layer_that_was_cut_out_is_in_evaluation_mode() -> None:
    """Also where its dropout is a function: it hangs on the mode of the piece."""
    chain = cut(made(FunctionalDropout), IMAGES)
    chain.freeze(range(4))
    chain.train()
    assert torch.equal(chain(IMAGES, stop=4), chain(IMAGES, stop=4))
    chain.freeze(())
    assert not torch.equal(chain(IMAGES, stop=4), chain(IMAGES, stop=4))


def test_a_block_that_runs_twice_cannot_be_half_frozen() -> None:
    chain = cut(made(Twice), IMAGES)
    with pytest.raises(ValueError, match="share the weight"):
        chain.freeze({0, 1})


class OtherInTraining(Network):
    def forward(self, x: torch.Tensor) -> Any:
        logits = super().forward(x)
        return logits * self.fc(torch.ones(4)) if self.training else logits


class ManyOutputs(Network):
    def forward(self, x: torch.Tensor) -> Any:
        logits = super().forward(x)
        return logits, logits


class HangsOnTheBatch(Network):
    def middle(self, x: torch.Tensor) -> torch.Tensor:
        return super().middle(x) + torch.zeros(2, 4, 8, 8)


class Fails(Network):
    def middle(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("needs images of 224 pixels\nand more")


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (OtherInTraining, "it does other things in training mode than in evaluation mode"),
        (ManyOutputs, "it gives more than one tensor, or none"),
        (HangsOnTheBatch, "depends on the size of the batch"),
        (Fails, r"its forward pass cannot be written down: needs images of 224 pixels$"),
        (lambda: nn.Flatten(), "has no weights, so there is no head"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_a_sentence(cls: Any, message: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(CannotCut, match=message):
        cut(cls(), IMAGES)


def test_a_head_that_is_not_there_is_refused() -> None:
    with pytest.raises(CannotCut, match=r"its head [(]nowhere[)] is not among what it runs"):
        cut(made(Network), IMAGES, head=("nowhere",))


def test_the_proof_sees_a_chain_that_is_not_its_network() -> None:
    """A wrong order of layers, a lost dropout, a layer that stops the gradient: each is a difference somewhere."""
    network = made(Network)
    good = cut(network, IMAGES)
    layers = list(zip(good.names, good.layers, strict=True))
    swapped = Chain([layers[0], layers[2], layers[1], *layers[3:]])
    with pytest.raises(CannotCut, match="other logits in evaluation mode"):
        prove_equal(swapped, network, IMAGES)

    class Stops(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x.detach())

    stopping = Chain([layers[0], (layers[1][0], Stops(layers[1][1])), *layers[2:]])
    with pytest.raises(CannotCut, match=r"other gradient of stem\.weight in training mode"):
        prove_equal(stopping, network, IMAGES)
