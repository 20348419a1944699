"""`python -m covplan.cli`."""

from covplan.cli import main

main()
