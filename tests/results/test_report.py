"""The page of a study: one file that tells all, and trusts nothing that a user wrote."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ftdd.results.figures import draw_figures
from ftdd.results.report import write_report
from ftdd.study.store import State, Store
from tests.results.made_study import DESCENT, MadeRun, made, over_depths

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Balance(HTMLParser):
    """Raises AssertionError where a tag closes that is not the open one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attributes if key == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attributes if key == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Balance:
    found = Balance()
    found.feed(page)
    assert found.open == []
    return found


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
    made(store, runs, title="<script>alert(1)</script>")
    draw_figures(store, "made")
    return write_report(store, "made").read_text()


def test_what_users_wrote_is_text(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script&gt;alert(2)" in page


def test_it_is_one_well_formed_file_that_asks_the_network_for_nothing(page: str) -> None:
    found = read(page)
    assert len(found.ids) == len(set(found.ids))
    assert not re.search(r'(src|href)="(?!#)|@import|url\((?!#)', page)
    assert page.count("<svg") == 2


def test_every_reference_inside_a_figure_leads_somewhere(page: str) -> None:
    """Two figures in one document: without ids of their own, one would be clipped by the other's axes."""
    references = set(re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', page))
    assert references
    assert references <= set(read(page).ids)


def test_failures_are_told_at_the_top_with_their_reason(page: str) -> None:
    top = page[: page.index("<h2>Figures</h2>")]
    assert "2 of 8 runs have not ended, 1 of them failed" in top
    assert "1 of 8 runs diverged" in top
    assert "<code>target004</code> (target): &lt;script&gt;" in top


def test_it_has_a_row_for_each_run_and_for_each_depth(page: str) -> None:
    assert all(f"<code>{run}</code>" in page for run in ("source000", *(f"target{i:03d}" for i in range(7))))
    over_layers = page[page.index("Over frozen layers") : page.index("What was frozen")]
    assert over_layers.count("<tr>") == 1 + 3
    assert "0.255 ± 0.007" in over_layers
    assert "0 of 3" in over_layers


def test_it_shows_what_was_frozen_how_to_do_it_again_and_what_it_cost(page: str) -> None:
    """At depth 2, layers of 100 and 2,000 of 432,100 parameters are frozen: 0.5 %; 30 of 100 FLOPs."""
    assert "2 of 4 layers, 0.5% of 432,100 parameters, 30.0% of the forward FLOPs" in page
    assert "here: cpu (x86_64, AVX2), 1 thread; ftdd 0.1.0, torch 2.6" in page
    assert "<pre>title: &lt;script&gt;" in page
    assert "420 s of training and evaluation: 60 s for sources, 360 s for targets" in page


def test_before_anything_was_measured_there_is_a_page_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"seed": 0}, state=State.WAITING)], source=False)
    page = write_report(store, "made").read_text()
    read(page)
    assert "No run has measured anything yet" in page
    assert "1 of 1 runs has not ended" in page


def test_a_ledger_that_cannot_be_read_leaves_the_page_standing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((1,)))
    store.run("target000").ledger.write_text("{ torn")
    page = write_report(store, "made").read_text()
    assert "ledger.json cannot be read" in page
    assert "Run target001: 1 of 4 layers" in page


def test_a_component_that_is_swept_is_shown_by_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"source": None}), MadeRun({"pair": {"name": "halves"}})])
    page = write_report(store, "made").read_text()
    read(page)
    assert '<td class="text">halves</td>' in page
    assert "nan" not in " ".join(read(page).text).split()
