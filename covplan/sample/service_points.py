"""Public telecom service points: shops in the towns, counters in the larger communes, Wi-Fi where visitors come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from covplan.sample.chance import stream
from covplan.sample.places import DISTRICT_SEATS
from covplan.sample.published import old_communes
from covplan.sample.settlements import EPSG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapely.geometry.base import BaseGeometry

POINT_STEP = 7
# A shop of each in every district's seat (assumption).
OPERATORS = {"VNPT": "VNPT", "VTL": "Viettel", "MBF": "MobiFone"}
COUNTER_EVERY = 2  # of the communes by population, the larger half has a counter (assumption)
OFFSET_DM = 2_500  # from the commune's office, east and north
SHOP_M2, COUNTER_M2 = (80, 240), (30, 90)  # built ground (assumption)
LAND_USES = ("leased", "own", "borrowed")
OPENED = (2004, 2024)
PUBLIC = ("tourist_site", "park")
POLE_M = 5.0
SIMULATED = "mô phỏng: sự tồn tại, tên, vị trí và quy mô"
WIFI_AT = "mô phỏng: sự tồn tại và quy mô; đặt tại địa điểm {place_id}"


def service_points(
    communes: gpd.GeoDataFrame, villages: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, seed: int
) -> pd.DataFrame:
    """The service_points layer with lon and lat; all of it synthetic.

    Attended points (Đ1) stand near the commune's office, unattended ones (Đ2) at tourist sites and parks that exist.

    Parameters
    ----------
    communes, villages : GeoDataFrame
        As the sample has them, with `commune_code`.
    sites : GeoDataFrame
        As `places.places` gives them: one office per commune, tourist sites, parks.
    """
    rows = [*_attended(communes, villages, sites, seed), *_unattended(sites, seed)]
    table = pd.DataFrame(rows)
    at = gpd.GeoSeries(table.pop("geometry"), crs=EPSG).to_crs(4326)
    table.insert(0, "point_id", [f"SYN-DV-{number:03d}" for number in range(1, len(table) + 1)])
    return table.assign(lon=at.x.round(6), lat=at.y.round(6), status="existing", synthetic=True)


def _attended(
    communes: gpd.GeoDataFrame, villages: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, seed: int
) -> Iterator[dict[str, Any]]:
    people = villages.groupby("commune_code")["population"].sum()
    larger = sorted(people.index, key=lambda code: (-people[code], code))[: len(people) // COUNTER_EVERY]
    offices = sites[sites["kind"] == "office"].geometry
    for code, outline in sorted(zip(communes["commune_code"], communes.geometry, strict=True)):
        office = offices[offices.within(outline)].iloc[0]
        rng = stream(seed, POINT_STEP, int(code))
        if code in DISTRICT_SEATS:
            for operator in OPERATORS:
                yield _point(rng, "Cửa hàng", code, operator, SHOP_M2, office, outline)
        elif code in larger:
            yield _point(rng, "Điểm giao dịch", code, _first_two(rng), COUNTER_M2, office, outline)


def _point(
    rng: np.random.Generator,
    title: str,
    code: str,
    operator: str,
    size_m2: tuple[int, int],
    office: shapely.Point,
    outline: BaseGeometry,
) -> dict[str, Any]:
    """One attended point near the office, inside its commune."""
    near = shapely.Point(np.round(np.array(office.coords[0]) + rng.integers(-OFFSET_DM, OFFSET_DM + 1, 2) / 10, 1))
    built, storeys = int(rng.integers(*size_m2)), int(rng.integers(1, 4))
    return {
        "kind": "Đ1", "name": f"{title} {OPERATORS[operator]} {old_communes()[code]['name']} (mô phỏng)",
        "operator": operator,
        "land_area_m2": round(built * (1 + int(rng.integers(2, 11)) / 10)),
        "land_use": LAND_USES[int(rng.integers(len(LAND_USES)))], "building_area_m2": built,
        "floor_area_m2": built * storeys, "height_m": round(3.6 * storeys + 0.4, 1),
        "opened_year": int(rng.integers(*OPENED)), "provenance": SIMULATED,
        "geometry": near if outline.contains(near) else office,
    }  # fmt: skip


def _unattended(sites: gpd.GeoDataFrame, seed: int) -> Iterator[dict[str, Any]]:
    """Wi-Fi at public places that exist; it takes no land of its own."""
    open_places = sites[sites["kind"].isin(PUBLIC) & (sites["status"] == "existing")]
    for place in open_places.itertuples():
        rng = stream(seed, POINT_STEP, place.Index)
        name = str(place.name).removesuffix(" (mô phỏng)")
        yield {
            "kind": "Đ2", "name": f"Wi-Fi công cộng {name} (mô phỏng)", "operator": _first_two(rng),
            "land_use": "borrowed", "height_m": POLE_M, "opened_year": int(rng.integers(2016, OPENED[1])),
            "provenance": WIFI_AT.format(place_id=place.place_id), "geometry": place.geometry.representative_point(),
        }  # fmt: skip


def _first_two(rng: np.random.Generator) -> str:
    return list(OPERATORS)[int(rng.integers(2))]
