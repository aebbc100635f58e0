"""Read checkpoints as the world writes them, without running any code in them."""

import re
import warnings
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ftdd.components import DataUnavailable
from ftdd_plugins.architectures.weights.messages import first_line

ATTEMPTS = 200
"""Classes that a file of torch's old format may name: each is found by trying."""
SAVE_ALONE = "save its weights alone where the network is at hand: torch.save(network.state_dict(), 'weights.pth')"


TEXTS = (
    (
        rb"version https://git-lfs",
        "it is the pointer that Git LFS leaves in place of the file; `git lfs pull` fetches it",
    ),
    (rb"<[^\0]*\Z", "it is a web page, not the file that the page was about"),
)
"""How a text begins that is found in place of weights, in small letters, and what it is."""
PACKED = "it is {}; unpack it first"
KINDS = (
    (rb"\x1f\x8b", PACKED.format("compressed by gzip")),
    (rb"\xfd7zXZ", PACKED.format("compressed by xz")),
    (rb"BZh", PACKED.format("compressed by bzip2")),
    (rb"\x28\xb5\x2f\xfd", PACKED.format("compressed by zstd")),
    (rb"7z\xbc\xaf", PACKED.format("a 7z archive")),
    (rb".{257}ustar", PACKED.format("a tar archive")),
    (rb"\x89HDF", "it is HDF5, as Keras writes it; convert it to safetensors"),
    (rb"\x93NUMPY", "it is a single NumPy array"),
)
"""How other files begin, and what they are."""
CUT_OFF = "it is cut off or damaged; fetch or copy it again"
OTHER = "it is no file of torch.save or safetensors"


def read(file: Path) -> Any:
    """What a file of safetensors or of torch.save holds. Raises DataUnavailable with a sentence.

    Nothing in the file is run: objects of classes that torch does not know as harmless are read as placeholders. The
    content decides what kind of file it is, not its ending.
    """
    try:
        if file.is_dir():
            raise refused(file, "is a folder; name a file in it")
        with file.open("rb") as opened:
            begin = opened.read(512)
    except FileNotFoundError:
        raise DataUnavailable(f"checkpoint: there is no file {file}", "checkpoint") from None
    except OSError as error:
        raise refused(file, f"cannot be read: {error.strerror or error}") from error
    reason = _no_weights(begin) or (_no_checkpoint(file) if begin[:4] == b"PK\x03\x04" else "")
    if reason:
        raise _no_weights_in(file, reason)
    if begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") < 1 << 32:
        return _safetensors(file)
    return _unpickled(file)


def _no_weights(begin: bytes) -> str:
    """Why a file that begins so holds no weights; "" where it may."""
    if not begin:
        return "it is empty"
    text = begin.removeprefix(b"\xef\xbb\xbf").strip().lower()
    for start, kinds in ((text, TEXTS), (begin, KINDS)):
        for pattern, kind in kinds:
            if re.match(pattern, start, re.DOTALL):
                return kind
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in begin):
        return f"it is a text that begins with '{' '.join(begin.decode('ascii').split())[:40]}'"
    return ""


def _no_checkpoint(file: Path) -> str:
    """Why a zip archive is not what torch.save writes; "" where it is."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return CUT_OFF
    if any(name.endswith("/constants.pkl") for name in names):
        return f"it is a TorchScript program; {SAVE_ALONE}"
    if not any(name.endswith("data.pkl") for name in names):
        of = "NumPy arrays" if all(name.endswith(".npy") for name in names) else "other files"
        return f"it is a zip archive of {of}"
    return ""


def _safetensors(file: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise _no_weights_in(file, f"{CUT_OFF} (safetensors: {first_line(error)})") from error


class Unread:
    """Stands in the place of an object whose class is not torch's: keeps nothing and does nothing."""

    origin = ""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _UnreadMapping:
    """The same for an object that is filled like a dict, as defaultdict is."""

    def __new__(cls, *_: Any) -> "OrderedDict[Any, Any]":  # type: ignore[misc]
        return OrderedDict()


class _UnreadList:
    """The same for an object that is filled like a list."""

    def __new__(cls, *_: Any) -> list[Any]:  # type: ignore[misc]
        return []


def _unpickled(file: Path) -> Any:
    """What torch.save has written, by torch's restricted unpickler; what that does not know becomes Unread."""
    stand_ins: dict[str, Any] = {}
    with suppress(Exception):  # of the old format, or a damaged file: loading will say more
        stand_ins = {name: _stand_in(name) for name in torch.serialization.get_unsafe_globals_in_checkpoint(file)}
    for _ in range(ATTEMPTS):
        try:
            with (
                warnings.catch_warnings(),
                torch.serialization.safe_globals([(stand_in, name) for name, stand_in in stand_ins.items()]),
                file.open("rb") as opened,  # of a path torch would look at the ending
            ):
                warnings.simplefilter("ignore")
                return torch.load(opened, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            if not _learned(str(error), stand_ins):
                raise _no_weights_in(file, _why(str(error))) from error
        except Exception as error:  # whatever torch raises for a file that is damaged, or no such file
            raise _no_weights_in(file, _why(str(error))) from error
    raise refused(file, f"names more than {ATTEMPTS} classes of other code; {SAVE_ALONE}")


def _stand_in(name: str) -> Any:
    return type(f"Unread<{name}>", (Unread,), {"origin": name})


def _learned(message: str, stand_ins: dict[str, Any]) -> bool:
    """Take from what torch's unpickler says what else needs a stand-in, or another one; whether there is anything."""
    if found := re.search(r"GLOBAL (\S+) was not an allowed global", message):
        name = found[1] if "." in found[1] else f"builtins.{found[1]}"
        known = name in stand_ins
        stand_ins.setdefault(name, _stand_in(name))
        return not known
    for pattern, kind in (
        (r"Can only SETITEM.*Unread<([^>]+)>", _UnreadMapping),
        (r"Can only (?:append|extend).*Unread<([^>]+)>", _UnreadList),
    ):
        if (found := re.search(pattern, message)) and stand_ins.get(found[1]) is not None:
            stand_ins[found[1]] = type("Filled", (kind,), {})
            return True
    return False


def _why(message: str) -> str:
    """What torch says of a file, in words of ours."""
    if found := re.search(r"GLOBAL (\S+) whose module \S+ is blocked", message):
        return f"it asks for {found[1]} to be run, which weights never need; do not trust this file"
    if (found := re.search(r"Unsupported operand (\d+)", message)) and int(found[1]) >= 0x80:
        return "it is not of the pickle protocol that torch.save writes by default (2), or it is no checkpoint"
    if re.search(r"Unsupported operand|nvalid magic number|nvalid load key", message):
        return OTHER
    if not message.strip() or re.search(r"PytorchStreamReader|Ran out of input|storage|unexpected EOF", message):
        return CUT_OFF
    inner = re.search(r"WeightsUnpickler error: (.*)", message)
    return f"{OTHER}, or damaged ({inner[1] if inner else message.strip().splitlines()[0]})"


def _no_weights_in(file: Path, reason: str) -> DataUnavailable:
    return refused(file, f"cannot be read as weights: {reason}")


def refused(file: Path, reason: str) -> DataUnavailable:
    """The refusal of a file at its field."""
    return DataUnavailable(f"checkpoint: {file} {reason}", "checkpoint")
