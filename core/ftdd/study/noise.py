"""How much the errors of runs like a study's differ: as runs in the store show it, else as it was measured once.

What was measured once stands in kept_noise.json beside this file; bench/power.py writes it from bench/results.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from ftdd.records.status import State, Status
from ftdd.study.reading import read_run
from ftdd.study.store import RunFolder, Unreadable
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.statistics.noise import Floats
    from ftdd.statistics.power import Spread

KEPT = Path(__file__).with_name("kept_noise.json")
MOST_RUNS = 400
"""That are read; a curve's file takes a millisecond."""
SETTLED = 2
"""Epochs before which all seeds are at chance level, and do not differ."""
SEEDS = ("seed", "source.seed")


@dataclass(frozen=True)
class AlikeRun:
    """A target run in the store that has ended, of a network and a pair that the study has too."""

    folder: RunFolder
    status: Status
    settings: Mapping[str, Json]
    """Its spec: dotted paths and values."""


@dataclass(frozen=True)
class RunNoise:
    """What is known of the noise before a study is run."""

    over: "Mapping[str, Spread]"
    """`frozen_layers` and `epoch`; without what test images add."""
    discordance: Mapping[str, float]
    """By the same names: of two places, of the test images that they get wrong; see `ftdd.statistics.power`."""
    noise_from: str
    """Where the noise is from, in words."""
    discordance_from: str
    test_images: int | None = None
    """How many the runs in the store were tested on; None where none was."""

    def spread(self, over: str, test_images: int | None) -> "Spread":
        """Along one axis, with so many test images; None leaves them out: the claim is then about these very ones."""
        found = self.over[over]
        return found if not test_images else replace(found, images=self.discordance[over] / test_images)


def noise_of(pair: str, runs: Iterable[AlikeRun], logs: bool) -> RunNoise | None:
    """Of runs like a study's, else the kept noise of its pair, else the larger kept one.

    pair: its name.   logs: whether errors are of numbers, and compared by their logarithms; nothing is kept of such.
    """
    kept = None if logs else _kept(pair)
    there = [run for run in runs if run.status.state is State.DONE]
    there = sorted(there, key=lambda run: run.status.updated, reverse=True)[:MOST_RUNS]
    counts = [count for run in there if isinstance(count := run.status.facts.get("data", {}).get("test_images"), int)]
    images = round(median(counts)) if counts else None
    found = _measured(there, logs)
    if found is None:
        return kept and replace(kept, test_images=images)
    over, count, seeds = found
    words = f"{count} runs like these in the store ({seeds} seeds)"
    if kept is None:
        return RunNoise(over, dict.fromkeys(over, 0.0), words, "", images)
    answered = _discordance(there)
    if answered is None:
        return replace(kept, over={**kept.over, **over}, noise_from=words, test_images=images)
    own = {"frozen_layers": answered, "epoch": min(answered, kept.discordance["epoch"])}
    return RunNoise({**kept.over, **over}, own, words, words, images)


def _kept(pair: str) -> RunNoise:
    from ftdd.statistics.power import Spread

    rows: Sequence[dict[str, Any]] = json.loads(KEPT.read_text(encoding="utf-8"))["studies"]
    own = next((row for row in rows if row["pair"] == pair), None)
    row = own or max(rows, key=lambda row: float(row["over"]["frozen_layers"]["sd"]))
    words = f"{row['study']} on {row['pair']}, {row['architecture']} ({row['seeds']} seeds, docs/calibration.md)"
    words = words if own else f"{words}, as none was measured on {pair}"
    spreads = {name: Spread(**values) for name, values in row["over"].items()}
    return RunNoise(spreads, row["discordance"], words, words)


def _measured(runs: Sequence[AlikeRun], logs: bool) -> "tuple[dict[str, Spread], int, int] | None":
    """By axes, the noise of these runs, how many there are and the seeds of most; None with one seed each."""
    from ftdd.statistics.power import Spread

    repeated: dict[str, list[AlikeRun]] = {}
    for run in runs:
        repeated.setdefault(_without(run.settings, SEEDS), []).append(run)
    repeated = {key: same for key, same in repeated.items() if len(same) > 1}
    curves: dict[str, list[Floats]] = {"epoch": [], "frozen_layers": []}
    ends: dict[str, dict[tuple[str, str], float]] = {}
    used: set[Path] = set()
    for same in repeated.values():
        rows = {}
        for run in same:
            errors = _errors(run.folder, logs)
            if not errors:
                continue
            rows[_seed(run)] = {epoch: error for epoch, error in errors.items() if epoch >= SETTLED}
            curve = _without(run.settings, SEEDS, "freezing.")
            ends.setdefault(curve, {})[_seed(run), _place(run)] = errors[max(errors)]
            used.add(run.folder.path)
        curves["epoch"].append(_table({(seed, x): y for seed, row in rows.items() for x, y in row.items()}))
    curves["frozen_layers"] = [_table(values) for values in ends.values()]
    spreads = {over: spread for over, tables in curves.items() if (spread := _spread(tables)) is not None}
    if "frozen_layers" not in spreads and "epoch" in spreads:
        # Runs of different depths share no offset that would cancel
        epoch = spreads["epoch"]
        spreads["frozen_layers"] = Spread(math.hypot(epoch.sd, epoch.offset))
    if not spreads:
        return None
    return spreads, len(used), max(len({_seed(run) for run in same}) for same in repeated.values())


def _discordance(runs: Sequence[AlikeRun]) -> float | None:
    """Of two depths, in the median, from what the runs answered at their ends; None where they have not kept it.

    At the upper end of what is estimated; see `ftdd.statistics.test_images`.
    """
    import numpy as np

    from ftdd.statistics.test_images import image_variance

    curves: dict[str, dict[tuple[str, str], Floats]] = {}
    for run in runs:
        try:
            kept = read_run(run.folder).predictions()
        except ValueError:  # a file that cannot be read: an estimate can do without one run
            continue
        if kept is None or not len(kept.epochs):
            continue
        curve, place = _without(run.settings, SEEDS, "freezing."), _place(run)
        curves.setdefault(curve, {})[_seed(run), place] = np.asarray(kept.test[-1] != kept.test_labels, dtype=float)
    found: list[float] = []
    for wrong in curves.values():
        seeds, places = (list(dict.fromkeys(key[i] for key in wrong)) for i in (0, 1))
        images = {len(one) for one in wrong.values()}
        if len(seeds) < 2 or len(places) < 2 or len(images) > 1:
            continue
        missing = np.full(images.pop(), np.nan)
        variance = image_variance(np.array([[wrong.get((s, x), missing) for x in places] for s in seeds]))
        if variance is not None:
            own = np.diag(variance.covariance)
            apart = (own[:, None] + own - 2 * variance.covariance)[np.triu_indices(len(places), 1)]
            found.append(float(np.median(apart)) * variance.images)
    return median(found) if found else None


def _spread(tables: "Sequence[Floats]") -> "Spread | None":
    """Of several curves, each of shape (seeds, places), together; None where none has two seeds at two places."""
    import numpy as np

    from ftdd.statistics.noise import measure_noise
    from ftdd.statistics.power import Spread

    variances, offsets, memory, weights = [], [], [], []
    for values in tables:
        there = values[:, ~np.isnan(values).any(axis=0)]
        if min(there.shape, default=0) < 2:
            continue
        noise = measure_noise(there)
        variances.append(float(noise.variance.mean()))
        offsets.append(float(there.mean(axis=1).var(ddof=1)))
        memory.append((noise.share, noise.decay))
        weights.append(len(there) - 1)
    if not weights or not any(variances):
        return None
    share, decay = np.median(memory, axis=0)
    sd, offset = (float(np.sqrt(np.average(some, weights=weights))) for some in (variances, offsets))
    return Spread(sd, offset, float(share), float(decay))


def _table(values: "Mapping[tuple[str, Any], float]") -> "Floats":
    """Shape (seeds, places); NaN where a seed has none."""
    import numpy as np

    seeds, places = ({key[i]: None for key in values} for i in (0, 1))
    rows = [[values.get((seed, place), np.nan) for place in places] for seed in seeds]
    return np.array(rows, dtype=float).reshape(len(seeds), len(places))


def _errors(folder: RunFolder, logs: bool) -> dict[int, float]:
    """The test error by epochs; empty where it cannot be read: an estimate can do without one run."""
    try:
        errors = {record.epoch: record.test_error for record in folder.curve().records}
    except Unreadable:
        return {}
    return {epoch: math.log(error) for epoch, error in errors.items() if error > 0} if logs else errors


def _seed(run: AlikeRun) -> str:
    return str([run.settings.get(path) for path in SEEDS])


def _place(run: AlikeRun) -> str:
    return str([value for path, value in sorted(run.settings.items()) if path.startswith("freezing.")])


def _without(settings: Mapping[str, Json], paths: Sequence[str], start: str = "\0") -> str:
    return str(
        sorted((key, str(value)) for key, value in settings.items() if key not in paths and not key.startswith(start))
    )
