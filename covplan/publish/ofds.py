"""Fiber in the Open Fiber Data Standard 0.4: one network of nodes and spans per operator, in one JSON package."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from covplan.publish.public import public_plan
from covplan.publish.words import label, operator_names, program
from covplan.study.files import written_whole
from covplan.study.language import _, by_language, current_language, speaking
from covplan.study.synthetic import origin_mark

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd

    from covplan.study.language import Language
    from covplan.study.plan import Plan

SCHEMA = "https://standard.ofds.info/en/0__4__0/network-schema.json"
CRS84 = {"name": "urn:ogc:def:crs:OGC::CRS84", "uri": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
NAMESPACE = uuid.UUID("6f2c1c1e-5d0e-5a53-9d0c-0a3f5c4b7e11")  # of covplan's networks; any, but always the same
NODE_TYPES = {"OLT": "exchange", "FDT": "aggregationPoint", "FAT": "cabinet"}
UNDERGROUND = ("N1", "N2")
SNAP_M = 1.0  # an end of a cable nearer to a node than this is at it
DECIMALS = 7
NOBODY = ""


def write_ofds(plan: Plan, path: Path, *, include_restricted: bool = False, language: Language | None = None) -> Path:
    """Write nodes, cables and proposed cables as an OFDS network package, whole or not at all."""
    package = ofds_package(public_plan(plan, include_restricted=include_restricted), language=language)
    with written_whole(path) as part:
        text = json.dumps(package, ensure_ascii=False, indent=1, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def ofds_package(plan: Plan, *, language: Language | None = None) -> dict[str, Any]:
    """The package as JSON: one network per operator, proposals of nobody's in one of their own."""
    with speaking(language, plan.study.settings.province.language):
        return {"networks": _networks(plan)}


def _networks(plan: Plan) -> list[dict[str, Any]]:
    study = plan.study
    proposed = plan.proposals[plan.proposals.geom_type.isin(["LineString", "MultiLineString"])]
    tables = {"nodes": study.nodes, "routes": study.routes, "proposed": proposed}
    who = sorted({str(one) for table in tables.values() for one in table["operator"].fillna(NOBODY)})
    province = study.settings.province
    nobody = _("Proposals")
    mark = f" ({marked})" if (marked := origin_mark(study)) else ""
    return [
        _network(
            operator,
            f"{operator_names().get(operator, operator) or nobody} – {province.name}{mark}",
            {name: table[table["operator"].fillna(NOBODY) == operator] for name, table in tables.items()},
            f"{province.name}/{province.epsg}/{operator}",
        )
        for operator in who
    ]


def _network(operator: str, name: str, tables: Mapping[str, gpd.GeoDataFrame], key: str) -> dict[str, Any]:
    owner = {"id": operator, "name": operator_names().get(operator, operator)} if operator else None
    made = _Nodes(tables["nodes"], owner)
    spans = [
        {
            "id": str(row["route_id"]) + suffix,
            "status": "operational",
            **made.ends(line),
            **_owned(owner),
            "deployment": ["belowGround" if row["mounting"] in UNDERGROUND else "aboveGround"],
            "supportingInfrastructure": {"description": label("mounting", str(row["mounting"]))},
            **_count("fiberCount", row["cores"]),
            **({} if pd.isna(row["spare_cores"]) else {"darkFiber": int(row["spare_cores"]) > 0}),
            "fiberLength": round(float(length_m) / 1000.0, 4),
        }
        for row, line, length_m, suffix in _lines(tables["routes"])
    ]
    spans += [
        {
            "id": str(row["proposal_id"]) + suffix,
            "name": str(row[by_language("title_vi", "title_en")]),
            "status": "proposed",
            **({} if pd.isna(row["year"]) else {"phase": _phase(int(row["year"]))}),
            **made.ends(line),
            **_owned(owner),
            "fiberLength": round(float(length_m) / 1000.0, 4),
        }
        for row, line, length_m, suffix in _lines(tables["proposed"])
    ]
    years = sorted({int(year) for year in tables["proposed"]["year"].dropna()})
    network: dict[str, Any] = {"id": str(uuid.uuid5(NAMESPACE, key)), "name": name}
    parts = {
        "nodes": made.nodes,
        "spans": spans,
        "phases": [_phase(year) for year in years],
        "organisations": [{**owner, "country": "VN", "roles": ["transmissionMediumOwner", "networkProvider"]}]
        if owner
        else [],
    }
    network |= {part: rows for part, rows in parts.items() if rows}  # the standard knows no empty lists
    return network | {
        "publisher": {"name": program()},
        "crs": CRS84,
        "language": current_language(),
        "links": [{"href": SCHEMA, "rel": "describedby"}],
    }


class _Nodes:
    """The nodes of a network, and those that ends of cables without one are given."""

    def __init__(self, table: gpd.GeoDataFrame, owner: dict[str, str] | None) -> None:
        degrees = table.geometry.to_crs(4326)
        self.nodes: list[dict[str, Any]] = [
            {
                "id": str(row["node_id"]),
                "name": label("kind", str(row["kind"]), layer="nodes"),
                "status": "operational",
                "location": {"type": "Point", "coordinates": _pair(point)},
                "type": [NODE_TYPES[str(row["kind"])]],
                "accessPoint": True,
                **({"transmissionMediumOwner": owner} if owner else {}),
            }
            for row, point in zip(table.to_dict("records"), degrees, strict=True)
        ]
        self._ids = [one["id"] for one in self.nodes]
        at = np.column_stack([table.geometry.x, table.geometry.y])
        self._tree = cKDTree(at) if len(at) else None
        self._joints: dict[tuple[float, float], str] = {}

    def ends(self, line: tuple[shapely.LineString, shapely.LineString]) -> dict[str, Any]:
        """Start, end and route of a cable, given in metres and in degrees."""
        metres, degrees = line
        start, end = (self._node(metres.coords[n], degrees.coords[n]) for n in (0, -1))
        route = {"type": "LineString", "coordinates": [_pair(shapely.Point(one)) for one in degrees.coords]}
        return {"start": start, "end": end, "directed": False, "route": route, "transmissionMedium": ["fibre"],
                "countries": ["VN"]}  # fmt: skip

    def _node(self, metres: tuple[float, ...], degrees: tuple[float, ...]) -> str:
        if self._tree is not None:
            away_m, nearest = self._tree.query(metres[:2])
            if away_m <= SNAP_M:
                return str(self._ids[nearest])
        place = (round(metres[0], 1), round(metres[1], 1))
        if place not in self._joints:
            self._joints[place] = f"joint-{len(self._joints) + 1}"
            point = {"type": "Point", "coordinates": _pair(shapely.Point(degrees))}
            self.nodes.append({"id": self._joints[place], "location": point, "accessPoint": False})
        return self._joints[place]


def _lines(table: gpd.GeoDataFrame) -> list[tuple[dict[str, Any], tuple[Any, Any], float, str]]:
    """Rows with each of their lines in metres and degrees, its length, and what tells several lines of a row apart."""
    found = []
    degrees = table.geometry.to_crs(4326)
    for row, metres, turned in zip(
        table.drop(columns="geometry").to_dict("records"), table.geometry, degrees, strict=True
    ):
        parts = list(zip(getattr(metres, "geoms", [metres]), getattr(turned, "geoms", [turned]), strict=True))
        whole_m = row.get("length_m")
        for n, (one, other) in enumerate(parts, start=1):
            known = whole_m is not None and not pd.isna(whole_m)
            length_m = float(whole_m) * one.length / metres.length if known and metres.length else one.length
            found.append((row, (one, other), length_m, f"-{n}" if len(parts) > 1 else ""))
    return found


def _owned(owner: dict[str, str] | None) -> dict[str, Any]:
    return {"transmissionMediumOwner": owner, "networkProviders": [owner]} if owner else {}


def _phase(year: int) -> dict[str, str]:
    return {"id": str(year), "name": _("Year {year}").format(year=year)}


def _count(name: str, value: Any) -> dict[str, int]:
    return {} if pd.isna(value) else {name: int(value)}


def _pair(point: shapely.Point) -> list[float]:
    return [round(point.x, DECIMALS), round(point.y, DECIMALS)]
