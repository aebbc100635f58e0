"""Addresses are shown without what one logs in with, and the address of a file leads to that file."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from ftdd.study.store import Store
from ftdd_plugins.mlflow_mirror.addresses import shown, sqlite_address, without_secrets
from tests.cli.commands import ftdd
from tests.results.test_results import add_run, add_study

SECRETS = st.text(min_size=4, max_size=20).map(lambda secret: f"zq{secret}").filter(lambda secret: "***" not in secret)
SCHEMES = st.sampled_from(["http", "https", "postgresql", "mysql+pymysql", "mssql+pyodbc"])


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://ann:s3cret@127.0.0.1:1/db", "postgresql://***@127.0.0.1:1/db"),
        ("http://ann@example.org", "http://***@example.org"),
        ("https://example.org:5000/mlflow", "https://example.org:5000/mlflow"),
        ("https://example.org/mlflow?token=s3cret&x=1", "https://example.org/mlflow?***"),
        ("https://example.org/t0ken8f3e91c2a77d/mlflow", "https://example.org/***/mlflow"),
        ("https://example.org/#token=s3cret", "https://example.org/#***"),
        ("postgresql://ann:p@ss/w:rd@host/db", "postgresql://***@host/db"),
        ("postgresql://ann:p?ss@host/db", "postgresql://***"),
        ("http://example.org/?user=ann@example.com", "http://***"),
        ("sqlite:////tmp/a@b/mlflow.db", "sqlite:////tmp/a@b/mlflow.db"),
        ("file:///tmp/ml runs", "file:///tmp/ml runs"),
        ("databricks", "databricks"),
    ],
)
def test_an_address_is_shown_without_user_password_and_query(address: str, words: str) -> None:
    assert shown(address) == words


@given(scheme=SCHEMES, user=SECRETS, password=SECRETS, token=SECRETS, encoded=st.booleans())
def test_no_part_of_a_login_is_shown(scheme: str, user: str, password: str, token: str, encoded: bool) -> None:
    spelt = [quote(one, safe="") if encoded else one for one in (user, password, token)]
    address = "{}://{}:{}@db.example.org:5432/runs?token={}".format(scheme, *spelt)
    for text_ in (shown(address), without_secrets(f"cannot reach {address} now", address)):
        for secret in (user, password, token, *spelt):
            assert secret not in text_
    if encoded:
        assert shown(address) == f"{scheme}://***@db.example.org:5432/runs?***"


@given(user=SECRETS, password=SECRETS, token=SECRETS, spelling=st.sampled_from([str, quote, quote_plus, repr]))
def test_a_login_that_stands_alone_in_an_error_is_hidden_however_it_is_spelt(
    user: str, password: str, token: str, spelling: type
) -> None:
    address = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@host/db?token={quote(token, safe='')}"
    error = f"no login of {spelling(user)} with {spelling(password)}, {spelling(token)}"
    hidden = without_secrets(error, address)
    for secret in (user, password, token):
        for spelt in (secret, quote(secret), quote_plus(secret), repr(secret)[1:-1]):
            assert spelt not in hidden


@pytest.mark.parametrize(
    "error",
    [
        "Max retries exceeded with url: /api/2.0/mlflow/experiments/search?max_results=1&token=s3cret (Caused by x)",
        "(psycopg2.OperationalError) postgresql://ann:s3cret@10.0.0.1/db is not reachable",
        "redirected to https%3A%2F%2Fann%3As3cret%40example.org%2F",
        "'http://ann:s3cret@example.org', 'http://example.org/?a=s3cret'",
    ],
)
def test_addresses_in_the_errors_of_others_are_shown_without_secrets(error: str) -> None:
    hidden = without_secrets(error)
    assert "s3cret" not in hidden
    assert "ann:" not in hidden


def test_a_token_in_the_path_is_hidden_where_it_stands_alone() -> None:
    address = "https://example.org/t0ken8f3e91c2a77d/mlflow"
    error = "Max retries exceeded with url: /t0ken8f3e91c2a77d/mlflow/api/2.0/mlflow/experiments/search (Caused by x)"
    assert without_secrets(error, address) == error.replace("t0ken8f3e91c2a77d", "***")


def test_what_the_environment_logs_in_with_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "a")
    assert (
        without_secrets("Bearer s3cret of a was refused at path /api") == "Bearer *** of *** was refused at path /api"
    )


@pytest.mark.parametrize(
    "name",
    [
        "what?",
        "50%20",
        "a#b",
        "ü x",
        "c:d",
        'it\'s "so"',
        "back\\slash",
        "new\nline",
        "a@b",
        "100%",
        "%3F",
        " x ",
        "😀",
    ],
)
def test_the_address_of_a_file_leads_to_it_and_to_no_other(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "mlflow.db"
    path.parent.mkdir()
    engine = create_engine(sqlite_address(path))
    with engine.begin() as connection:
        connection.execute(text("create table there (x int)"))
    engine.dispose()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select name from sqlite_master").fetchall() == [("there",)]
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://wilma:s3cret@127.0.0.1:1/db",
        "postgresql://wilma:s3%63ret%40@127.0.0.1:1/db?password=s3cret",
        "http://wilma:s3cret@127.0.0.1:9/?token=s3cret",
    ],
)
def test_no_command_prints_a_password(tmp_path: Path, address: str) -> None:
    store = Store(tmp_path / "s")
    add_run(store, "a0", [0.8], [0.8], 0)
    add_study(store, [("a0", {"seed": 0})])
    said = ftdd("sync", "--store", "s", cwd=tmp_path, timeout=120, MLFLOW_TRACKING_URI=address)
    assert said.code == 1
    assert "the runs are safe in their folders" in said.err
    assert said.err.count("\n") <= 2
    if not address.startswith("http"):
        return
    ui = ftdd("ui", "--store", "s", cwd=tmp_path, MLFLOW_TRACKING_URI=address)
    for text_ in (said.out, said.err, ui.out, ui.err):
        assert "s3cret" not in text_
        assert "wilma" not in text_
