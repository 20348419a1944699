"""`python -m covplan`."""

from covplan.cli import main

main(prog_name="covplan")
