"""What every architecture must do."""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy

from ftdd.components import Architecture, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain, Features
from ftdd.training.freezing import hashes
from ftdd.training.probe import Kind, faults, undisturbed

SHAPES = (
    *(ImageShape(channels, side, side) for side in (32, 16, 8, 64, 160, 224) for channels in (3, 1)),
    ImageShape(1, 1, 48),
)
CLASSES = 5
INTERPOLATED, MOST_STEPS = 32, 400
MANY_CALLS = 50


def takes_some_images(architecture: Architecture) -> None:
    """There are images, of 8 to 224 pixels or of one row, that it takes."""
    _image(architecture)


def names_its_layers(architecture: Architecture) -> None:
    """`layers` gives the names of what `build` builds, the same each time, without moving torch's generator."""
    image = _image(architecture)
    torch.manual_seed(7)
    names = architecture.layers(image, CLASSES)
    moved = torch.rand(())
    torch.manual_seed(7)
    assert torch.rand(()) == moved, (
        "`layers` draws from torch's generator, so that checking a recipe changes its numbers"
    )
    assert names == architecture.layers(image, CLASSES), "`layers` gives other names the second time"
    built = _built(architecture).names
    assert built == names, f"`layers` says {names}, `build` builds {built}"


def gives_logits(architecture: Architecture) -> None:
    """A row of finite numbers for each image, one for each class, for batches of any size."""
    chain = _built(architecture).eval()
    for count in (1, 2, 5):
        with torch.no_grad():
            logits = chain(_images(architecture, count))
        assert isinstance(logits, torch.Tensor), f"gives {type(logits).__name__} instead of logits"
        assert tuple(logits.shape) == (count, CLASSES), f"gives shape {tuple(logits.shape)} for {count} images"
        assert logits.isfinite().all(), "gives logits that are not finite"


def goes_on_from_any_layer(architecture: Architecture) -> None:
    """`chain(chain(x, stop=k), start=k)` is `chain(x)`, bit for bit, for every k; the batch is the first axis there."""
    _has_no_fault(architecture, "shape")
    chain, images = _built(architecture).eval(), _images(architecture, 3)
    with torch.no_grad():
        whole = chain(images)
        for k, name in enumerate(chain.names):
            halves = chain(chain(images, stop=k), start=k)
            assert torch.equal(whole, halves), f"going on from layer {k} ('{name}') gives other logits"


def treats_images_apart(architecture: Architecture) -> None:
    """In evaluation mode an image's features depend on that image alone: without it nothing could be cached."""
    chain, images = _built(architecture).eval(), _images(architecture, 4)
    with torch.no_grad():
        for k in range(1, len(chain.names) + 1):
            together = _tensors(chain(images, stop=k))
            apart = zip(*(_tensors(chain(images[i : i + 1], stop=k)) for i in range(4)), strict=True)
            for one, others in zip(together, apart, strict=True):
                assert torch.allclose(one, torch.cat(others), rtol=1e-3, atol=1e-3 * _size(one)), (
                    f"in evaluation mode, layer '{chain.names[k - 1]}' gives an image other features in other company"
                )
    _has_no_fault(architecture, "company", "size")


def gives_the_same_again(architecture: Architecture) -> None:
    """In evaluation mode the same images get the same features each time, bit for bit: nothing is drawn or counted."""
    _has_no_fault(architecture, "changes", "draws")
    chain, images = _built(architecture), _images(architecture, 4)
    chain.freeze(range(len(chain.names) - 1))
    with undisturbed(chain, ()):
        first = [_tensors(chain(images.clone(), stop=k)) for k in range(1, len(chain.names))]
        for _ in range(MANY_CALLS):
            chain(images.clone())
        for k, features in enumerate(first, start=1):
            again = _tensors(chain(images.clone(), stop=k))
            assert all(torch.equal(a, b) for a, b in zip(features, again, strict=True)), (
                f"in evaluation mode, layer '{chain.names[k - 1]}' gives the same images other features after "
                f"{MANY_CALLS} calls: it counts, or something in it drifts"
            )
        chain.train()
        for k, features in enumerate(first, start=1):
            again = _tensors(chain(images.clone(), stop=k))
            assert all(torch.equal(a, b) for a, b in zip(features, again, strict=True)), (
                f"frozen, layer '{chain.names[k - 1]}' gives other features while the head is trained: it looks at "
                "another module's mode"
            )


def builds_the_same_from_the_same_seed(architecture: Architecture) -> None:
    """All that is random comes from torch's generator."""
    first, again, other = (_weights(_built(architecture, seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True)), "the same seed gives other weights"
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True)), "another seed gives the same weights"


def keeps_its_state(architecture: Architecture) -> None:
    """A state dict, loaded into another one, gives the same network."""
    one, other, images = _built(architecture, 0), _built(architecture, 1), _images(architecture, 8)
    _steps(one.train(), images, 2)  # so that buffers move too
    try:
        other.load_state_dict(one.state_dict())
    except RuntimeError as error:
        raise AssertionError(
            f"its state dict cannot be loaded into a new one, so a buffer was not whole when `build` returned: {error}"
        ) from error
    with torch.no_grad():
        same = torch.equal(one.eval()(images), other.eval()(images))
    assert same, "something that its logits depend on is neither a parameter nor a buffer of its state dict"


def learns_where_it_is_not_frozen(architecture: Architecture) -> None:
    """With k layers frozen, every parameter above them takes a gradient and none below does, for every k."""
    chain, images = _built(architecture), _images(architecture, 4)
    for k in range(len(chain.names)):
        chain.zero_grad(set_to_none=True)
        chain.freeze(range(k))
        chain.train()
        loss = cross_entropy(chain(images), torch.arange(4) % CLASSES)
        if loss.requires_grad:  # a head may have no weights
            loss.backward()  # type: ignore[no-untyped-call]
        for i, layer in enumerate(chain.layers):
            for name, parameter in layer.named_parameters():
                where = f"{chain.names[i]}.{name}, with {k} layers frozen,"
                if i < k:
                    assert parameter.grad is None, f"{where} takes a gradient"
                else:
                    assert parameter.grad is not None, f"{where} takes no gradient"


def keeps_frozen_layers(architecture: Architecture) -> None:
    """Images that pass, and training with k layers frozen, move no bit of them, parameters and buffers alike."""
    _has_no_fault(architecture, "moves")
    images = _images(architecture, 8)
    for k in range(1, len(_built(architecture).names)):
        chain = _built(architecture)
        chain.freeze(range(k))
        before = hashes(chain)
        _steps(chain.train(), images, 2)
        after = hashes(chain)
        moved = [chain.names[i] for i in range(k) if before[i] != after[i]]
        assert not moved, f"with {k} layers frozen, training moves {', '.join(moved)}"


def interpolates(architecture: Architecture) -> None:
    """It learns 32 random images with random labels by heart: without that there is no double descent to see."""
    torch.manual_seed(0)
    chain, images = _built(architecture).train(), _images(architecture, INTERPOLATED)
    labels = torch.arange(INTERPOLATED) % CLASSES
    for optimizer in (torch.optim.Adam(chain.parameters(), lr=2e-3), torch.optim.Adam(chain.parameters(), lr=3e-4)):
        for step in range(MOST_STEPS):
            loss = cross_entropy(chain(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if step % 10 == 9:
                with torch.no_grad():
                    wrong = int((chain.eval()(images).argmax(dim=1) != labels).sum())
                chain.train()
                if wrong == 0:
                    return
    raise AssertionError(f"after {2 * MOST_STEPS} steps of Adam {wrong} of {INTERPOLATED} images are still wrong")


ARCHITECTURE_CHECKS: tuple[Callable[[Architecture], None], ...] = (
    takes_some_images,
    names_its_layers,
    gives_logits,
    goes_on_from_any_layer,
    treats_images_apart,
    gives_the_same_again,
    builds_the_same_from_the_same_seed,
    keeps_its_state,
    learns_where_it_is_not_frozen,
    keeps_frozen_layers,
    interpolates,
)


def _image(architecture: Architecture) -> ImageShape:
    """The first of some shapes that it takes."""
    refused = ""
    for shape in SHAPES:
        try:
            architecture.layers(shape, CLASSES)
        except Unfit as unfit:
            refused = refused or str(unfit)
            continue
        return shape
    raise AssertionError(f"takes none of {', '.join(map(str, SHAPES))}: {refused}")


def _built(architecture: Architecture, seed: int = 0) -> Chain:
    torch.manual_seed(seed)
    return architecture.build(_image(architecture), CLASSES)


def _images(architecture: Architecture, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(count, *_image(architecture), generator=generator)


def _has_no_fault(architecture: Architecture, *kinds: Kind) -> None:
    """Below the head, each layer as a run tries what it freezes, once it was loaded as from a checkpoint."""
    chain = _built(architecture)
    chain.load_state_dict({name: tensor.clone() for name, tensor in chain.state_dict().items()})
    x: Features = _images(architecture, 8)
    with undisturbed(chain, ()):
        for name, layer in zip(chain.names[:-1], chain.layers, strict=False):
            for fault in faults(layer, x, batch_size=20):
                assert fault.kind not in kinds, f"in evaluation mode, layer '{name}' {fault.text}"
            x = layer(x)


def _weights(chain: Chain) -> list[torch.Tensor]:
    return list(chain.state_dict().values())


def _tensors(features: Features) -> tuple[torch.Tensor, ...]:
    return features if isinstance(features, tuple) else (features,)


def _size(features: torch.Tensor) -> float:
    return max(float(features.abs().max()), 1e-3)


def _steps(chain: Chain, images: torch.Tensor, count: int) -> None:
    trained = [p for p in chain.parameters() if p.requires_grad]
    if not trained:
        return
    optimizer = torch.optim.SGD(trained, lr=0.01, momentum=0.9, weight_decay=0.1)
    for _ in range(count):
        optimizer.zero_grad()
        cross_entropy(chain(images), torch.arange(len(images)) % CLASSES).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
