"""Saved views of MLflow's UI: a study's charts over frozen layers and over epochs, put together before anybody asks.

MLflow keeps a saved view in a tag of the experiment: a name, and what its page would write down when a reader saves
what he sees (columns, filter, groups, charts). A version of MLflow that knows no views leaves the tags alone.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ftdd.records.study import SEEDS
from ftdd.values import Json

EVERY_RUN, MEANS = "ftdd-runs", "ftdd-means"
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Training rather than talking to language models: which pages MLflow shows of the experiment."""

SECTION = "ftdd"
MOST_RUNS = 100
"""MLflow's page loads so many at first, and more when asked."""
ERRORS = ("final_test_error", "best_test_error", "peak_test_error")


@dataclass(frozen=True)
class View:
    """One saved view."""

    key: str
    name: str
    state: Mapping[str, Any]

    def written(self, now: int) -> str:
        """The tag's value. now: milliseconds since 1970."""
        text = json.dumps(self.state, sort_keys=True, separators=(",", ":")).encode()
        state = f"deflate;{base64.b64encode(zlib.compress(text, 9)).decode()}"
        return json.dumps({"name": self.name, "createdAt": now, "updatedAt": now, "state": state})


def tag_of(key: str) -> str:
    """The experiment's tag that holds a view."""
    return f"mlflow.sharedViewState.{key}"


def address_of(key: str, experiment: str) -> str:
    """Where the UI shows a view: what follows the server's address."""
    words = {"viewStateShareKey": key, "compareRunsMode": "CHART", "workflowType": "machine_learning"}
    return f"#/experiments/{experiment}/runs?{urlencode(words)}"


def views(swept: Mapping[str, Sequence[Json]], scores: Sequence[str] = ()) -> tuple[View, View]:
    """The views of a study: every run by itself, and means over seeds.

    swept: each swept setting, as MLflow has its parameter, with its values.   scores: metrics of likeness.
    """
    others = [path for path in swept if path not in SEEDS]
    apart = [path for path in others if not path.startswith("freezing.")]
    many = max(map(len, swept.values()), default=0) > MOST_RUNS
    # Ids are hashes: the runs that are loaded first are then of all depths, and not the first hundred
    order = "tags.`ftdd.id`" if many else "attributes.start_time"
    charts = _charts({path: values for path, values in swept.items() if path in others}, scores)
    return (
        View(EVERY_RUN, "Every run", _state(apart, charts, order, means=False)),
        View(MEANS, "Means over seeds", _state(others, charts, order, means=True)),
    )


def is_written(view: View, value: str | None) -> bool:
    """Whether a tag's value holds the view, whenever it was written."""
    try:
        tree = json.loads(value or "{}")
        return bool(tree["state"] == json.loads(view.written(0))["state"] and tree["name"] == view.name)
    except (ValueError, KeyError, TypeError):
        return False


def _state(groups: Sequence[str], charts: Sequence[dict[str, Any]], order: str, *, means: bool) -> dict[str, Any]:
    """What MLflow's page writes down. Runs are grouped also where one group is all: nested runs are not drawn."""
    keys = [{"mode": "param", "groupByData": path} for path in groups]
    columns = [f"params.`{path}`" for path in groups]
    columns += [f"metrics.`{metric}`" for metric in ("frozen_layers", "trainable_parameters", *ERRORS)]
    return {
        "searchFilter": "tags.`ftdd.role` = 'target'",
        "orderByKey": order,
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": keys or [{"mode": "tag", "groupByData": "ftdd.role"}],
        },
        "useGroupedValuesInCharts": means,
        "hideEmptyCharts": True,
        "compareRunCharts": list(charts),
        "compareRunSections": [
            {
                "uuid": SECTION,
                "name": "Frozen layers",
                "display": True,
                "isReordered": True,
                "deleted": False,
                "isGenerated": False,
                "columns": 2,
            }
        ],
        "isAccordionReordered": True,
    }


def _charts(swept: Mapping[str, Sequence[Json]], scores: Sequence[str]) -> list[dict[str, Any]]:
    numbers = [path for path, values in swept.items() if all(_is_number(value) for value in values)]
    numbers = [path for path in numbers if path != "freezing.count"]
    scatters = [
        *(("METRIC", "frozen_layers", error) for error in ERRORS),
        ("METRIC", "trainable_parameters", "final_test_error"),
        *(("PARAM", path, "final_test_error") for path in numbers),
        *(("METRIC", score, "final_test_error") for score in scores),
    ]
    charts: list[dict[str, Any]] = [
        {
            "type": "SCATTER",
            "xaxis": {"key": x, "type": kind},
            "yaxis": {"key": y, "type": "METRIC"},
        }
        for kind, x, y in scatters
    ]
    charts.insert(
        4,
        {
            "type": "PARALLEL",
            "selectedParams": numbers,
            "selectedMetrics": ["frozen_layers", "trainable_parameters", "final_test_error", "peak_test_error"],
            "showAllRuns": False,
        },
    )
    charts[4:4] = [_over_epochs("test_error"), _over_epochs("train_error")]
    return [
        {
            "uuid": f"{SECTION}-{i}",
            "metricSectionId": SECTION,
            "runsCountToCompare": MOST_RUNS,
            "deleted": False,
            "isGenerated": False,
            **chart,
        }
        for i, chart in enumerate(charts)
    ]


def _over_epochs(metric: str) -> dict[str, Any]:
    """Epochs are MLflow's steps; log-spaced evaluations want a log axis."""
    return {
        "type": "LINE",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "xAxisKey": "step",
        "xAxisScaleType": "log",
        "scaleType": "linear",
        "range": {},
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": False,
    }


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
