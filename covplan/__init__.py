"""covplan: plan a province's mobile and fiber coverage. A study folder goes in, a plan comes out.

>>> import covplan
>>> plan = covplan.make_plan(covplan.open_study("data"))  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from covplan.pipeline.changes import what_if
    from covplan.pipeline.links import explain_link
    from covplan.pipeline.plan import make_plan
    from covplan.pipeline.rasters import coverage
    from covplan.pipeline.sharing import propose_sharing
    from covplan.pipeline.workspace import Workspace
    from covplan.publish.annexes import write_annexes
    from covplan.publish.geopackage import write_geopackage
    from covplan.publish.report import write_report
    from covplan.study.drawn import read_drawn
    from covplan.study.errors import CovplanError
    from covplan.study.folder import Study, open_study
    from covplan.study.language import speaking
    from covplan.study.plan import Plan

try:
    __version__ = version("covplan")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

__all__ = [
    "CovplanError",
    "Plan",
    "Study",
    "Workspace",
    "coverage",
    "draw_map",
    "explain_link",
    "make_plan",
    "open_study",
    "propose_sharing",
    "read_drawn",
    "speaking",
    "what_if",
    "write_annexes",
    "write_geopackage",
    "write_report",
]

_HOMES = {
    "CovplanError": "covplan.study.errors",
    "Plan": "covplan.study.plan",
    "Study": "covplan.study.folder",
    "Workspace": "covplan.pipeline.workspace",
    "coverage": "covplan.pipeline.rasters",
    "explain_link": "covplan.pipeline.links",
    "make_plan": "covplan.pipeline.plan",
    "open_study": "covplan.study.folder",
    "propose_sharing": "covplan.pipeline.sharing",
    "read_drawn": "covplan.study.drawn",
    "speaking": "covplan.study.language",
    "what_if": "covplan.pipeline.changes",
    "write_annexes": "covplan.publish.annexes",
    "write_geopackage": "covplan.publish.geopackage",
    "write_report": "covplan.publish.report",
}


def draw_map(study_or_plan: Study | Plan, **how: Any) -> Any:
    """The map (a folium.Map) of a plan, or of a study whose plan is made first, with the proposals kept for it.

    Parameters
    ----------
    study_or_plan : Study or Plan
    how
        As in `covplan.publish.maps.draw_map`: tiles, coverage, sheets, language.
    """
    from covplan.pipeline import make_plan, with_kept_proposals
    from covplan.publish.maps import draw_map as draw
    from covplan.study.folder import Study

    if isinstance(study_or_plan, Study):
        made = make_plan(study_or_plan)
        return draw(with_kept_proposals(made) or made, **how)
    return draw(study_or_plan, **how)


def __getattr__(name: str) -> Any:
    # geopandas and folium take a second to import: only who uses a name pays for it.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'covplan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
