"""What a study could tell, in words."""

from ftdd.statistics.scope import FEWEST_SOURCES
from ftdd.study.foresight import FEWEST_PLACES, Curves, Foresight
from ftdd.wording import axis_name, counted, number, replication

FEW_SEEDS = 3
"""To add where there is one."""


def foreseen_text(foresight: Foresight) -> tuple[str, ...]:
    """What the study can claim, the smallest effects that it would see, and with which noise, line by line."""
    if not foresight.along:
        return ()
    lines = ["what it could tell:"]
    for curves in foresight.along:
        lines.append(f"  over {axis_name(curves.over)}: {_claim(curves)}")
        lines += [f"    {line}" for line in (_seen(curves), _asked(curves)) if line]
    return (*lines, f"  {_reckoned(foresight)}")


def _claim(curves: Curves) -> str:
    scope = f": it can speak for {curves.scope}" if curves.scope else ""
    least = "with at least " if curves.curves > 1 else ""
    words = f"{least}{replication(curves.sources, curves.seeds)}"
    return f"{counted(curves.curves, 'curve')} of {counted(curves.places, 'position')}, {words}{scope}"


def _seen(curves: Curves) -> str:
    if curves.replicates < 2:
        return f"one seed shows no difference to be significant: add {FEW_SEEDS - 1} at least"
    parts = []
    if curves.peak is not None:
        parts.append(f"a peak of {number(curves.peak)}")
    if curves.cost is not None:
        parts.append(f"a number of frozen layers that costs {number(curves.cost)}")
    if curves.between_curves is not None:
        parts.append(f"a difference of {number(curves.between_curves)} between two curves")
    return f"would be seen with 80%: {', '.join(parts)}" if parts else ""


def _asked(curves: Curves) -> str:
    """Where the recipe cannot see what it asks for: so, and what would."""
    if curves.sees_what_is_asked or curves.places < FEWEST_PLACES:
        return ""
    averaged = curves.sources >= FEWEST_SOURCES and curves.replicates == curves.sources
    takes = f"it takes {curves.seeds_for_asked} {'sources' if averaged else 'seeds'}"
    if curves.seeds_for_asked is None:
        takes = (
            "no number of seeds would do with so few test images" if curves.images_limit else "it takes more than 50"
        )
    return f"cannot see a peak of {curves.asked:g}, which it asks for: {takes}"


def _reckoned(foresight: Foresight) -> str:
    if foresight.noise is None:
        return "how small an effect it would see is known once two seeds of it are done"
    words = f"(noise as in {foresight.noise.noise_from}; "
    if foresight.test_images is None:
        return f"{words}without what the test images limit)"
    images = f"{foresight.test_images:,} test images"
    if foresight.noise.discordance_from not in ("", foresight.noise.noise_from):
        images += f", whose part is as in {foresight.noise.discordance_from}"
    return f"{words}{images})"
