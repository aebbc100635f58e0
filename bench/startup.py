"""What the short commands cost: processor time over that of importing the libraries that they stand on.

    python bench/startup.py [ROUNDS]

Each round starts every command once, one after another, so that what the machine does besides falls on all alike;
printed are the medians, in seconds of user and system time, and the medians of the rounds' ratios. The first round
is not counted: it writes the byte code.
"""

import os
import statistics
import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage

LIBRARIES = "import click, pluggy, pydantic, yaml, rich.console"
CALL = "from ftdd.cli import main; main()"
COMMANDS = {
    "libraries": ("-c", LIBRARIES),
    "ftdd --help": ("-c", CALL, "--help"),
    "ftdd list": ("-c", CALL, "list"),
    "ftdd plan quickstart": ("-c", CALL, "plan", "quickstart"),
}


def processor_seconds(arguments: tuple[str, ...]) -> float:
    """Of a Python process: user and system time until it has ended."""
    before = getrusage(RUSAGE_CHILDREN)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    seconds = [{name: processor_seconds(call) for name, call in COMMANDS.items()} for _ in range(rounds + 1)][1:]
    for name in COMMANDS:
        ratio = statistics.median(one[name] / one["libraries"] for one in seconds)
        print(f"{name:22s} {statistics.median(one[name] for one in seconds):.3f} s  {ratio:.2f} times")


if __name__ == "__main__":
    main()
