"""What tests of data sets share: a listener that drops what it hears, and what a good error says."""


def quiet(line: str) -> None:
    """Takes a line on the progress, and drops it."""


def sentence(error: Exception) -> str:
    """What an error says: one line, with something to do after a semicolon."""
    said = str(error)
    assert "\n" not in said
    assert ";" in said, said
    return said
