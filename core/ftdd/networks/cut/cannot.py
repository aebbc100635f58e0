"""The refusal."""


class CannotCut(ValueError):
    """A network that is not to be had as a chain: a sentence that says why."""


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
