"""What every plugin must do, whatever it brings: load quickly, implement hooks that there are, and hear every event."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from ftdd.components import KINDS, Owner, error_words
from ftdd.components.class_faults import component_fault, example_faults, schema_fault
from ftdd.components.hookspecs import HOOKS, implementations, listening
from ftdd.components.plugins import (
    PluginInfo,
    Plugins,
    brought_by,
    installed_plugins,
    plugin_commands,
    plugin_fault,
    unmarked_hooks,
)
from ftdd.records.curve import COLUMNS, Curve, Record, to_csv
from ftdd.records.events import RunRef, StudyRef
from ftdd.records.status import State, Status
from ftdd.records.study import StudyEntry, StudyRecord
from ftdd.study.files import write_json, write_text
from ftdd.study.store import Store
from ftdd.values import Json

SECONDS = 60.0
"""That a listener may take for one event of a small study, and a module to be imported."""


def check_plugin(plugin: object) -> None:
    """Raise AssertionError with a sentence where a plugin does not do what a plugin must.

    plugin: what its entry point names: a module, or an object. Its components have checks of their own, `check`.
    """
    for one in PLUGIN_CHECKS:
        one(plugin)


def loads_without_torch(plugin: object) -> None:
    """And prints nothing: every command of ftdd imports it."""
    if not isinstance(plugin, ModuleType):
        return
    where = repr([str(path) for path in sys.path])
    code = f"import sys; sys.path[:] = {where}; import {plugin.__name__}; sys.exit(9 if 'torch' in sys.modules else 0)"
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise AssertionError(f"takes more than {SECONDS:g} seconds to be imported") from None
    assert ended.returncode != 9, "imports torch when it is imported; import it inside the methods that use it"
    assert ended.returncode == 0, f"cannot be imported: {(ended.stderr.strip() or 'no reason').splitlines()[-1]}"
    assert not ended.stdout, f"prints when it is imported: {ended.stdout.strip()[:60]!r}"


def implements_hooks_that_there_are(plugin: object) -> None:
    """Each is marked, called as it is, and takes arguments that the hook has; and there is one at least."""
    fault = plugin_fault(plugin)
    assert fault is None, str(fault)
    unmarked = list(unmarked_hooks(plugin))
    assert not unmarked, f"has a function {unmarked[0]} without @ftdd.hookimpl, which is never called"
    assert implementations(plugin).keys() & set(HOOKS), "implements no hook of ftdd"


def brings_right_classes(plugin: object) -> None:
    """Every class that it brings is a component of its kind, and takes its own examples."""
    others = installed_plugins()
    for kind in KINDS.values():
        classes, failed = brought_by(implementations(plugin).get(kind.hook, ()))
        assert not failed, f"{kind.hook} fails: {failed}"
        for cls in classes:
            fault = component_fault(kind, cls) or schema_fault(cls)
            assert fault is None, f"{kind.hook} returns {cls!r}, which {fault}"
            wrong = next(example_faults(cls, others), None)
            assert wrong is None, f"{kind.word} '{kind.name_of(cls)}' {wrong}"


def brings_right_commands(plugin: object) -> None:
    """Each is a click.Command under a name of its own, with a help."""
    from click.testing import CliRunner

    found, problems = plugin_commands(Plugins([PluginInfo(Owner("checked", "this package"), "loaded", plugin)]), ())
    assert not problems, problems[0]
    for name, one in found.items():
        assert one.command.help or one.command.short_help, f"command '{name}' has no help"
        result = CliRunner().invoke(one.command, ["--help"])
        assert result.exit_code == 0, f"command '{name}' fails for --help: {result.output or result.exception}"


def hears_every_event(plugin: object) -> None:
    """Told of a small study, its listening hooks raise nothing and do not hang. They are told twice of its start."""
    with TemporaryDirectory(prefix="ftdd-check-", ignore_cleanup_errors=True) as folder:
        study, records = _small_study(Store(Path(folder)))
        run = study.runs[-1]
        events: list[tuple[str, dict[str, Any]]] = [
            ("ftdd_study_started", {"study": study}),
            ("ftdd_run_started", {"study": study, "run": run}),
            ("ftdd_run_evaluated", {"study": study, "run": run, "records": records[:1]}),
            ("ftdd_run_evaluated", {"study": study, "run": run, "records": records[1:]}),
            ("ftdd_run_finished", {"study": study, "run": run, "state": "done"}),
            ("ftdd_study_started", {"study": study}),
            ("ftdd_run_finished", {"study": study, "run": study.runs[0], "state": "failed"}),
            ("ftdd_study_finished", {"study": study}),
        ]
        hooks, raised = listening(plugin), list[str]()

        def tell(hook: str, arguments: dict[str, Any]) -> None:
            try:
                getattr(hooks, hook)(**arguments)
            except BaseException as error:
                raised.append(f"raises in {hook}: {error_words(error)}")

        for hook, arguments in events:
            heard = threading.Thread(target=tell, args=(hook, arguments), daemon=True)
            heard.start()
            heard.join(SECONDS)
            assert not heard.is_alive(), f"hangs in {hook}: not done after {SECONDS:g} seconds"
            assert not raised, raised[0]


PLUGIN_CHECKS: tuple[Callable[[object], None], ...] = (
    loads_without_torch,
    implements_hooks_that_there_are,
    brings_right_classes,
    brings_right_commands,
    hears_every_event,
)


def _small_study(store: Store) -> tuple[StudyRef, tuple[Record, ...]]:
    """A study of one target and its source, both done, with the files that runs write."""
    settings: dict[str, Json] = {"freezing.count": 1}
    entry = StudyEntry("target000000", "source000000", settings)
    store.write_study(StudyRecord("checked", "Checked", "Is it heard?", 0.0, tuple(settings), (entry,)), "title: C\n")
    rows = ((0, 0.8), (1, 0.5), (2, 0.3))
    numbers = dict.fromkeys(COLUMNS, 0.5)
    records = tuple(
        Record(**{**numbers, "epoch": epoch, "step": 8 * epoch, "test_error": error})  # type: ignore[arg-type]
        for epoch, error in rows
    )
    runs = (
        RunRef("source000000", "source", None, store.run("source000000").path, {"role": "source", "source.seed": 0}),
        RunRef("target000000", "target", "source000000", store.run("target000000").path, {"role": "target"} | settings),
    )
    for run in runs:
        folder = store.run(run.id)
        write_json(folder.spec, {"version": 1, "role": run.role})
        write_text(folder.path / "curve.csv", to_csv(Curve(records)))
        layers = [{"name": name, "frozen": False, "hash_before": "0" * 64, "hash_after": "1" * 64} for name in "ab"]
        shares = {"frozen_share_of_parameters": 0.0, "frozen_share_of_forward_flops": 0.0, "unchanged": True}
        counts = {"frozen_layers": 0, "layers": 2, "parameters": 10, "trainable_parameters": 10, "freezing_changes": 0}
        phase = {"first_epoch": 0, "last_epoch": 2, "layers": layers}
        write_json(folder.ledger, {**counts, **shares, "phases": [phase]})
        folder.write_status(Status(State.DONE, 2, 2, "", 1_000.0, 1_060.0, 60.0, {"role": run.role}))
    return StudyRef("checked", store.path, store.study_folder("checked"), "Is it heard?", 0.0, runs), records
