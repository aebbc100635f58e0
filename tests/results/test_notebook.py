"""`ftdd.results(path)` and `ftdd.study(path)`: what somebody in a notebook has of a study."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import ftdd
from ftdd.results.figures import draw_figures
from ftdd.results.notebook import MOST_ROWS, Study
from ftdd.study.files import write_json
from ftdd.study.store import State, Store
from tests.results.made_study import DESCENT, MadeRun, made, over_depths
from tests.results.test_report import FINDING

TITLE = "<script>alert(1)</script> & more"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    failed = MadeRun({"freezing.count": 3, "seed": 0}, 3, DESCENT[:2], State.FAILED, "no memory")
    made(store, [*over_depths((0, 2)), failed], title=TITLE)
    return store


class Reading(HTMLParser):
    """The words of a page, and whether every element that was opened was closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.elements: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def text(study: Study) -> str:
    page = Reading(study._repr_html_())
    assert page.open == []
    return " ".join(" ".join(page.words).split())


def test_results_is_a_function_of_the_library_and_a_package_too(store: Store) -> None:
    table = ftdd.results(store.study_folder("made"))
    assert list(table["id"]) == ["source000", *(f"target{i:03d}" for i in range(5))]
    assert len(ftdd.results(store.path, "made", curves=True)) == 5 * len(DESCENT) + 2
    from ftdd.results import results

    assert results(store.path, "made").equals(table)


@pytest.mark.parametrize(
    "first", ["", "import ftdd.study.store, ftdd.results.table; ", "from ftdd.results import results; "]
)
def test_both_can_be_called_whatever_was_imported_before(first: str, store: Store) -> None:
    code = f"{first}import ftdd; folder = {str(store.study_folder('made'))!r}; "
    code += "print(len(ftdd.results(folder)), len(ftdd.study(folder).runs))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["6", "6"]


def test_importing_ftdd_and_opening_nothing_loads_no_heavy_library() -> None:
    code = "import sys, ftdd; print({'pandas', 'matplotlib', 'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_a_study_has_its_tables(store: Store) -> None:
    study = ftdd.study(store.path, "made")
    assert (study.name, study.title, study.question) == ("made", TITLE, "What is seen?")
    assert study.folder == store.study_folder("made")
    assert (len(study.runs), len(study.curves), len(study.findings)) == (6, 5 * len(DESCENT) + 2, 0)
    assert list(study.findings.columns)[:3] == ["analysis", "statement", "answer"]
    assert repr(study) == f"Study made ({study.folder}): 5 of 6 runs done, 1 failed"


def test_its_tables_stay_as_they_were_first_read_until_it_is_opened_again(store: Store) -> None:
    study = ftdd.study(store.study_folder("made"))
    before = study.runs
    shutil.rmtree(store.run("target000").path)
    assert study.runs is before
    assert ftdd.study(store.study_folder("made")).runs["state"].eq("waiting").sum() == 1


def test_a_study_that_is_not_there_is_said_when_it_is_opened(store: Store) -> None:
    with pytest.raises(LookupError, match=r"no study 'mode' in .*; nearest: made"):
        ftdd.study(store.path, "mode")
    with pytest.raises(LookupError, match=r"which study of .*? there are: made"):
        ftdd.study(store.path)
    with pytest.raises(LookupError, match=r"/elsewhere is no store with studies, and no study's folder"):
        ftdd.study(store.path / "elsewhere")


def test_a_notebook_shows_title_question_counts_and_the_table(store: Store) -> None:
    shown = text(ftdd.study(store.path, "made"))
    for words in (TITLE, "What is seen?", "made: 5 of 6 runs done, 1 failed", "0.255 ± 0.007", "432,100"):
        assert words in shown
    assert "seen " not in shown.split("frozen layers")[0].replace("What is seen?", "")


def test_what_users_wrote_is_text_and_no_style_sheet_or_script_is_needed(store: Store) -> None:
    page = Reading(ftdd.study(store.path, "made")._repr_html_())
    assert page.elements <= {"div", "span", "table", "tr", "th", "td", "img"}


def test_colours_are_those_of_the_notebook(store: Store) -> None:
    """Light or dark: nothing but the figure's paper has a colour that could vanish on either."""
    page = ftdd.study(store.path, "made")._repr_html_()
    colours = set(re.findall(r"#[0-9a-fA-F]{3,6}\b|rgba?\([^)]*\)", page.split("<img")[0]))
    assert all(colour.startswith("rgba(128,128,128") for colour in colours)


def test_findings_stand_there_once_for_each_statement_those_seen_first(store: Store) -> None:
    from dataclasses import replace

    findings = [
        replace(FINDING, answer="cannot tell", statement="One", settings={"seed": 0}),
        replace(FINDING, answer="not seen", statement="One", settings={"seed": 1}),
        replace(FINDING, answer="seen", statement="Two", settings={}, effect=0.25, interval=(0.125, 0.5), n=3),
    ]
    write_json(store.study_folder("made") / "findings.json", [finding.to_json() for finding in findings])
    study = ftdd.study(store.path, "made")
    shown = text(study)
    assert "● seen Two : 0.25 [0.125, 0.5] test error, n = 3 ○ 1 × not seen ? 1 × cannot tell One" in shown
    assert list(study.findings["answer"]) == ["cannot tell", "not seen", "seen"]


def test_the_figure_is_an_image_of_its_own_where_it_is_drawn(store: Store) -> None:
    assert "<img" not in ftdd.study(store.path, "made")._repr_html_()
    draw_figures(store, "made")
    page = ftdd.study(store.path, "made")._repr_html_()
    assert page.count('src="data:image/svg+xml;base64,') == 1
    assert 'id="' not in page  # two studies in one notebook would take each other's


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"target.images": 100 + i}, i % 4) for i in range(50)])
    assert f"{MOST_ROWS} of 50 rows; all runs are in .runs" in text(ftdd.study(store.path, "made"))


def test_a_study_without_a_run_that_is_done_shows_itself_too(tmp_path: Path) -> None:
    made(Store(tmp_path), [MadeRun({"seed": 0}, state=State.WAITING)], source=False)
    assert "0 of 1 runs done, 1 waiting" in text(ftdd.study(tmp_path, "made"))
