"""Saved views of MLflow's UI: what is charted, grouped and filtered, and that the UI draws it."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import pytest

from ftdd.values import Json
from ftdd_plugins.mlflow_mirror.views import View, is_written, views
from tests.browser import open_browser
from tests.cli.commands import environment, ftdd, heed_ctrl_c


def charts(view: View, kind: str) -> list[dict[str, Any]]:
    return [chart for chart in view.state["compareRunCharts"] if chart["type"] == kind]


def axes(view: View) -> list[tuple[str, str]]:
    return [(chart["xaxis"]["key"], chart["yaxis"]["key"]) for chart in charts(view, "SCATTER")]


SWEPT: dict[str, list[Json]] = {
    "freezing.count": [0, 5],
    "pair.similarity": ["related", "less_related"],
    "target.label_noise": [0.1, 0.2],
    "seed": [0, 1],
}


def test_the_freezing_wise_curve_is_charted_over_both_axes() -> None:
    for view in views(SWEPT, ["similarity.logme"]):
        assert axes(view) == [
            ("frozen_layers", "final_test_error"),
            ("frozen_layers", "best_test_error"),
            ("frozen_layers", "peak_test_error"),
            ("trainable_parameters", "final_test_error"),
            ("target.label_noise", "final_test_error"),
            ("similarity.logme", "final_test_error"),
        ]
        (parallel,) = charts(view, "PARALLEL")
        assert {"frozen_layers", "trainable_parameters", "final_test_error"} <= set(parallel["selectedMetrics"])
        assert [chart["metricKey"] for chart in charts(view, "LINE")] == ["test_error", "train_error"]
        assert len({chart["uuid"] for chart in view.state["compareRunCharts"]}) == len(view.state["compareRunCharts"])
        assert view.state["searchFilter"] == "tags.`ftdd.role` = 'target'"


def grouped(view: View) -> list[str]:
    return [key["groupByData"] for key in view.state["groupBy"]["groupByKeys"]]


def test_runs_are_grouped_by_what_is_no_seed_and_means_by_depth_too() -> None:
    every, means = views(SWEPT)
    assert grouped(every) == ["pair.similarity", "target.label_noise"]
    assert grouped(means) == ["freezing.count", "pair.similarity", "target.label_noise"]
    assert (every.state["useGroupedValuesInCharts"], means.state["useGroupedValuesInCharts"]) == (False, True)
    assert grouped(views({"freezing.count": [0, 1], "seed": [0]})[0]) == ["ftdd.role"], "nested runs are not drawn"
    assert grouped(views({})[1]) == ["ftdd.role"]


def test_of_more_runs_than_are_loaded_at_first_those_of_all_depths_come_first() -> None:
    few, many = (views({"freezing.count": list(range(runs))})[0] for runs in (100, 101))
    assert few.state["orderByKey"] == "attributes.start_time"
    assert many.state["orderByKey"] == "tags.`ftdd.id`"


def test_a_view_is_written_once_as_mlflow_writes_one() -> None:
    view = views(SWEPT)[0]
    tree = json.loads(view.written(5))
    assert (tree["name"], tree["createdAt"]) == ("Every run", 5)
    state = tree["state"]
    assert json.loads(zlib.decompress(base64.b64decode(state.removeprefix("deflate;")))) == view.state
    assert len(view.written(5)) < 5000
    assert is_written(view, view.written(7))
    for other in (None, "", "no json", "[]", views(SWEPT)[1].written(7), views({})[0].written(7)):
        assert not is_written(view, other)


@pytest.mark.slow
def test_mlflows_own_page_draws_the_freezing_wise_curve(tmp_path: Path) -> None:
    """With a real study, a real server and a real browser, by the address that `ftdd ui` prints."""
    browser = open_browser(tmp_path / "profile", 1600, 1400)
    try:
        settings = ("source.training.epochs=1", "target.training.epochs=2", "target.images=60", "seed=0")
        small = [part for one in (*settings, "sweep.freezing.count=[0, 5, 9]") for part in ("--set", one)]
        assert ftdd("run", "quickstart", *small, cwd=tmp_path).code == 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-u", "-c", "from ftdd.cli import main; main()", "ui", "--port", str(port)]
        plain = {"cwd": tmp_path, "env": environment(), "preexec_fn": heed_ctrl_c, "start_new_session": True}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **plain) as server:
            try:
                assert server.stdout is not None
                lines = [server.stdout.readline(), server.stdout.readline()]
                address = lines[1].removeprefix("charts of quickstart: ").strip()
                wait_for(f"http://127.0.0.1:{port}/")
                browser.get(address)
                points = until(lambda: browser.find_elements("css selector", ".scatterlayer .point"))
                assert points
                for words in ("frozen_layers vs. final_test_error", "5 frozen"):
                    assert until(lambda words=words: words in browser.find_element("css selector", "body").text), words
            finally:
                os.killpg(server.pid, signal.SIGINT)
                assert server.wait(30) == 0
    finally:
        browser.quit()


def wait_for(address: str) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    assert until(answers), "the server does not answer"


def until(what: Any, seconds: float = 90) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.5)
    return found
