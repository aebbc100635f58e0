"""`python -m ftdd` is `ftdd`."""

from ftdd.cli import main

main()
