"""Make torchvision importable beside a torch that it was not built for."""

import importlib.util
from pathlib import Path


def declare_operators() -> None:
    """Declare the operators without which `import torchvision` fails; call it before the first import.

    PyPI's torchvision is built for CUDA. Beside a CPU build of torch its library does not load, is skipped without a
    word, and then two operators are registered that nobody declared (pytorch/vision #9085). Where the library does
    load, it declares them itself, and a second declaration would abort the process.
    """
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    libraries = [path for path in Path(spec.origin).parent.glob("_C*") if path.suffix in (".so", ".pyd", ".dylib")]
    if not libraries or any(_loads(path) for path in libraries):
        return
    for name in ("nms", "qnms"):
        try:
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # declared already
            continue


def _loads(library: Path) -> bool:
    import torch

    try:
        torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return True
