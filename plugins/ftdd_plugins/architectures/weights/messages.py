"""Errors of other libraries in one line."""

import re

MOST_CHARACTERS = 200


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without terminal codes; its type where there is no message."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def one_line(error: BaseException) -> str:
    """An error's whole message in one line; cut off where it is long."""
    message = " ".join(str(error).split())
    return message if len(message) <= MOST_CHARACTERS else f"{message[:MOST_CHARACTERS]} …"
