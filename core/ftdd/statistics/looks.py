"""Looking again: at which level a study is judged whose seeds are added until its answer is clear.

A study that is judged anew after each added seed has many chances of a false *seen*. So the first look, with the seeds
that its recipe asks for, has the whole allowed chance, and each later one a tenth of it (a spending rule, after Lan and
DeMets 1983, Biometrika 70). What the first look leaves unspent on the worst curves of the null hypothesis pays for the
later ones, which depend strongly on each other: docs/calibration.md has the error rates of whole paths.
"""

LATER = 0.1
"""Of the allowed chance, what each look with added seeds has."""
MOST_SEEDS_ADDED = 12
"""Seeds up to which paths were simulated."""
WHOLE_SEEDS = 16
"""Places from which on a seed is added at all of them: few places of a new seed keep the error rate of short curves."""


def level_at_look(level: float, asked: int | None, seeds: int) -> float:
    """The level of a look with so many seeds of a study that asked for `asked` at first; None: it is looked at once.

    level: with which bounds hold over all looks together.
    """
    if asked is None or seeds <= asked:
        return level
    return 1 - LATER * (1 - level)
