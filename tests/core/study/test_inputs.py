"""One id, one set of inputs: a run that has ended with other images or weights than its study's is left out of it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ftdd.networks.chain import Chain
from ftdd.recipe.read import read_recipe
from ftdd.records.curve import Curve
from ftdd.records.status import State, Status
from ftdd.results.compare import cells
from ftdd.results.page.samples import read_samples, write_samples
from ftdd.results.watching import look
from ftdd.study import checkpoint
from ftdd.study.conduct import begin_changed_anew, write_down
from ftdd.study.inputs import differences, inputs_now, keep_inputs, of_weights, statuses, unchecked
from ftdd.study.plan import Plan, make_plan
from ftdd.study.runs import execute
from ftdd.study.store import Store
from ftdd.training.loop import Moment
from ftdd_plugins.architectures.resnet import ResNet
from ftdd_plugins.pairs.files import folders
from ftdd_plugins.pairs.image_folder import ImageFolder
from tests.core.study.small_study import job
from tests.installed import installed_plugins
from tests.results.from_store import curves_table, overlay, read, runs_table, summarize, write_report

RECIPE = """\
question: Are the inputs the same?
pair: {name: image_folder, source: trees, target: leaves, image_size: 8}
architecture: {name: resnet, width: 1}
source: {training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 0.01}}}
target: {training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 0.01}}}
freezing: {policy: first_layers, count: 2}
"""

TARGET = ("leaves",)
BOTH = ("trees", "leaves")


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for i, task in enumerate(BOTH):
        for k, name in enumerate(("ash", "oak")):
            for n in range(10):
                photo(folder / task / name / f"{n}.bmp", 100 * i + 10 * k + n)
    return folder


class Desk:
    """A store, and studies executed in it as `ftdd run` does, in this process."""

    def __init__(self, tmp_path: Path, data: Path) -> None:
        self.data = data
        self.store = Store(tmp_path / "store")
        self.recipes = tmp_path

    def run(self, *overrides: str, name: str = "one", recipe: str = RECIPE, again: bool = False) -> Plan:
        """The plan as it was before its runs were executed."""
        (self.recipes / f"{name}.yaml").write_text(recipe)
        study = read_recipe(self.recipes / f"{name}.yaml", installed_plugins(), self.data, overrides)
        specs = (*study.sources.values(), *study.targets.values())
        inputs = inputs_now(specs, self.store, self.data, {})
        plan = make_plan(study, self.store, self.data, inputs)
        if again:
            begin_changed_anew(plan, self.store)
            plan = make_plan(study, self.store, self.data, inputs)
        write_down(study, plan, self.store)
        for run in plan.open:
            execute(replace(job(self.store, run.ref.id), data=self.data))
            assert self.store.run(run.ref.id).status().state is State.DONE, self.store.run(run.ref.id).status().error
        keep_inputs(self.store, name)
        return plan

    def states(self, name: str = "one") -> list[str]:
        return [str(status.state) for status in statuses(self.store, self.store.read_study(name)).values()]

    def errors(self, name: str = "one") -> list[str]:
        return [status.error for status in statuses(self.store, self.store.read_study(name)).values()]

    def averaged(self, name: str = "one") -> int:
        """Over how many target runs means go."""
        return sum(row.runs for row in summarize(self.store, name))


@pytest.fixture
def desk(tmp_path: Path, data: Path) -> Desk:
    return Desk(tmp_path, data)


def _added(data: Path) -> None:
    photo(data / "leaves/ash/new.bmp", 500)


def _removed(data: Path) -> None:
    (data / "leaves/oak/9.bmp").unlink()


def _replaced(data: Path, seed: int = 501) -> None:
    """By another of the same name and size."""
    before = (data / "leaves/oak/3.bmp").stat().st_size
    photo(data / "leaves/oak/3.bmp", seed)
    assert (data / "leaves/oak/3.bmp").stat().st_size == before


def _label_moved(data: Path) -> None:
    (data / "leaves/oak/3.bmp").rename(data / "leaves/ash/z3.bmp")


def _class_renamed(data: Path) -> None:
    (data / "leaves/oak").rename(data / "leaves/quercus")


def _classes_swapped(data: Path) -> None:
    (data / "leaves/oak").rename(data / "leaves/x")
    (data / "leaves/ash").rename(data / "leaves/oak")
    (data / "leaves/x").rename(data / "leaves/ash")


CHANGES = [_added, _removed, _replaced, _label_moved, _class_renamed, _classes_swapped]


def test_where_nothing_has_changed_all_is_found_done(desk: Desk) -> None:
    desk.run("sweep.seed=[0,1]")
    plan = desk.run("sweep.seed=[0,1]")
    assert not plan.open
    assert not plan.changed
    assert desk.states() == ["done"] * 3
    assert desk.averaged() == 2


@pytest.mark.parametrize("change", CHANGES)
def test_other_images_of_the_target_are_said_and_not_averaged(desk: Desk, change: Callable[[Path], None]) -> None:
    desk.run()
    change(desk.data)
    plan = desk.run("sweep.seed=[0,1]")
    (changed,) = plan.changed
    assert changed.ref.role == "target"
    assert "images of the target" in changed.damage
    assert [run.settings["seed"] for run in plan.open] == [1]
    assert desk.states() == ["done", "changed", "done"]
    assert desk.averaged() == 1


def test_what_differs_is_counted(desk: Desk) -> None:
    for k in range(10):  # in a folder of its own for each half, so that no split decides in which it is
        photo(desk.data / "leaves/train" / ("ash", "oak")[k % 2] / f"{k}.bmp", k)
        photo(desk.data / "leaves/test" / ("ash", "oak")[k % 2] / f"{k}.bmp", 50 + k)
    desk.run()
    photo(desk.data / "leaves/train/ash/new.bmp", 500)
    (changed,) = desk.run().changed
    assert changed.damage == "10 training images of the target when it was trained, 11 now"
    (desk.data / "leaves/train/ash/new.bmp").unlink()
    photo(desk.data / "leaves/test/oak/1.bmp", 501)
    (changed,) = desk.run().changed
    assert (
        changed.damage
        == "the 10 test images of the target, or their labels or order, are others now than when it was trained"
    )


def test_once_the_old_images_are_back_the_run_is_the_study_s_again(desk: Desk) -> None:
    desk.run()
    _added(desk.data)
    desk.run()
    assert desk.averaged() == 0
    (desk.data / "leaves/ash/new.bmp").unlink()
    desk.run()
    assert desk.averaged() == 1


def test_images_in_another_data_folder_are_other_images(desk: Desk, tmp_path: Path) -> None:
    """And the same images in another folder are the same."""
    desk.run()
    shutil.copytree(desk.data, tmp_path / "copy")
    desk.data = tmp_path / "copy"
    assert not desk.run().changed
    _replaced(desk.data)
    assert len(desk.run().changed) == 1


def test_no_table_figure_page_or_finding_has_a_changed_run(desk: Desk) -> None:
    desk.run("sweep.seed=[0,1]")
    _replaced(desk.data)
    desk.run("sweep.seed=[1,2]", again=True)
    desk.run("sweep.seed=[0,1,2]")
    store = desk.store
    table = runs_table(store, "one")
    (row,) = table[table["state"] == "changed"].to_dict("records")
    assert row["seed"] == 0
    assert "images of the target" in row["error"]
    assert np.isnan(row["final_test_error"])
    assert row["id"] not in set(curves_table(store, "one")["id"])
    assert len(read(store, "one").done) == 2
    assert len(read(store, "one").done) == 2
    assert look(store, "one").counts[State.CHANGED] == 1
    page = write_report(store, "one").read_text()
    assert "1 of 4 runs was trained with other images or weights" in page
    assert "3 of 4 runs done" in page


def test_again_trains_anew_and_keeps_the_old_files_beside(desk: Desk) -> None:
    (run,) = [run for run in desk.run().runs if run.ref.role == "target"]
    folder = desk.store.run(run.ref.id)
    old = (folder.path / "curve.csv").read_text()
    _label_moved(desk.data)
    plan = desk.run(again=True)
    assert [run.ref.role for run in plan.open] == ["target"]
    assert (folder.path / "curve.csv.before").read_text() == old
    assert desk.states() == ["done", "done"]
    assert desk.averaged() == 1


# ---- sources


def test_other_images_of_the_source_hold_its_targets_back(desk: Desk) -> None:
    """Also those that are not begun: they would start from a network that the study does not have any more."""
    desk.run()
    photo(desk.data / "trees/ash/3.bmp", 502)
    plan = desk.run("sweep.seed=[0,1]")
    assert [run.ref.role for run in plan.changed] == ["source", "target"]
    assert [run.settings["seed"] for run in plan.held_back] == [1]
    assert not plan.open
    assert desk.averaged() == 0
    assert "images of the source" in desk.errors()[1]


def test_again_trains_source_and_targets_anew(desk: Desk) -> None:
    desk.run()
    photo(desk.data / "trees/ash/3.bmp", 502)
    plan = desk.run("sweep.seed=[0,1]", again=True)
    assert len(plan.open) == 3
    assert desk.averaged() == 2


def test_again_leaves_what_another_process_has_trained_anew_meanwhile(desk: Desk) -> None:
    """Two commands with --again at once: the second has looked before the first began, and acts when it has ended."""
    desk.run()
    photo(desk.data / "trees/ash/3.bmp", 502)
    late = desk.run()
    assert len(late.changed) == 2
    desk.run(again=True)
    files = {path: path.read_bytes() for path in desk.store.path.glob("runs/*/*")}
    begin_changed_anew(late, desk.store)
    assert {path: path.read_bytes() for path in desk.store.path.glob("runs/*/*")} == files
    assert desk.states() == ["done"] * 2


def test_again_does_not_wait_for_a_run_that_another_process_is_at_work_on(desk: Desk) -> None:
    desk.run()
    photo(desk.data / "trees/ash/3.bmp", 502)
    late = desk.run()
    with desk.store.run(late.targets[0].ref.id).lock():
        begin_changed_anew(late, desk.store)
    assert desk.store.run(late.targets[0].ref.id).status().state is State.DONE
    assert desk.store.run(late.sources[0].ref.id).status().state is State.WAITING


def test_targets_of_a_source_that_was_trained_again_are_not_those_of_the_new_one(desk: Desk) -> None:
    """Whoever did it: here another study in the same store."""
    desk.run("sweep.seed=[0,1]")
    photo(desk.data / "trees/ash/3.bmp", 502)
    desk.run("seed=1", name="other", again=True)
    assert desk.averaged("other") == 1
    found = statuses(desk.store, desk.store.read_study("one"))
    assert [str(status.state) for status in found.values()] == ["changed", "changed", "changed"]
    desk.run("sweep.seed=[0,1]")
    assert desk.states() == ["done", "changed", "done"]
    assert "the weights of source" in desk.errors()[1]


def test_a_source_trained_again_on_the_same_images_has_the_same_targets(desk: Desk) -> None:
    """Its weights were deleted to save room; they come out the same."""
    plan = desk.run()
    desk.store.run(plan.sources[0].ref.id).weights.unlink()
    desk.run("sweep.seed=[0,1]")
    assert desk.states() == ["done"] * 3


# ---- weights

PRETRAINED = """\
question: Are the weights the same?
pair: {{name: image_folder, target: leaves, image_size: 32}}
architecture: {{name: torchvision, model: shufflenet_v2_x0_5, checkpoint: {path}}}
source: none
target: {{training: {{epochs: 1, batch_size: 8, optimizer: {{name: adam, lr: 0.01}}}}}}
freezing: all_but_head
"""


def _weights(path: Path, seed: int) -> None:
    from ftdd_plugins.architectures.torchvision_operators import declare_operators

    declare_operators()
    from torchvision.models import get_model

    torch.manual_seed(seed)
    torch.save(get_model("shufflenet_v2_x0_5", weights=None, num_classes=7).state_dict(), path)


def test_another_file_of_weights_under_the_same_name_is_said(desk: Desk, tmp_path: Path) -> None:
    recipe = PRETRAINED.format(path=tmp_path / "best.pth")
    _weights(tmp_path / "best.pth", 0)
    desk.run(recipe=recipe)
    _weights(tmp_path / "best.pth", 1)
    (changed,) = desk.run("sweep.seed=[0,1]", recipe=recipe).changed
    assert "the weights file best.pth is another one: " in changed.damage
    assert desk.averaged() == 1
    _weights(tmp_path / "best.pth", 0)
    (changed,) = desk.run("sweep.seed=[0,1]", recipe=recipe).changed
    assert changed.settings["seed"] == 1


class _Library(ResNet):
    """Starts from whatever files of weights its folder has."""

    folder: str

    def weight_files(self) -> list[Path]:
        return sorted(Path(self.folder).glob("**/*.pth"))


def test_weights_are_compared_whatever_their_files_are_called(tmp_path: Path) -> None:
    """A library renames what it publishes; and two files of one name are two."""
    network = _Library(folder=str(tmp_path))
    for name in ("a/w.pth", "b/w.pth"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    first = of_weights(network)
    (tmp_path / "a/w.pth").write_text("another")
    (phrase,) = differences(first, of_weights(network))
    assert phrase.startswith("the weights file w.pth is another one: ")
    (tmp_path / "a/w.pth").write_text("a/w.pth")
    (tmp_path / "a/w.pth").rename(tmp_path / "a/v2.pth")
    assert differences(first, of_weights(network)) == []
    (tmp_path / "a/v2.pth").write_text("another")
    (phrase,) = differences(first, of_weights(network))
    assert re.fullmatch(r"the weights file v2\.pth is another one: \w+… \(w\.pth\) when .*, \w+… now", phrase)


# ---- ftdd's own code


def test_a_split_that_moves_is_said_to_have_moved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run()
    monkeypatch.setattr(ImageFolder, "split_version", 7)
    assert not desk.run().changed  # it came out the same: these are the same inputs
    place = folders._place
    monkeypatch.setattr(folders, "_place", lambda *given: 1 - place(*given))
    changed = desk.run().changed
    assert [run.damage.split(": ")[0] for run in changed if run.ref.role == "target"] == [
        "ftdd splits the target's images in another way"
    ]
    assert "version 7 now, 2 when it was trained" in changed[-1].damage


def test_another_way_to_draw_changes_every_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run()
    monkeypatch.setattr("ftdd.study.inputs.DRAWING", 7)
    assert len(desk.run().changed) == 2
    assert "ftdd draws subsets and wrong labels in another way: version 7 now" in desk.errors()[0]


# ---- ways on which inputs could be mixed


def test_two_studies_that_share_a_run_each_see_their_own_inputs(desk: Desk) -> None:
    desk.run("sweep.seed=[0,1]")
    _replaced(desk.data)
    desk.run("sweep.seed=[1,2]", name="two", again=True)
    assert desk.states("two") == ["done"] * 3
    assert desk.states("one") == ["done", "done", "changed"]
    assert desk.averaged("one") == 1


def test_images_that_change_while_a_study_runs_are_not_mixed(desk: Desk) -> None:
    """The run that was begun last says which are the study's, where the study itself says nothing yet."""
    _, other = desk.run("sweep.seed=[0,1]").targets
    record = desk.store.read_study("one")
    desk.store.write_record(replace(record, inputs={}))
    desk.store.run(other.ref.id).begin_anew()
    _replaced(desk.data)
    execute(replace(job(desk.store, other.ref.id), data=desk.data))
    assert desk.states() == ["done", "changed", "done"]
    assert desk.averaged() == 1


def test_a_store_that_was_moved_needs_no_data(desk: Desk, tmp_path: Path) -> None:
    desk.run()
    desk.store.path.rename(tmp_path / "moved")
    shutil.rmtree(desk.data)
    moved = Store(tmp_path / "moved")
    assert [str(status.state) for status in statuses(moved, moved.read_study("one")).values()] == ["done", "done"]
    assert sum(row.runs for row in summarize(moved, "one")) == 1


def _made_older(store: Store, run_id: str) -> None:
    """As a run says it whose ftdd kept no digests of its inputs."""
    path = store.run(run_id).path / "status.json"
    tree = json.loads(path.read_text())
    del tree["inputs"]
    path.write_text(json.dumps(tree))


def test_what_an_older_run_drew_tells_of_other_images_where_it_drew_all(desk: Desk) -> None:
    plan = desk.run()
    for run in plan.runs:
        _made_older(desk.store, run.ref.id)
    desk.store.write_record(replace(desk.store.read_study("one"), inputs={}))
    assert desk.states() == ["done", "done"]
    assert not desk.run().changed
    _replaced(desk.data)
    (changed,) = desk.run().changed
    assert "images of the target" in changed.damage


def test_an_older_run_that_drew_some_cannot_be_checked_and_is_counted(desk: Desk) -> None:
    some = ("target.images=8", "target.test_images=2")
    _made_older(desk.store, desk.run(*some).targets[0].ref.id)
    _replaced(desk.data)
    assert not desk.run("sweep.seed=[0,1]", *some).changed
    assert unchecked(statuses(desk.store, desk.store.read_study("one")).values()) == 1


# ---- resuming


def _interrupted(desk: Desk, run_id: str) -> None:
    """As a kill leaves a run, with a checkpoint whose weights are all zero."""
    folder = desk.store.run(run_id)
    inputs = folder.said().facts["inputs"]
    chain = _chain(desk, run_id)
    for tensor in chain.state_dict().values():
        tensor.zero_()
    moment = Moment(0, 0, 0.0, None, None, False, False, {}, (), "none")
    checkpoint.save(folder.taken(), chain, moment, Curve(), None)
    folder.write_status(Status(State.RUNNING, epochs=1, started=1.0, facts={"inputs": inputs}))


def _chain(desk: Desk, run_id: str) -> Chain:
    from ftdd.recipe.specs import read_spec

    spec = read_spec(desk.store.run(run_id).spec.read_text(), installed_plugins())
    return spec.architecture.build(spec.pair.image_shape(), 2)


def test_a_checkpoint_that_was_made_with_other_inputs_is_not_gone_on_from(desk: Desk) -> None:
    run_id = desk.run().targets[0].ref.id
    _interrupted(desk, run_id)
    _replaced(desk.data)
    desk.run()
    facts: dict[str, Any] = dict(desk.store.run(run_id).said().facts)
    assert facts["resumed_at"] == []
    assert "made with other inputs: the " in facts["checkpoint_unusable"]
    assert desk.states() == ["done", "done"]


def test_nor_one_that_a_kill_has_left_in_a_run_that_had_ended(desk: Desk) -> None:
    """Whether the run is trained anew because its inputs have changed, or because its curve is damaged."""
    run_id = desk.run().targets[0].ref.id
    folder = desk.store.run(run_id)
    for damaged in (False, True):
        said = folder.said()
        _interrupted(desk, run_id)
        folder.write_status(said)
        if damaged:
            (folder.path / "curve.csv").unlink()
        _replaced(desk.data, 600 + damaged)
        desk.run(again=True)
        assert folder.said().facts["resumed_at"] == []
        assert desk.states() == ["done", "done"]


# ---- scores and samples


def test_the_page_shows_samples_of_the_images_that_there_are_now(desk: Desk) -> None:
    desk.run()
    study = read_recipe(desk.recipes / "one.yaml", installed_plugins(), desk.data, ())
    write_samples(study, desk.store, desk.data, lambda _: None)
    before = read_samples(desk.store.study_folder("one"))
    for k in range(10):
        photo(desk.data / "leaves/ash" / f"{k}.bmp", 700 + k)
    desk.run()
    write_samples(study, desk.store, desk.data, lambda _: None)
    (old_source, old_target), (source, target) = before, read_samples(desk.store.study_folder("one"))
    assert source == old_source
    assert target != old_target


def test_a_score_of_other_images_is_computed_anew(desk: Desk) -> None:
    from ftdd.study.scores import score_study

    desk.run()
    study = read_recipe(desk.recipes / "one.yaml", installed_plugins(), desk.data, ())
    plugins = installed_plugins()
    schemes = [plugins.named("scheme", name)() for name in ("mmd", "class_overlap")]

    def scores() -> list[tuple[float | None, float]]:
        return [(row.value, row.seconds) for row in score_study(study, schemes, desk.store, desk.data, lambda _: None)]

    first = scores()
    assert scores() == first  # what is kept has its seconds too
    for k in range(10):
        photo(desk.data / "leaves/ash" / f"{k}.bmp", 700 + k)
    desk.run()
    (images, classes), (_, kept) = scores(), first
    assert images[0] != first[0][0]
    assert classes == kept  # names of classes are all that it looks at


# ---- comparing studies


def test_compare_says_what_differs_and_pairs_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.run("sweep.seed=[0,1]")
    other = Desk(tmp_path, desk.data)
    other.store = Store(tmp_path / "store of hers")
    shutil.copytree(desk.store.path, other.store.path)
    same = overlay([(desk.store, "one"), (other.store, "one")])
    assert same is not None
    assert not same.other_inputs
    assert same.shared == 2
    _added(desk.data)
    other.run("sweep.seed=[0,1]", again=True)
    laid = overlay([(desk.store, "one"), (other.store, "one")])
    assert laid is not None
    ((label, phrases),) = laid.other_inputs.items()
    assert label == "one (store of hers)"
    assert any("of the target in one (store), " in phrase for phrase in phrases)
    assert laid.shared == 0
    assert [(cell.runs, cell.difference) for cell in cells(laid)] == [(2, None), (2, None)]
