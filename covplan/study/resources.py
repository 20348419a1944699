"""Reads covplan's own data files: layer definitions, checks, indicators, costs, rules, commune lists."""

from __future__ import annotations

from importlib.resources import files


def resource_text(*path: str) -> str:
    """The text of a file in covplan/resources."""
    return files("covplan").joinpath("resources", *path).read_text(encoding="utf-8")
