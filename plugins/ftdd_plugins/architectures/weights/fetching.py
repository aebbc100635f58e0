"""Fetch a library's weights to where it looks for them, or say within seconds that they are not available."""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from ssl import SSLError
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, proxy_bypass, urlopen

from ftdd.components import DataUnavailable
from ftdd_plugins.architectures.weights.messages import first_line

CONNECT_SECONDS = 1.0
"""For a host to take a connection."""
ANSWER_SECONDS = 5.0
"""For a host to answer, and between two parts of what it sends."""
INSTEAD = "name a file that has them with `checkpoint`, or set `pretrained: false`"


def check_reachable(address: str, what: str) -> None:
    """Raise DataUnavailable, within seconds, where the host that has the weights does not answer."""
    parts = urlsplit(address)
    through = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    host = urlsplit(through if "//" in through else f"//{through}") if through else parts
    try:
        port = host.port or (443 if host.scheme == "https" else 80)
        socket.create_connection((host.hostname or "", port), timeout=CONNECT_SECONDS).close()
        urlopen(Request(address, method="HEAD"), timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        if isinstance(error, HTTPError) and error.code < 500 and error.code not in (407, 429):
            return  # the library has more to say
        if isinstance(getattr(error, "reason", None), SSLError):
            return  # the library has certificates of its own
        name = f"the proxy {host.hostname}" if through else f"{parts.hostname}"
        raise DataUnavailable(
            f"{what} are not on this machine and {name} cannot be reached ({first_line(error)}); {INSTEAD}"
        ) from error


def in_hub(address: str) -> Path:
    """Where torch keeps what it has fetched from an address."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(address).path).name


def fetch(address: str) -> None:
    """Fetch a file to where torch keeps it; the end of its name is checked where it is a digest. Raises OSError."""
    import torch

    file = in_hub(address)
    file.parent.mkdir(parents=True, exist_ok=True)
    digest = re.search(r"-([a-f0-9]{8,})\.", file.name)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(ANSWER_SECONDS)
    try:
        torch.hub.download_url_to_file(address, str(file), digest[1] if digest else None, progress=False)
    finally:
        socket.setdefaulttimeout(before)


def fetched(fetch: Callable[[], object], what: str, say: Callable[[str], None]) -> None:
    """Fetch weights. Raises DataUnavailable with the reason where that fails."""
    say(f"fetching {what}")
    try:
        fetch()
    except Exception as error:  # whatever the library, its hub and their connections raise
        raise DataUnavailable(f"{what} could not be fetched: {first_line(error)}; {INSTEAD}") from error
