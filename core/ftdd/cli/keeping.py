"""Keep what was computed: in a study's folder where that can be, in a file where the user says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ftdd.study.files import write_with


@contextmanager
def said_where_not_kept(folder: Path) -> Iterator[None]:
    """Write into a study's folder; where that cannot be, as in a colleague's store, say so on stderr and go on."""
    try:
        yield
    except OSError as error:
        click.secho(f"ftdd: not kept in {folder}: {error.strerror}", fg="yellow", err=True)


def save(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` fill a file that the user named: whole or not at all, where it is a file.

    A pipe or a device, such as /dev/stdout, is written to; a link still leads to the same file.
    """
    if path.exists() and not path.is_file():
        write(path)
    else:
        write_with(path.resolve(), write)
