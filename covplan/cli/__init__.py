"""Commands: a few lines each. Libraries are imported by the command that needs them, so that --help answers at once."""

from covplan.cli import cache, compare, documents, export, fiber, intake, lab, maps, plan, propose, radio, study
from covplan.cli.base import main

__all__ = [
    "cache",
    "compare",
    "documents",
    "export",
    "fiber",
    "intake",
    "lab",
    "main",
    "maps",
    "plan",
    "propose",
    "radio",
    "study",
]
