"""Kept features are what the frozen layers would give anew: bit for bit where sums have the same order, else nearly so."""

from pathlib import Path

import pytest
import torch

from ftdd.components import Architecture
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.networks.chain import Chain
from ftdd.training.features import CacheBudget, Inputs, Pixels, prefix_inputs, slices
from ftdd_plugins.architectures.densenet import DenseNet
from ftdd_plugins.architectures.resnet import ResNet
from ftdd_plugins.architectures.vit import ViT
from tests.core.training.test_freezing import assignment, measurements, small_chain, trained

IMAGES = 70
NETWORKS = {
    "resnet": ResNet(width=4),
    "densenet": DenseNet(depth=22, growth=4),
    "vit": ViT(width=16, depth=2, patch=4),
}


def _inputs(architecture: Architecture, folder: Path) -> tuple[Pixels, Inputs, Inputs, Inputs]:
    """The images, and what all layers below the head make of them: in memory, in a file, and anew."""
    torch.manual_seed(0)
    chain: Chain = architecture.build(ImageShape(3, 16, 16), 5)
    images = torch.randint(0, 256, (IMAGES, 3, 16, 16), dtype=torch.uint8)
    pixels = Pixels(images, Normalization((0.5,) * 3, (0.25,) * 3), architecture.memory_format)
    frozen = len(chain.names) - 1
    chain.freeze(range(frozen))
    chain.eval()
    budgets = (CacheBudget(memory=1 << 30), CacheBudget(disk=1 << 30, folder=folder), CacheBudget())
    memory, file, anew = (prefix_inputs(chain, frozen, pixels, budget, "features.npy") for budget in budgets)
    assert [each.place for each in (memory, file, anew)] == ["memory", "file", "recomputed"]
    return pixels, memory, file, anew


@pytest.mark.parametrize("network", NETWORKS)
def test_kept_features_are_those_of_an_evaluation_bit_for_bit(network: str, tmp_path: Path) -> None:
    """Both go through the layers in the same pieces, so sums have the same order."""
    pixels, memory, file, anew = _inputs(NETWORKS[network], tmp_path)
    for piece in slices(pixels.images):
        assert torch.equal(memory.batch(piece), anew.batch(piece))
        assert torch.equal(file.batch(piece), anew.batch(piece))


@pytest.mark.parametrize("batch", [35, 32, 3])
@pytest.mark.parametrize("network", NETWORKS)
def test_in_batches_of_the_training_they_are_the_same_up_to_rounding(network: str, batch: int, tmp_path: Path) -> None:
    """Sizes that divide the number of images and others; a kernel may add up in another order for other sizes."""
    _, memory, _, anew = _inputs(NETWORKS[network], tmp_path)
    for indices in torch.randperm(IMAGES, generator=torch.Generator().manual_seed(0)).split(batch):
        kept, made = memory.batch(indices), anew.batch(indices)
        assert float((kept - made).abs().max() / made.abs().max()) < 1e-5


@pytest.mark.parametrize("count", [1, 2, 3])
def test_curves_are_the_same_bit_for_bit_wherever_features_are_kept(count: int, tmp_path: Path) -> None:
    memory = assignment(count, cache=CacheBudget(memory=1 << 20))
    file = assignment(count, cache=CacheBudget(disk=1 << 20, folder=tmp_path))
    assert measurements(trained(small_chain(), memory)) == measurements(trained(small_chain(), file))
