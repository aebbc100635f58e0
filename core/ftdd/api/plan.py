"""Plan a study: what there is to do, what it will cost, and what it could tell, before anything is trained."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdd.api.foreseen import foreseen_text
from ftdd.api.left_out import changed_lines
from ftdd.api.more_seeds import budget_for, reasons_of, what_next
from ftdd.api.prepare import check_whole
from ftdd.api.request import Overrides, RecipeLike, Request, read_request, with_added_runs
from ftdd.recipe.recipe import chosen_analyses
from ftdd.study.added import Round, with_added
from ftdd.study.foresight import Foresight, foresee, to_json
from ftdd.study.plan import Plan, PlannedRun, make_plan
from ftdd.wording import as_recipe, counted, duration

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Adding:
    """Runs that may be added where answers are unsure."""

    budget: int
    added: int
    """Already; part of the budget."""
    round: Round | None
    """What would be added now; None before any run is done."""
    plan: Plan
    """Of the runs of that round, with their sources; of nothing where there is no such round."""
    passes_each: int
    """Of the longest target run of the study."""

    @property
    def may_follow(self) -> int:
        """What is left of the budget after the round."""
        return max(self.budget - self.added - (len(self.round.runs) if self.round else 0), 0)


@dataclass(frozen=True, repr=False)
class StudyPlan:
    """What running a study would do, cost and be able to tell."""

    name: str
    title: str
    swept: tuple[str, ...]
    """Paths that the recipe sweeps."""
    plan: Plan
    """Every run with its state and cost."""
    foresight: Foresight
    """What the study could tell."""
    workers: int = 1
    """For which its time is foreseen."""
    adding: Adding | None = None
    """Runs that may be added; None where none are to be."""
    warnings: tuple[str, ...] = ()
    """Runs that are left out, or that would not be run, a sentence each."""

    @property
    def runs(self) -> "pd.DataFrame":
        """A row for each run, sources first: id, role, state, source_id, swept settings, image passes."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"id": run.ref.id, "role": run.ref.role, "state": str(run.state), "source_id": run.ref.source_id}
                | {path: self.value(run, path) for path in self.swept}
                | {"image_passes": run.image_passes}
                for run in self.plan.runs
            ]
        )

    @property
    def seconds_left(self) -> float | None:
        """Foreseen time for what is to be done; None where nothing like it was measured yet."""
        return self.plan.seconds_left(self.workers)

    def value(self, run: PlannedRun, path: str) -> str:
        """A target's value on a swept path: what the sweep gave it, and where it gave nothing, what its spec says."""
        if path in run.settings:
            return as_recipe(run.settings[path])
        return as_recipe(run.ref.settings[path]) if run.ref.role == "target" and path in run.ref.settings else ""

    @property
    def text(self) -> tuple[str, ...]:
        """How many runs there are, what they cost, what may be added, and what the study could tell, line by line."""
        plan = self.plan
        counts = Counter(str(run.state) for run in plan.runs)
        lines = [
            f"{counted(len(plan.targets), 'target run')}, {counted(len(plan.sources), 'source run')}; "
            + ", ".join(f"{count} {state}" for state, count in counts.items())
        ]
        left, seconds = sum(run.image_passes for run in plan.open), self.seconds_left
        if not plan.open:
            lines.append("nothing is left to do" + (" without --again" if plan.changed else ""))
        elif seconds is None:
            lines.append(f"to do: {left:,} image passes; how long they take is known after the first run")
        else:
            lines.append(f"to do: {left:,} image passes, about {duration(seconds)} with {_crew(self.workers)}")
        if self.adding is not None:
            lines += _adding_text(self.adding, bool(plan.open), self.workers)
        return (*lines, *foreseen_text(self.foresight))

    def to_json(self) -> dict[str, Any]:
        """As `ftdd plan --json` prints it."""
        plan, adding = self.plan, self.adding
        return {
            "study": self.name,
            "image_passes_left": sum(run.image_passes for run in plan.open),
            "seconds_left": self.seconds_left,
            "could_tell": to_json(self.foresight),
            "runs": [
                {
                    "id": run.ref.id,
                    "role": run.ref.role,
                    "source_id": run.ref.source_id,
                    "state": str(run.state),
                    "image_passes": run.image_passes,
                    "settings": dict(run.settings),
                }
                for run in plan.runs
            ],
        } | ({} if adding is None else {"more": _adding_tree(adding, self.workers)})

    def __repr__(self) -> str:
        return "\n".join([f"Plan of {self.name}", *(f"  {line}" for line in self.text)])

    def _repr_html_(self) -> str:
        from markupsafe import Markup

        lines = Markup("").join(Markup("<div>{}</div>").format(line) for line in self.text)
        return str(Markup("<div><b>{}</b></div>{}").format(self.title, lines))


def plan(
    recipe: RecipeLike,
    *,
    overrides: Overrides = (),
    name: str | None = None,
    store: str | Path | None = None,
    data: str | Path | None = None,
    more_seeds: bool | int | None = False,
    workers: int = 1,
) -> StudyPlan:
    """What `ftdd.run` with the same arguments would do, what it would cost, and what the study could tell.

    Trains nothing and writes nothing. Print the value, or read its attributes.

    Args:
        recipe: As for `ftdd.run`; so are `overrides`, `name`, `store`, `data` and `more_seeds`.
        overrides: Settings by dotted paths.
        name: The study's name.
        store: The folder of runs: what is done there need not be done again, and shows how much seeds differ.
        data: The folder of data sets.
        more_seeds: Whether runs may be added where the answer is `cannot tell`; a number is their budget.
        workers: Runs at the same time, for the foreseen time.

    Raises:
        RecipeError: The recipe is wrong; the exception has all mistakes at once.
        ValueError: An argument is not possible.
    """
    check_whole("workers", workers, 1)
    budget = None if isinstance(more_seeds, bool) else more_seeds
    wanted = not (more_seeds is None or more_seeds is False)
    return plan_request(read_request(recipe, overrides, store, data, name), wanted, budget, workers)


def plan_request(
    request: Request, more_seeds: bool, budget: int | None, workers: int, say: Callable[[str], None] = lambda line: None
) -> StudyPlan:
    """The same of a request that was read.   say: takes a line on an analysis that raises."""
    request = with_added_runs(request)
    study = request.study
    warnings = [f"an added run that does not fit the recipe is left out: {line}" for line in request.left_out]
    most = budget_for(study, more_seeds, budget)
    found = make_plan(study, request.store, request.data)
    adding = None if most is None else _adding(request, found, most, say)
    changed = {run.ref.id: run.damage for run in found.changed}
    warnings += changed_lines(changed, [run.ref.id for run in found.held_back])
    foresight = foresee(study, chosen_analyses(study.header, request.plugins), found.alike, request.data)
    title = study.header.title or study.name
    return StudyPlan(study.name, title, study.swept, found, foresight, workers, adding, tuple(warnings))


def _adding(request: Request, plan: Plan, budget: int, say: Callable[[str], None]) -> Adding:
    study = request.study
    following = what_next(request, budget, say)
    for sentence in following.mistaken if following else ():
        say(sentence)
    grown, _ = with_added(study, following.runs if following else (), request.plugins, request.data)
    known = {run.ref.id for run in plan.runs}
    whole = make_plan(grown, request.store, request.data)
    new = Plan(tuple(run for run in whole.runs if run.ref.id not in known), whole.seconds_per_pass)
    longest = max((run.image_passes for run in plan.targets), default=0)
    return Adding(budget, len(study.added), following, new, longest)


def _adding_text(adding: Adding, first: bool, workers: int) -> list[str]:
    """What would be added and what it would cost.   first: whether there are runs to do before."""
    budget = f"{adding.added} of the budget of {adding.budget} are added already"
    bound = adding.may_follow * adding.passes_each
    each = f"at most {bound:,} image passes{_about(bound, adding.plan, workers)}, and those of sources of their own"
    if adding.round is None:
        return [f"where unsure: at most {adding.may_follow} more target runs ({budget}); {each}"]
    lines = []
    runs = adding.round.runs
    if runs:
        lines.append(f"where unsure: asked for now: {len(runs)} more target runs ({budget})")
        lines += [f"  {count} × {analysis}: {reason}" for (analysis, reason), count in reasons_of(runs).items()]
        cost = sum(run.image_passes for run in adding.plan.open)
        lines.append(f"  to do for them: {cost:,} image passes{_about(cost, adding.plan, workers)}")
    elif adding.round.over_budget:
        lines.append(f"where unsure: asked for now: {adding.round.over_budget} more target runs, but {budget}")
    else:
        lines.append(f"where unsure: no analysis asks for more runs ({budget})")
    if runs and adding.may_follow:
        lines.append(f"  after them at most {adding.may_follow} more: {each}")
    if first:
        lines.append("  the runs still to do come first, and what they show decides")
    return lines


def _about(passes: int, plan: Plan, workers: int) -> str:
    if plan.seconds_per_pass is None:
        return ""
    return f", about {duration(plan.seconds_per_pass * passes / workers)} with {_crew(workers)}"


def _crew(workers: int) -> str:
    return "one worker" if workers == 1 else f"{workers} workers"


def _adding_tree(adding: Adding, workers: int) -> Mapping[str, object]:
    return {
        "budget": adding.budget,
        "added": adding.added,
        "image_passes_left": sum(run.image_passes for run in adding.plan.open),
        "seconds_left": adding.plan.seconds_left(workers),
        "may_follow": adding.may_follow,
        "image_passes_each": adding.passes_each,
        "runs": [
            {"analysis": run.analysis, "reason": run.reason, "settings": dict(run.settings)}
            for run in (adding.round.runs if adding.round else ())
        ],
    }
