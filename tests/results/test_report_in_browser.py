"""The page in a real browser: what a reader clicks, hovers and types does what it says, offline and without an error.

Needs selenium (in the `test` extra) and, on the machine, Chromium or Chrome with its chromedriver.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ftdd.records.status import State
from ftdd.study.files import write_json
from ftdd.study.store import Store
from tests.browser import open_browser
from tests.results.from_store import draw_figures, write_report
from tests.results.made_study import DESCENT, MadeRun, higher, made
from tests.results.test_report import FINDING

pytestmark = pytest.mark.slow

ANSWERS = ("seen", "not seen", "cannot tell")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sizes of the target set, four depths, two seeds, one run that failed, and findings enough for a filter."""
    store = Store(tmp_path_factory.mktemp("study"))
    runs = [
        MadeRun(
            {"target.images": images, "freezing.count": depth, "seed": seed},
            depth,
            higher(DESCENT, 0.02 * depth + 0.01 * seed + (0.1 if images == 100 else 0)),
        )
        for images in (100, 500)
        for depth in (0, 1, 2, 3)
        for seed in (0, 1)
    ]
    runs[-1] = replace(runs[-1], state=State.FAILED, error="</script><script>window.evil = 1</script>")
    made(store, runs, title="</script><script>window.evil = 1</script>")
    draw_figures(store, "made")
    findings = [
        replace(FINDING, answer=ANSWERS[i % 3], analysis="one" if i < 6 else "other", statement=f"statement {i // 3}")
        for i in range(9)
    ]
    write_json(store.study_folder("made") / "findings.json", [finding.to_json() for finding in findings])
    return write_report(store, "made")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    found = open_browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.quit()


class Reader:
    """Somebody with the page before him."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def do(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        element = self.one(selector)
        self.do("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def shown(self, selector: str) -> list[Any]:
        return [element for element in self.all(selector) if element.is_displayed()]

    def marks(self) -> list[tuple[float, float]]:
        """Where the markers of the chart of errors at the end are, in pixels of the window."""
        script = (
            "return [...document.querySelectorAll('#chart-end .mark')].map((one) => { "
            "const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })"
        )
        return [(round(x, 1), round(y, 1)) for x, y in self.do(script)]

    def point_at(self, x: float, y: float) -> None:
        from selenium.webdriver import ActionChains

        actions = ActionChains(self.driver)
        actions.w3c_actions.pointer_action.move_to_location(round(x), round(y))
        actions.perform()


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def reader(request: pytest.FixtureRequest, driver: Any, report: Path) -> Iterator[Reader]:
    """At both widths; afterwards the browser must have nothing to complain of, and must have asked nobody for anything."""
    size = {"width": request.param, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    driver.get(report.as_uri())
    yield Reader(driver)
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_nothing_is_wider_than_the_window(reader: Reader) -> None:
    reader.do("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert reader.do("return document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_what_users_wrote_was_not_executed(reader: Reader) -> None:
    assert reader.one("h1").text == "</script><script>window.evil = 1</script>"
    assert reader.do("return window.evil") is None


def test_charts_stand_in_the_place_of_the_figures(reader: Reader) -> None:
    assert len(reader.shown(".chart svg")) >= 2
    assert reader.shown("figure.static") == []
    assert len(reader.all("figure.static svg")) == 2  # for print


def test_the_axis_is_switched(reader: Reader) -> None:
    """Over frozen layers places are evenly spaced; over parameters they are not, and the order is the other way round."""
    before = reader.marks()
    assert len(before) == 2 * 4
    steps = [b[0] - a[0] for a, b in pairwise(before[:4])]
    assert max(steps) - min(steps) < 1
    reader.click("#chart-end [data-key=trainable]")
    after = reader.marks()
    assert [x for x, _ in after] != [x for x, _ in before]
    assert after[0][1] != pytest.approx(before[0][1], abs=5)  # fewest parameters first: depth 3
    assert "trainable parameters" in [text.text for text in reader.all("#chart-end .plot text.title")]
    reader.click("#chart-end [data-key='target.images']")
    assert len(reader.marks()) == 2 * 4  # a line for each depth
    assert len(reader.all("#chart-end .legend [aria-pressed]")) == 4


def test_the_measure_is_switched(reader: Reader) -> None:
    before = reader.marks()
    assert len({y for _, y in before}) > 1
    reader.click("#chart-end [data-key=final_train_error]")
    assert len(reader.marks()) == len(before)
    assert len({y for _, y in reader.marks()}) == 1  # every made run ends at the same train error
    reader.click("#chart-end [data-key=log]")
    assert len(reader.marks()) == len(before)


def test_a_line_is_toggled_by_its_legend(reader: Reader) -> None:
    reader.click("#chart-end .legend button")
    assert len(reader.marks()) == 4
    assert reader.one("#chart-end .legend button").get_attribute("aria-pressed") == "false"
    reader.click("#chart-end .legend button:nth-of-type(2)")
    assert "No line is selected" in reader.one("#chart-end .plot").text
    reader.click("#chart-end .legend button")
    assert len(reader.marks()) == 4


def test_values_are_read_by_mouse_and_by_keyboard(reader: Reader) -> None:
    """The first marker: 100 images, no frozen layer, seeds at 0.35 and 0.36."""
    reader.do("document.querySelector('#chart-end').scrollIntoView({behavior: 'instant'})")
    reader.point_at(*reader.marks()[0])
    tip = reader.one("#chart-end .tip").text
    assert "0 frozen layers · 432k trainable parameters · 100% of FLOPs trained" in tip
    assert "0.355 ± 0.007" in tip
    assert "seed 0: 0.350, 1: 0.360; interpolates at epoch 50" in tip
    reader.do("document.querySelector('#chart-epochs').scrollIntoView({behavior: 'instant'})")
    plot = reader.one("#chart-epochs .plot")
    reader.do("arguments[0].focus()", plot)
    for key in ("\ue014", "\ue014", "\ue015"):  # right: the first point; right: the next; down: the next line
        plot.send_keys(key)
    tip = reader.one("#chart-epochs .tip").text
    assert tip.startswith("epoch 1\n")
    assert "1 frozen layers: interpolates at epoch 50" in tip
    plot.send_keys("\ue00c")  # Escape
    assert reader.one("#chart-epochs .tip").text == ""


def test_curves_of_one_depth_are_compared(reader: Reader) -> None:
    assert len(reader.all("#chart-epochs .line")) == 4
    reader.click("#chart-epochs [data-key=group]")
    assert [one.text for one in reader.all("#chart-epochs .legend [aria-pressed]")] == ["100", "500"]
    heights = reader.do("return document.querySelector('#chart-epochs .line path[stroke-width]').getAttribute('d')")
    reader.click("#chart-epochs [data-key=train]")
    assert heights != reader.do(
        "return document.querySelector('#chart-epochs .line path[stroke-width]').getAttribute('d')"
    )


def test_findings_are_filtered_by_answer_and_analysis(reader: Reader) -> None:
    assert len(reader.shown(".finding")) == 9
    reader.click("#findings-filter [data-answer='not seen']")
    assert len(reader.shown(".finding")) == 3
    assert all(one.get_attribute("data-answer") == "not seen" for one in reader.shown(".finding"))
    reader.one("#findings-filter select").send_keys("other")
    assert len(reader.shown(".finding")) == 1
    assert len(reader.shown(".group")) == 1
    assert "1 of 9 findings" in reader.one("#findings-filter").text


def test_a_finding_leads_to_its_runs(reader: Reader) -> None:
    reader.one("#runs-filter").send_keys("nothing")
    assert reader.shown("#all-runs tbody tr") == []
    reader.click(".finding details summary")
    reader.click(".finding .ids a:nth-of-type(2)")
    assert reader.driver.current_url.endswith("#run-target001")
    assert reader.one("#run-target001").is_displayed()


def column(reader: Reader, place: int) -> list[str]:
    return [
        str(text)
        for text in reader.do(
            "return [...document.querySelectorAll(`#all-runs tbody tr:not([hidden]) td:nth-child(${arguments[0]})`)]"
            ".map((one) => one.textContent)",
            place,
        )
    ]


def test_runs_are_sorted_and_filtered(reader: Reader) -> None:
    headings = [" ".join(one.text.split()) for one in reader.all("#all-runs th")]
    place = headings.index("final test error") + 1
    reader.click(f"#all-runs th:nth-child({place}) button")
    errors = column(reader, place)
    numbers = [float(text) for text in errors if text != "–"]
    assert numbers == sorted(numbers)
    assert errors[-1] == "–"  # the run that failed has none, and stands last either way
    reader.click(f"#all-runs th:nth-child({place}) button")
    assert column(reader, place)[0] == f"{max(numbers):.3f}"
    assert column(reader, place)[-1] == "–"
    reader.one("#runs-filter").send_keys("target.images=500 failed")
    assert column(reader, 1) == ["target015"]
    assert reader.one("#runs-count").text == "1 of 17 runs"


def test_the_slider_shows_each_way_in_which_the_network_was_frozen(reader: Reader) -> None:
    frozen = ".layers tr.frozen"
    assert len(reader.all(frozen)) == 2  # the most without freezing all but the head
    reader.one(".slider input").send_keys("\ue012")  # left
    assert len(reader.all(frozen)) == 1
    assert "1 of 4 layers, 0.0% of 432,100 parameters, 10.0%" in reader.one(".ledger").text
    reader.one(".slider input").send_keys("\ue010")  # End
    assert len(reader.all(frozen)) == 3


def test_the_recipe_is_copied(reader: Reader) -> None:
    reader.click("[data-copy=recipe]")
    reader.do("return new Promise((done) => setTimeout(done, 50))")
    assert reader.one("[data-copy=recipe]").text == "copied"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str, reader: Reader) -> None:
    """WCAG's contrast of 4.5 for small text: body, notes and the three answers."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    script = """
      const level = (text) => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ground = (one) => { while (one && /, 0\\)$|transparent/.test(getComputedStyle(one).backgroundColor)) one = one.parentElement;
        return getComputedStyle(one ?? document.body).backgroundColor; };
      return ['p', '.note', '.chip.seen', '.chip.not-seen', '.chip.cannot-tell', '.chip.bad', 'td.reason', 'th', '.segments button[aria-pressed=true]']
        .map((selector) => { const one = document.querySelector(selector);
          const [a, b] = [level(getComputedStyle(one).color), level(ground(one))].sort((x, y) => y - x); return [selector, (a + 0.05) / (b + 0.05)]; });
    """
    contrasts = dict(reader.do(script))
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert {selector: contrast for selector, contrast in contrasts.items() if contrast < 4.5} == {}


def test_the_last_epoch_has_a_number_on_the_axis(driver: Any, tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"freezing.count": 0}, rows=[(0, 0.8, 0.9), (1, 0.4, 0.3), (6, 0.1, 0.5)])])
    driver.get(write_report(store, "made").as_uri())
    assert [one.text for one in Reader(driver).all("#chart-epochs text[y][text-anchor=middle]")][:4] == [
        "0",
        "1",
        "3",
        "6",
    ]


def test_print_has_figures_instead_of_charts_and_everything_open(driver: Any, report: Path) -> None:
    driver.get(report.as_uri())
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    reader = Reader(driver)
    assert len(reader.shown("figure.static")) == 2
    assert reader.shown(".chart") == []
    assert reader.shown("nav") == []
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert len(driver.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 50_000
