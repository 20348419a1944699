"""Places where people gather: real industrial zones and tourist sites, simulated schools, hospitals, offices, parks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.sample.chance import apportioned, stream
from covplan.sample.published import facts, old_communes
from covplan.sample.settlements import EPSG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SCHOOLS = 460
PRIMARY_SHARE, SECONDARY_SHARE = 0.095, 0.068  # pupils of the population: five and four year-groups (assumption)
PROVINCIAL_HOSPITALS, POLYCLINICS, PARKS = 7, 6, 4
DISTRICT_SEATS = ("02203", "02266", "02221", "02287", "02374", "02473", "02536")  # one ward, six towns
CAMPUS_WARD = "02512"
PLACE_STEP = 6
OFFSET_DM = 1_500  # from the hamlet's centre, east and north
SLOTS = ("primary", "secondary", "hospital", "office", "campus", "park")
SIMULATED = "mô phỏng: tên, vị trí và quy mô"
OFFICE = "cơ quan có thật; vị trí và quy mô mô phỏng"
REAL = (
    "tên thật (nguồn: {fact_source}); tọa độ: {coordinate_source}, sai số {km} km{note}; "
    "người dùng và nhu cầu là giả định"
)
DISC = "; hình tròn cùng diện tích, không phải ranh giới"


class _Place(NamedTuple):
    kind: str
    name: str
    status: str | None
    users: int
    demand_mbps: float
    precision_m: float | None
    synthetic: bool
    provenance: str
    geometry: shapely.Geometry


def places(communes: gpd.GeoDataFrame, villages: gpd.GeoDataFrame, seed: int) -> gpd.GeoDataFrame:
    """The places layer, EPSG:9211: real ones first, then the simulated ones, which lie near hamlet centres.

    Only the existence and name of the real ones are facts; their position is as good as `precision_m`. A simulated
    place has no `precision_m`. Users and demand follow sample/facts/place_demand.csv.

    Parameters
    ----------
    communes : GeoDataFrame
        The commune polygons of 2025-02, with `commune_code`.
    villages : GeoDataFrame
        As `settlements.hamlets` gives them.
    """
    sites = _sites(villages, seed)
    rows = [*_real_places(), *_schools(villages, sites), *_hospitals(villages, sites)]
    rows += _offices(sorted(communes["commune_code"]), sites)
    wards = _by_population(villages, "Phường")
    rows.append(_simulated("campus", "Cơ sở đào tạo (mô phỏng)", _site(sites, CAMPUS_WARD, "campus", 1)))
    rows += [
        _simulated("park", f"Công viên {number} (mô phỏng)", _site(sites, ward, "park", 2))
        for number, ward in enumerate(wards[:PARKS], 1)
    ]
    table = pd.DataFrame(rows)
    table.insert(0, "place_id", [f"SYN-PL-{number:04d}" for number in range(1, len(rows) + 1)])
    return gpd.GeoDataFrame(table, geometry="geometry", crs=EPSG)


def _sites(villages: gpd.GeoDataFrame, seed: int) -> dict[str, NDArray[np.float64]]:
    """Points near the hamlet centres of each commune, shape (hamlets, one per kind in SLOTS, 2), metres.

    The largest hamlet comes first. A point outside its hamlet's polygon is moved to the centre.
    """
    order = villages.sort_values(["households", "village_id"], ascending=[False, True])
    centres = gpd.GeoSeries.from_xy(order["centre_lon"], order["centre_lat"], crs=4326).to_crs(EPSG)
    centre = np.round(shapely.get_coordinates(centres.values), 1)[:, None, :]
    offset_dm = stream(seed, PLACE_STEP).integers(-OFFSET_DM, OFFSET_DM + 1, (len(order), len(SLOTS), 2))
    xy = np.round(centre + offset_dm / 10, 1)
    inside = shapely.contains_xy(order.geometry.to_numpy()[:, None], xy[..., 0], xy[..., 1])
    xy = np.where(inside[..., None], xy, centre)
    return {str(code): xy[rows] for code, rows in order.groupby("commune_code", sort=True).indices.items()}


def _site(sites: dict[str, NDArray[np.float64]], code: str, slot: str, rank: int = 0) -> shapely.Point:
    """The point of a kind of place near the commune's hamlet of that rank; 0 is the largest."""
    return shapely.Point(sites[code][rank % len(sites[code]), SLOTS.index(slot)])


def _real_places() -> Iterator[_Place]:
    for fact in facts("places"):
        point = gpd.GeoSeries.from_xy([float(fact["lon"])], [float(fact["lat"])], crs=4326).to_crs(EPSG).iloc[0]
        shape = shapely.set_precision(point, 0.1)
        note = f" ({fact['note']})" if fact["note"] else ""
        if fact["area_ha"]:
            radius_m = float(np.sqrt(float(fact["area_ha"]) * 10_000 / np.pi))
            shape = shapely.set_precision(shape.buffer(radius_m, quad_segs=16), 0.1)
            note += DISC
        precision_m = float(fact["precision_m"])
        km = f"{precision_m / 1000:g}".replace(".", ",")
        users, demand_mbps = _demand(fact["kind"], float(fact["area_ha"]) if fact["area_ha"] else None)
        text = REAL.format(km=km, **(fact | {"note": note}))
        yield _Place(
            fact["kind"], fact["name"], fact["status"] or None, users, demand_mbps, precision_m, False, text, shape
        )


def _schools(villages: gpd.GeoDataFrame, sites: dict[str, NDArray[np.float64]]) -> Iterator[_Place]:
    people = villages.groupby("commune_code", sort=True)["population"].sum()
    for (code, population), number in zip(people.items(), apportioned(people.to_numpy(), SCHOOLS, 2), strict=True):
        commune = str(code)
        secondary = number // 2
        levels = (
            ("Tiểu học", "primary", PRIMARY_SHARE, number - secondary),
            ("THCS", "secondary", SECONDARY_SHARE, secondary),
        )
        for level, slot, share, schools in levels:
            for rank in range(schools):
                name = f"Trường {level} {_short_name(commune)}{f' {rank + 1}' if schools > 1 else ''} (mô phỏng)"
                pupils = share * population / schools
                yield _simulated("school", name, _site(sites, commune, slot, rank), units=pupils)


def _hospitals(villages: gpd.GeoDataFrame, sites: dict[str, NDArray[np.float64]]) -> list[_Place]:
    wards, rural = _by_population(villages, "Phường"), _by_population(villages, "Xã")
    provincial = [(f"Bệnh viện tuyến tỉnh {n}", code) for n, code in enumerate(wards[:PROVINCIAL_HOSPITALS], 1)]
    district = [(f"Trung tâm y tế {old_communes()[code]['district']}", code) for code in DISTRICT_SEATS]
    regional = [(f"Phòng khám đa khoa khu vực {_short_name(code)}", code) for code in rural[:POLYCLINICS]]
    named = provincial + district + regional
    return [_simulated("hospital", f"{name} (mô phỏng)", _site(sites, code, "hospital")) for name, code in named]


def _offices(codes: list[str], sites: dict[str, NDArray[np.float64]]) -> Iterator[_Place]:
    for code in codes:
        name = old_communes()[code]["name"]
        place = _simulated("office", f"UBND {name[0].lower()}{name[1:]}", _site(sites, code, "office"))
        yield place._replace(provenance=OFFICE)


def _simulated(kind: str, name: str, point: shapely.Point, units: float | None = None) -> _Place:
    users, demand_mbps = _demand(kind, units)
    return _Place(kind, name, "existing", users, demand_mbps, None, True, SIMULATED, point)


def _demand(kind: str, units: float | None) -> tuple[int, float]:
    """Busy-hour users and Mbit/s of a place of `units` hectares, pupils or sites; the kind's usual size when None."""
    rule: dict[str, Any] = next(row for row in facts("place_demand") if row["kind"] == kind)
    users = round(float(rule["users_per_unit"]) * (float(rule["default_units"]) if units is None else units))
    return users, round(users * float(rule["mbps_per_user"]), 1)


def _by_population(villages: gpd.GeoDataFrame, kind: str) -> list[str]:
    """Communes of a kind, the most populous first."""
    people = villages.groupby("commune_code", sort=True)["population"].sum().sort_values(ascending=False, kind="stable")
    return [str(code) for code in people.index if old_communes()[str(code)]["kind"] == kind]


def _short_name(code: str) -> str:
    return old_communes()[code]["name"].removeprefix(old_communes()[code]["kind"]).strip()
