"""Checkpoints as the world writes them.

Whatever is in a file is read without running its code, and the one mapping of tensors that fits a network is found.
"""

import json
import re
import warnings
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ftdd.components import DataUnavailable
from ftdd_plugins.architectures.zoo.networks import COUNTER, first_line

ATTEMPTS = 200
"""Classes that a file of torch's old format may name: each is found by trying."""
DEPTH = 6
"""Mappings within mappings that are looked through for tensors."""
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch.compile, FSDP and activation checkpointing put into names, anywhere."""
TAKEN_FIRST = {"ema", "swa", "averaged", "average", "teacher", "q", "query"}
TAKEN_LAST = {"student", "k", "key", "momentum", "target"}
SAVE_ALONE = "save its weights alone where the network is at hand: torch.save(network.state_dict(), 'weights.pth')"


@dataclass(frozen=True)
class Mappings:
    """What a file holds of a network."""

    taken: Mapping[str, torch.Tensor]
    """Tensors by the network's own names."""
    place: str
    """Where in the file they are, in words."""
    others: tuple[str, ...]
    """Where others are that fit too."""
    fits: bool
    """Whether each of the network's names is there."""


# ---- finding


def find(file: Path, content: Any, names: Collection[str]) -> Mappings:
    """The mapping of tensors in a file's content that has a network's names once a common prefix is gone.

    names: of the tensors that are needed. Averaged weights are taken before others (`ema`), a teacher's before its
    student's, a query encoder's before the key's. Where none has all names, the one that has most. Raises
    DataUnavailable where the file has no tensors, or several mappings fit and none of them is to be preferred.
    """
    needed = {name for name in names if not name.endswith(COUNTER)}
    whole: list[_Place] = []
    nearest: _Place | None = None
    for keys, tensors in _mappings(content, ()):
        counted = _prefixes(tensors, needed)
        fitting = [prefix for prefix, count in counted.items() if count == len(needed)]
        whole += [_Place(keys, prefix, tensors, len(needed), tuple(fitting)) for prefix in fitting]
        prefix, count = counted.most_common(1)[0] if counted else ("", 0)
        if nearest is None or count > nearest.count:
            nearest = _Place(keys, prefix, tensors, count, (prefix,))
    if nearest is None:
        raise _refused(file, f"has no tensors by name: {_described(content)}; {SAVE_ALONE}")
    if not whole:
        return Mappings(nearest.mapping(), str(nearest), (), False)
    whole = _different(whole)
    best = min(place.rank for place in whole)
    first, *equals = [place for place in whole if place.rank == best]
    if equals:
        raise _refused(
            file,
            f"has weights of this network more than once, and they differ: {' and '.join(map(str, [first, *equals]))}; "
            "write the ones that are meant into a file of their own",
        )
    return Mappings(first.mapping(), str(first), tuple(str(place) for place in whole if place is not first), True)


def nearest_names(content: Any, missing: str) -> str:
    """A file's names, the first three and the one most like a missing one; for a sentence."""
    names = [name for _, tensors in _mappings(content, ()) for name in tensors]
    close = get_close_matches(missing, names, n=1, cutoff=0.0)
    more = f", … ({len(names)} tensors)" if len(names) > 3 else ""
    near = f", of which '{close[0]}' is nearest to '{missing}'" if close else ""
    return f"the file has {', '.join(repr(name) for name in names[:3])}{more}{near}"


@dataclass(frozen=True)
class _Place:
    keys: tuple[str, ...]
    prefix: str
    tensors: Mapping[str, torch.Tensor]
    count: int
    """Of the needed names, how many are there."""
    prefixes: tuple[str, ...]
    """Of all that fit in this mapping."""

    def __str__(self) -> str:
        under = f"under `{'.'.join(self.keys)}`" if self.keys else "at the top"
        return f"{under}, names without `{self.prefix}`" if self.prefix else under

    @property
    def rank(self) -> int:
        words = set(re.split(r"[._]", ".".join((*self.keys, self.prefix)).lower()))
        return -1 if words & TAKEN_FIRST else int(bool(words & TAKEN_LAST))

    def mapping(self) -> dict[str, torch.Tensor]:
        """The tensors under the network's names, with what torch keeps of versions; other copies left out."""
        within = tuple(other for other in self.prefixes if other != self.prefix and other.startswith(self.prefix))
        cut = len(self.prefix)
        mapping: OrderedDict[str, torch.Tensor] = OrderedDict(
            (name[cut:], tensor)
            for name, tensor in self.tensors.items()
            if name.startswith(self.prefix) and not name.startswith(within)
        )
        versions = getattr(self.tensors, "_metadata", None)
        if isinstance(versions, Mapping):
            mapping._metadata = {  # type: ignore[attr-defined]
                f"{name}."[cut:].removesuffix("."): dict(version)
                for name, version in ((_unwrapped(str(key)), version) for key, version in versions.items())
                if f"{name}.".startswith(self.prefix) or not cut
            }
        return mapping


def _mappings(content: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, torch.Tensor]]]:
    """Every mapping of names to tensors in what a file holds, with the keys that lead to it; the outer ones first."""
    if isinstance(content, list | tuple):
        content = {str(i): value for i, value in enumerate(content) if isinstance(value, Mapping)}
    if not isinstance(content, Mapping) or len(keys) > DEPTH:
        return
    tensors: OrderedDict[str, torch.Tensor] = OrderedDict(
        (_unwrapped(key), value)
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    )
    if tensors:
        tensors._metadata = getattr(content, "_metadata", None)  # type: ignore[attr-defined]
        yield keys, tensors
    for key, value in content.items():
        if isinstance(key, str):
            yield from _mappings(value, (*keys, key))


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _prefixes(tensors: Mapping[str, torch.Tensor], needed: Collection[str]) -> "Counter[str]":
    """How many of the needed names there are behind each prefix."""
    counted: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        for i in range(len(parts)):
            if ".".join(parts[i:]) in needed:
                counted["".join(f"{part}." for part in parts[:i])] += 1
    return counted


def _different(places: Sequence[_Place]) -> list[_Place]:
    """Those whose tensors differ: the same weights may stand in a file twice."""
    kept: list[tuple[_Place, Mapping[str, torch.Tensor]]] = []
    for place in places:
        mapping = place.mapping()
        if not any(_equal(mapping, other) for _, other in kept):
            kept.append((place, mapping))
    return [place for place, _ in kept]


def _equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        tensor is other[name] or (tensor.shape == other[name].shape and torch.equal(tensor, other[name]))
        for name, tensor in one.items()
    )


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        keys = [str(key) for key in content]
        unread = next((key for key, value in content.items() if isinstance(value, _Unread)), None)
        more = "" if unread is None else f"; under `{unread}` {_described(content[unread])}"
        return f"its keys are {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}{more}" if keys else "it is empty"
    if isinstance(content, _Unread):
        if content.origin.startswith("numpy."):
            return "it has a NumPy array, which torch.from_numpy makes a tensor of"
        return f"it is an object of {content.origin}, which only that code could read"
    return f"it is of type {type(content).__name__}"


# ---- reading


def read(file: Path) -> Any:
    """What a file of safetensors or of torch.save holds. Raises DataUnavailable with a sentence.

    Nothing in the file is run: objects of classes that torch does not know as harmless are read as placeholders. The
    content decides what kind of file it is, not its ending.
    """
    try:
        if file.is_dir():
            raise _refused(file, "is a folder; name a file in it")
        size = file.stat().st_size
        with file.open("rb") as opened:
            begin = opened.read(512)
    except FileNotFoundError:
        raise DataUnavailable(f"checkpoint: there is no file {file}", "checkpoint") from None
    except OSError as error:
        raise _refused(file, f"cannot be read: {error.strerror or error}") from error
    if reason := _no_weights(begin, size):
        raise _refused(file, f"cannot be read as weights: {reason}")
    length = int.from_bytes(begin[:8], "little")
    if begin[8:9] == b"{" and length < 1 << 32:
        return _safetensors(file, size, length)
    if begin[:4] == b"PK\x03\x04" and (reason := _no_checkpoint(file)):
        raise _refused(file, f"cannot be read as weights: {reason}")
    return _unpickled(file)


def _no_weights(begin: bytes, size: int) -> str:
    """Why a file that begins so holds no weights; "" where it may."""
    if size == 0:
        return "it is empty"
    text = begin.removeprefix(b"\xef\xbb\xbf").strip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "it is the pointer that Git LFS leaves in place of the file; `git lfs pull` fetches the file itself"
    if text.startswith(b"<") and b"\0" not in begin:
        return "it is a web page, not the file that the page was about"
    for magic, kind in (
        (b"\x1f\x8b", "it is compressed by gzip; unpack it with gunzip first"),
        (b"\xfd7zXZ", "it is compressed by xz; unpack it with unxz first"),
        (b"BZh", "it is compressed by bzip2; unpack it with bunzip2 first"),
        (b"\x28\xb5\x2f\xfd", "it is compressed by zstd; unpack it with unzstd first"),
        (b"7z\xbc\xaf", "it is a 7z archive; unpack it first"),
        (b"\x89HDF", "it is HDF5, as Keras writes it; convert it to safetensors"),
        (b"\x93NUMPY", "it is a single NumPy array"),
    ):
        if begin.startswith(magic):
            return kind
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in begin):
        return f"it is a text that begins with '{' '.join(begin.decode('ascii').split())[:40]}'"
    if begin[257:262] == b"ustar":
        return "it is a tar archive; unpack it first"
    return ""


def _no_checkpoint(file: Path) -> str:
    """Why a zip archive is not what torch.save writes; "" where it is."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "it is cut off or damaged; fetch or copy it again"
    if any(name.endswith("/constants.pkl") for name in names):
        return f"it is a TorchScript program; {SAVE_ALONE}"
    if not any(name.endswith("data.pkl") for name in names):
        of = "NumPy arrays" if all(name.endswith(".npy") for name in names) else "other files"
        return f"it is a zip archive of {of}"
    return ""


def _safetensors(file: Path, size: int, length: int) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        promised = _promised(file, size, length)
        if promised > size:
            reason = f"it is cut off: {size:,} bytes of {promised:,} are there; fetch or copy it again"
        else:
            reason = f"safetensors says: {first_line(error)}"
        raise _refused(file, f"cannot be read as weights: {reason}") from error


def _promised(file: Path, size: int, length: int) -> int:
    """How many bytes a safetensors file should have by its header; 0 where the header cannot be read."""
    if 8 + length > size:
        return 8 + length
    try:
        with file.open("rb") as opened:
            opened.seek(8)
            header = json.loads(opened.read(length))
        return 8 + length + max(int(part["data_offsets"][1]) for key, part in header.items() if key != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return 0


class _Unread:
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
    """What torch.save has written, by torch's restricted unpickler; what that does not know becomes _Unread."""
    stand_ins: dict[str, Any] = {name: _stand_in(name) for name in _unknown(file)}
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
                raise _refused(file, f"cannot be read as weights: {_why(str(error))}") from error
        except Exception as error:  # whatever torch raises for a file that is damaged, or no such file
            raise _refused(file, f"cannot be read as weights: {_why(str(error))}") from error
    raise _refused(file, f"names more than {ATTEMPTS} classes of other code; {SAVE_ALONE}")


def _unknown(file: Path) -> list[str]:
    """The classes and functions in a file that torch does not know as harmless; () in its old format."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # whatever it raises for the old format, or a damaged file: loading will say more
        return []


def _stand_in(name: str) -> Any:
    return type(f"Unread<{name}>", (_Unread,), {"origin": name})


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
    if found := re.search(r"Unsupported operand (\d+)", message):
        if int(found[1]) >= 0x80:
            return "it is not of the pickle protocol that torch.save writes by default (2), or it is no checkpoint"
        return "it is no file of torch.save or safetensors"
    if "PytorchStreamReader" in message or "Ran out of input" in message or not message.strip():
        return "it is cut off or damaged; fetch or copy it again"
    if "nvalid magic number" in message or "nvalid load key" in message:
        return "it is no file of torch.save or safetensors"
    if "storage" in message or "unexpected EOF" in message:
        return "it is cut off or damaged; fetch or copy it again"
    inner = re.search(r"WeightsUnpickler error: (.*)", message)
    said = inner[1] if inner else message.strip().splitlines()[0]
    return f"it is no file of torch.save or safetensors, or damaged ({said})"


def _refused(file: Path, reason: str) -> DataUnavailable:
    return DataUnavailable(f"checkpoint: {file} {reason}", "checkpoint")
