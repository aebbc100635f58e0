"""The refusal."""


class CannotCut(ValueError):
    """A network that cannot be cut into a chain: a sentence that says why."""


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
