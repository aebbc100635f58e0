"""Networks of timm and torchvision by their names: layers, weights, sizes, and what is said where something is not there."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from ftdd.components import Architecture, DataUnavailable, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.networks.cut import cut
from ftdd_plugins.architectures.timm_networks import Timm
from ftdd_plugins.architectures.torchvision_networks import TorchVision
from ftdd_plugins.architectures.torchvision_operators import declare_operators

SMALL = ImageShape(3, 32, 32)
RESNET = {"timm": Timm(model="resnet18"), "torchvision": TorchVision(model="resnet18")}
BLOCKS = tuple(f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2))


@pytest.mark.parametrize("name", RESNET)
def test_layers_are_blocks_under_the_networks_own_names(name: str) -> None:
    chain = RESNET[name].build(SMALL, 1000)
    assert chain.names == ("conv1", *BLOCKS, "fc")
    assert sum(parameter.numel() for parameter in chain.parameters()) == 11_689_512


def test_timm_orders_and_groups_layers_as_the_chain_does() -> None:
    """timm's own `group_matcher` as a second opinion: no block before it comes after ours, and none is split."""
    from ftdd_plugins.architectures.timm_networks import _timm

    timm = _timm()
    from timm.models import group_modules

    for model in ("test_convnext", "test_vit", "resnet10t", "mobilenetv3_small_050"):
        network = timm.create_model(model)
        groups = group_modules(network, network.group_matcher(coarse=False), reverse=True)
        names = Timm(model=model).layers(ImageShape(3, 64, 64), 10)
        places = []
        for name in names:
            inside = {group for module, group in groups.items() if module == name or module.startswith(f"{name}.")}
            places.append(min(inside) if inside else None)
        known = [place for place in places if place is not None]
        assert len(known) > len(names) / 2, (model, places)
        assert known == sorted(known), (model, names, places)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Timm(model="convnext_ato"), "timm has no model 'convnext_ato'; nearest: convnext_atto"),
        (Timm(model="resnet18.nope"), r"timm has no such weights 'resnet18.nope'; there are: .*a1_in1k"),
        (TorchVision(model="resnet19"), "torchvision has no classification model 'resnet19'; nearest: resnet1"),
        (
            Timm(model="inception_v4"),
            r"inception_v4 on images of 3×32×32: InceptionV4 cannot be cut into layers: .*; where it needs larger images, set image_size",
        ),
    ],
    ids=lambda value: value.model if isinstance(value, Architecture) else "",
)
def test_a_wrong_name_or_size_is_one_sentence_at_the_field(architecture: Architecture, message: str) -> None:
    with pytest.raises(Unfit, match=message) as caught:
        architecture.layers(SMALL, 10)
    assert caught.value.field == "model"
    assert "\n" not in str(caught.value)


def test_torchvision_takes_colour_images_only_and_timm_any() -> None:
    with pytest.raises(Unfit, match="take 3 channels, got images of 1×32×32"):
        TorchVision(model="resnet18").build(ImageShape(1, 32, 32), 10)
    chain = Timm(model="resnet18").build(ImageShape(1, 32, 32), 10)
    assert chain(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("vit_tiny_patch16_224", marks=pytest.mark.slow),
        pytest.param("swin_tiny_patch4_window7_224", marks=pytest.mark.slow),
        "test_vit",
    ],
)
def test_a_network_of_fixed_size_is_made_for_the_images_where_it_can(model: str) -> None:
    image = ImageShape(3, 64, 64)
    assert Timm(model=model).build(image, 5)(torch.zeros(2, *image)).shape == (2, 5)


def test_images_are_resized_where_a_size_is_asked_for() -> None:
    """A step in front of the first layer; without it the network sees fewer pixels, with it as many as asked for."""
    torch.manual_seed(0)
    large = Timm(model="test_resnet", image_size=64).build(SMALL, 5).eval()
    torch.manual_seed(0)
    plain = Timm(model="test_resnet").build(ImageShape(3, 64, 64), 5).eval()
    images = torch.randn(2, *SMALL)
    resized = torch.nn.functional.interpolate(images, size=(64, 64), mode="bilinear", antialias=True)
    with torch.no_grad():
        assert torch.equal(large(images), plain(resized))
        assert torch.equal(large(large(images, stop=2), start=2), large(images))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("timm", "safetensors"),
        ("torchvision", "nested"),
        *(pytest.param(name, "pt", marks=pytest.mark.slow) for name in RESNET),
        pytest.param("timm", "nested", marks=pytest.mark.slow),
        pytest.param("torchvision", "safetensors", marks=pytest.mark.slow),
    ],
)
def test_weights_come_from_a_file_but_for_the_head(name: str, form: str, tmp_path: Path) -> None:
    """A checkpoint of another number of classes: all but the head is taken, and the head is new."""
    network = _network(name)
    state = dict(network.state_dict())
    source = cut(network, torch.randn(3, *SMALL), head=("fc",))
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.pt")
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if form == "nested" else state, path)
    torch.manual_seed(2)
    architecture = RESNET[name].model_copy(update={"checkpoint": str(path)})
    chain = architecture.build(SMALL, 5)
    for layer, (one, other) in enumerate(zip(source.layers[:-1], chain.layers[:-1], strict=True)):
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(a, b), chain.names[layer]
    assert chain(torch.zeros(2, *SMALL)).shape == (2, 5)
    assert architecture.untrained() == RESNET[name]
    assert architecture.normalization(SMALL) is not None
    assert RESNET[name].normalization(SMALL) is None


def _network(name: str) -> torch.nn.Module:
    """Somebody's trained network of 7 classes."""
    declare_operators()
    torch.manual_seed(1)
    if name == "timm":
        import timm

        return timm.create_model("resnet18", num_classes=7)
    import torchvision.models

    return torchvision.models.resnet18(num_classes=7)


class _Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (f"touch '{self.marker}'",)


def test_a_file_that_is_no_checkpoint_is_one_sentence_and_runs_nothing(tmp_path: Path) -> None:
    import pickle

    marker = tmp_path / "it has run"
    files = {
        "missing.pt": (None, "there is no file"),
        "text.pt": (b"hello", "cannot be read as weights"),
        "text.safetensors": (b"hello", "cannot be read as weights"),
        "evil.pt": (pickle.dumps(_Evil(marker), protocol=2), "cannot be read as weights"),
    }
    for name, (content, message) in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        architecture = Timm(model="resnet18", checkpoint=str(tmp_path / name))
        with pytest.raises(DataUnavailable, match=message) as caught:
            architecture.prepare(lambda line: None)
        assert "\n" not in str(caught.value)
    assert not marker.exists()
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(DataUnavailable, match=r"do not fit: conv1\.weight is missing; .* \(and \d+ more\)"):
        Timm(model="resnet18", checkpoint=str(tmp_path / "other.pt")).build(SMALL, 5)


@pytest.mark.parametrize(
    "architecture",
    [Timm(model="resnet18", pretrained=True), TorchVision(model="resnet18", pretrained=True)],
    ids=["timm", "torchvision"],
)
def test_without_a_network_there_is_one_sentence_at_once(
    architecture: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """timm alone retries for most of a minute; here nothing is tried again, so few look-ups are made."""
    import socket

    asked: list[object] = []

    def nowhere(*address: object, **_: object) -> None:
        asked.append(address)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataUnavailable, match=r"cannot be reached .*; name a file that has them with `checkpoint`"):
        architecture.prepare(lambda line: None)
    assert len(asked) == 1
    with pytest.raises(DataUnavailable, match="are not on this machine; ftdd run fetches them"):
        architecture.build(SMALL, 5)
    assert len(asked) == 1


def test_a_host_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from ftdd_plugins.architectures.weights.fetching import check_reachable

    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    waits: list[float] = []

    def silent(address: tuple[str, int], timeout: float) -> None:
        waits.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", silent)
    with pytest.raises(DataUnavailable, match=r"host\.invalid cannot be reached"):
        check_reachable("https://host.invalid/x", "the weights")
    assert waits == [1.0]


@pytest.mark.parametrize("name", RESNET)
def test_naming_layers_draws_nothing(name: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    RESNET[name].layers(SMALL, 6)
    assert torch.equal(torch.rand(1), expected)


# ---- the libraries' own weights, made up in the layout in which they are published


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the libraries keep what they have fetched: nothing yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """docs/make_networks.py, which does the same for every network."""
    path = Path(__file__).parents[2] / "docs" / "make_networks.py"
    spec = importlib.util.spec_from_file_location("make_networks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("library", "model", "image"),
    [
        ("torchvision", "squeezenet1_1", ImageShape(3, 64, 64)),
        ("timm", "test_vit", ImageShape(3, 64, 64)),
        ("timm", "mobilenetv3_small_050", ImageShape(1, 64, 64)),
        ("timm", "test_resnet", ImageShape(5, 64, 64)),
        *(
            pytest.param(library, model, ImageShape(3, side, side), marks=pytest.mark.slow)
            for library, model, side in (
                ("torchvision", "googlenet", 64),
                ("torchvision", "inception_v3", 80),
                ("torchvision", "densenet121", 32),
                ("torchvision", "vit_b_32", 224),
                ("torchvision", "swin_t", 64),
                ("torchvision", "mobilenet_v3_small", 64),
                ("torchvision", "mnasnet0_5", 64),
                ("timm", "resnet10t", 32),
                ("timm", "convnext_atto", 64),
                ("timm", "test_efficientnet", 64),
                ("timm", "legacy_seresnet18", 64),
                ("timm", "levit_128s", 224),
                ("timm", "inception_v3.tv_in1k", 80),
            )
        ),
    ],
    ids=str,
)
def test_features_are_those_of_the_librarys_own_network(
    library: str, model: str, image: ImageShape, script: ModuleType, place: Path
) -> None:
    """Bit for bit, at the head: with names of old, heads of training, images of another size and of other channels."""
    declare_operators()
    script.put_weights(library, model, place)
    architecture = script.architecture_of(library, model, pretrained=True)
    architecture.prepare(lambda line: pytest.fail(line))
    (file,) = architecture.weight_files()
    assert file.is_relative_to(place)
    assert script.same_features(library, model, image)
    assert architecture.layers(image, 10) == architecture.build(image, 10).names


@pytest.mark.slow
@pytest.mark.parametrize("model", ["googlenet", "inception_v3"])
def test_a_checkpoint_sets_what_torchvision_sets_with_its_weights(model: str, script: ModuleType, place: Path) -> None:
    """The same file by the other field: the same features, so the input is transformed too."""
    declare_operators()
    script.put_weights("torchvision", model, place)
    (file,) = TorchVision(model=model, pretrained=True).weight_files()
    image = ImageShape(3, 80, 80)
    images = torch.randn(2, *image)
    one, other = (
        script.entering(TorchVision(model=model, **given).build(image, 3), "fc", images)
        for given in ({"pretrained": True}, {"checkpoint": str(file)})
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_published_weights_that_lack_a_layer_are_refused(library: str, script: ModuleType, place: Path) -> None:
    """timm itself would start that layer at random, where the number of classes is another."""
    declare_operators()
    model = "legacy_seresnet18" if library == "timm" else "resnet18"
    script.put_weights(library, model, place)
    (file,) = script.architecture_of(library, model, pretrained=True).weight_files()
    weights = torch.load(file, weights_only=True)
    name = next(key for key in weights if key.endswith("0.conv1.weight"))
    torch.save({key: value for key, value in weights.items() if key != name}, file)
    with pytest.raises(DataUnavailable, match=f"do not fit: {name} is missing"):
        script.architecture_of(library, model, pretrained=True).build(SMALL, 5)


def test_a_network_of_which_timm_has_no_weights_is_told_so(place: Path) -> None:
    """That a run would fetch them would not be true."""
    with pytest.raises(DataUnavailable, match=r"timm has no weights of ghostnet_050; set pretrained: false"):
        Timm(model="ghostnet_050", pretrained=True).build(SMALL, 5)


def test_weights_do_not_move_the_head(script: ModuleType, place: Path) -> None:
    """It is drawn as without weights, from the same generator."""
    declare_operators()
    script.put_weights("timm", "test_resnet", place)
    script.put_weights("torchvision", "squeezenet1_1", place)
    for architecture in (
        Timm(model="test_resnet", pretrained=True),
        TorchVision(model="squeezenet1_1", pretrained=True),
    ):
        heads, after = [], []
        for one in (architecture, architecture.untrained()):
            torch.manual_seed(4)
            heads.append([value for _, value in one.build(ImageShape(3, 64, 64), 6).layers[-1].named_parameters()])
            after.append(torch.rand(1))
        assert all(torch.equal(a, b) for a, b in zip(*heads, strict=True))
        assert torch.equal(*after)


def test_weights_that_decide_the_start_are_named_with_the_network(tmp_path: Path, place: Path) -> None:
    for kind in (Timm, TorchVision):
        assert kind(model="resnet18").weight_files() == ()
        assert kind(model="resnet18", pretrained=True).weight_files() == ()
        file = tmp_path / "m.pth"
        assert kind(model="resnet18", checkpoint=str(file)).weight_files() == (file,)


@pytest.mark.parametrize("trouble", ["a dead proxy", "a server that fails", "a server that is silent", "offline"])
def test_a_fetch_that_cannot_be_is_given_up_at_once(trouble: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's client alone would try again for most of a minute."""
    import socket
    import threading
    import time
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from ftdd_plugins.architectures.weights import fetching

    class Fails(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetching, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", trouble == "offline")
    with socket.create_server(("127.0.0.1", 0)) as silent, HTTPServer(("127.0.0.1", 0), Fails) as failing:
        threading.Thread(target=failing.serve_forever, daemon=True).start()
        port = silent.getsockname()[1] if trouble == "a server that is silent" else failing.server_port
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            f"http://127.0.0.1:{port}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        )
        if trouble == "a dead proxy":
            monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
            monkeypatch.setenv("no_proxy", "")
        began = time.monotonic()
        with pytest.raises(DataUnavailable) as caught:
            Timm(model="resnet18", pretrained=True).prepare(lambda line: None)
        assert time.monotonic() - began < 20
        failing.shutdown()
    expected = {
        "a dead proxy": "the proxy 127.0.0.1 cannot be reached",
        "a server that fails": "cannot be reached (HTTP Error 503",
        "a server that is silent": "cannot be reached (timed out)",
        "offline": "HF_HUB_OFFLINE forbids fetching them",
    }
    assert expected[trouble] in str(caught.value)
