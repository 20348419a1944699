"""Commands: a few lines each. Libraries are imported by the command that needs them, so that --help answers at once."""

from covplan.cli import compare, documents, fibre, lab, plan, propose, radio, study
from covplan.cli.base import main

__all__ = ["compare", "documents", "fibre", "lab", "main", "plan", "propose", "radio", "study"]
