"""Scores of a study: each computed once, kept by what it depends on, and told to tables and runs."""

import json
from pathlib import Path

import pytest
import torch

from ftdd.components import Scheme, Score
from ftdd.components.comparison import Comparison
from ftdd.recipe.recipe import Recipe
from ftdd.study.conduct import write_down
from ftdd.study.plan import make_plan
from ftdd.study.runs import execute
from ftdd.study.scores import labels, read_scores, score_study
from ftdd.study.store import Store
from ftdd_plugins.similarity import (
    Cka,
    ClassOverlap,
    Frechet,
    HScore,
    Leep,
    LinearProbe,
    LogMe,
    Mmd,
    WordNet,
)
from tests.core.study.small_study import RECIPE, job, read
from tests.installed import installed_plugins
from tests.results.from_store import runs_table

TURNED = RECIPE.replace(
    "pair: {name: digits, source_classes: [0, 1, 2], target_classes: [3, 4, 5]}",
    "pair: {name: transformed, of: {name: digits, target_classes: [3, 4, 5]}, strength: 0.0}",
)


PLUGINS = installed_plugins()


def silent(line: str) -> None:
    """Nobody looks on."""


def executed(tmp_path: Path, recipe: str, *overrides: str, targets: bool = False) -> tuple[Recipe, Store]:
    """A study whose sources, and targets where they are asked for, have been trained."""
    study = read(tmp_path, *overrides, recipe=recipe)
    store = Store(tmp_path / "store")
    plan = make_plan(study, store, tmp_path)
    write_down(study, plan, store)
    for run in plan.runs if targets else plan.sources:
        execute(job(store, run.ref.id))
    return study, store


def test_a_score_is_a_column_of_every_run_it_is_said_of(tmp_path: Path) -> None:
    recipe = f"similarity: [class_overlap, {{name: frechet, images: 30}}]\n{TURNED}"
    study, store = executed(tmp_path, recipe, "sweep.pair.strength=[0.0, 1.0]", "freezing.count=3", targets=True)
    rows = score_study(study, study.header.similarity, store, tmp_path, silent)
    assert [(row.scheme, row.pair["strength"], row.error) for row in rows] == [
        ("class_overlap", 0.0, ""),
        ("frechet-30", 0.0, ""),
        ("class_overlap", 1.0, ""),
        ("frechet-30", 1.0, ""),
    ]
    table = runs_table(store, study.name)
    targets = table[table["role"] == "target"].set_index("pair.strength")
    assert targets["similarity.class_overlap"].tolist() == [1.0, 1.0]
    same, turned = targets["similarity.frechet-30"]
    assert abs(same) < 1e-6
    assert turned < -1e-3
    assert (targets["source_test_error"] == [row.source_test_error for row in rows[::2]]).all()
    assert table[table["role"] == "source"]["similarity.frechet-30"].isna().all()


def test_a_score_is_computed_once_and_again_when_it_depends_on_something_else(tmp_path: Path) -> None:
    study, store = executed(tmp_path, TURNED, "pair.strength=0.5")
    said: list[str] = []
    score_study(study, (Mmd(images=20),), store, tmp_path, said.append)
    kept = sorted((store.path / "scores").iterdir())
    assert len(kept) == 1
    changed = json.loads(kept[0].read_text()) | {"value": -0.123}
    kept[0].write_text(json.dumps(changed))
    (again,) = score_study(study, (Mmd(images=20),), store, tmp_path, said.append)
    assert again.value == -0.123, "was computed again although nothing has changed"
    (other,) = score_study(study, (Mmd(images=21),), store, tmp_path, said.append)
    assert other.value != -0.123
    network, kept_store = executed(tmp_path / "b", TURNED, "pair.strength=0.5", "source.training.epochs=3")
    assert kept_store.path != store.path
    (retrained,) = score_study(network, (Mmd(images=20),), Store(kept_store.path), tmp_path, silent)
    assert retrained.source_id != again.source_id
    assert retrained.value != other.value


def test_other_schemes_scores_are_kept_and_those_asked_for_again_are_replaced(tmp_path: Path) -> None:
    study = read(tmp_path, "pair.strength=0.5", recipe=TURNED)
    store = Store(tmp_path / "store")
    score_study(study, (ClassOverlap(), Mmd(space="pixels", images=20)), store, tmp_path, silent)
    score_study(study, (ClassOverlap(),), store, tmp_path, silent)
    assert sorted(row.scheme for row in read_scores(store, study.name)) == ["class_overlap", "mmd-pixels-20"]
    other = read(tmp_path, "pair.strength=0.7", recipe=TURNED)
    score_study(other, (ClassOverlap(),), store, tmp_path, silent)
    assert [row.scheme for row in read_scores(store, study.name)] == ["class_overlap"], "of runs that are gone"


def test_whatever_a_scheme_raises_costs_its_score_alone(tmp_path: Path) -> None:
    class Broken(ClassOverlap):
        def score(self, given: Comparison) -> Score:
            raise RuntimeError("out of luck")

    study = read(tmp_path, recipe=TURNED)
    broken, whole = score_study(
        study, (Broken(), Mmd(space="pixels", images=20)), Store(tmp_path / "s"), tmp_path, silent
    )
    assert (broken.value, broken.error) == (None, "RuntimeError: out of luck")
    assert whole.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Score(float("nan")), "the score came out as nan, which is no number to compare"),
        (Score(1.0, {"layer": float("inf")}), "layer came out as inf, which is no number to compare"),
        (0.5, "AttributeError: 'float' object has no attribute 'value'"),
    ],
)
def test_an_answer_that_is_no_number_is_no_score(answer: Score, said: str, tmp_path: Path) -> None:
    """And is not kept; the others are there."""

    class Odd(Mmd):
        def score(self, given: Comparison) -> Score:
            return answer

    study, store = read(tmp_path, recipe=TURNED), Store(tmp_path / "s")
    odd, whole = score_study(study, (Odd(), ClassOverlap()), store, tmp_path, silent)
    assert (odd.value, odd.error) == (None, said)
    assert whole.value == 1.0
    assert len(list((store.path / "scores").iterdir())) == 1


def test_scores_of_names_and_pixels_do_not_depend_on_any_network(tmp_path: Path) -> None:
    """They are there before anything is trained; those of networks say what is missing."""
    study = read(tmp_path, recipe=TURNED)
    store = Store(tmp_path / "store")
    schemes: tuple[Scheme, ...] = (ClassOverlap(), Frechet(space="pixels", images=20), LinearProbe())
    overlap, pixels, probe = score_study(study, schemes, store, tmp_path, silent)
    assert (overlap.value, pixels.value) == (1.0, pytest.approx(0.0, abs=1e-9))
    assert probe.value is None
    assert probe.error.startswith("the network of run ")
    assert probe.error.endswith(" is not there: it is waiting")


def test_a_damaged_file_of_scores_costs_a_computation_and_nothing_else(tmp_path: Path) -> None:
    study, store = executed(tmp_path, TURNED)
    score_study(study, (ClassOverlap(),), store, tmp_path, silent)
    next((store.path / "scores").iterdir()).write_text("{")
    (row,) = score_study(study, (ClassOverlap(),), store, tmp_path, silent)
    assert row.value == 1.0
    (store.study_folder(study.name) / "scores.json").write_text("[{}]")
    assert read_scores(store, study.name) == ()
    assert len(runs_table(store, study.name)) == 4


def test_a_study_that_compares_networks_trains_one_on_the_target_too(tmp_path: Path) -> None:
    plain = read(tmp_path, recipe=TURNED)
    study, store = executed(tmp_path, f"similarity: [cka]\n{TURNED}", targets=True)
    assert len(study.sources) == len(plain.sources) + 1
    assert set(plain.sources) < set(study.sources)
    (row,) = score_study(study, study.header.similarity, store, tmp_path, silent)
    assert row.value is not None
    assert next(iter(row.details)) == "stem"
    assert row.value == pytest.approx(sum(row.details.values()) / len(row.details))
    assert all(0 <= value <= 1 for value in row.details.values())
    assert len(runs_table(store, study.name)) == len(study.sources) + len(study.targets)


def test_the_network_a_study_compares_with_is_the_selffers(tmp_path: Path) -> None:
    """The control starts from the same run: it is trained once."""
    study = read(tmp_path, "sweep.control=[transfer, selffer]", recipe=f"similarity: [cka]\n{TURNED}")
    assert len(study.sources) == 2


def test_scores_are_of_transfers_alone(tmp_path: Path) -> None:
    """A control starts from nothing, or from the target itself: no score of the source is said of it."""
    study = read(tmp_path, "sweep.control=[transfer, random, scratch, selffer]", recipe=TURNED)
    assert len(study.groups) == 1
    controls = {spec.id: spec.control for spec in study.targets.values()}
    assert {controls[run] for group in study.groups for run in group.runs} == {"transfer"}


def test_what_a_scheme_is_called_tells_its_settings() -> None:
    schemes = (Frechet(), Frechet(space="pixels"), Frechet(images=50), WordNet(measure="path"), Cka())
    assert list(labels(schemes).values()) == ["frechet", "frechet-pixels", "frechet-50", "wordnet-path", "cka"]
    timm = PLUGINS.components["architecture"]["timm"]
    nets = [timm.model_validate({"model": "resnet18", "checkpoint": f"/a folder/{name}/w é.pt"}) for name in "ab"]
    spaces = labels([Frechet.model_validate({"space": net}) for net in nets])
    assert list(spaces.values()) == ["frechet-timm-resnet18-w__.pt", "frechet-timm-resnet18-w__.pt.2"]


def test_a_network_without_weights_is_a_space_too_and_the_same_each_time(tmp_path: Path) -> None:
    study = read(tmp_path, "pair.strength=0.5", recipe=TURNED)
    scheme = Frechet.model_validate_json('{"space": {"name": "resnet", "width": 2}, "images": 30}', context=PLUGINS)
    found = [score_study(study, (scheme, scheme), Store(tmp_path / name), tmp_path, silent) for name in ("a", "b")]
    assert [len(rows) for rows in found] == [1, 1]
    assert found[0][0].value == found[1][0].value
    assert found[0][0].value is not None
    assert found[0][0].value < 0


def test_schemes_are_checked_like_every_other_part_of_a_recipe(tmp_path: Path) -> None:
    from ftdd.recipe.mistakes import RecipeError

    with pytest.raises(RecipeError) as caught:
        read(
            tmp_path,
            recipe=f"similarity: [wordnett, {{name: mmd, imags: 3}}, {{name: mmd, space: {{name: resnet, widht: 3}}}}, {{name: mmd, space: spam}}]\n{RECIPE}",
        )
    lines = [str(mistake) for mistake in caught.value.mistakes]
    assert lines == [
        "small.yaml:1: similarity[0]: no scheme 'wordnett'; nearest: wordnet (ftdd list schemes)",
        "small.yaml:1: similarity[1].imags: no such field; nearest: images",
        "small.yaml:1: similarity[2].space.widht: no such field; nearest: width",
        "small.yaml:1: similarity[3].space: no architecture 'spam'; there are: densenet, linear, resnet, timm, "
        "torchvision, vit (ftdd list architectures); or source, pixels",
    ]


def test_schemes_change_no_id(tmp_path: Path) -> None:
    with_schemes = read(tmp_path, recipe=f"similarity: [wordnet, leep]\n{RECIPE}")
    assert set(with_schemes.targets) == set(read(tmp_path).targets)


@pytest.mark.slow
def test_the_less_a_source_has_in_common_the_lower_its_scores(tmp_path: Path) -> None:
    """Digits drowned in noise, step by step: no score of a trained network rises by more than chance."""
    recipe = TURNED.replace("epochs: 2", "epochs: 12").replace("images: 60\n  test", "images: all\n  test")
    recipe = recipe.replace("strength: 0.0", "transformation: noise").replace("width: 1", "width: 4")
    study, store = executed(tmp_path, recipe, "sweep.pair.strength=[0.0, 0.5, 1.0]", "freezing.count=0")
    known = PLUGINS.components["scheme"]
    schemes: tuple[Scheme, ...] = (
        Frechet(),
        Frechet(space="pixels"),
        Mmd(space="pixels"),
        LinearProbe(),
        LogMe(),
        HScore(),
        Leep(),
    )
    assert {type(scheme).__name__ for scheme in schemes} <= {cls.__name__ for cls in known.values()}
    rows = score_study(study, schemes, store, tmp_path, silent)
    for label in labels(schemes).values():
        near, middle, far = (row.value for row in rows if row.scheme == label)
        assert None not in (near, middle, far), label
        assert near > far, f"{label}: {near}, {middle}, {far}"  # type: ignore[operator]


def test_pretrained_weights_without_any_source_are_scored_too(tmp_path: Path) -> None:
    """What a practitioner has: a folder and a network. Schemes that need no source images know how good it fits."""
    recipe = TURNED[: TURNED.index("source:")] + "source: none\n" + TURNED[TURNED.index("target:") :]
    study = read(tmp_path, "architecture={name: timm, model: resnet18}", "freezing.count=0", recipe=recipe)
    (group,) = study.groups
    weights = tmp_path / "weights.pt"
    torch.manual_seed(0)
    save_timm_resnet18(weights)
    settings = (f"architecture={{name: timm, model: resnet18, checkpoint: {weights}}}", "freezing.count=0")
    study = read(tmp_path, *settings, recipe=recipe)
    probe, evidence, transfer = score_study(
        study, (LinearProbe(images=40), LogMe(images=40), Leep(images=40)), Store(tmp_path / "s"), tmp_path, silent
    )
    assert not group.pretrained
    assert probe.value is not None
    assert 0 <= probe.value <= 1
    assert evidence.value is not None
    assert transfer.error == "looks at the source's own classes, and these weights come without their head"


def save_timm_resnet18(path: Path) -> None:
    from ftdd_plugins.architectures.torchvision_operators import declare_operators

    declare_operators()
    import timm

    torch.save(timm.create_model("resnet18", num_classes=5, in_chans=1).state_dict(), path)
