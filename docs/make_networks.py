"""Cut one network of every family of timm and torchvision, and write docs/reference/networks.md.

    python docs/make_networks.py [--only FAMILY …]

A family is a module of timm's, or what torchvision's names have before the first digit. Of each the smallest network is
taken, at its own image size. Each is cut in a process of its own, with a limit in time and memory; that takes about
half an hour on two cores.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "reference" / "networks.md"
SECONDS, BYTES = 120, 14 << 30
CANDIDATES = 12
LARGEST = 400
"""Pixels; networks made for larger images are cut at 224."""
BEGIN, END = "<!-- networks: made by docs/make_networks.py -->", "<!-- end -->"


def families() -> dict[tuple[str, str], list[str]]:
    """Networks by (library, family)."""
    from ftdd_plugins.torchvision_operators import declare_operators

    declare_operators()
    import timm
    import torchvision.models as models

    found = {
        ("timm", family): [name for name in timm.list_models(module=family) if not name.startswith("test_")]
        for family in timm.list_modules()
    }
    for model in models.list_models(module=models):
        family = re.split(r"[\d_]", model)[0]
        found.setdefault(("torchvision", family), []).append(model)
    return {key: names for key, names in found.items() if names}


def smallest(library: str, names: list[str]) -> str:
    """The network with the fewest parameters among those whose names promise few."""
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
    likely = sorted(names, key=lambda name: (not any(word in name for word in small), len(name), name))[:CANDIDATES]
    counted = []
    for name in likely:
        try:
            with torch.device("meta"):
                counted.append((sum(p.numel() for p in built(library, name).parameters()), name))
        except Exception:  # one that cannot be made without weights is not the smallest
            continue
    return min(counted)[1] if counted else likely[0]


def built(library: str, name: str) -> Any:
    """The network itself."""
    if library == "timm":
        import timm

        return timm.create_model(name)
    import torchvision.models as models

    return models.get_model(name, weights=None)


def cut_one(library: str, names: list[str]) -> dict[str, Any]:
    """Cut the family's smallest network through ftdd's own plugin."""
    import torch

    from ftdd.components import Unfit
    from ftdd.image_shape import ImageShape
    from ftdd_plugins.timm_networks import Timm
    from ftdd_plugins.torchvision_networks import TorchVision
    from ftdd_plugins.torchvision_operators import declare_operators

    declare_operators()
    torch.set_num_threads(1)
    name = smallest(library, names)
    if library == "timm":
        import timm

        channels, height, width = timm.get_pretrained_cfg(name).input_size
        image = ImageShape(channels, height, width) if height <= LARGEST else ImageShape(channels, 224, 224)
    else:
        image = ImageShape(3, *(299, 299) if name == "inception_v3" else (224, 224))
    architecture = Timm(model=name) if library == "timm" else TorchVision(model=name)
    row: dict[str, Any] = {"model": name, "pixels": image.height}
    began = time.perf_counter()
    try:
        chain = architecture.build(image, 10)
    except Unfit as error:
        return row | {"refused": str(error).partition(": ")[2]}
    row |= {"layers": len(chain.names), "seconds": round(time.perf_counter() - began, 1)}
    return row | {"names": [*chain.names[:2], "…", *chain.names[-2:]]}


def measured(library: str, family: str, names: list[str]) -> dict[str, Any]:
    """The row of one family, cut in a process of its own."""
    command = [sys.executable, __file__, "--one", library, *names]
    row: dict[str, Any] = {"library": library, "family": family}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES)),
        )
        return row | json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return row | {"model": names[0], "refused": f"not done within {SECONDS} s and {BYTES >> 30} GiB"}
    except (IndexError, ValueError):
        reason = done.stderr.strip().splitlines()[-1:] or ["killed"]
        return row | {"model": names[0], "refused": reason[0]}


def table(rows: list[dict[str, Any]]) -> str:
    """The page's tables, one for each library."""
    lines = []
    for library in ("timm", "torchvision"):
        of_library = [row for row in rows if row["library"] == library]
        cut = sum("layers" in row for row in of_library)
        lines += [f"\n## {library}: {cut} of {len(of_library)} families\n"]
        lines += ["| family | smallest network | pixels | layers | their names | seconds |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        for row in of_library:
            if "layers" in row:
                names = " ".join(f"`{name}`" if name != "…" else name for name in row["names"])
                cells = [row["family"], row["model"], row["pixels"], row["layers"], names, row["seconds"]]
            else:
                cells = [row["family"], row["model"], row.get("pixels", ""), "–", f"refused: {row['refused']}", ""]
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Measure and write; or, in a process of its own, one network as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="families, as the page calls them; nothing is written")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(cut_one(given.one[0], given.one[1:])))
        return 0
    rows = []
    for (library, family), names in families().items():
        if not given.only or family in given.only:
            rows.append(measured(library, family, names))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    if not given.only:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
