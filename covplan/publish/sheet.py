"""A page per hamlet (phiếu thôn), as replies to voters are written: state, cause, plan, money.

Text from data enters the page through the template, which escapes all of it.
"""

from __future__ import annotations

import base64
import io
import math
import unicodedata
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from covplan.publish.profiles import draw_profile, verdict
from covplan.publish.public import public_explanation, public_plan
from covplan.publish.words import label, operator_names, said_assumed, shown
from covplan.study.errors import OutputError
from covplan.study.files import written_whole
from covplan.study.geometry import distance_m
from covplan.study.language import BILLION, N_, _, by_language, current_language, number, speaking
from covplan.study.layers import layers
from covplan.study.models import models_said
from covplan.study.resources import resource_text
from covplan.study.synthetic import origin_notice

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.language import Language
    from covplan.study.links import ExplainedLink, Explanation
    from covplan.study.plan import Plan

FACTS = (
    "households", "population", "grid_power", "difficulty", "mobile_state", "declared_state", "basis", "rsrp_dbm",
    "probability", "throughput_mbps", "covered_share", "indoor_share", "operators", "mobile_5g", "share_5g", "ftth",
    "ftth_households",
)  # fmt: skip
# Heads of the page (resources/web/sheet.html).
WORDS = {
    "today": N_("1. Where it stands"),
    "stations": N_("2. Stations of each operator"),
    "operator": N_("Operator"),
    "station": N_("Station, cell"),
    "distance": N_("Distance"),
    "verdict": N_("Verdict"),
    "nearest": N_("(nearest)"),
    "cause": N_("3. Cause"),
    "profile": N_("Terrain profile"),
    "plan": N_("4. Plan"),
    "proposal": N_("Proposal"),
    "year": N_("Year"),
    "cost": N_("Cost"),
    "funding": N_("Funding"),
    "reason": N_("Reason"),
    "money": N_("5. Funding"),
}
AS_PER_CENT = {"probability", "covered_share", "indoor_share", "share_5g"}


def sheet_html(
    plan: Plan, village_id: str, explained: Explanation | None = None, *, language: Language | None = None
) -> str:
    """The page of one hamlet; `explained` holds its links (`covplan.explain_link`), and may be left out."""
    with speaking(language, plan.study.settings.province.language):
        return unicodedata.normalize("NFC", _page(plan, village_id, explained))


def write_sheet(
    plan: Plan, village_id: str, path: Path, explained: Explanation | None = None, *, language: Language | None = None
) -> Path:
    """Write the page of one hamlet, whole or not at all."""
    page = sheet_html(plan, village_id, explained, language=language)
    with written_whole(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path


def _page(plan: Plan, village_id: str, explained: Explanation | None) -> str:
    explained = public_explanation(explained, plan.study) if explained else None
    plan = public_plan(plan)
    rows = plan.hamlets[plan.hamlets["village_id"] == village_id]
    if rows.empty:
        text = _("hamlet {village_id!r}: not in the plan. `covplan explain` finds ids by name.")
        raise OutputError(text.format(village_id=village_id))
    hamlet = rows.iloc[0]
    study = plan.study
    place = ", ".join(str(hamlet[name]) for name in ("commune", "district") if pd.notna(hamlet[name]))
    proposals = _proposals(plan, village_id)
    where = _("{place}. {province}. Hamlet {village_id}. Boundaries {version} ({merger}).").format(
        place=place, province=study.settings.province.name, village_id=village_id,
        version=hamlet["boundary_version"], merger=label("boundary_version", hamlet["boundary_version"]),
    )  # fmt: skip
    return _template().render(
        language=current_language(),
        words={name: _(text) for name, text in WORDS.items()},
        heading=_("HAMLET SHEET: {hamlet}").format(hamlet=hamlet["name"]),
        where=where,
        synthetic=origin_notice(study),
        facts=[*_facts(hamlet), *_nearest(plan, hamlet)],
        links=_links(explained),
        cause=_cause(hamlet, explained),
        profile=_profile(explained, study.settings.province.synthetic),
        proposals=proposals,
        no_proposals=_("Nothing is proposed for this hamlet yet.")
        if hamlet["mobile_state"] in ("none", "weak")
        else _("The hamlet has signal; no proposal for coverage is needed."),
        funding=_funding(hamlet, proposals),
        method=_method(plan),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(resource_text("web", "sheet.html"))


def _facts(hamlet: pd.Series) -> list[tuple[str, str]]:
    columns = {column.name: column for column in layers()["hamlets"].columns}
    found = []
    for name in FACTS:
        if name not in hamlet or pd.isna(hamlet[name]) or hamlet[name] == "":
            continue
        value = hamlet[name]
        text = f"{number(100 * value, 1)} %" if name in AS_PER_CENT else shown(columns[name], value, "hamlets")
        text = said_assumed(text, name, hamlet.get("assumed"))
        found.append((by_language(columns[name].title_vi, columns[name].title_en), text))
    return found


def _nearest(plan: Plan, hamlet: pd.Series) -> list[tuple[str, str]]:
    """Distance to the nearest location and to the nearest fiber node, straight on the ellipsoid."""
    found = []
    if pd.notna(hamlet["nearest_location_m"]):
        km = number(hamlet["nearest_location_m"] / 1000.0, 2)
        said = _("{location}, {km} km away").format(location=hamlet["nearest_location_id"], km=km)
        found.append((_("Nearest location"), said))
    nodes = plan.study.nodes
    if len(nodes) and pd.notna(hamlet["centre_lon"]):
        lonlat = nodes.geometry.to_crs(4326)
        away = pd.Series(
            distance_m([hamlet["centre_lon"]] * len(nodes), [hamlet["centre_lat"]] * len(nodes), lonlat.x, lonlat.y)
        )
        node = nodes.iloc[int(away.to_numpy().argmin())]
        said = _("{node}, {km} km away (straight line)").format(
            node=f"{node['kind']} {node['node_id']}", km=number(away.min() / 1000.0, 2)
        )
        found.append((_("Nearest fiber node"), said))
    return found


def _links(explained: Explanation | None) -> list[dict[str, Any]]:
    if explained is None:
        return []
    rows = [
        {
            "operator": operator_names().get(link.operator, link.operator),
            "station": link.cell_id,
            "nearest": link.nearest,
            "distance": f"{number(link.length_m / 1000.0, 2)} km",
            "rsrp": "–" if math.isinf(link.rsrp_dbm) else f"{number(link.rsrp_dbm, 1)} dBm",
            "verdict": verdict(link),
        }
        for link in explained.links
    ]
    return rows + [
        {
            "operator": operator_names().get(none.operator, none.operator),
            "station": none.station_id,
            "nearest": bool(none.station_id),
            "distance": "" if math.isnan(none.length_m) else f"{number(none.length_m / 1000.0, 2)} km",
            "rsrp": "–",
            "verdict": verdict(none),
        }
        for none in explained.missing
    ]


def _best(explained: Explanation | None) -> ExplainedLink | None:
    best = explained.best if explained else ()
    return max(best, key=lambda link: link.rsrp_dbm, default=None)


def _cause(hamlet: pd.Series, explained: Explanation | None) -> str:
    link = _best(explained)
    if hamlet["mobile_state"] == "covered" and hamlet["basis"] == "centre":
        return _("The hamlet has signal at its centre; where its people live is not in the data.")
    if hamlet["mobile_state"] == "covered":
        return _("The hamlet has signal at its centre and at its clusters of dwellings.")
    if hamlet["mobile_state"] == "weak":
        return _(
            "The centre of the hamlet has signal, but a cluster of dwellings is below the threshold (weak signal)."
        )
    if hamlet["mobile_state"] == "unknown":
        return _("There are not enough data to tell its state.")
    return verdict(link) if link else _("No station within the radius of computation.")


def _profile(explained: Explanation | None, synthetic: bool) -> str:
    link = _best(explained)
    if explained is None or link is None:
        return ""
    figure = draw_profile(link, place=explained.place, synthetic=synthetic)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return base64.b64encode(picture.getvalue()).decode("ascii")


def _proposals(plan: Plan, village_id: str) -> list[dict[str, str]]:
    table = plan.proposals
    gains = table["gains"].fillna("").map(lambda ids: village_id in str(ids).split(";"))
    mine = table[gains | (table["village_id"] == village_id)]
    return [
        {
            "title": str(row[by_language("title_vi", "title_en")]),
            "year": "" if pd.isna(row["year"]) else f"{int(row['year'])}",
            "cost": _("VND {amount} billion").format(amount=number(row["cost_base_vnd"] / BILLION, 2)),
            "funding": "" if pd.isna(row["funding"]) else label("funding", str(row["funding"])),
            "reason": str(row[by_language("reason_vi", "reason_en")]),
        }
        for row in mine.to_dict("records")
    ]


def _funding(hamlet: pd.Series, proposals: list[dict[str, str]]) -> str:
    said = sorted({row["funding"] for row in proposals} - {""})
    if said:
        return "; ".join(said) + "."
    powered = pd.notna(hamlet["grid_power"]) and bool(hamlet["grid_power"])
    if pd.notna(hamlet["difficulty"]) and hamlet["difficulty"] == "special" and powered:
        return _(
            "An especially difficult hamlet with grid power: may be considered for the Universal Telecommunications "
            "Service Fund (to be confirmed)."
        )
    return _("Funds of the telecom operators (to be confirmed).")


def _method(plan: Plan) -> str:
    settings = plan.study.settings
    definition = settings.definition
    radio = settings.radio[definition.technology]
    return _(
        "State: {definition}. Technology {technology}, RSRP threshold {threshold} dBm with a probability of "
        "{probability} %. Path loss by {model}. "
        "Distances on the ellipsoid. Made by covplan."
    ).format(
        definition=by_language(definition.title_vi, definition.title_en), technology=definition.technology,
        threshold=number(radio.asked_dbm, 1), probability=number(100 * radio.confidence),
        model=models_said(settings.propagation.model, settings.propagation.band_models),
    )  # fmt: skip
