"""Say which runs failed or are left out, and why."""

from ftdd.api.left_out import changed_lines
from ftdd.api.request import Request
from ftdd.cli.screen import messages, warn
from ftdd.study.conduct import Outcome
from ftdd.wording import counted


def tell_failures(request: Request, outcome: Outcome) -> int:
    """Say it on stderr; gives the command's exit code."""
    warn(changed_lines(outcome.changed, outcome.held_back))
    if not outcome.failed:
        return 1 if outcome.changed else 0
    errors = messages()
    errors.print(f"[red]{counted(len(outcome.failed), 'run')} failed:[/]")
    for run_id, reason in outcome.failed.items():
        errors.print(f"  {run_id}: {reason or 'not executed'}", markup=False, soft_wrap=True)
        log = request.store.run(run_id).log
        if log.exists():
            errors.print(f"    {log}", markup=False, soft_wrap=True)
    errors.print("The same command tries them again and leaves the others as they are.", soft_wrap=True)
    if set(outcome.diverged) & set(request.study.sources):
        errors.print("A source that diverged would do so again: give it a smaller optimizer.lr.", soft_wrap=True)
    return 1
