"""The argument that names a study: by its name in the store, or by its folder in any store."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftdd.api.environment import plugins, store_path
from ftdd.cli.screen import warn

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ftdd.analysis.study_data import StudyData
    from ftdd.components import Analysis
    from ftdd.study.store import Store

STUDIES = "studies"
"""The folder of a store in which studies have theirs."""


class StudyName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A study's name, or its folder."""

    name = "study"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """The studies of the store, and folders."""
        from click.shell_completion import CompletionItem

        from ftdd.study.store import Store

        store = Store(ctx.params.get("store") or store_path(None))
        names = [CompletionItem(name) for name in store.studies() if name.startswith(incomplete)]
        return [*names, CompletionItem(incomplete, type="dir")]


study_argument = click.argument("study", type=StudyName())


def find_study(given: str, store: Path) -> "tuple[Store, str]":
    """The store and the name of a study.

    given: its name in the store, or its folder, STORE/studies/NAME, in that store or another one; a name wins. Raises
    click.UsageError where there is no such study.
    """
    from ftdd.study.store import Store

    place, name = Store(store), given
    folder = Path(os.path.abspath(Path(given).expanduser()))  # noqa: PTH100  # `..` goes, and links stay
    if given not in place.studies():
        if folder.parent.name == STUDIES:
            place, name = Store(folder.parents[1]), folder.name
        elif os.sep in given or (given.startswith(".") and folder.is_dir()):
            raise click.UsageError(f"{given} is no study's folder, which is STORE/{STUDIES}/NAME")
    try:
        place.read_study(name)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    return place, name


@dataclass(frozen=True)
class ReadStudy:
    """A study that a command was given, as it was read."""

    folder: Path
    data: "StudyData"

    def analyses(self) -> "tuple[Analysis, ...]":
        """Those that its recipe chose; all that are installed where these are not available, which is then said."""
        from ftdd.recipe.recipe import analyses_of

        return analyses_of(self.data.record, plugins(), lambda line: warn([line]))


def read_study(given: str, store: Path) -> ReadStudy:
    """Read a study, and say on stderr which of its runs are left out. Raises click.UsageError."""
    from ftdd.api.left_out import left_out_of
    from ftdd.study.reading import read_study_data

    place, name = find_study(given, store)
    data = read_study_data(place, name)
    warn(left_out_of(data))
    return ReadStudy(place.study_folder(name), data)
