"""What is made of a study, by its store and name."""

import json
from pathlib import Path

import pandas as pd

from ftdd.analysis.finding import Finding
from ftdd.analysis.study_data import StudyData
from ftdd.results import compare, summary
from ftdd.results.figures import draw
from ftdd.results.page import write
from ftdd.study.reading import read_study_data
from ftdd.study.store import Store


def read(store: Store, name: str = "made") -> StudyData:
    return read_study_data(store, name)


def runs_table(store: Store, name: str) -> pd.DataFrame:
    return read(store, name).runs


def curves_table(store: Store, name: str) -> pd.DataFrame:
    return read(store, name).curves


def summarize(store: Store, name: str) -> tuple[summary.SummaryRow, ...]:
    return summary.summarize(read(store, name))


def draw_figures(store: Store, name: str, x: str = "frozen_layers") -> tuple[Path, ...]:
    folder, study = store.study_folder(name) / "figures", read(store, name)
    return draw.draw_figures(study, folder) if x == "frozen_layers" else draw.draw_over(study, folder, x)


def write_report(store: Store, name: str) -> Path:
    folder = store.study_folder(name)
    kept = folder / "findings.json"
    findings = [Finding.from_json(one) for one in json.loads(kept.read_text())] if kept.exists() else []
    return write.write_report(read(store, name), folder, findings)


def overlay(studies: list[tuple[Store, str]], **options: str) -> compare.Overlay | None:
    names = compare.names_of([store.study_folder(name) for store, name in studies])
    return compare.overlay({label: read(*study) for label, study in zip(names, studies, strict=True)}, **options)
