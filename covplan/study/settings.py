"""study.toml: every threshold, cost, target and local rule, typed and frozen.

What a study does not say comes from covplan's own tables (`resources/costs.csv`, `indicators.csv`, `rules/default.csv`,
`operators.csv`), each figure with its source; `covplan settings STUDY` prints what is in force.
"""

from __future__ import annotations

import csv
import difflib
import re
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

from covplan.study.assumptions import assumption
from covplan.study.findings import checks
from covplan.study.language import _
from covplan.study.models import ModelName
from covplan.study.resources import resource_text

WEB_METHODS = ("Popular Visualisation Pseudo Mercator", "Mercator (variant A)", "Mercator (variant B)")
Share = Annotated[float, Field(ge=0, le=1)]
Metres = Annotated[float, Field(ge=0)]
Level = Literal["low", "base", "high"]
LEVELS: tuple[Level, ...] = ("low", "base", "high")
"""Of a cost: the figures between which it lies, and the one that is counted with."""


class Section(BaseModel):
    """One table of study.toml: frozen, without unknown keys, its docstrings read as comments."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Province(Section):
    """Which province the study describes."""

    name: str
    """Name printed on maps and tables."""
    crs: str = "EPSG:9211"
    """Metric coordinate system of all computation, as an EPSG code; Tuyên Quang: VN-2000 / TM-3 106-00."""
    boundaries: Literal["2025-02", "2025-07"] = "2025-02"
    """Commune list the indicators are counted on: before or after the merger of July 2025."""
    synthetic: bool = False
    """True: the study is made by a generator; every map and table says so."""
    language: Literal["", "vi", "en"] = ""
    """Language of tables, maps and documents; empty: the system's, Vietnamese where that is neither of the two."""

    @field_validator("crs")
    @classmethod
    def _metric_epsg(cls, value: str) -> str:
        if not re.fullmatch(r"EPSG:\d+", value, re.IGNORECASE):
            raise ValueError(_("only EPSG codes are accepted, such as EPSG:9211"))
        try:
            crs = CRS.from_user_input(value)
        except CRSError as error:
            raise ValueError(_("no such coordinate system: {value}").format(value=value)) from error
        if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
            raise ValueError(_("{value} ({crs}) is not a metric projection").format(value=value, crs=crs.name))
        if crs.coordinate_operation and crs.coordinate_operation.method_name in WEB_METHODS:
            raise ValueError(
                _("{value} ({crs}): its metres are not metres on the ground").format(value=value, crs=crs.name)
            )
        return value.upper()

    @property
    def epsg(self) -> int:
        """The EPSG code of `crs`."""
        return int(self.crs.removeprefix("EPSG:"))


class GridSettings(Section):
    """The raster grid everything is computed on."""

    cell_m: Annotated[float, Field(ge=10, le=500)] = 30.0
    """Cell size, metres."""
    margin_m: Metres = 5000.0
    """Ground kept around the province: masts and ridges outside the border matter too."""


Building = Literal["traditional", "thermally_efficient"]


class Radio(Section):
    """When a place counts as covered, for one technology."""

    rsrp_threshold_dbm: Annotated[float, Field(ge=-140, le=-40)] = -110.0
    """Weakest outdoor RSRP (SS-RSRP for 5G) that counts as covered."""
    confidence: Share = 0.95
    """Probability with which the threshold must be met."""
    uplink_mbps: Annotated[float, Field(ge=0, le=1000)] = 0.5
    """Uplink throughput that a terminal at full power must reach with the same probability: 0.5 Mbit/s is a video call,
    and the lowest rate data networks are dimensioned for (C. Johnson, LTE in Bullets, table 343); 0: downlink alone."""
    uplink_interference_db: Annotated[float, Field(ge=0, le=20)] = 2.0
    """What other terminals raise the noise of a station by (the same table)."""
    body_loss_db: Annotated[float, Field(ge=0, le=20)] = 0.0
    """Loss by the body, in both directions; 0 for data terminals (the same table), 3 for a phone at the ear."""
    indoor_loss_db: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Loss into buildings, in both directions, where coverage itself is counted indoors; 0: outdoors."""
    indoor_margin_db: Annotated[float, Field(ge=0, le=60)] | Literal["P.2109"] = "P.2109"
    """What the share of households covered indoors asks more than outdoors: decibels, or by band after ITU-R P.2109."""
    building: Building = "traditional"
    """Of ITU-R P.2109: houses without metallised glass or foil in the walls, or thermally_efficient ones."""
    building_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the places indoors whose loss is no greater than the one taken from ITU-R P.2109."""
    load: Share = 0.5
    """Share of their resources that neighbouring cells use: how much they interfere."""
    layers: Annotated[int, Field(ge=1, le=8)] = 1
    """Streams a terminal receives at once, at most those of the band: more than one needs a rich channel."""
    throughput_mbps: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Downlink throughput of one user that must be met with the same probability; 0: the signal alone counts."""
    server: Literal["any", "strongest"] = "any"
    """any: one of several sites received well enough suffices; strongest: the site received best alone is asked."""

    @property
    def terminal_loss_db(self) -> float:
        """What a terminal loses against one outdoors in free hands."""
        return self.body_loss_db + self.indoor_loss_db

    @property
    def asked_dbm(self) -> float:
        """RSRP outdoors from which on the downlink threshold is met behind body and building."""
        return self.rsrp_threshold_dbm + self.terminal_loss_db


class Propagation(Section):
    """How far a signal reaches: path loss over the study's terrain, for half of the time."""

    model: ModelName = "p1812"
    """Path loss: p1812 (ITU-R P.1812-7) sees the terrain; the others know distance, frequency and heights alone."""
    band_models: dict[str, ModelName] = {}
    """Models of single bands, where they are others than `model`."""
    radius_km: Annotated[float, Field(ge=1, le=100)] = 20.0
    """How far from a mast its signal is computed."""
    receiver_height_m: Annotated[float, Field(ge=1, le=50)] = 1.5
    """Receiver above ground."""
    location_sigma_db: Annotated[float, Field(ge=0, le=15)] = 8.0
    """Standard deviation of the model's prediction error at a place (TR 38.901 RMa NLOS: 8 dB)."""
    site_correlation: Share = 0.5
    """Correlation of the prediction errors of two sites at one place (TR 36.942 A.5); of one site all err alike."""
    delta_n: Annotated[float, Field(ge=20, le=100)] = 55.0
    """Median fall of refractivity in the lowest kilometre, N-units/km."""
    surface_n: Annotated[float, Field(ge=250, le=450)] = 365.0
    """Median refractivity at sea level, N-units."""
    clearing_m: Annotated[float, Field(ge=0, le=500)] = 75.0
    """Within so many metres of mast and receiver, trees and houses are no screens; 0: P.1812-7 as it stands."""
    landcover_classes: Literal["worldcover", "igbp"] = "worldcover"
    """Whose codes landcover.tif holds: ESA WorldCover's or those of MODIS (IGBP)."""
    clutter_height_m: dict[int, Annotated[float, Field(ge=0, le=100)]] = {}
    """Heights of trees and buildings by land-cover code, over those of resources/clutter.csv."""
    offsets_db: dict[str, dict[int, Annotated[float, Field(ge=-40, le=40)]]] = {}
    """Added to the RSRP by band and land-cover code of the receiver's cell: what `covplan calibrate` found."""
    offsets_of: dict[str, ModelName] = {}
    """Models the offsets of bands were fitted for: where another is in force, that is told."""

    @field_validator("offsets_db", "offsets_of", "band_models")
    @classmethod
    def _known_bands(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in band_codes():
                raise ValueError(
                    _("unknown band {name!r}.{hint}").format(name=name, hint=did_you_mean(name, band_codes()))
                )
        return value

    def model_of(self, band: str) -> ModelName:
        """The path loss model of a band."""
        return self.band_models.get(band, self.model)


class Coverage(Section):
    """What the word "covered" means for a hamlet."""

    preset: str = "province"
    """One of [definitions]; province: none (trắng) without signal at the centre, weak (lõm) where clusters lack it."""
    count_weak_as_covered: bool = True
    """The province's practice: only hamlets without any signal count against the indicator."""
    basis: Literal["computed", "declared"] = "computed"
    """declared: figures follow the province's own lists, also where the study allows to compute them."""
    throughput_classes_mbps: tuple[float, ...] = (2.5, 5.0, 15.0, 30.0, 100.0)
    """Limits of the throughput classes: zones of QCVN 81:2019 (2.5, 5, mean 15) and of QCVN 126:2021 (30, mean 100)."""
    area_spacing_m: Annotated[float, Field(ge=50, le=10_000)] = 1000.0
    """Distance between the points at which a share of the province's area is counted."""


class Places(Section):
    """When a place has 5G."""

    buffer_m: Annotated[float, Field(gt=0, le=5000)] = 100.0
    """A place known as a point is taken as a disc of this radius."""
    spacing_m: Annotated[float, Field(ge=5, le=500)] = 50.0
    """Distance between the points at which a place is looked at."""
    least_share: Share = 0.95
    """Share of a place's area that must have 5G."""


class Uncertainty(Section):
    """How the interval of a figure is drawn: the prediction error as random fields."""

    draws: Annotated[int, Field(ge=0, le=100_000)] = 500
    """Number of draws; 0: no interval."""
    correlation_m: Annotated[float, Field(ge=1, le=5000)] = 120.0
    """Distance over which the prediction error becomes independent (TR 38.901 table 7.5-6, RMa NLOS: 120 m)."""
    level: Share = 0.9
    """Share of the draws inside the interval."""
    seed: int = 1
    """Of the draws: the same figure every time."""


class Definition(Section):
    """One meaning of "covered": a regulator's, the province's or the user's own. What it leaves open [radio] says."""

    technology: Literal["4G", "5G"]
    rsrp_threshold_dbm: Annotated[float, Field(ge=-140, le=-40)] | None = None
    """Weakest outdoor RSRP."""
    throughput_mbps: Annotated[float, Field(ge=0, le=10_000)] | None = None
    """Least downlink throughput of one user."""
    uplink_mbps: Annotated[float, Field(ge=0, le=1000)] | None = None
    """Least uplink throughput of one user; 0: the downlink alone counts."""
    confidence: Share | None = None
    """Probability with which all must be met."""
    load: Share | None = None
    """Load of neighbouring cells."""
    server: Literal["any", "strongest"] | None = None
    """any: one of several sites suffices; strongest: the one received best alone."""
    indoor_margin_db: Annotated[float, Field(ge=0, le=40)] = 0.0
    """Loss into buildings, in both directions: 0 is outdoors."""
    denominator: Literal["hamlet", "household", "population", "area"] = "hamlet"
    """Of what the indicator is a share."""
    centre: bool = False
    """Whether a hamlet is judged at its centre (culture house) first."""
    cluster_share: Share | None = None
    """Share of a hamlet's households that must be covered for it to be covered; None: every cluster."""
    title_vi: str = ""
    title_en: str = ""
    source: str
    mark: str = "unverified"


class Sharing(Section):
    """How shared locations and new stations are counted, and what may be proposed to be shared."""

    period_years: tuple[int, int] = (2024, 2024)
    """First and last year of BTS_NEW_SHARE_RATIO."""
    goal: Literal["target", "saving"] = "target"
    """target: least outlay that reaches BTS_SHARE_RATIO; saving: most saved over the horizon, reaching it too."""
    near_urban_m: Metres = 150.0
    """In wards and townships, how far a station may move to another structure."""
    near_rural_m: Metres = 500.0
    """Elsewhere. Structures nearer than the local rule of spacing (min_spacing) are near in any case."""
    overlap_share: Share = 0.9
    """Least share of the households a station covers that it must cover from the other structure."""
    hamlet_loss_share: Share = 0.0
    """Share of its covered hamlets an operator may lose; no hamlet is left without any operator."""
    operator_hamlets_share: dict[str, Share] = {}
    """By operator, share of hamlets it must reach with new stations on others' structures; not named: as today."""
    depreciation_years: Annotated[float, Field(gt=0, le=50)] = 15.0
    """Over which the rent pays for the structure."""
    capital_cost_share: Annotated[float, Field(ge=0, le=2)] = 0.5
    """Cost of capital and profit on the structure over that time, as a share of its price."""
    rent_by: Literal["tenants", "height"] = "tenants"
    """How rent is divided: equally, or by the part of the structure's height a tenant takes."""


class Fiber(Section):
    """When fiber reaches a hamlet."""

    pon_class: Literal["GPON_B+", "GPON_C+", "XGS_N1"] = "GPON_B+"
    """Optical budget class."""
    reach_m: Metres = 3000.0
    """Longest cable from a distribution point to a home."""
    margin_db: Annotated[float, Field(ge=0, le=10)] = 3.0
    """Optical margin kept for repairs and ageing."""
    split: Annotated[tuple[int, ...], Field(min_length=1, max_length=3)] = (4, 8)
    """Splitters between exchange and home, first stage (FDT) first: (4, 8) is 1:4 then 1:8, 32 homes on a PON port."""
    drop_m: Metres = 500.0
    """Longest drop from an access point (FAT) or a tapped cable to a home, along roads."""
    off_road_m: Metres = 1000.0
    """Dwellings farther than this from every road have no way for a cable."""
    gap_m: Metres = 200.0
    """Pieces of road that nothing joins, and no more than this apart, are joined by a straight stretch of cable."""
    served_share: Share = 0.5
    """Share of a hamlet's households that must be passed for the hamlet to have FTTH."""
    take_up: Share = 0.6
    """Share of the homes passed for which ports are planned."""
    buried: bool = False
    """True: new cable goes into ducts everywhere, not only in towns."""
    steep_slope: Annotated[float, Field(ge=0, le=2)] = 0.15
    """From this slope (rise over run) on a route costs more, by the factor fiber_steep_factor."""


class Phases(Section):
    """The years of the plan."""

    years: tuple[int, ...] = (2025, 2026, 2027, 2028, 2029, 2030)
    """Years in which something can be built."""
    budget_vnd: tuple[float, ...] = ()
    """Budget per year; empty: no limit."""
    keep_unspent: bool = False
    """Whether what a year leaves unspent may be spent later."""
    rising: Literal["steps", "line"] = "steps"
    """Targets between 2025 and 2030: that of 2025 until 2030, or rising evenly."""

    @model_validator(mode="after")
    def _one_budget_per_year(self) -> Phases:
        if list(self.years) != sorted(set(self.years)):
            raise ValueError(_("years must rise: {years}").format(years=list(self.years)))
        if self.budget_vnd and len(self.budget_vnd) != len(self.years):
            raise ValueError(
                _("{budgets} budgets for {years} years").format(budgets=len(self.budget_vnd), years=len(self.years))
            )
        return self


class Propose(Section):
    """How proposals are weighed against each other, and how long a program may think."""

    horizon_years: Annotated[int, Field(ge=0, le=50)] = 10
    """Years of running cost that count beside what is built; 0: only what is built."""
    discount_rate: Annotated[float, Field(ge=0, le=1)] = 0.08
    """Of running costs, per year."""
    time_limit_s: Annotated[float, Field(gt=0)] = 300.0
    """After this a program gives the best it has, with its gap."""
    gap: Share = 0.005
    """Relative gap at which a program may stop; 0: only when the best is proven."""
    backhaul_detour: Annotated[float, Field(ge=1, le=5)] = 1.3
    """Length of a fiber along roads over the straight distance, where no road distance is given."""
    hop_km: Annotated[float, Field(ge=1, le=60)] = 20.0
    """Longest microwave hop."""
    road_m: Metres = 1500.0
    """Farthest a new mast may stand from a road; beyond `roadless_m` it costs more."""
    roadless_m: Metres = 300.0
    """Nearer than this to a road a structure is reached by it."""
    slope_deg: Annotated[float, Field(ge=0, le=60)] = 25.0
    """Steepest ground a new mast may stand on."""
    mast_heights_m: tuple[float, ...] = (42.0, 50.0)
    """Heights of new masts that are tried."""
    certificate_years: Annotated[int, Field(ge=0, le=50)] = 3
    """A structure whose certificate is older, or missing, is surveyed before it takes a tenant."""
    section_m: Annotated[float, Field(gt=0, le=20)] = 4.0
    """Height on a structure that one tenant's antennas take, tips apart (planning assumption: 3 to 5 m)."""


class WhiteSpots(Section):
    """Which hamlets are proposed to be covered, and by whom."""

    operators: Literal["any", "every"] = "any"
    """any: a signal of one operator is enough; every: each of `every_operators` must reach each hamlet."""
    every_operators: tuple[str, ...] = ("VTL", "VNPT", "MBF")
    """Those that must reach a hamlet under "every"."""
    clusters: bool = False
    """True: a hamlet counts when its dwelling clusters are covered too, not only its centre (lõm as well as trắng)."""
    reach_m: Metres = 8000.0
    """New ground farther than this from every hamlet in need is not looked at."""
    ground_where_covered: Annotated[int, Field(ge=0, le=30)] = 5
    """Under "every": places for a new mast looked at for a hamlet that somebody covers; where nobody does, 30."""


class Places5G(Section):
    """Which places 5G is proposed for, and how well."""

    policy: Literal["one", "neutral", "each"] = "one"
    """one: some operator serves each place; neutral: a shared radio of any band does; each: every operator does."""
    operators: tuple[str, ...] = ("VTL", "VNPT", "MBF")
    """Whose 5G is meant."""
    planned: bool = True
    """Whether places that do not exist yet are served too."""
    busy_share: Share = 0.5
    """Share of a cell's capacity that can be promised; the load of neighbours is set likewise in [radio]."""
    budget_vnd: Annotated[float, Field(ge=0)] = 0.0
    """What may be built for: most users at places are served for it; 0: all places, at least cost."""


class Cost(Section):
    """A unit cost with its range and its source."""

    low: Annotated[float, Field(ge=0)]
    base: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(ge=0)]
    unit: str
    year: int
    source: str
    confidence: str = "unverified"

    @model_validator(mode="after")
    def _rising(self) -> Cost:
        if not self.low <= self.base <= self.high:
            raise ValueError(
                _("low ≤ base ≤ high does not hold: {low:g}, {base:g}, {high:g}").format(
                    low=self.low, base=self.base, high=self.high
                )
            )
        return self


class Target(Section):
    """What the plan says of one indicator, in the indicator's unit; None where it says nothing."""

    baseline: float | None = None
    target_2025: float | None = None
    target_2030: float | None = None
    boundaries: Literal["2025-02", "2025-07"] = "2025-02"
    """The province they were set for: before or after the merger of July 2025."""


class Rule(Section):
    """A local rule on masts."""

    rule: str
    area: str
    value: float
    unit: str
    meaning: str = ""
    source: str
    confidence: str = "unverified"


class Checks(Section):
    """How strictly the data is read."""

    strict: tuple[str, ...] = ()
    """Names of checks whose findings stop the run."""
    border_m: Metres = 10_000.0
    """Objects farther than this outside the province are set aside."""
    commune_tolerance_m: Metres = 500.0
    """How far outside its declared commune a point may lie without a finding."""
    location_spread_m: Metres = 80.0
    """Stations of one location farther apart than this are reported."""
    twin_m: Metres = assumption("stations", "location_id", "near_m").number
    """Locations nearer than this to each other are reported as possibly one."""
    antenna_below_top_m: Metres = assumption("stations", "antenna_height_m", "below_top").number
    """Assumed distance from the top of the structure to the antennas."""

    @field_validator("strict")
    @classmethod
    def _known_checks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in checks():
                raise ValueError(
                    _("unknown check {name!r}.{hint}").format(name=name, hint=did_you_mean(name, checks()))
                )
        return value


class Settings(Section):
    """Everything in study.toml."""

    operators: tuple[str, ...] = ()
    """Operator codes of the study; empty: all of resources/operators.csv."""
    province: Province
    grid: GridSettings = GridSettings()
    radio: dict[Literal["4G", "5G"], Radio] = {}
    propagation: Propagation = Propagation()
    coverage: Coverage = Coverage()
    definitions: dict[str, Definition] = {}
    places: Places = Places()
    uncertainty: Uncertainty = Uncertainty()
    sharing: Sharing = Sharing()
    fiber: Fiber = Fiber()
    phases: Phases = Phases()
    propose: Propose = Propose()
    white_spots: WhiteSpots = WhiteSpots()
    places_5g: Places5G = Places5G()
    checks: Checks = Checks()
    targets: dict[str, Target] = {}
    rules: tuple[Rule, ...] = ()
    costs: dict[str, Cost] = {}

    @field_validator("operators")
    @classmethod
    def _known_operators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = tuple(row["operator"] for row in operator_table())
        for code in value:
            if code not in known:
                raise ValueError(
                    _("unknown operator {code!r}; known: {known}").format(code=code, known=", ".join(known))
                )
        return value or known

    @field_validator("targets")
    @classmethod
    def _known_indicators(cls, value: dict[str, Target]) -> dict[str, Target]:
        for name in value:
            if name not in default_targets():
                raise ValueError(
                    _("unknown indicator {name!r}.{hint}").format(name=name, hint=did_you_mean(name, default_targets()))
                )
        return value

    @model_validator(mode="after")
    def _known_preset(self) -> Settings:
        name = self.coverage.preset
        if name not in self.definitions:
            known = ", ".join(self.definitions)
            raise ValueError(
                _(
                    "[coverage] preset {name!r} is no definition.{hint} Known: {known}. Your own goes into "
                    "[definitions.{name}]"
                ).format(name=name, hint=did_you_mean(name, self.definitions), known=known)
            )
        return self

    @property
    def definition(self) -> Definition:
        """What "covered" means in this study."""
        return self.definitions[self.coverage.preset]

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """Tables the study does not override come from the resources; a study may override one cost alone."""
        if isinstance(data, dict):
            data = _site_correlation_moved({"operators": (), **data})
            data["rules"] = data.get("rules") or default_rules()
            targets = {name: target.model_dump() for name, target in default_targets().items()}
            tables: dict[str, dict[str, Any]] = {
                "costs": default_costs(),
                "radio": {"4G": {}, "5G": {}},
                "targets": targets,
                "definitions": default_definitions(),
            }
            data["targets"] = _of_own_province(data.get("targets", {}), data.get("province"))
            for name, defaults in tables.items():
                data[name] = _laid_over(defaults, data.get(name, {}))
        return data


@cache
def operator_table() -> tuple[dict[str, str], ...]:
    """Rows of resources/operators.csv: code, name, aliases, colour."""
    return tuple(csv.DictReader(resource_text("operators.csv").splitlines()))


@cache
def indicator_table() -> tuple[dict[str, str], ...]:
    """Rows of resources/indicators.csv: what each indicator is and what the plan says of it."""
    return tuple(csv.DictReader(resource_text("indicators.csv").splitlines()))


@cache
def band_codes() -> tuple[str, ...]:
    """Codes of resources/bands.csv: the bands that have a link budget."""
    return tuple(row["band"] for row in csv.DictReader(resource_text("bands.csv").splitlines()))


@cache
def default_targets() -> dict[str, Target]:
    """Baselines and targets as the plan publishes them."""
    return {
        row["indicator"]: Target(
            baseline=_number(row["baseline"]),
            target_2025=_number(row["target_2025"]),
            target_2030=_number(row["target_2030"]),
            boundaries=row["boundaries"],  # type: ignore[arg-type]  # pydantic holds the vocabulary
        )
        for row in indicator_table()
    }


@cache
def default_costs() -> dict[str, dict[str, Any]]:
    """Unit costs of resources/costs.csv, ready to be validated."""
    rows = csv.DictReader(resource_text("costs.csv").splitlines())
    return {row.pop("item"): dict(row) for row in rows}


@cache
def default_definitions() -> dict[str, dict[str, Any]]:
    """Definitions of "covered" of resources/definitions.csv, ready to be validated; an empty cell says nothing."""
    rows = csv.DictReader(resource_text("definitions.csv").splitlines())
    return {row.pop("preset"): {name: value for name, value in row.items() if value} for row in rows}


def radio_under(definition: Definition, radio: Radio) -> Radio:
    """The technology's settings as a definition wants them."""
    names = ("rsrp_threshold_dbm", "throughput_mbps", "uplink_mbps", "confidence", "load", "server")
    given = {name: getattr(definition, name) for name in names if getattr(definition, name) is not None}
    if definition.indoor_margin_db:
        given["indoor_loss_db"] = definition.indoor_margin_db
    return radio.model_copy(update=given)


@cache
def default_rules() -> tuple[dict[str, str], ...]:
    """Local rules of resources/rules/default.csv, ready to be validated."""
    return tuple(csv.DictReader(resource_text("rules", "default.csv").splitlines()))


def did_you_mean(word: str, known: Any) -> str:
    """A hint with the nearest known word, or nothing."""
    return suggestion(nearest_word(word, known))


def suggestion(meant: str) -> str:
    """The question whether this was meant, to follow a sentence; nothing where there is nothing to ask."""
    return " " + _("Did you mean {word}?").format(word=meant) if meant else ""


def nearest_word(word: str, known: Any) -> str:
    """The known word most like this one; empty when none is."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), "")


def _laid_over(defaults: dict[str, Any], given: Any) -> Any:
    """A study's table over the default one, key by key in each row; what is no table is left for pydantic to name."""
    if not isinstance(given, dict):
        return given
    rows = {**defaults, **given}
    return {
        name: {**defaults.get(name, {}), **row} if isinstance(row, dict) and name in defaults else row
        for name, row in rows.items()
    }


def _site_correlation_moved(data: dict[str, Any]) -> dict[str, Any]:
    """It stood in [uncertainty] before coverage itself used it: read from there where [propagation] does not say."""
    uncertainty, propagation = data.get("uncertainty"), data.get("propagation", {})
    if not (isinstance(uncertainty, dict) and "site_correlation" in uncertainty and isinstance(propagation, dict)):
        return data
    old = {"site_correlation": uncertainty["site_correlation"]}
    rest = {name: value for name, value in uncertainty.items() if name != "site_correlation"}
    return {**data, "uncertainty": rest, "propagation": old | propagation}


def _of_own_province(given: Any, province: Any) -> Any:
    """Targets of a study; one with a baseline of its own, and no word on boundaries, is meant for the study's own."""
    if not isinstance(given, dict) or not isinstance(province, dict):
        return given
    own = province.get("boundaries", Province.model_fields["boundaries"].default)

    def stated(name: str, row: Any) -> Any:
        plan = default_targets().get(name)
        if not isinstance(row, dict) or "boundaries" in row or plan is None:
            return row
        figures = ("baseline",) if plan.baseline is not None else ("baseline", "target_2025", "target_2030")
        changed = any(key in row and row[key] != getattr(plan, key) for key in figures)
        return {**row, "boundaries": own} if changed else row

    return {name: stated(name, row) for name, row in given.items()}


def _number(text: str) -> float | None:
    return float(text) if text else None
