"""The oracle: the same engine on linear regression, whose answer is known in closed form (DESIGN, FIELD)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ftdd.components import Job, Unfit
from ftdd.recipe.read import read_recipe
from ftdd.recipe.recipe import Recipe
from ftdd.recipe.specs import TargetSpec
from ftdd.study.conduct import write_down
from ftdd.study.plan import make_plan
from ftdd.study.runs import execute
from ftdd.study.store import Store
from ftdd_plugins.pairs.gaussian_linear import GaussianLinear, fitted_error, source_distance
from tests.installed import installed_plugins
from tests.results.from_store import runs_table

RECIPE = """
pair: {name: gaussian_linear, d: 40, noise: 0.2, source_noise: 0.1, pool: 10000}
architecture: {name: linear}
source: {images: 80, training: {epochs: 1, batch_size: 1000, optimizer: least_squares}}
target:
  images: 20
  test_images: 2000
  training: {epochs: 1, batch_size: 1000, optimizer: least_squares}
  evaluate: every
freezing: {policy: first_layers, count: 0}
eps: 1.0e-6
seed: 0
"""


def study_of(tmp_path: Path, *overrides: str) -> Recipe:
    path = tmp_path / "oracle.yaml"
    path.write_text(RECIPE)
    return read_recipe(path, installed_plugins(), tmp_path, overrides)


def executed(tmp_path: Path, *overrides: str) -> Any:
    """The runs' table of a study, executed in this process: sources, then targets."""
    study = study_of(tmp_path, *overrides)
    store = Store(tmp_path / "store")
    plan = make_plan(study, store, tmp_path)
    write_down(study, plan, store)
    for run in plan.runs:
        execute(Job(run.ref.id, store.path, tmp_path, "cpu", 1, 1 << 28, 0))
    table = runs_table(store, study.name)
    assert set(table["state"]) == {"done"}
    return table[table["role"] == "target"]


def agrees(errors: Sequence[float], expected: float) -> None:
    """Within 3 standard errors of the mean, and within 5%."""
    mean, spread = float(np.mean(errors)), float(np.std(errors, ddof=1))
    standard_error = spread / math.sqrt(len(errors))
    assert abs(mean - expected) < 3 * standard_error, f"{mean} ± {standard_error}, theory says {expected}"
    assert mean == pytest.approx(expected, rel=0.05)


def simulated(
    frozen: int, *, n: int = 20, d: int = 40, n_s: int = 80, seen: int | None = None, a: float = 0.9, b: float = 0.0,
    from_zero: bool = False, draws: int = 5000, seed: int = 0,
) -> list[float]:  # fmt: skip
    """Squared test errors by a plain simulation of ten lines that knows nothing of the engine."""
    pair = GaussianLinear(d=d, a=a, b=b, source_coordinates=seen)
    beta, beta_s = pair.coefficients("target"), pair.coefficients("source")
    rng, found, p = np.random.default_rng(seed), [], seen or d
    for _ in range(draws):
        z = rng.standard_normal((n_s, d))
        theta = np.zeros(d)
        theta[:p] = np.linalg.pinv(z[:, :p]) @ (z @ beta_s + math.sqrt(0.1) * rng.standard_normal(n_s))
        x = rng.standard_normal((n, d))
        y = x @ beta + math.sqrt(0.2) * rng.standard_normal(n)
        start = theta.copy()
        if from_zero:
            start[frozen:] = 0
        start[frozen:] += np.linalg.pinv(x[:, frozen:]) @ (y - x @ start)
        found.append(0.2 + float((beta - start) @ (beta - start)))
    return found


def expected(tmp_path: Path, frozen: int, *overrides: str) -> float | None:
    spec = next(iter(study_of(tmp_path, f"freezing.count={frozen}", *overrides).targets.values()))
    from ftdd.values import flat

    return spec.pair.expected_test_error(flat(spec.model_dump(mode="json")))


@pytest.mark.parametrize(
    ("frozen", "settings", "overrides"),
    [
        (8, {}, ()),
        pytest.param(32, {}, (), marks=pytest.mark.slow),
        (8, {"from_zero": True}, ("transfer.first_layers=frozen",)),
        pytest.param(30, {"n_s": 18}, ("source.images=18",), marks=pytest.mark.slow),
        pytest.param(
            8, {"n_s": 18, "seen": 30}, ("source.images=18", "pair.source_coordinates=30"), marks=pytest.mark.slow
        ),
        (35, {"n_s": 18, "seen": 30, "b": 0.5}, ("source.images=18", "pair.source_coordinates=30", "pair.b=0.5")),
        pytest.param(30, {"n_s": 80, "b": 0.7, "a": 0.5}, ("pair.b=0.7", "pair.a=0.5"), marks=pytest.mark.slow),
        pytest.param(
            26,
            {"n_s": 18, "b": 0.7, "a": 0.5},
            ("source.images=18", "pair.b=0.7", "pair.a=0.5"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_closed_form_is_that_of_a_plain_simulation(
    frozen: int, settings: dict[str, Any], overrides: tuple[str, ...], tmp_path: Path
) -> None:
    """On both sides of both peaks, with coordinates that the source leaves out, and with other things in the source."""
    theory = expected(tmp_path, frozen, "pair.a=0.9", *overrides)
    assert theory is not None
    agrees(simulated(frozen, **settings), theory)


LARGE = ("pair.d=160", "pair.pool=1000", "architecture.together=4", "target.images=80", "target.test_images=1000")
"""Four coordinates a layer: errors that scatter half as much as at d = 40, at the same cost."""


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [0, 8, 30, 40])
def test_the_engine_agrees_with_the_closed_form_on_both_sides_of_the_peak(frozen: int, tmp_path: Path) -> None:
    """Through spec, source, transfer, freezing, fit, curve and table; the target's peak is at 20 layers, d − n = 80."""
    draws = ("sweep.pair.draw=0..99", f"freezing.count={frozen}", "pair.a=0.9", "source.images=320")
    runs = executed(tmp_path, *LARGE, *draws)
    agrees(list(runs["final_test_error"]), float(runs["expected_test_error"].iloc[0]))


@pytest.mark.slow
@pytest.mark.parametrize("images", [96, 240])
def test_the_engine_agrees_on_both_sides_of_the_source_s_own_peak(images: int, tmp_path: Path) -> None:
    """At n_s = d = 160, seen where all is frozen."""
    draws = ("sweep.pair.draw=0..79", "freezing.count=40", f"source.images={images}")
    runs = executed(tmp_path, *LARGE, *draws)
    agrees(list(runs["final_test_error"]), float(runs["expected_test_error"].iloc[0]))


def test_theory_has_the_peaks_that_it_is_known_for(tmp_path: Path) -> None:
    by_depth = [expected(tmp_path, t) for t in range(41)]
    finite = [error for error in by_depth if error is not None and math.isfinite(error)]
    assert [t for t, error in enumerate(by_depth) if error is not None and math.isinf(error)] == [19, 20, 21]
    assert max(finite) in (by_depth[18], by_depth[22])
    assert by_depth[0] < by_depth[18] > by_depth[18 - 6]  # type: ignore[operator]
    assert by_depth[22] > by_depth[40]  # type: ignore[operator]
    by_source = {n_s: expected(tmp_path, 40, f"source.images={n_s}") for n_s in (20, 38, 39, 41, 42, 80)}
    assert [n_s for n_s, error in by_source.items() if math.isinf(error or 0)] == [39, 41]
    assert by_source[38] > by_source[20]  # type: ignore[operator]
    assert by_source[42] > by_source[80]  # type: ignore[operator]


@pytest.mark.parametrize(("seen", "wins"), [(30, True), (40, False)])
def test_a_less_related_source_wins_where_the_source_leaves_coordinates_out_and_only_there(
    seen: int, wins: bool, tmp_path: Path
) -> None:
    """F4 with DESIGN's figures: d = 40, n = 20, t = 24, n_s = 18, |β| = 1, by the closed form."""
    same, less = (
        expected(tmp_path, 24, f"pair.a={a}", f"pair.source_coordinates={seen}", "source.images=18") for a in (1.0, 0.5)
    )
    assert same is not None
    assert less is not None
    assert (less < same) == wins
    figures = {30: (5.69, 4.70), 40: (3.68, 4.11)}
    assert (same, less) == pytest.approx(figures[seen], rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("seen", "wins"), [(120, True), (160, False)])
def test_the_engine_sees_f4_where_theory_does_and_only_there(seen: int, wins: bool, tmp_path: Path) -> None:
    """Paired over draws: the same samples on both sides, at 32 layers, away from the target's peak."""
    runs = executed(
        tmp_path, *LARGE, "freezing.count=32", "source.images=72", f"pair.source_coordinates={seen}",
        "sweep.pair.a=[1.0, 0.5]", "sweep.pair.draw=0..49",
    )  # fmt: skip
    errors = runs.pivot_table(index="pair.draw", columns="pair.a", values="final_test_error")
    gain = errors[1.0] - errors[0.5]
    z = float(gain.mean() / (gain.std() / math.sqrt(len(gain))))
    assert z > 3 if wins else z < -3


@pytest.mark.slow
def test_gradient_descent_to_convergence_ends_at_the_exact_fit(tmp_path: Path) -> None:
    """Nearest to where it started: the minimum-norm step, frozen coordinates left out."""
    small = ("freezing.count=2", "pair.d=12", "target.images=6")
    exact = executed(tmp_path, *small)
    slow = (
        "target.training.optimizer={name: sgd, lr: 0.2}",
        "target.training.epochs=3000",
        "target.evaluate={every: 1000}",
    )
    descended = executed(tmp_path, *small, *slow)
    assert descended["final_test_error"].iloc[0] == pytest.approx(exact["final_test_error"].iloc[0], rel=1e-3)
    assert descended["final_train_error"].iloc[0] < 1e-6


@pytest.mark.slow
def test_soft_freezing_by_descent_ends_at_its_exact_fit(tmp_path: Path) -> None:
    soft = ("freezing.count=0", "soft_freezing.l2_sp=0.5", "pair.d=12", "target.images=6")
    exact = executed(tmp_path, *soft)
    slow = ("target.training.optimizer={name: sgd, lr: 0.05}", "target.training.epochs=1500", "target.evaluate=log")
    descended = executed(tmp_path, *soft, *slow)
    assert descended["final_test_error"].iloc[0] == pytest.approx(exact["final_test_error"].iloc[0], rel=1e-3)


@pytest.mark.slow
def test_soft_freezing_has_its_known_error_at_its_best_strength(tmp_path: Path) -> None:
    """d = 60, n = 30, σ² = 0.2, E|u|² = 0.5 isotropic: α* = σ²γ/ω² and error 0.5422 (Dar, LeJeune, Baraniuk 2021).

    A source with many samples, no noise and a = 1 learns β + bω exactly, so that u = −bω. The loop's strength is 2α.
    """
    gamma, omega, sigma = 2.0, 0.5, 0.2
    alpha = sigma * gamma / omega
    root = math.sqrt((1 - gamma + alpha) ** 2 + 4 * gamma * alpha)
    known = sigma * (1 + gamma * (-(1 - gamma + alpha) + root) / (2 * gamma * alpha))
    assert known == pytest.approx(0.5422, abs=1e-4)
    base = (
        "pair.d=60", f"pair.b={math.sqrt(omega)}", "pair.source_noise=0.0", "pair.a=1.0",
        "architecture.together=3", "pair.pool=1000", "target.test_images=1000", "source.images=400", "target.images=30", "sweep.pair.draw=0..79",
    )  # fmt: skip
    means = {
        factor: float(executed(tmp_path, *base, f"soft_freezing.l2_sp={2 * alpha * factor}")["final_test_error"].mean())
        for factor in (0.1, 1.0, 10.0)
    }
    assert means[1.0] == pytest.approx(known, rel=0.05)
    assert means[1.0] < min(means[0.1], means[10.0])
    assert means[0.1] == pytest.approx(0.605, rel=0.06)
    assert means[10.0] == pytest.approx(0.624, rel=0.06)


def test_everything_frozen_is_the_source_on_the_target(tmp_path: Path) -> None:
    """t = d: nothing is trained, and the ledger says so."""
    run = executed(tmp_path, "freezing.count=40").iloc[0]
    assert run["trainable_parameters"] == 0
    assert run["final_test_error"] == pytest.approx(run["best_test_error"])


def test_a_source_learns_nothing_of_coordinates_it_does_not_see(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    executed(tmp_path, "freezing.count=40", "pair.source_coordinates=30")
    store = Store(tmp_path / "store")
    source = next(folder for folder in store.run_folders() if folder.read_spec()["role"] == "source")
    weights = load_file(source.weights)
    assert all(float(weights[f"x{i}.weight"]) == 0 for i in range(30, 40))
    assert all(float(weights[f"x{i}.weight"]) != 0 for i in range(30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("target.label_noise=0.2", "target.label_noise: the labels of this pair are numbers"),
        ("target.training.augmentation=crop_and_flip", "which cannot be cropped"),
        ("source.stop_at={accuracy: 0.9}", "so there is no accuracy"),
        ("pair.source_coordinates=41", "must be at most d = 40, got 41"),
        (
            "pair.pool=1000000000",
            "pair.pool: must be at most 487,804 where d is 40, or memory runs out; got 1,000,000,000",
        ),
        ("pair=digits", "least_squares fits numbers; the labels of this pair are classes"),
        ("architecture=resnet", "takes images of 8 pixels a side or more"),
    ],
)
def test_what_does_not_fit_numbers_is_a_mistake(change: str, message: str, tmp_path: Path) -> None:
    from ftdd.recipe.mistakes import RecipeError

    with pytest.raises(RecipeError) as caught:
        study_of(tmp_path, change)
    assert message in "\n".join(map(str, caught.value.mistakes))


def test_a_pool_that_fills_memory_is_refused_before_it_is_drawn(tmp_path: Path) -> None:
    for d, most in ((40, 487_804), (2000, 9_995)):
        with pytest.raises(Unfit, match=f"must be at most {most:,}") as caught:
            GaussianLinear(d=d, pool=most + 1).load("target", tmp_path)
        assert caught.value.field == "pool"
        assert GaussianLinear(d=d, pool=most).classes("target", tmp_path) == ("response",)


@pytest.mark.parametrize(
    "change",
    [
        "target.training.optimizer={name: sgd, lr: 0.1}",
        "soft_freezing.l2_sp=0.5",
        "control=selffer",
        "freezing={policy: last_layers, count: 3}",
        "freezing={policy: none}",
        "freezing=all_but_head",
        "freezing={policy: gradual_unfreezing, every: 1}",
        "architecture.start=0.5",
    ],
)
def test_there_is_no_theory_of_what_the_closed_form_is_not_about(change: str, tmp_path: Path) -> None:
    assert expected(tmp_path, 5) is not None
    spec = next(iter(study_of(tmp_path, change).targets.values()))
    from ftdd.values import flat

    assert spec.pair.expected_test_error(flat(spec.model_dump(mode="json"))) is None


def test_least_squares_refuses_a_network_that_is_not_linear(tmp_path: Path) -> None:
    study = study_of(tmp_path, "architecture={name: vit, patch: 1, width: 8, depth: 1}", "source=none")
    store = Store(tmp_path / "store")
    plan = make_plan(study, store, tmp_path)
    write_down(study, plan, store)
    (run,) = plan.runs
    execute(Job(run.ref.id, store.path, tmp_path, "cpu", 1, 1 << 28, 0))
    status = store.run(run.ref.id).status()
    assert str(status.state) == "failed"
    assert status.error.startswith("least_squares fits networks that are linear in their trained weights")


def test_formulas_at_their_edges() -> None:
    assert fitted_error(0.3, 1.0, 0, 10) == 0.3
    assert fitted_error(0.3, 1.0, 8, 10) == pytest.approx(0.3 * (1 + 8))
    assert [math.isinf(fitted_error(0.3, 1.0, f, 10)) for f in (8, 9, 10, 11, 12)] == [False, True, True, True, False]
    nothing = np.zeros(0)
    assert source_distance(nothing, nothing, 1.0, 0.1, 5, 5) == 0.0
    assert math.isinf(source_distance(np.ones(2), np.ones(2), 1.0, 0.1, 5, 5))


def test_the_pool_is_gaussian_and_the_same_again(tmp_path: Path) -> None:
    pair = GaussianLinear(d=12, pool=4000)
    task = pair.load("target", tmp_path)
    x = task.train.images.flatten(1)
    assert torch.allclose(x.T @ x / len(x), torch.eye(12), atol=0.1)
    noise = task.train.labels - x @ torch.from_numpy(pair.coefficients("target")).float()
    assert float(noise.var()) == pytest.approx(0.2, rel=0.08)
    assert GaussianLinear(d=12, pool=4000).load("target", tmp_path).train.digest() == task.train.digest()
    assert pair.load("source", tmp_path).train.digest() != task.train.digest()


def test_a_spec_of_the_oracle_is_read_back(tmp_path: Path) -> None:
    spec = next(iter(study_of(tmp_path).targets.values()))
    text = spec.model_dump_json()
    assert TargetSpec.model_validate_json(text, strict=True, context=installed_plugins()) == spec
