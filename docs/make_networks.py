"""Cut networks of timm and torchvision, with weights and without, and write docs/reference/networks.md.

    python docs/make_networks.py [--rows FILE] [--only FAMILY …]

Of timm the smallest network of every family (a module of timm's), of torchvision every classification network. Each is
cut at its own image size, then built once more with weights: made up, in the layout in which the library publishes
them, at the place where it keeps what it has fetched. What then enters the head must be what enters the head of the
library's own network with these weights, bit for bit. Each is tried in a process of its own, with a limit in time and
memory; that takes hours. With --rows, what was measured is kept in a file, and a second call goes on from there, the
quickest networks first. With --minutes, none is begun after so long; a network whose turn did not come keeps its row in
the page, or gets one that says so.
"""

import argparse
import json
import os
import re
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "reference" / "networks.md"
SECONDS, BYTES = 400, 16 << 30
"""Of computing, for one network; and of address space."""
CANDIDATES = 12
LARGEST = 400
"""Pixels; networks made for larger images are cut at 224."""
BEGIN, END = "<!-- networks: made by docs/make_networks.py -->", "<!-- end -->"


def families() -> dict[tuple[str, str], list[str]]:
    """Networks by (library, family); each of torchvision's is a family of its own."""
    from ftdd_plugins.architectures.torchvision_operators import declare_operators

    declare_operators()
    import timm
    import torchvision.models as models

    found = {
        ("timm", family): [name for name in timm.list_models(module=family) if not name.startswith("test_")]
        for family in timm.list_modules()
    }
    for model in models.list_models(module=models):
        found["torchvision", model] = [model]
    return {key: names for key, names in found.items() if names}


def smallest(library: str, names: list[str]) -> str:
    """The network with the fewest parameters among those whose names promise few, of which there are weights."""
    import torch

    small = (
        "atto",
        "femto",
        "pico",
        "nano",
        "xx",
        "test",
        "tiny",
        "_t",
        "mini",
        "small",
        "_s",
        "050",
        "_b0",
        "0_5",
        "18",
    )
    if library == "timm":
        names = [name for name in names if published(name)] or names
    likely = sorted(names, key=lambda name: (not any(word in name for word in small), len(name), name))[:CANDIDATES]
    counted = []
    for name in likely:
        try:
            with torch.device("meta"):
                counted.append((sum(p.numel() for p in built(library, name).parameters()), name))
        except Exception:  # one that cannot be made without weights is not the smallest
            continue
    return min(counted)[1] if counted else likely[0]


def published(name: str) -> bool:
    """Whether timm has weights of a network."""
    import timm

    return bool(timm.get_pretrained_cfg(name).has_weights)


def built(library: str, name: str) -> Any:
    """The network itself."""
    if library == "timm":
        import timm

        return timm.create_model(name)
    import torchvision.models as models

    return models.get_model(name, weights=None)


def cut_one(library: str, names: list[str], place: Path) -> dict[str, Any]:
    """Cut the family's smallest network through ftdd's own plugin, without weights and with.

    place: the folder in which the libraries keep what they fetch (TORCH_HOME, HF_HUB_CACHE).
    """
    import torch

    from ftdd.components import Unfit
    from ftdd_plugins.architectures.torchvision_operators import declare_operators

    declare_operators()
    torch.set_num_threads(1)
    name = smallest(library, names)
    image = image_of(library, name)
    row: dict[str, Any] = {"model": name, "pixels": image.height}
    began = time.process_time()
    try:
        chain = architecture_of(library, name).build(image, 10)
    except Unfit as error:
        return row | {"refused": str(error).partition(": ")[2]}
    row |= {"layers": len(chain.names), "seconds": round(time.process_time() - began, 1)}
    row |= {"names": [*chain.names[:2], "…", *chain.names[-2:]]}
    del chain
    if library == "timm" and not published(name):
        return row | {"weights": "none published"}
    put_weights(library, name, place)
    return row | {"weights": "equal" if same_features(library, name, image) else "other features"}


def architecture_of(library: str, name: str, **fields: Any) -> Any:
    """The plugin's component for a network."""
    from ftdd_plugins.architectures.timm_networks import Timm
    from ftdd_plugins.architectures.torchvision_networks import TorchVision

    return Timm(model=name, **fields) if library == "timm" else TorchVision(model=name, **fields)


def image_of(library: str, name: str) -> Any:
    """The images that a network is made for."""
    from ftdd.data.image_shape import ImageShape

    if library == "torchvision":
        import torchvision.models as models

        if name.startswith("vit"):  # its weights have positions of this size
            return ImageShape(3, *models.get_model_weights(name).DEFAULT.meta["min_size"])
        return ImageShape(3, *(299, 299) if name == "inception_v3" else (224, 224))
    import timm

    channels, height, width = timm.get_pretrained_cfg(name).input_size
    return ImageShape(channels, height, width) if height <= LARGEST else ImageShape(channels, 224, 224)


def put_weights(library: str, name: str, place: Path) -> None:
    """Make weights up, in the layout in which the library publishes them, and put them where it looks for them.

    With 1000 classes, auxiliary heads, names of old, and (but for MNASNet, which has them) without the counters of
    batches that torch came to have later.
    """
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    if library == "torchvision":
        import torchvision.models as models

        weights = models.get_model_weights(name).DEFAULT
        more: dict[str, Any] = {}
        if name in ("googlenet", "inception_v3"):
            more = {"aux_logits": True, "init_weights": False}
        if name.startswith("vit"):
            more = {"image_size": weights.meta["min_size"][0]}
        state = _used(models.get_model(name, weights=None, **more)).state_dict()
        if not name.startswith("mnasnet"):
            state = {_of_old(key): value for key, value in state.items() if not key.endswith("num_batches_tracked")}
        _save(state, place / "hub" / "checkpoints" / weights.url.rpartition("/")[2], torch.save)
        return
    import timm

    config = timm.get_pretrained_cfg(name)
    state = {key: value.clone() for key, value in _used(timm.create_model(name)).state_dict().items()}
    if not config.hf_hub_id:
        _save(state, place / "hub" / "checkpoints" / config.url.rpartition("/")[2], torch.save)
        return
    repository = place / f"models--{config.hf_hub_id.partition('@')[0].replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0", encoding="utf-8")
    _save(state, repository / "snapshots" / "0" / "model.safetensors", save_file)


def _save(state: Any, file: Path, save: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    save(state, file)


def _used(network: Any) -> Any:
    """The network with running statistics that are not those of a new one."""
    for part in network.modules():
        if getattr(part, "running_mean", None) is not None:
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return network


def _of_old(key: str) -> str:
    """A name as torchvision's densenets and vision transformers had it when their weights were published."""
    key = re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", key)
    layer, mlp, part = key.partition(".mlp.")
    if layer.startswith("encoder.layers."):
        part = re.sub(r"^[03]", lambda found: "linear_1" if found[0] == "0" else "linear_2", part)
    return f"{layer}{mlp}{part}"


def same_features(library: str, name: str, image: Any) -> bool:
    """Whether the same enters the heads of the plugin's chain and of the library's own network, both with weights."""
    import torch

    chain = architecture_of(library, name, pretrained=True).build(image, 10)
    if library == "torchvision":
        import torchvision.models as models

        network = models.get_model(name, weights=models.get_model_weights(name).DEFAULT)
        last = [path for path, part in network.named_modules() if isinstance(part, torch.nn.Linear | torch.nn.Conv2d)]
        heads = ["fc" if hasattr(network, "fc") else last[-1]]
    else:
        import timm

        given = {"pretrained": True, "num_classes": 10, "in_chans": image.channels}
        try:
            network = timm.create_model(name, img_size=(image.height, image.width), **given)
        except TypeError:  # takes any size
            network = timm.create_model(name, **given)
        heads = heads_of(network)
    x = torch.randn(2, *image)
    pairs = [(entering(chain, head, x), entering(network, head, x)) for head in heads]
    return all(torch.equal(ours, theirs) and bool(theirs.isfinite().all()) for ours, theirs in pairs)


def heads_of(network: Any) -> list[str]:
    """The names of the modules that give logits in a network of timm's."""
    named = network.pretrained_cfg["classifier"]
    if named:
        return [named] if isinstance(named, str) else list(named)
    return [path for path, part in network.named_modules() if any(p.ndim > 1 for p in part.parameters(False))][-1:]


def entering(network: Any, name: str, images: Any) -> Any:
    """What a module is given, in evaluation mode; in a chain it stands further down, under the same name."""
    import torch

    seen = []
    parts = [part for path, part in network.named_modules() if f".{path}".replace("/", ".").endswith(f".{name}")]
    hook = parts[-1].register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    with torch.no_grad():
        network.eval()(images.clone())
    hook.remove()
    return seen[0]


def measured(library: str, family: str, names: list[str]) -> dict[str, Any]:
    """The row of one family, cut in a process of its own, forked before torch has computed anything."""
    row: dict[str, Any] = {"library": library, "family": family}
    with tempfile.TemporaryDirectory() as folder:
        place, said = Path(folder), Path(folder) / "row.json"
        child = os.fork()
        if child == 0:
            try:
                said.write_text(json.dumps(_limited(library, names, place)), encoding="utf-8")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        if said.exists():
            return row | json.loads(said.read_text(encoding="utf-8"))
    return row | {"model": names[0], "refused": f"not done within {SECONDS} s of computing and {BYTES >> 30} GiB"}


def _limited(library: str, names: list[str], place: Path) -> dict[str, Any]:
    import huggingface_hub.constants

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    os.environ["TORCH_HOME"] = huggingface_hub.constants.HF_HUB_CACHE = str(place)
    try:
        return cut_one(library, names, place)
    except MemoryError:
        raise
    except Exception as error:  # whatever goes wrong with one network is in its row
        return {"model": names[0], "refused": f"{type(error).__name__}: {error}"}


def table(rows: list[dict[str, Any]]) -> str:
    """The page's tables, one for each library."""
    lines = []
    for library in ("timm", "torchvision"):
        of_library = [row for row in rows if row["library"] == library]
        cut = sum("layers" in row for row in of_library)
        equal = sum(row.get("weights") == "equal" for row in of_library)
        tried = cut + sum("refused" in row for row in of_library)
        what = "families" if library == "timm" else "networks"
        lines += [f"\n## {library}: {cut} of {tried} {what} that were tried can be cut\n"]
        with_weights = sum(row.get("weights") in ("equal", "other features") for row in of_library)
        lines += [
            f"Of {len(of_library)} {what}, {with_weights} have been built with weights, {equal} of them with equal "
            f"features; {len(of_library) - tried} have not been tried at all.\n"
        ]
        lines += ["| family | network | pixels | layers | their names | seconds | weights |"]
        lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
        for row in of_library:
            if "layers" in row:
                names = " ".join(f"`{name}`" if name != "…" else name for name in row["names"])
                cells = [row["family"], row["model"], row["pixels"], row["layers"], names, row["seconds"]]
                cells.append(row.get("weights", "not tried"))
            else:
                why = f"refused: {row['refused']}" if "refused" in row else "not tried"
                cells = [row["family"], row["model"], row.get("pixels", ""), "–", why, "", "–"]
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)


def in_page(page: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a page that was written before."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    library = ""
    for line in page.partition(BEGIN)[2].partition(END)[0].splitlines():
        if line.startswith("## "):
            library = line[3:].partition(":")[0]
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 7 or cells[0] in ("family", "---"):
            continue
        family, model, pixels, layers, names, seconds, weights = cells
        row = {"library": library, "family": family, "model": model, "pixels": pixels}
        if layers != "–":
            row |= {"layers": layers, "names": names.replace("`", "").split(), "seconds": seconds, "weights": weights}
        elif names.startswith("refused: "):
            row["refused"] = names.removeprefix("refused: ")
        rows[library, family] = row
    return rows


def effort(library: str, names: list[str], row: dict[str, Any]) -> float:
    """What a network will take, roughly, in seconds: measured before, or from the size of torchvision's weights."""
    if library == "torchvision":
        import torchvision.models as models

        return float(models.get_model_weights(names[0]).DEFAULT.meta["num_params"]) / 1e7
    return float(row.get("seconds") or SECONDS)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="families, as the page calls them; nothing is written")
    parser.add_argument("--rows", type=Path, help="a file of rows, one a line, which is gone on with")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="none is begun after so long")
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    kept = given.rows.read_text(encoding="utf-8").splitlines() if given.rows and given.rows.exists() else []
    rows = {(row["library"], row["family"]): row for row in map(json.loads, kept)}
    page = PAGE.read_text(encoding="utf-8")
    before = in_page(page)
    everything = families()
    until = time.monotonic() + 60 * given.minutes
    for library, family in sorted(everything, key=lambda key: effort(key[0], everything[key], before.get(key, {}))):
        names = everything[library, family]
        if (library, family) in rows or (given.only and family not in given.only) or time.monotonic() > until:
            continue
        rows[library, family] = row = measured(library, family, names)
        print(json.dumps(row), file=sys.stderr, flush=True)
        if given.rows:
            with given.rows.open("a", encoding="utf-8") as file:
                print(json.dumps(row), file=file)
    if not given.only:
        none = {key: {"library": key[0], "family": key[1], "model": names[0]} for key, names in everything.items()}
        known = [rows.get(key) or before.get(key) or none[key] for key in everything]
        above, below = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{above}{BEGIN}\n{table(known)}\n{END}{below}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
