"""The MLflow mirror: every study an experiment, every run a run, always to be made again from the run folders.

A listener with a thread of its own in the parent process is the only writer; training never waits for it.
`ftdd sync` makes the mirror right from the folders, `ftdd ui` starts MLflow's UI on it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

import ftdd
from ftdd.cli.options import store_option
from ftdd.cli.studies import StudyName, find_study
from ftdd.study.files import Unreadable

if TYPE_CHECKING:
    from ftdd.records.events import RunRef, StudyRef
    from ftdd.study.store import Store
    from ftdd_plugins.mlflow_mirror.mirroring import Mirror

LIVE_SECONDS = 5.0
"""A running run is mirrored at most this often: a batch every few seconds costs next to nothing."""


class _Listener:
    """The mirror of the study that is running, from its start to its end."""

    def __init__(self) -> None:
        self._mirror: Mirror | None = None
        self._started: dict[str, float] = {}
        self._waiting: dict[str, None] = {}
        """Runs with news, in the order of their events."""
        self._mirrored_at = 0.0

    def start(self, study: "StudyRef") -> None:
        """Open the mirror. Raises MirrorUnavailable."""
        from ftdd.study.store import Store
        from ftdd_plugins.mlflow_mirror.mirroring import open_mirror

        self.__init__()  # type: ignore[misc]
        self._mirror = open_mirror(Store(study.store), study.name)
        self._mirrored_at = time.monotonic()

    def hear(self, run: "RunRef", final: bool) -> None:
        """Mirror the runs that have news, if it is time: short runs are mirrored several at once."""
        if self._mirror is None:
            return
        now = time.monotonic()
        self._waiting[run.id] = None
        long = now - self._started.setdefault(run.id, now) >= LIVE_SECONDS
        if now - self._mirrored_at >= LIVE_SECONDS or (final and long):
            waiting, self._waiting = self._waiting, {}
            try:
                with self._given_up_if_unavailable() as mirror:
                    mirror.runs(waiting)
            finally:
                self._mirrored_at = time.monotonic()

    def finish(self) -> None:
        """Mirror the whole study."""
        from ftdd_plugins.mlflow_mirror.tracking import waiting_for

        if self._mirror is None:
            return
        with self._given_up_if_unavailable() as mirror, waiting_for(mirror.store.path):
            mirror.study()
        self._mirror = None

    @contextmanager
    def _given_up_if_unavailable(self) -> "Iterator[Mirror]":
        """What fails once is not tried again at every event: each try may take as long. Raises MirrorUnavailable."""
        from ftdd_plugins.mlflow_mirror.tracking import MirrorUnavailable, reaching

        assert self._mirror is not None
        try:
            with reaching(self._mirror.store.path):
                yield self._mirror
        except MirrorUnavailable:
            self._mirror = None
            raise


# Hooks are functions of a module, so what lasts from one event to the next has to live in it. Events of one process
# come one after another on one thread, and one process runs one study at a time.
_listener = _Listener()


@ftdd.hookimpl
def ftdd_study_started(study: "StudyRef") -> None:
    """Open the tracking store and the experiment."""
    _listener.start(study)


@ftdd.hookimpl
def ftdd_run_started(run: "RunRef") -> None:
    """Show the run as running."""
    _listener.hear(run, final=False)


@ftdd.hookimpl
def ftdd_run_evaluated(run: "RunRef") -> None:
    """Add what was measured, every few seconds."""
    _listener.hear(run, final=False)


@ftdd.hookimpl
def ftdd_run_finished(run: "RunRef") -> None:
    """Add the rest: final metrics, files, state."""
    _listener.hear(run, final=True)


@ftdd.hookimpl
def ftdd_study_finished() -> None:
    """See that every run is there, those found done included, and add figures and page."""
    _listener.finish()


@ftdd.hookimpl
def ftdd_commands() -> Sequence[click.Command]:
    """`ftdd sync` and `ftdd ui`."""
    return [sync, ui]


@click.command()
@click.argument("studies", type=StudyName(), nargs=-1)
@store_option
def sync(studies: tuple[str, ...], store: Path) -> int:
    """Repair the MLflow mirror from the run folders: of STUDIES, or of all studies of the store.

    Adds what is missing, replaces runs that were executed again, and leaves alone what is correct, however often it is
    called. Where MLflow's store was lost, it is made anew. A study is named, or given as its folder,
    STORE/studies/NAME. MLFLOW_TRACKING_URI says where the mirror is; without it, it is mlflow.db in the folder of the
    runs.
    """
    from ftdd.study.store import Store

    own = Store(store)
    if not studies and not own.studies():
        raise click.UsageError(f"there is no study in {store}")
    chosen = [find_study(study, store) for study in studies] or [(own, name) for name in own.studies()]
    from ftdd_plugins.mlflow_mirror.tracking import MirrorUnavailable, waiting_for

    code = 0
    for place, name in chosen:
        try:
            with waiting_for(place.path):
                changed = _brought_up_to_date(place, name)
            click.echo(f"{name}: {len(place.read_study(name).run_ids)} runs, {changed} brought up to date")
        except Unreadable as error:
            click.echo(f"ftdd: {name}: {error}; all others are brought up to date", err=True)
            code = 1
        except MirrorUnavailable as error:
            click.echo(f"ftdd: {error}", err=True)
            return 1
    return code


def _brought_up_to_date(store: "Store", name: str) -> int:
    """How many runs of a study had to be changed in the mirror. Raises MirrorUnavailable and Unreadable."""
    from ftdd_plugins.mlflow_mirror.mirroring import open_mirror
    from ftdd_plugins.mlflow_mirror.tracking import reaching

    mirror = open_mirror(store, name, mend=True)
    with reaching(store.path):
        return mirror.study(thorough=True)


@click.command()
@store_option
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def ui(store: Path, port: int) -> int:
    """Open MLflow's UI on the mirror of the store; Ctrl-C ends it.

    Where MLFLOW_TRACKING_URI names a server, prints its address instead.
    """
    from ftdd_plugins.mlflow_mirror.server import serve

    return serve(store, port)
