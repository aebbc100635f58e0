"""`ftdd.open` and `Study`: what a study in a store shows, as Python and a notebook have it."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import ftdd
from ftdd.analysis.study_data import StudyData
from ftdd.api.study import MOST_ROWS
from ftdd.records.status import State
from ftdd.results.figures.freezingwise import AXES
from ftdd.study.store import Store
from ftdd.testing import MadeRun, made_study
from tests.api.conftest import Place
from tests.results import made_study as by_hand


@pytest.fixture(scope="module")
def small(kept: Place) -> ftdd.Study:
    return ftdd.open(kept.store, "small")


@pytest.fixture(scope="module")
def scored() -> StudyData:
    """Two sources that differ in how similar they are, with a score each, at three depths and two seeds."""
    return made_study(
        [
            MadeRun(
                {"pair.strength": strength, "freezing.count": depth, "seed": seed},
                (0.9, 0.2 + 0.1 * strength + 0.01 * seed + 0.01 * depth),
                scores={"frechet": -strength},
            )
            for strength in (0.0, 1.0)
            for depth in (0, 3, 9)
            for seed in (0, 1)
        ],
        similarity_order={"pair.strength": [0.0, 1.0]},
    )


def of(data: StudyData) -> ftdd.Study:
    return ftdd.Study(Path("runs/studies/made"), data)


# ---- opening


def test_a_study_is_opened_by_store_and_name_or_by_its_folder(kept: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kept.store / "studies" / "small"
    for study in (ftdd.open(kept.store, "small"), ftdd.open(str(kept.store), name="small"), ftdd.open(folder)):
        assert (study.folder, study.name) == (folder, "small")
    monkeypatch.chdir(kept.folder)
    assert ftdd.open("runs", "small").folder == ftdd.open("runs/studies/small").folder == folder


def test_what_is_no_study_is_a_sentence(kept: Place, tmp_path: Path) -> None:
    for arguments, words in {
        (kept.store, "smal"): "no study 'smal' in",
        (kept.store / "studies" / "smal",): "no study 'smal' in",
        (kept.store,): f"which study of {kept.store}? there are: small",
        (tmp_path,): f"{tmp_path} is no store with studies, and no study's folder, STORE/studies/NAME",
        (tmp_path / "nowhere", "small"): "no study 'small' in",
        (kept.recipe, "small"): "no study 'small' in",
    }.items():
        with pytest.raises(LookupError) as caught:
            ftdd.open(*arguments)
        assert words in str(caught.value.args[0])


# ---- what it says


def test_it_has_the_words_of_its_recipe(small: ftdd.Study, kept: Place) -> None:
    assert (small.title, small.question) == ("A small study", "Does it work?")
    assert small.recipe == kept.recipe.read_text()
    assert repr(small) == f"Study small ({small.folder}): 4 of 4 runs done"


def test_runs_and_curves_are_the_tables_that_the_command_writes(small: ftdd.Study, kept: Place) -> None:
    for table, words in ((small.runs, ()), (small.curves, ("--curves",))):
        path = kept.folder / "table.csv"
        kept.ftdd("results", "small", "--csv", *words, "--output", str(path))
        by_command = pd.read_csv(path)
        assert list(by_command.columns) == list(table.columns)
        assert list(by_command["id"]) == list(table["id"])
        assert np.allclose(by_command["seconds"], table["seconds"].astype(float), rtol=0)
    assert list(small.runs["role"]) == ["source", "target", "target", "target"]
    assert len(small.curves) == 3 + 3 * 5


def test_findings_are_those_of_the_command_and_make_a_table(small: ftdd.Study, kept: Place) -> None:
    by_command = json.loads(kept.ftdd("findings", "small", "--json"))
    assert [finding.to_json() for finding in small.findings] == by_command
    table = small.findings.to_frame()
    assert list(table["key"]) == [finding.key for finding in small.findings]
    assert {"answer", "effect", "low", "high", "n", "p"} <= set(table.columns)
    assert small.findings is small.findings, "found once"


def test_advice_is_that_of_the_command(small: ftdd.Study, kept: Place) -> None:
    by_command = json.loads(kept.ftdd("advise", "small", "--json"))
    assert [advice.to_json() for advice in small.advice] == by_command
    assert small.advice[0].best in (0, 3, 9)


def test_advice_is_there_also_where_the_recipe_chose_other_analyses(place: Place) -> None:
    recipe = place.recipe.read_text() + "analyses: [epochwise]\n"
    place.recipe.write_text(recipe)
    study = ftdd.run(place.recipe, store=place.store, progress=False)
    assert {finding.analysis for finding in study.findings} == {"epochwise"}
    assert study.advice


def test_before_a_run_is_done_there_is_nothing_to_find_draw_or_advise(tmp_path: Path) -> None:
    by_hand.made(Store(tmp_path), [by_hand.MadeRun({"seed": 0}, state=State.WAITING)], source=False)
    study = ftdd.open(tmp_path, "made")
    assert (study.findings, study.advice) == ((), ())
    assert len(study.findings.to_frame()) == 0
    assert "0 of 1 runs done, 1 waiting" in repr(study)
    with pytest.raises(ValueError, match="no figure 'freezingwise': no run is done yet"):
        study.figure()
    assert html_of(study)


def test_refresh_reads_what_was_done_since(tmp_path: Path) -> None:
    store = Store(tmp_path)
    by_hand.made(store, [by_hand.MadeRun({"seed": 0}), by_hand.MadeRun({"seed": 1}, state=State.WAITING)])
    study = ftdd.open(tmp_path, "made")
    assert list(study.runs["state"]) == ["done", "done", "waiting"]
    by_hand.made(store, [by_hand.MadeRun({"seed": 0}), by_hand.MadeRun({"seed": 1})])
    assert list(study.runs["state"]) == ["done", "done", "waiting"]
    assert list(study.refresh().runs["state"]) == ["done"] * 3


# ---- figures


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["freezingwise", "epochwise", "similarity", "scores"])
def test_every_kind_of_figure_is_the_callers_own(scored: StudyData, kind: str, tmp_path: Path) -> None:
    study = of(scored)
    first, second = study.figure(kind), study.figure(kind)
    assert first is not second
    assert first.canvas.manager is None, "pyplot does not know it"
    first.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000
    expected = {"epochwise": "epoch", "scores": "frechet"}.get(kind, "frozen layers")
    assert expected in texts(first)


@pytest.mark.parametrize("over", list(AXES))
def test_a_figure_over_each_axis(small: ftdd.Study, over: str) -> None:
    assert AXES[over].words in texts(small.figure("freezingwise", over=over))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("similarity",), "no figure 'similarity': this study has freezingwise, epochwise"),
        (("scores",), "no figure 'scores': this study has freezingwise, epochwise"),
        (("freezingwide",), "no figure 'freezingwide': this study has freezingwise, epochwise"),
        (("epochwise", "trainable_parameters"), "over='trainable_parameters' is for the figure freezingwise"),
        (("freezingwise", "seed"), "over='seed': must be one of frozen_layers, trainable_parameters, "),
    ],
)
def test_a_figure_that_a_study_does_not_have_is_a_sentence(
    small: ftdd.Study, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        small.figure(*arguments)
    assert words in str(caught.value)


# ---- the page


def test_a_report_goes_where_it_is_told(place: Place) -> None:
    study = ftdd.open(place.store, "small")
    own = study.report()
    assert own == study.folder / "report.html"
    assert (study.folder / "findings.json").exists()
    page = study.report(place.folder / "page.html")
    assert page == place.folder / "page.html"
    assert page.read_bytes() == own.read_bytes()
    assert study.report(str(page)) == page
    place.ftdd("report", "small")
    assert own.read_bytes() == page.read_bytes()


def test_a_page_elsewhere_leaves_the_store_as_it_is(place: Place) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.store.rglob("*")}
    assert ftdd.open(place.store, "small").report(place.folder / "new" / "page.html").exists()
    assert {path: path.stat().st_mtime_ns for path in place.store.rglob("*")} == before


# ---- networks


def test_the_network_of_a_source_has_the_weights_that_were_kept(small: ftdd.Study) -> None:
    import torch
    from safetensors.torch import load_file

    run_id = str(small.runs.loc[small.runs["role"] == "source", "id"].item())
    before = torch.get_rng_state()
    network = small.network(run_id)
    assert torch.equal(torch.get_rng_state(), before)
    assert not network.training
    kept = load_file(small.folder.parents[1] / "runs" / run_id / "weights.safetensors")
    state = network.state_dict()
    assert set(state) == set(kept)
    assert all(torch.equal(state[name], kept[name]) for name in kept)
    assert list(network.names) == [layer["name"] for layer in small.data.by_id[run_id].ledger["phases"][0]["layers"]]
    with torch.no_grad():
        assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_a_network_that_was_not_kept_is_a_sentence(small: ftdd.Study, tmp_path: Path) -> None:
    target = str(small.runs.loc[small.runs["role"] == "target", "id"].iloc[0])
    with pytest.raises(LookupError, match="its weights were not kept"):
        small.network(target)
    with pytest.raises(LookupError, match=r"no run 'nine' in study small; study\.runs has the ids"):
        small.network("nine")
    shutil.copytree(small.folder.parents[1], tmp_path / "runs")
    source = str(small.runs.loc[small.runs["role"] == "source", "id"].item())
    (tmp_path / "runs" / "runs" / source / "status.json").unlink()
    with pytest.raises(LookupError, match="it is waiting"):
        ftdd.open(tmp_path / "runs", "small").network(source)


# ---- predictions


def test_predictions_are_the_answers_behind_the_curve(small: ftdd.Study) -> None:
    for run_id in small.runs["id"]:
        kept, curve = small.predictions(run_id), small.curves[small.curves["id"] == run_id]
        assert kept.epochs.tolist() == curve["epoch"].tolist()
        assert kept.test_errors.mean(axis=1).tolist() == curve["test_error"].tolist()


def test_predictions_that_are_not_there_are_a_sentence(small: ftdd.Study, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"no run 'nine' in study small; study\.runs has the ids"):
        small.predictions("nine")
    shutil.copytree(small.folder.parents[1], tmp_path / "runs")
    gone, waiting, torn = small.runs["id"].head(3)
    (tmp_path / "runs" / "runs" / gone / "predictions.npz").unlink()
    (tmp_path / "runs" / "runs" / waiting / "status.json").unlink()
    file = tmp_path / "runs" / "runs" / torn / "predictions.npz"
    file.write_bytes(bytes(len(file.read_bytes())))
    study = ftdd.open(tmp_path / "runs", "small")
    with pytest.raises(LookupError, match=f"run {gone} has no predictions: an older ftdd ran it, or the file was"):
        study.predictions(gone)
    with pytest.raises(LookupError, match=f"run {waiting} has no predictions: it is waiting"):
        study.predictions(waiting)
    with pytest.raises(ValueError, match=r"predictions\.npz cannot be read"):
        study.predictions(torn)


# ---- in a notebook


class WellFormed(HTMLParser):
    """Every tag that is opened is closed, in the right order."""

    VOID = ("br",)

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def html_of(study: ftdd.Study) -> str:
    html = study._repr_html_()
    ElementTree.fromstring(f"<div>{html.replace('<br>', '<br/>').replace('&nbsp;', ' ')}</div>")
    return WellFormed(html).text


def test_a_notebook_shows_answers_and_the_table_over_frozen_layers(small: ftdd.Study) -> None:
    text = html_of(small)
    for words in ("A small study", "Does it work?", "small: 4 of 4 runs done", "frozen layers", "cannot tell"):
        assert words in text
    assert all(finding.statement in text for finding in small.findings[:MOST_ROWS])
    errors = small.runs.loc[small.runs["role"] == "target", "final_test_error"]
    assert all(f"{error:.3f}" in text for error in errors)


def test_what_a_user_wrote_is_text(tmp_path: Path) -> None:
    by_hand.made(Store(tmp_path), by_hand.over_depths([0, 1]), title="<b>1 < 2 & 3</b><script>")
    assert "<b>1 < 2 & 3</b><script>" in html_of(ftdd.open(tmp_path, "made"))


@pytest.mark.slow
def test_what_a_notebook_shows_of_a_study_of_many_curves_is_bounded() -> None:
    runs = [
        MadeRun({"target.label_noise": noise / 100, "freezing.count": depth, "seed": 0}, (0.9, 0.5))
        for noise in range(60)
        for depth in (0, 1)
    ]
    html = of(made_study(runs))._repr_html_()
    assert html.count("<tr") <= MOST_ROWS + 1
    assert len(html) < 40_000
