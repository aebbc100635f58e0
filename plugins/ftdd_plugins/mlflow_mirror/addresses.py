"""Addresses as they may be shown: without user, password and tokens; and the address of an sqlite file."""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit
from urllib.request import url2pathname

HIDDEN = "***"
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
"""Variables from which MLflow takes what it shows to a tracking server."""

_ADDRESS = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*)(?:://|%3A%2F%2F)([^\s'\"<>]*)", re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s'\"<>()]*=[^\s'\"<>()]*")

_TOKEN = re.compile(r"(?<=/)(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[^/?#]{16,}")
"""A part of a path that may be a token: long, with letters and digits."""


def shown(address: str) -> str:
    """An address without what stands before its @, and without what may be a token in path, query or fragment.

    Where a password with ? or # in it cannot be told from a query, nothing but the scheme is left.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    plain, mark, query = re.match(r"([^?#]*)([?#]?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if plain.startswith("/"):  # a file: nobody logs in to it
        return f"{scheme}://{plain}{mark}{HIDDEN if mark else ''}"
    if "@" in query:
        return f"{scheme}://{HIDDEN}"
    if "@" in plain:
        plain = f"{HIDDEN}@{plain.rpartition('@')[2]}"
    return f"{scheme}://{_TOKEN.sub(HIDDEN, plain)}{mark}{HIDDEN if mark else ''}"


def without_secrets(text: str, address: str = "") -> str:
    """A text of others, such as an error of MLflow, with every address in it as `shown` gives it.

    address: the one that the text is about; its user, password, query and tokens are hidden also where they stand
    alone, plain or percent-encoded, and so is what the environment gives MLflow to log in with.
    """
    if address:
        text = text.replace(address, shown(address))
    text = _ADDRESS.sub(_shown_match, text)
    text = _QUERY.sub(f"?{HIDDEN}", text)
    for secret in sorted(_secrets(address), key=len, reverse=True):
        whole = secret if len(secret) > 2 else ""
        pattern = re.escape(whole) if whole else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, HIDDEN, text, flags=re.IGNORECASE)
    return text


def _shown_match(match: re.Match[str]) -> str:
    whole = match.group(0)
    return shown(whole) if "://" in whole else shown(unquote(whole))


def _secrets(address: str) -> set[str]:
    """User, password and query's values of an address, and those of the environment, in every spelling."""
    rest = address.partition("://")[2]
    found = {os.environ.get(name, "") for name in CREDENTIALS}
    if not rest.startswith("/"):
        before, at, _ = rest.rpartition("@")
        if at:
            found |= {before, *before.split(":", 1)}
        found |= set(_TOKEN.findall(re.split("[?#]", rest)[0].rpartition("@")[2]))
        found |= {value for pair in re.split("[?#&]", rest)[1:] for value in (pair, pair.partition("=")[2])}
    return {spelt for secret in found if secret for spelt in _spellings(secret)} - {HIDDEN}


def _spellings(secret: str) -> Iterator[str]:
    plain = unquote(secret)
    yield from (secret, plain, unquote_plus(secret), quote(plain), quote(plain, safe=""), quote_plus(plain))
    yield repr(plain)[1:-1]  # as an exception's text has it


def sqlite_address(path: Path) -> str:
    """SQLAlchemy's address of a file, whatever characters are in its path. Raises OSError.

    Its versions differ in what they decode, and MLflow makes the folders that it reads in the address; so a path that
    does not stand for itself is reached through a link of a plain name, which goes when the process ends.
    """
    from sqlalchemy.engine import make_url

    plain = f"sqlite:///{path}"
    if str(path).isprintable() and "#" not in plain and make_url(plain).database == str(path):
        return plain
    return f"sqlite:///{_link_to(path.parent) / path.name}"


def local_path(address: str) -> Path:
    """The file that a file: address names."""
    return Path(url2pathname(urlsplit(address).path))


@cache
def _link_to(folder: Path) -> Path:
    """A link to a folder: one for each folder and process, as MLflow keeps an engine for each address."""
    place = Path(tempfile.mkdtemp(prefix="ftdd-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    link = place / "store"
    link.symlink_to(folder.absolute(), target_is_directory=True)
    return link
