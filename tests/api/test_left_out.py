"""What a reader is told of runs that are left out."""

from dataclasses import replace

from ftdd.analysis.study_data import StudyData
from ftdd.api.left_out import MOST_LINES, WHAT_TO_DO, left_out_of
from ftdd.records.status import State
from ftdd.testing import MadeRun, made_study


def with_states(state: State, count: int) -> StudyData:
    study = made_study([MadeRun({"freezing.count": i, "seed": 0}, (0.5, 0.4)) for i in range(count)])
    each = (
        replace(run, status=replace(run.status, state=state, error=f"reason {run.id}")) if run.role == "target" else run
        for run in study.each
    )
    return replace(study, each=tuple(each))


def test_what_to_do_is_said_however_many_reasons_there_are() -> None:
    lines = left_out_of(with_states(State.CHANGED, 2 * MOST_LINES))
    assert len(lines) == MOST_LINES + 2
    assert lines[-2:] == (f"and {MOST_LINES} more such lines", WHAT_TO_DO)


def test_damaged_runs_are_named_and_the_rest_counted() -> None:
    lines = left_out_of(with_states(State.DAMAGED, MOST_LINES + 1))
    assert lines[0] == "left out, for it is damaged: reason target000"
    assert lines[-1] == "and 1 more such lines"
