"""Renew what the golden findings are compared with.

    python -m tests.plugins.golden                      findings.json of every study, from the tables that are kept
    python -m tests.plugins.golden tables <store>       the tables too, from a store in which the recipes were run

The recipes stand beside the tables: `ftdd run tests/plugins/golden/digits/recipe.yaml --store <store>`.
"""

import sys
from pathlib import Path

from tests.plugins.golden.tables import STUDIES, found, keep_tables, read_tables, write_findings


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["tables"]:
        for name in STUDIES:
            keep_tables(Path(arguments[1]), name)
    for name in STUDIES:
        write_findings(name, found(read_tables(name)))


main(sys.argv[1:])
