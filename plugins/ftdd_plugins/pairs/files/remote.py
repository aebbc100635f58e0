"""Where a file can be had from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remote:
    """A file that can be had from several places."""

    name: str
    """The file's name."""
    places: tuple[str, ...]
    """URLs, tried in turn. The first is named to a user who has to fetch the file by hand."""
    md5: str
    """The official md5 of the whole file, hex."""
    size: int | None = None
    """Bytes, where known. A place whose file has another size is not read at all."""
