"""Keep in a study's folder what was computed from it, where that can be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click


@contextmanager
def said_where_not_kept(folder: Path) -> Iterator[None]:
    """Write into a study's folder; where that cannot be, as in a colleague's store, say so on stderr and go on."""
    try:
        yield
    except OSError as error:
        click.secho(f"ftdd: not kept in {folder}: {error.strerror}", fg="yellow", err=True)
