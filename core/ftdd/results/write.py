"""Write what is made of a study into its folder: findings, figures, page."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ftdd.analysis.finding import Finding
from ftdd.analysis.study_data import StudyData
from ftdd.results.figures.draw import draw_figures
from ftdd.results.findings import keep_findings
from ftdd.results.page.write import write_report


def write_results(
    folder: Path, study: StudyData, findings: Sequence[Finding], note: Callable[[str], None] = lambda line: None
) -> tuple[Path, ...]:
    """Write findings, figures and page, and give the files of figures and page.

    folder: the study's.   note: takes a line on what is being done.
    """
    keep_findings(folder, findings)
    note("drawing figures")
    return (*draw_figures(study, folder / "figures"), write_report(study, folder, findings))
