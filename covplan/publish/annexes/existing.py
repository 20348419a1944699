"""Annexes of what stands today: forms 1 to 4 of the passive-infrastructure plan, fiber routes, hamlets, indicators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.addresses import addresses
from covplan.publish.annexes.annex import COORDINATES, PLACE, Annex, Field
from covplan.publish.public import restricted_stations
from covplan.publish.words import class_of_structure, label, operator_names
from covplan.study.columns import split_list
from covplan.study.language import N_, _, by_language, current_language, ngettext, number
from covplan.study.layers import layers

if TYPE_CHECKING:
    from covplan.study.folder import Study

LAYOUT = N_(
    "Laid out after the forms of the plan of passive telecom infrastructure (Circular 14/2013/TT-BTTTT); check the "
    "column names against the original and current guidance before submitting."
)
DUTY = N_(
    "Duty to share: Telecommunications Law 24/2023/QH15 (Article 13, clause 4, point b; check against the original), "
    "where it fits the plan and is feasible economically and technically."
)
EMF = N_(
    "EMF limit distance: from the antennas, in the plane of the main beams, beyond which all cells of the mast at full "
    "power together meet the limits of QCVN 8:2022/BTTTT for the public; computed in free space from EIRP, not "
    "measured."
)
STATES = ("none", "weak", "unknown", "covered")  # the order of the list: what needs work first
KEPT_APART = N_("The list is an annex of its own, which does not go with this copy.")
NO_SERVICE_POINTS = N_("The study has no public telecom service points (service_points.csv); the form is left empty.")


def critical_works(stations: pd.DataFrame, study: Study, *, include_restricted: bool) -> Annex:
    """Form 1; its rows leave only by explicit choice."""
    rows = restricted_stations(stations)
    if include_restricted:
        rows = rows.sort_values("station_id")
        table = rows.assign(
            **addresses(rows.geometry, study).drop(columns=["lon", "lat"]),
            owner=rows["owner"].fillna(rows["operator"].map(_operator)),
            kind=rows["structure"].map(
                lambda code: _("Antenna mast {structure}").format(structure=class_of_structure(code))
            ),
            year=pd.to_datetime(rows["on_air"]).dt.year,
        )
        notes: tuple[str, ...] = (_(LAYOUT), _("Restricted: kept under the rules on state secrets."))
    else:
        table, notes = rows.iloc[:0].assign(kind=None, year=None), (_(LAYOUT), _(KEPT_APART))
    fields = (
        Field("station_id", N_("Id of the works"), width=18),
        Field("name", N_("Name of the works"), width=28),
        Field("hamlet", N_("Address (hamlet)"), width=22),
        *PLACE,
        Field("owner", N_("Owner"), width=14),
        Field("kind", N_("Kind of works"), width=18),
        Field("year", N_("Year of opening"), "year", 9),
        *COORDINATES,
    )
    return Annex(_form(1), _("Telecom works of importance to national security"), table, fields, notes)


def service_points(points: pd.DataFrame, study: Study) -> Annex:
    """Form 2: public telecom service points, attended and unattended, those that stand before those to come."""
    rows = points.sort_values(["status", "point_id"])
    table = rows.assign(
        **(addresses(rows.geometry, study) if len(rows) else _nowhere(rows)),
        operator=rows["operator"].map(_operator, na_action="ignore"),
        use=rows["land_use"].map(lambda code: label("land_use", code), na_action="ignore"),
        state=rows["status"].map(lambda code: label("status", code)),
    )  # fmt: skip
    fields = (
        Field("point_id", N_("Point id"), width=13),
        Field("name", N_("Name of the service point"), width=28),
        Field("address", N_("Address"), width=16),
        Field("hamlet", N_("Hamlet, street group"), width=15),
        *PLACE,
        Field("kind", N_("Type (Đ1, Đ2)"), width=7),
        Field("operator", N_("Enterprise"), width=13),
        Field("land_area_m2", N_("Land area (m²)"), "tenths", 9),
        Field("use", N_("Land use"), width=11),
        Field("building_area_m2", N_("Building area (m²)"), "tenths", 9),
        Field("floor_area_m2", N_("Floor area (m²)"), "tenths", 9),
        Field("height_m", N_("Height of the building (m)"), "tenths", 7),
        Field("opened_year", N_("Year of opening"), "year", 8),
        Field("state", N_("Status"), width=9),
        *COORDINATES,
    )
    kinds = "; ".join(
        label("kind", code, "service_points") for code in layers()["service_points"].column("kind").allowed
    )
    said = _("Types: {kinds}.").format(kinds=kinds) if len(rows) else _(NO_SERVICE_POINTS)
    return Annex(_form(2), _("Public telecom service points"), table, fields, (_(LAYOUT), said))


def cable_works(routes: pd.DataFrame, study: Study) -> Annex:
    """Form 3: cable poles and underground works by commune, type and owner."""
    where = addresses(routes.geometry, study) if len(routes) else _nowhere(routes)
    groups = ["district_old", "commune_old", "commune_new", "mounting", "operator"]
    table = (
        routes.drop(columns="geometry").assign(**where)
        .groupby(groups, dropna=False)
        .agg(routes=("route_id", "size"), length_m=("length_m", "sum"), cores=("cores", "sum"),
             spare=("spare_cores", "sum"))
        .reset_index()
    )  # fmt: skip
    table = table.assign(
        operator=table["operator"].map(_operator), mounting=table["mounting"].map(lambda code: label("mounting", code)),
        length_km=table["length_m"] / 1000.0,
    )  # fmt: skip
    fields = (
        *PLACE,
        Field("mounting", N_("Type (N1, N2, C1, C2)"), width=30),
        Field("operator", N_("Owner"), width=16),
        Field("routes", N_("Number of routes"), "count", 9, summed=True),
        Field("length_km", N_("Length (km)"), "number", 12, summed=True),
        Field("cores", N_("Fibers in all"), "count", 10),
        Field("spare", N_("Spare fibers"), "count", 10),
    )
    counted = _(
        "A route counts for the commune of its middle; lengths on the ellipsoid. Route by route: sheet Cable routes."
    )
    title = _("Underground works and cable poles by area")
    return Annex(_form(3), title, table, fields, (_(LAYOUT), counted))


def masts(locations: pd.DataFrame, study: Study) -> Annex:
    """Form 4: the antenna masts that stand, one row per location."""
    rows = locations.sort_values("location_id")
    operators = rows["operators"].map(split_list)
    table = rows.assign(
        **addresses(rows.geometry, study),
        tenants=operators.map(lambda codes: ", ".join(map(_operator, codes))),
        tenants_count=operators.map(len),
        is_shared=_yes_no(rows["shared"]),
        duty=[_room(most, len(codes)) for most, codes in zip(rows["max_tenants"], operators, strict=True)],
        year=pd.to_datetime(rows["first_on_air"]).dt.year,
        structure=rows["structure"].map(class_of_structure),
        technologies=rows["technologies"].str.replace(";", ", "),
        emf_said=_emf_said(rows),
    )
    fields = (
        Field("location_id", N_("Location id"), width=13),
        Field("hamlet", N_("Place (hamlet)"), width=16),
        *PLACE,
        *COORDINATES,
        Field("structure", N_("Class of structure"), width=7),
        Field("height_m", N_("Greatest height (m)"), "tenths", 7),
        Field("owner", N_("Owner"), width=13),
        Field("is_shared", N_("Shared"), width=8),
        Field("tenants_count", N_("Enterprises"), "count", 8),
        Field("tenants", N_("Enterprises on the mast"), width=17),
        Field("duty", N_("Room for sharing, duty to share"), width=17),
        Field("technologies", N_("Technology"), width=11),
        Field("emf_m", N_("EMF limit distance (m)"), "tenths", 9),
        Field("emf_said", N_("Basis of the EMF distance"), width=17),
        Field("year", N_("In use since"), "year", 8),
    )
    codes = "; ".join(label("structure", code) for code in ("A1a", "A1b", "A2a", "A2b", "A2c"))
    classes = _("Classes of structures: {classes}. Land areas are not in the data.").format(classes=codes)
    return Annex(_form(4), _("Existing antenna masts"), table, fields, (_(LAYOUT), _(DUTY), classes, _(EMF)))


def _emf_said(rows: pd.DataFrame) -> list[str]:
    """What the EMF distance of each mast rests on, and what it leaves out."""
    said = []
    for basis, missing in zip(rows["emf_basis"], rows["emf_missing"], strict=True):
        parts = [] if pd.isna(basis) else [label("emf_basis", str(basis))]
        if codes := split_list(missing):
            parts.append(_("without {technologies}: EIRP not known").format(technologies=", ".join(codes)))
        said.append("; ".join(parts))
    return said


def fiber_routes(routes: pd.DataFrame, study: Study) -> Annex:
    """Every cable route."""
    rows = routes.sort_values("route_id")
    table = rows.assign(
        **(addresses(rows.geometry, study) if len(rows) else _nowhere(rows)), operator=rows["operator"].map(_operator),
        mounting=rows["mounting"].map(lambda code: label("mounting", code)),
        grade=rows["class"].map(lambda code: label("class", code, "routes")), length_km=rows["length_m"] / 1000.0,
    )  # fmt: skip
    fields = (
        Field("route_id", N_("Route id"), width=20),
        *PLACE,
        Field("operator", N_("Enterprise"), width=16),
        Field("grade", N_("Grade of route"), width=16),
        Field("mounting", N_("Mounting"), width=30),
        Field("cores", N_("Fibers"), "count", 8),
        Field("spare_cores", N_("Spare fibers"), "count", 8),
        Field("length_km", N_("Length (km)"), "number", 11, summed=True),
        *COORDINATES,
    )
    note = _("Commune and coordinates are those of the route's middle; its shape is in the GeoPackage (ht_tuyen_cap).")
    return Annex(_("Cable routes"), _("Existing fiber cable routes"), table, fields, (note,))


def hamlets(table: pd.DataFrame, study: Study) -> Annex:
    """Hamlets by state, those without signal first."""
    order = {state: rank for rank, state in enumerate(STATES)}
    rows = table.assign(rank=table["mobile_state"].map(order)).sort_values(["rank", "village_id"])
    centres = rows.geometry
    shown = rows.assign(
        **addresses(centres, study).drop(columns=["hamlet", "north_m", "east_m", "lon", "lat"]),
        state=rows["mobile_state"].map(lambda code: label("mobile_state", code)),
        state_basis=rows["basis"].map(lambda code: label("basis", code)),
        has_5g=_yes_no(rows["mobile_5g"]), has_ftth=_yes_no(rows["ftth"]), power=_yes_no(rows["grid_power"]),
        hard=rows["difficulty"].map(lambda code: label("difficulty", code), na_action="ignore"),
        reached_pct=100.0 * rows["covered_share"],
        names=rows["operators"].map(lambda codes: ", ".join(map(_operator, split_list(codes)))),
        away_km=rows["nearest_location_m"] / 1000.0,
    )  # fmt: skip
    fields = (
        Field("village_id", N_("Hamlet id"), width=14),
        Field("name", N_("Hamlet, street group or village"), width=24),
        *PLACE,
        Field("households", N_("Households"), "count", 8, summed=True),
        Field("population", N_("Population"), "count", 9, summed=True),
        Field("state", N_("State of signal"), width=11),
        Field("state_basis", N_("Basis"), width=10),
        Field("reached_pct", N_("Households covered (%)"), "tenths", 8),
        Field("names", N_("Operators with signal"), width=18),
        Field("has_5g", "5G", width=7),
        Field("has_ftth", "FTTH", width=7),
        Field("power", N_("Grid power"), width=7),
        Field("hard", N_("Difficulty"), width=14),
        Field("away_km", N_("To the nearest location (km)"), "number", 9),
        Field("centre_lon", N_("Longitude of the centre (°)"), "degrees", 11.5),
        Field("centre_lat", N_("Latitude of the centre (°)"), "degrees", 10.5),
    )
    counts = "; ".join(_hamlets_in(state, int((table["mobile_state"] == state).sum())) for state in STATES)
    definition = by_language(study.settings.definition.title_vi, study.settings.definition.title_en)
    title = _("Hamlets by state of coverage")
    return Annex(_("Hamlets"), title, shown, fields, (definition, f"{counts}."))


def indicators(table: pd.DataFrame) -> Annex:
    """The indicators with baseline, targets, gap and how each was computed."""
    shown = table.assign(
        said_unit=table["unit"].map(lambda unit: label("indicator_unit", unit), na_action="ignore"),
        said_basis=table["basis"].map(lambda code: label("basis", code)),
        goals_of=table["target_boundaries"].map(lambda version: label("boundary_version", version)),
        counted_in=table["counted"].map(lambda code: label("unit", code), na_action="ignore"),
    )
    name, how, warnings = (f"{column}_{current_language()}" for column in ("name", "how", "warnings"))
    fields = (
        Field(name, N_("Indicator"), width=32),
        Field("said_unit", N_("Unit"), width=10),
        Field("value", N_("Today"), "number", 10),
        Field("interval_low", N_("Confidence interval, low"), "number", 9),
        Field("interval_high", N_("Confidence interval, high"), "number", 9),
        Field("baseline", N_("Baseline of the plan"), "number", 9),
        Field("target_2025", N_("Target 2025"), "number", 9),
        Field("target_2030", N_("Target 2030"), "number", 9),
        Field("goals_of", N_("Boundaries of baseline and targets"), width=12),
        Field("gap_2025", N_("Gap to the 2025 target"), "number", 9),
        Field("gap_2030", N_("Gap to the 2030 target"), "number", 9),
        Field("numerator", N_("Numerator"), "count", 10),
        Field("denominator", N_("Denominator"), "count", 10),
        Field("counted_in", N_("Counted in"), width=8),
        Field("unknown", N_("Not known"), "count", 8),
        Field("said_basis", N_("Basis"), width=12),
        Field(how, N_("How it is computed"), width=36),
        Field(warnings, N_("Warnings"), width=34),
    )
    return Annex(_("Indicators"), _("Indicators of the plan: today, targets, gaps"), shown, fields)


def _room(most: int | None, tenants: int) -> str:
    if pd.isna(most):
        return _("Room not known; needs a survey")
    free = int(str(most)) - tenants
    if free <= 0:
        return _("No room for more enterprises")
    return ngettext("Room for {count} enterprise", "Room for {count} enterprises", free).format(count=free)


def _form(form: int) -> str:
    """Name of the sheet that holds a form of the plan of passive infrastructure."""
    return _("Form {number}").format(number=form)


def _hamlets_in(state: str, hamlets: int) -> str:
    said = ngettext("{state}: {hamlets} hamlet", "{state}: {hamlets} hamlets", hamlets)
    return said.format(state=label("mobile_state", state).lower(), hamlets=number(hamlets))


def _operator(code: object) -> str:
    return operator_names().get(str(code), str(code))


def _yes_no(column: pd.Series) -> pd.Series:
    return column.map({True: label("bool", "yes"), False: label("bool", "no")})


def _nowhere(rows: pd.DataFrame) -> pd.DataFrame:
    names = ["hamlet", "commune_old", "district_old", "commune_new", "north_m", "east_m", "lon", "lat"]
    return pd.DataFrame(columns=names, index=rows.index, dtype="object")
