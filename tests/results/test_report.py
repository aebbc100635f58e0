"""The page of a study: one file that tells all, and trusts nothing that a user wrote."""

import base64
import hashlib
import io
import json
import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from ftdd.analysis.advice import KEY, Advice, AdviceLine, DepthChoice, MoreSeeds
from ftdd.analysis.finding import Finding
from ftdd.analysis.study_data import StudyData
from ftdd.components import Pair
from ftdd.recipe.read import read_recipe
from ftdd.recipe.recipe import Recipe
from ftdd.records.status import State
from ftdd.results.figures.panels import thinned
from ftdd.results.findings import keep_findings
from ftdd.results.page.charts import chart_data, script_json
from ftdd.results.page.samples import MOST_BYTES, read_samples, write_samples
from ftdd.results.page.write import SCRIPTS
from ftdd.study.files import write_json
from ftdd.study.store import Store
from tests.installed import installed_plugins
from tests.results.from_store import draw_figures, write_report
from tests.results.from_store import read as read_store
from tests.results.made_study import DESCENT, MadeRun, made, over_depths

ROOT = Path(__file__).parents[2]
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Balance(HTMLParser):
    """Raises AssertionError where a tag closes that is not the open one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attributes if key == "id" and value]
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attributes if key == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif not self.open or self.open[-1] != "style":
            self.text.append(data)


def read(page: str) -> Balance:
    found = Balance()
    found.feed(page)
    assert found.open == []
    return found


def words(page: str) -> str:
    """What a reader sees, blanks made one."""
    return " ".join(" ".join(read(page).text).split())


def section(page: str, name: str) -> str:
    return page[page.index(f'<section id="{name}">') :].partition("</section>")[0] + "</section>"


FINDING = Finding(
    analysis="made_up",
    statement="The error <falls>",
    answer="seen",
    text="It falls by 0.1.",
    settings={"target.images": 500},
    effect=-0.1,
    interval=(-0.15, -0.05),
    n=2,
    p=0.01,
    runs=("target000", "target001"),
    numbers={"peak_at": 2, "rise": 0.25},
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a study with runs in every state."""
    store = Store(tmp_path_factory.mktemp("page"))
    runs = [
        *over_depths((0, 2)),
        MadeRun({"freezing.count": 3, "seed": 0}, 3, DESCENT[:2], State.FAILED, "<script>alert(2)</script>"),
        MadeRun({"freezing.count": 3, "seed": 1}, 3, DESCENT[:2], State.DIVERGED),
        MadeRun({"freezing.count": 3, "seed": 2}, 3, (), State.WAITING),
    ]
    made(store, runs, title="</script><script>alert(1)</script>")
    draw_figures(store, "made")
    return write_report(store, "made").read_text()


def test_what_users_wrote_is_text(page: str) -> None:
    assert page.count("<script") == 1 + len(SCRIPTS)  # its data, and its own scripts
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script&gt;alert(2)" in page


def test_a_setting_cannot_end_the_script_that_holds_the_data(tmp_path: Path) -> None:
    store = Store(tmp_path)
    evil = "</script><script>alert(3)</script><!--"
    made(store, [MadeRun({"pair.name": name}) for name in (evil, "digits")])
    page = write_report(store, "made").read_text()
    data = read(page).scripts[0]
    assert "<" not in data
    assert json.loads(data)["charts"]["settings"][0]["labels"] == [evil, "digits"]


def test_it_is_one_well_formed_file_that_asks_the_network_for_nothing(page: str) -> None:
    found = read(page)
    assert len(found.ids) == len(set(found.ids))
    assert not re.search(r'(src|href)="(?!#|data:)|@import|url\((?!#)', page)
    assert page.count("<figure") == 2


def test_its_policy_lets_its_own_scripts_run_and_nothing_else(page: str) -> None:
    """Hashes are of the very bytes between the tags: one blank more, and the browser refuses the script."""
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in read(page).scripts[1:]]
    hashes = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert policy[1].startswith(f"default-src 'none'; style-src 'unsafe-inline'; script-src {hashes};")


def test_every_reference_inside_the_page_leads_somewhere(page: str) -> None:
    """Two figures in one document: without ids of their own, one would be clipped by the other's axes."""
    references = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', page))
    assert references
    assert references <= set(read(page).ids)


def test_failures_are_told_at_the_top_with_their_reason(page: str) -> None:
    top = page[: page.index("<nav")]
    assert "2 of 8 runs have not ended, 1 of them failed" in top
    assert "1 of 8 runs diverged" in top
    assert "<code>target004</code> (target): &lt;script&gt;" in top
    assert "5 of 8 runs done" in words(page)


def test_it_has_a_row_for_each_run_and_for_each_depth(page: str) -> None:
    assert all(f'<tr id="run-{run}"' in page for run in ("source000", *(f"target{i:03d}" for i in range(7))))
    over_layers = section(page, "layers")
    assert over_layers.count("<tr>") == 1 + 3
    assert "0.255 ± 0.007" in over_layers
    assert "0 of 3" in over_layers


def test_it_shows_what_was_frozen_how_to_do_it_again_and_what_it_cost(page: str) -> None:
    """At depth 2, layers of 100 and 2,000 of 432,100 parameters are frozen: 0.5 %; 30 of 100 FLOPs."""
    assert "2 of 4 layers, 0.5% of 432,100 parameters, 30.0% of the forward FLOPs" in page
    assert "here: cpu (x86_64, AVX2), 1 thread" in page
    assert "ftdd 0.1.0, torch 2.6" in page
    assert '<pre id="recipe">title: &lt;/script&gt;' in page
    assert "ftdd run made.yaml" in page
    assert "420 s (7 minutes) of training and evaluation" in page
    assert re.search(r"source</td><td>1</td><td>60</td>.*\n?.*target</td><td>6</td><td>360</td>", page)


def test_a_short_training_costs_more_than_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((1,)))
    folder = store.run("source000")
    folder.write_status(replace(folder.status(), seconds=0.4))
    assert "source 1 0.4 0.4 0.4" in words(section(write_report(store, "made").read_text(), "cost"))


def test_the_design_names_what_was_varied_and_what_was_held_fixed(page: str) -> None:
    design = words(section(page, "design"))
    assert "freezing.count 0 2 3 3 values" in design
    assert "7 target runs, not every combination; 1 source run" in design
    assert "label noise 0.2" in design
    assert "stem frozen 0.0% 100 10.0% 10" in design


def test_before_anything_was_measured_there_is_a_page_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"seed": 0}, state=State.WAITING)], source=False)
    page = write_report(store, "made").read_text()
    assert "No run has measured anything yet" in page
    assert "1 of 1 runs has not ended" in words(page)
    assert json.loads(read(page).scripts[0])["charts"] is None


def test_a_study_of_one_run_that_sweeps_nothing_has_a_page(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({}, 1)])
    assert "Nothing: one run." in words(write_report(store, "made").read_text())


def test_a_ledger_that_cannot_be_read_leaves_the_page_standing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((1,)))
    store.run("target000").ledger.write_text("{ torn")
    page = write_report(store, "made").read_text()
    assert "ledger.json cannot be read" in page
    assert "Run target001: 1 of 4 layers" in page


def test_a_figure_that_is_no_svg_leaves_the_page_standing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((1,)))
    (store.study_folder("made") / "figures").mkdir(exist_ok=True)
    (store.study_folder("made") / "figures" / "mine.svg").write_bytes(b"\xff torn")
    assert "mine" not in write_report(store, "made").read_text()


def test_a_component_that_is_swept_is_shown_by_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"source": None}), MadeRun({"pair": {"name": "halves"}})])
    page = write_report(store, "made").read_text()
    assert '<td class="text">halves</td>' in page
    assert "nan" not in words(page).split()


# ---- findings and advice


def test_without_findings_the_page_says_how_to_make_them(page: str) -> None:
    assert "None yet: ftdd findings made computes them" in words(section(page, "findings"))


def test_commands_on_the_page_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((1,)), name="two words")
    page = words(write_report(store, "two words").read_text())
    for command in ("findings 'two words'", "run 'two words.yaml'", "report 'two words'"):
        assert f"ftdd {command}" in page


def test_findings_stand_with_effect_interval_n_and_the_runs_behind_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((0, 2)))
    write_json(
        store.study_folder("made") / "findings.json",
        [FINDING.to_json(), replace(FINDING, answer="cannot tell", effect=None, interval=None, p=None).to_json()],
    )
    page = write_report(store, "made").read_text()
    findings = words(section(page, "findings"))
    assert findings.count("The error <falls>") == 1  # once, over both
    assert "target images 500 −0.1 test error (−0.15 to −0.05, 95% CI), p = 0.010 n = 2 It falls by 0.1." in findings
    assert "peak at 2 rise 0.25" in findings
    assert '<a href="#run-target001">' in page
    assert words(page[: page.index("<nav")] + "</body></html>").count("1 seen") == 1


def test_advice_has_its_sentences_and_a_table_of_the_choices(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((1, 2)))
    choices = (
        DepthChoice(2, 0.31, 0.0, (0.1, 0.2), True, 1200, None),
        DepthChoice(3, 0.36, 0.05, None, None, None, 1.25),
    )
    said = (AdviceLine(KEY, "Freeze `2` <or> 3."),)
    advice = Advice(
        {"target.images": 500},
        2,
        3,
        0.01,
        choices,
        "test images",
        0.01,
        (),
        MoreSeeds(4, "ftdd run", 3.0),
        None,
        None,
        said,
    )
    numbers = {key: value for key, value in advice.to_json().items() if key != "settings"}
    about = {"settings": advice.settings, "numbers": json.loads(json.dumps(numbers))}
    keep_findings(store.study_folder("made"), [Finding("advise", "One is best", "cannot tell", "…", key=KEY, **about)])
    page = write_report(store, "made").read_text()
    shown = words(section(page, "advice"))
    assert "target images 500 Freeze 2 <or> 3." in shown  # 2 as code
    assert "2 0.310 0.000 0.100 to 0.200 1,200 – lowest" in shown
    assert "3 0.360 0.050 – – 1.2 recommended" in shown
    assert "One is best" not in words(section(page, "findings"))


def test_a_study_without_advice_has_no_such_section(tmp_path: Path) -> None:
    made(Store(tmp_path), over_depths((1,)))
    assert "#advice" not in write_report(Store(tmp_path), "made").read_text()


# ---- what the charts draw


def test_the_charts_have_every_run_that_is_done_and_a_curve_for_each_depth(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [*over_depths((0, 2)), MadeRun({"freezing.count": 3, "seed": 0}, 3, (), State.WAITING)])
    data = chart_data(read_store(store, "made"))
    assert data is not None
    first, second = data["cells"]
    assert [(cell["depth"], cell["n"], cell["interpolates"]) for cell in (first, second)] == [
        (0, 2, True),
        (2, 2, True),
    ]
    assert (first["labels"], [run[0] for run in first["runs"]]) == (["0", "1"], [0.25, 0.26])
    assert first["values"][0] == [0.255, 0.25, 0.26, 0.007071, 2]  # mean, range, deviation, number
    assert first["epochs"] == "interpolates at epoch 50"
    assert [axis["key"] for axis in data["axes"]] == ["depth", "trainable", "flops"]
    assert (first["x"], second["x"]) == ([0, 432_100, 1], [2, 430_000, 0.7])
    assert (data["axes"][0]["positions"], data["axes"][0]["edges"]) == ([0, 2], [-0.5, 1, 2.5])
    first = data["curves"][0]
    assert (first["depth"], first["n"], first["interpolates"]) == (0, 2, 50)
    assert first["epoch"] == [0, 1, 10, 50, 100]
    assert first["test"]["mean"] == [0.905, 0.305, 0.505, 0.405, 0.255]
    assert (first["test"]["low"][-1], first["test"]["high"][-1]) == (0.25, 0.26)
    assert (first["test"]["mark"], first["train"]["mark"]) == (0.405, 0)


def test_lines_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    runs = [*over_depths((0, 1), (0,), **{"target.images": 500}), *over_depths((0, 1), (0,), **{"target.images": 100})]
    made(store, runs)
    data = chart_data(read_store(store, "made"))
    assert data is not None
    (setting,) = data["settings"]
    assert (setting["labels"], setting["ordered"]) == (["100", "500"], True)
    assert [(cell["at"], cell["x"][-1]) for cell in data["cells"]] == [
        ((0,), 100),
        ((0,), 100),
        ((1,), 500),
        ((1,), 500),
    ]


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("last", [10, 119, 4000])
def test_a_thinned_curve_keeps_both_ends_and_has_points_everywhere(last: int, step: int) -> None:
    epochs = list(range(0, last + 1, step))
    kept = thinned(epochs, 40)
    assert len(kept) == min(40, len(epochs))
    assert (kept[0], kept[-1]) == (0, len(epochs) - 1)
    assert kept == sorted(set(kept))
    ratios = [(epochs[b] + 1) / (epochs[a] + 1) for a, b in pairwise(kept) if epochs[a] > 20]
    assert max(ratios, default=1) < 1.6


def test_json_for_a_script_reads_back() -> None:
    tree = {"a": "</script><!-- & \u2028", "b": [1, None]}
    assert json.loads(script_json(tree)) == tree


# ---- large studies


def large(store: Store, *, images: int, depths: int, seeds: int, evaluations: int) -> StudyData:
    draw = random.Random(0)
    epochs = sorted({0, *(round(10 ** (i / 20)) for i in range(evaluations))})
    runs = [
        MadeRun(
            {"target.images": 100 * (size + 1), "freezing.count": depth, "seed": seed},
            depth % 4,
            [(epoch, draw.random(), draw.random()) for epoch in epochs],
        )
        for size in range(images)
        for depth in range(depths)
        for seed in range(seeds)
    ]
    runs[-1] = replace(runs[-1], state=State.FAILED, error="the last one")
    made(store, runs)
    return read_store(store, "made")


def test_thinning_the_dots_changes_no_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = large(Store(tmp_path), images=2, depths=2, seeds=9, evaluations=1)
    whole = chart_data(study)
    monkeypatch.setattr("ftdd.results.page.charts.MOST_POINTS", 12)
    thin = chart_data(study)
    assert whole is not None
    assert thin is not None
    assert [len(cell["runs"]) for cell in thin["cells"]] == [3, 3, 3, 3]
    assert [cell["values"] for cell in thin["cells"]] == [cell["values"] for cell in whole["cells"]]
    assert (whole["left_out"], thin["curves"]) == ("", whole["curves"])
    assert thin["left_out"] == "12 of 35 single runs are drawn, evenly chosen; means and ranges are over all."


def test_of_many_lines_some_are_drawn_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = large(Store(tmp_path), images=9, depths=2, seeds=1, evaluations=1)
    monkeypatch.setattr("ftdd.results.page.charts.MOST_CELLS", 6)
    data = chart_data(study)
    assert data is not None
    assert [(cell["at"][0], cell["depth"]) for cell in data["cells"]] == [(0, 0), (0, 1), (4, 0), (4, 1), (8, 0)]
    assert "3 of 9 lines are drawn" in data["left_out"]


def test_of_many_runs_those_that_failed_are_listed_and_the_page_says_how_to_get_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    large(store, images=1, depths=2, seeds=10, evaluations=1)
    ids = tuple(f"target{i:03d}" for i in range(20))
    keep_findings(store.study_folder("made"), [replace(FINDING, runs=ids)])
    monkeypatch.setattr("ftdd.results.page.runs.MOST_ROWS", 6)
    monkeypatch.setattr("ftdd.results.page.write.MOST_IDS", 3)
    page = write_report(store, "made").read_text()
    listed = re.findall(r'<tr id="run-(\w+)"', page)
    assert (listed[0], len(listed)) == ("target019", 6)
    assert "6 of 21 runs" in words(section(page, "runs"))
    assert "ftdd results made --csv gives all" in words(section(page, "runs"))
    findings = words(section(page, "findings"))
    assert "target000 target001 target002 and 17 more runs, in findings.json" in findings
    assert set(re.findall(r'href="#run-(\w+)"', page)) <= set(listed)


@pytest.mark.slow
def test_a_study_of_500_runs_stays_below_2_mb(tmp_path: Path) -> None:
    store = Store(tmp_path)
    large(store, images=10, depths=10, seeds=5, evaluations=73)
    draw_figures(store, "made")
    assert write_report(store, "made").stat().st_size < 2_000_000


# ---- sample images


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return read_recipe(ROOT / "recipes" / "quickstart.yaml", installed_plugins(), tmp_path_factory.mktemp("data"))


def test_sample_images_of_both_sides_are_kept_for_the_page(digits: Recipe, tmp_path: Path) -> None:
    from PIL import Image

    store = Store(tmp_path)
    made(store, over_depths((1,)), name=digits.name)
    said: list[str] = []
    write_samples(digits, store, tmp_path, said.append)
    source, target = read_samples(store.study_folder(digits.name))
    assert (source.side, source.classes, source.shape) == ("source", 5, (1, 8, 8))
    assert [row.name for row in target.rows] == ["5", "6", "7", "8", "9"]
    image = Image.open(io.BytesIO(base64.b64decode(target.rows[0].png)))
    assert (image.mode, image.size) == ("LA", (8 * 9, 8))
    assert sum(len(row.png) for sheet in (source, target) for row in sheet.rows) < MOST_BYTES
    page = write_report(store, digits.name).read_text()
    assert page.count('src="data:image/png;base64,') == 10
    read(page)
    write_samples(digits, store, tmp_path, said.append)
    assert said == ["choosing sample images"]  # those of the same pairs are not chosen again


def test_what_goes_wrong_with_samples_costs_nothing_else(
    digits: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise OSError("the disk is gone")

    pair = digits.points[0].spec.pair
    assert isinstance(pair, Pair)
    monkeypatch.setattr(type(pair), "load", lost)
    said: list[str] = []
    write_samples(digits, Store(tmp_path), tmp_path, said.append)
    assert said[-1] == "no sample images: the disk is gone"
    assert read_samples(Store(tmp_path).study_folder(digits.name)) == ()


def test_numbers_have_no_sample_images(tmp_path: Path) -> None:
    study = read_recipe(ROOT / "recipes" / "theory.yaml", installed_plugins(), tmp_path)
    write_samples(study, Store(tmp_path), tmp_path, pytest.fail)
    assert not (Store(tmp_path).study_folder(study.name)).exists()
