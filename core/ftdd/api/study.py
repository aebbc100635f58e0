"""Study: a study in a store, as Python and a notebook have it."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from ftdd.analysis.advice import Advice, advice_in
from ftdd.analysis.finding import Finding
from ftdd.api.environment import data_path, plugins
from ftdd.recipe.recipe import analyses_of
from ftdd.records.status import State
from ftdd.study.store import Store
from ftdd.wording import error, format_settings, mean_and_deviation, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import nn

    from ftdd.analysis.study_data import StudyData
    from ftdd.records.predictions import Predictions
    from ftdd.records.run import Run

MOST_ROWS = 40
"""Of the table that a notebook shows."""
SYMBOLS = {"seen": "●", "not seen": "○", "cannot tell": "?", "not applicable": "–"}


class Findings(tuple[Finding, ...]):
    """Findings in the order in which to read them."""

    __slots__ = ()

    def to_frame(self) -> "pd.DataFrame":
        """A row for each finding: key, statement, answer, effect, interval, n, p, and what its runs share."""
        from ftdd.results.findings import findings_table

        return findings_table(self)


class Study:
    """A study in a store: its runs, findings, figures and page.

    Each attribute is read from the run folders when it is first used, and kept; `study.refresh()` reads again. As the
    last line of a notebook's cell, a study shows its findings and its table over frozen layers.
    """

    def __init__(
        self, folder: Path, data: "StudyData | None" = None, findings: Iterable[Finding] | None = None
    ) -> None:
        """For use by ftdd itself; `ftdd.open` and `ftdd.run` give studies."""
        self.folder = folder
        """`<store>/studies/<name>`."""
        if data is not None:
            self.__dict__["data"] = data
        if findings is not None:
            self.__dict__["findings"] = Findings(findings)

    @cached_property
    def data(self) -> "StudyData":
        """What analyses are given: tables, settings, and each run with its curve."""
        from ftdd.study.reading import read_study_data

        return read_study_data(self._store, self.name)

    @property
    def name(self) -> str:
        """The study's name, which the commands take."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The recipe's title."""
        return self.data.record.title

    @property
    def question(self) -> str:
        """The question that the recipe asks."""
        return self.data.record.question

    @property
    def recipe(self) -> str:
        """The recipe that was run, as YAML, with what was overridden as comments below it."""
        return (self.folder / "recipe.yaml").read_text(encoding="utf-8")

    @property
    def runs(self) -> "pd.DataFrame":
        """A row for each run, sources first: id, role, state, swept settings, measured numbers, all other settings.

        Measured numbers are empty (NaN, <NA>) until a run has ended. `ftdd.analysis.columns.RUN_COLUMNS` says what each
        column means.
        """
        return self.data.runs

    @property
    def curves(self) -> "pd.DataFrame":
        """A row for each evaluation: the run's id, role and swept settings, epoch, step, errors and losses."""
        return self.data.curves

    @cached_property
    def findings(self) -> Findings:
        """The findings of the analyses that the recipe chose; `.to_frame()` gives a table."""
        from ftdd.results.findings import find

        return Findings(find(analyses_of(self.data.record, plugins()), self.data))

    @cached_property
    def advice(self) -> tuple[Advice, ...]:
        """How many layers to freeze, and what it costs to be wrong: one for each setting of the study.

        Empty before runs with different numbers of frozen layers are done. Raises LookupError where the analysis
        `advise` is not installed.
        """
        from ftdd.components import Analysis
        from ftdd.results.findings import find

        if found := advice_in(self.findings):
            return found
        analysis = plugins().named("analysis", "advise")()
        return advice_in(find([analysis], self.data)) if isinstance(analysis, Analysis) else ()

    def figure(self, kind: str = "freezingwise", over: str = "frozen_layers") -> "Figure":
        """A new matplotlib figure, to change and save.

        Args:
            kind: `freezingwise` (errors over frozen layers) or `epochwise` (errors over epochs); where the study has
                them, `similarity` and `scores`.
            over: The horizontal axis of `freezingwise`: `frozen_layers`, `trainable_parameters`,
                `trainable_share_of_parameters` or `trainable_share_of_forward_flops`.

        Raises:
            ValueError: The study has no such figure or axis, or no run is done.
        """
        from ftdd.results.figures.draw import figure

        return figure(self.data, kind, over)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the study's page, one HTML file that opens from disk, and return its path.

        Args:
            path: Where to; nothing is written into the store then. Default: `report.html` in the study's folder, whose
                findings and figures are written again too.
        """
        from ftdd.results.page.write import write_report
        from ftdd.results.write import write_results

        if path is not None:
            return write_report(self.data, self.folder, self.findings, Path(path).expanduser())
        *_, page = write_results(self.folder, self.data, self.findings)
        return page

    def network(self, run_id: str, data: str | Path | None = None) -> "nn.Module":
        """The trained network of a run, in evaluation mode: a chain of named layers, `network.names`.

        Inputs are images as floats, shape (N, C, H, W), normalized as in training.

        Args:
            run_id: From the column `id` of `study.runs`.
            data: The folder of data sets, as in `ftdd.run`; some pairs read their classes from it.

        Raises:
            LookupError: The study has no such run, the run is not done, or its weights were not kept (sources keep
                theirs).
        """
        from ftdd.recipe.specs import read_spec
        from ftdd.study.networks import trained_network

        self._run(run_id)
        spec = read_spec(self._store.run(run_id).spec.read_text(encoding="utf-8"), plugins())
        return trained_network(self._store, spec, data_path(data))

    def predictions(self, run_id: str) -> "Predictions":
        """What a run's network answered at each evaluation, image by image; read from its folder.

        Args:
            run_id: From the column `id` of `study.runs`.

        Raises:
            LookupError: The study has no such run, or the run has kept no predictions.
            ValueError: The file cannot be read.
        """
        run = self._run(run_id)
        found = run.predictions()
        if found is None:
            reason = "an older ftdd ran it, or the file was deleted" if run.ended else f"it is {run.state}"
            raise LookupError(f"run {run_id} has no predictions: {reason}")
        return found

    def refresh(self) -> "Study":
        """The same study, to be read again: it includes what has been done since."""
        return Study(self.folder)

    def _run(self, run_id: str) -> "Run":
        if run_id not in self.data.by_id:
            raise LookupError(f"no run '{run_id}' in study {self.name}; study.runs has the ids")
        return self.data.by_id[run_id]

    def __repr__(self) -> str:
        return f"Study {self.name} ({self.folder}): {self._counts()}"

    def _repr_html_(self) -> str:
        """What a notebook shows: title, question, how many runs are done, answers, and the table over frozen layers."""
        lines = [
            Markup("<div>{} {}{}</div>").format(
                SYMBOLS[one.answer], one.statement, f" ({words})" if (words := format_settings(one.settings)) else ""
            )
            for one in self.findings[:MOST_ROWS]
        ]
        html = Markup(
            "<div><b>{}</b><br>{}<br><small>{}: {}</small></div><div style='margin:.6em 0'>{}</div>{}"
            "<small>● seen, ○ not seen, ? cannot tell, – not applicable; mean ± standard deviation over seeds</small>"
        ).format(
            self.title,
            self.question,
            self.name,
            self._counts(),
            Markup("").join(lines),
            Markup(self._summary().to_html(index=False, border=0)),
        )
        return str(html)

    def _summary(self) -> "pd.DataFrame":
        import pandas as pd

        from ftdd.results.summary import HEADINGS, summarize

        rows = [
            {
                **row.settings,
                **dict(
                    zip(
                        (heading.replace("\n", " ") for heading in HEADINGS),
                        (
                            whole(row.frozen_layers),
                            whole(row.trainable_parameters),
                            *(mean_and_deviation(one.mean, one.deviation) for one in (row.final, row.best, row.peak)),
                            error(row.final_train.mean),
                            whole(row.interpolation_epoch),
                            f"{row.runs} of {row.of}",
                        ),
                        strict=True,
                    )
                ),
            }
            for row in summarize(self.data)[:MOST_ROWS]
        ]
        return pd.DataFrame(rows)

    def _counts(self) -> str:
        """How many runs are in which state: `20 of 21 runs done, 1 failed`."""
        states = Counter(self.runs["state"])
        words = f"{states.pop(str(State.DONE), 0)} of {len(self.runs)} runs done"
        return ", ".join([words, *(f"{states[str(state)]} {state}" for state in State if states[str(state)])])

    @property
    def _store(self) -> Store:
        return Store(self.folder.parents[1])


def open_study(path: str | Path, name: str | None = None) -> Study:
    """Open a study that was run. Trains nothing, and needs no data sets.

    Args:
        path: A store, or the study's own folder, `<store>/studies/<name>`.
        name: The study's name, where `path` is a store.

    Raises:
        LookupError: There is no such study.
    """
    folder = Path(path).expanduser().absolute()
    if name is None:
        if folder.parent.name != "studies":
            names = ", ".join(Store(folder).studies())
            if not names:
                raise LookupError(f"{folder} is no store with studies, and no study's folder, STORE/studies/NAME")
            raise LookupError(f"which study of {folder}? there are: {names}")
        folder, name = folder.parents[1], folder.name
    store = Store(folder)
    store.read_study(name)
    return Study(store.study_folder(name))
