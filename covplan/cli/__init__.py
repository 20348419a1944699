"""Commands: a few lines each. Libraries are imported by the command that needs them, so that --help answers at once."""

from covplan.cli import compare, documents, export, fiber, lab, maps, plan, propose, radio, study
from covplan.cli.base import main

__all__ = ["compare", "documents", "export", "fiber", "lab", "main", "maps", "plan", "propose", "radio", "study"]
