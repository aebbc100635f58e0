"""Compare studies: one figure, and a table of their differences."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftdd.api.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ftdd.results.compare import Overlay


@dataclass(frozen=True)
class StudyComparison:
    """A comparison of studies: a figure, and the table behind it."""

    overlay: "Overlay"
    """Which runs make which line, on which axis, in which panel."""

    def figure(self) -> "Figure":
        """One panel for each combination of the other settings, one line for each study and value of `by`.

        A new matplotlib figure, to change and save.
        """
        from ftdd.results.figures.comparison import overlay_figure
        from ftdd.results.figures.style import journal

        with journal():
            return overlay_figure(self.overlay)

    def to_frame(self) -> "pd.DataFrame":
        """A row for each line at each position: mean, standard deviation, runs, paired difference to the reference.

        `difference` is the mean over pairs of runs with the same seed, `standard_error` its standard error. Both are
        empty for the reference itself, and where no runs pair.
        """
        import pandas as pd

        from ftdd.results.compare import cells

        return pd.DataFrame(
            [
                {
                    "panel": ", ".join(cell.panel),
                    self.overlay.over: cell.position,
                    "line": cell.line,
                    "mean": cell.mean,
                    "deviation": cell.deviation,
                    "runs": cell.runs,
                    "to": cell.difference.to if cell.difference else None,
                    "difference": cell.difference.mean if cell.difference else None,
                    "standard_error": cell.difference.error if cell.difference else None,
                    "pairs": cell.difference.pairs if cell.difference else 0,
                }
                for cell in cells(self.overlay)
            ]
        )


def compare(
    studies: Study | Iterable[Study], *, by: str = "", over: str = "frozen_layers", value: str = "final_test_error"
) -> StudyComparison:
    """Compare studies, or within one study the values of a setting.

    Args:
        studies: One or more studies.
        by: A setting with a line for each value: its dotted path, or the end of it (`similarity`).
        over: The horizontal axis: `frozen_layers`, `trainable_parameters`, `trainable_share_of_parameters`,
            `trainable_share_of_forward_flops`, `epoch`, or a numeric setting.
        value: `final_test_error`, `best_test_error`, `peak_test_error` or `interpolation_epoch`.

    Raises:
        LookupError: The studies have no such setting, are of classification and of regression, or no run is done.
        ValueError: No study is given, one is given twice, or there is no such value.
    """
    from ftdd.results.compare import EPOCH, VALUES, names_of, overlay

    if value not in VALUES:
        raise ValueError(f"value='{value}': must be one of {', '.join(VALUES)}")
    if over == EPOCH and value != "final_test_error":
        raise ValueError(f"over='{over}' shows every test error there is: leave value='{value}' out")
    given = (studies,) if isinstance(studies, Study) else tuple(studies)
    if not given or not all(isinstance(study, Study) for study in given):
        raise ValueError("studies: must be one study or several, as ftdd.run and ftdd.open give them")
    folders = [study.folder for study in given]
    if len(set(folders)) < len(folders):
        raise ValueError("one study is given twice: give each once")
    found = overlay(
        {name: study.data for name, study in zip(names_of(folders), given, strict=True)},
        by=by,
        over=over,
        value=value,
    )
    if found is None:
        raise LookupError("no run of these studies is done yet, so there is nothing to compare")
    return StudyComparison(found)
