"""The stations of the sample province: 1,169 locations, 164 of them shared, and what stands and radiates on each.

The number of locations and the shared ones give the published sharing ratio, 14.03 %. The split between operators, the
structures, owners, dates and radio equipment are assumptions in the range the field reports.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from pyproj import Transformer

from covplan.radio.link_budget import coverage_probability, shadow_margin
from covplan.sample.chance import apportioned, stream
from covplan.sample.reach import heights_m, pair_loss, signal_chance
from covplan.sample.roads import DISTRICT_SEATS, EPSG, centres_m, coordinates_m
from covplan.sample.siting import RECEIVED_M, SERVED_M, Sites, candidates
from covplan.study.errors import StudyError
from covplan.study.language import _
from covplan.study.settings import Propagation, Radio

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from rasterio.transform import Affine

    from covplan.terrain.ground import Ground

LOCATIONS, WITH_TWO, WITH_THREE = 1169, 147, 17  # 164 shared of 1,169: 14.03 %
DARK = 38
SPLIT = {"VTL": 40, "VNPT": 34, "MBF": 20, "VNM": 6}  # % of stations, assumption: no published split
OWNER = {"VTL": "Viettel", "VNPT": "VNPT VinaPhone", "MBF": "MobiFone", "VNM": "Vietnamobile"}
LEASING = "Công ty cho thuê hạ tầng (mô phỏng)"
ARMY = "Đơn vị quân đội (mô phỏng)"
ARMY_LOCATIONS, CAMOUFLAGED = 12, 14
WITHOUT_4G, WITH_5G = 60, 62
CITY_5G_SHARE = 0.55  # the rest begins in the district towns
FIRST_YEAR, LAST_YEAR = 2009, 2024
FIVE_G_BAND = {"VTL": "N2600", "VNPT": "N3700", "MBF": "N3900"}  # blocks won in 2024
MIX_STEP, STRUCTURE_STEP, RADIO_STEP, DATE_STEP = 31, 32, 33, 34
GUARD_DB, ROUNDS, SITINGS, DOWNTILT_DEG, STEEPEST_DEG = 1.0, 4, 8, 3.0, 15.0
PROVENANCE = "mô phỏng: vị trí, nhà mạng, thiết bị KHÔNG có thật"
# Whole carrier: about 33.5 dBm per LTE resource element (20 MHz; 10 MHz at 900 MHz), 5G 8T8R 240 W and 17 dBi.
EIRP_DBM = {"L1800": 64.5, "L900": 61.5, "L2100": 64.0, "N2600": 70.5, "N3700": 70.0, "N3900": 70.0}


def masts(
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    elevation_m: NDArray[Any],
    transform: Affine,
    ground: Ground,
    seed: int,
    *,
    locations: int = LOCATIONS,
    with_two: int = WITH_TWO,
    with_three: int = WITH_THREE,
    dark: int = DARK,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stations and cells, as the layers of these names describe them, sorted by id.

    Parameters
    ----------
    villages, dwellings, communes, places : GeoDataFrame, EPSG:9211
        Whom the masts serve. Communes of boundary version 2025-02 with `district_code`.
    elevation_m : ndarray, shape (rows, columns)
        Ground height on the 90 m grid of `transform`: where masts may stand.
    ground : Ground
        The same with land cover on the study's grid: what they reach.
    seed : int
        Decides operators, structures, dates and equipment; where masts stand follows from the ground alone.
    locations, with_two, with_three, dark : int
        How many locations, of them with two and three operators, and hamlets left without signal.
    """
    found = candidates(villages, dwellings, communes, places, elevation_m, transform, ground, dark=dark)
    centres, clusters = centres_m(villages), coordinates_m(dwellings)
    avoided, doubted = np.empty(0, np.int64), np.empty((0, 2), np.int64)
    for _round in range(SITINGS):
        sites = found.sites(locations, len(centres), avoided, doubted)
        tenants = _tenants(sites, with_two, with_three, stream(seed, MIX_STEP))
        place = _locations(sites, tenants, communes, stream(seed, STRUCTURE_STEP))
        stations = _stations(place, tenants, stream(seed, DATE_STEP))
        stations = _equipped(stations, places, stream(seed, RADIO_STEP))
        cells = _cells(stations, clusters, stream(seed, RADIO_STEP, 1))
        stations, cells, wrong = _all_served(stations, cells, centres, found.dark, ground)
        if not wrong.size:
            hidden = ["x", "y", "town", "urban", "crowd", "turn", "candidate", "district_code"]
            return stations.drop(columns=hidden), cells
        heard, unserved = _to_blame(stations, centres, wrong, found.dark, ground)
        avoided, doubted = np.concatenate([avoided, heard]), np.vstack([doubted, unserved])
    raise StudyError(
        _("Hamlets {hamlets} are not lit or dark as they are meant to be. Another seed does not fit.").format(
            hamlets=", ".join(str(one) for one in wrong)
        )
    )


def _tenants(sites: Sites, with_two: int, with_three: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Operators of each location, the builder first, in the exact split of stations."""
    count = len(sites.town)
    total = count + with_two + 2 * with_three
    left = dict(zip(SPLIT, apportioned(list(SPLIT.values()), total), strict=True))
    crowded = np.argsort(-sites.households_1km, kind="stable")
    # State programmes put operators together in the mountains, scarce roofs in the towns: both ends share.
    weight = rng.random(count) * np.where(sites.town | (sites.households_1km < 120), 1.6, 1.0)
    shared = np.argsort(-weight, kind="stable")[: with_two + with_three]
    shared = shared[np.argsort(-sites.households_1km[shared], kind="stable")]
    tenants: list[tuple[str, ...]] = [()] * count
    pairs = [("VTL", "VNPT"), ("VNPT", "VTL"), ("VTL", "MBF"), ("VNPT", "MBF"), ("VTL", "VNPT"), ("VNPT", "VTL")]
    for number, location in enumerate(shared.tolist()):
        if number < with_three:
            tenants[location] = ("VTL", "VNPT", "MBF") if number % 2 else ("VNPT", "VTL", "MBF")
        elif number < with_three + with_two // 7:
            tenants[location] = ("VTL", "VNM") if number % 2 else ("VNPT", "VNM")
        else:
            tenants[location] = pairs[number % len(pairs)]
        for operator in tenants[location]:
            left[operator] -= 1
    alone = [location for location in crowded.tolist() if not tenants[location]]
    step = max(1, len(alone) // (3 * max(1, left["VNM"])))  # the smallest operator is where people are many
    for location in alone[:: max(1, step)][: left["VNM"]]:
        tenants[location] = ("VNM",)
    left["VNM"] = 0
    _spread_out(sites.position_m, tenants, left)
    return tenants


def _spread_out(position_m: NDArray[np.float64], tenants: list[tuple[str, ...]], left: dict[str, int]) -> None:
    """Give each free location to the operator that is farthest from it for its size, so that each covers the land."""
    nearest = {operator: np.full(len(tenants), 1e6) for operator in left}

    def stands(location: int, operator: str) -> None:
        apart = np.round(np.hypot(*(position_m - position_m[location]).T), 1)
        nearest[operator] = np.minimum(nearest[operator], apart)

    for location, operators in enumerate(tenants):
        for operator in operators:
            stands(location, operator)
    for location, operators in enumerate(tenants):
        if not operators:
            open_to = [operator for operator in left if left[operator] > 0]
            scores = [nearest[operator][location] ** 2 * left[operator] for operator in open_to]
            operator = open_to[int(np.argmax(scores))]
            tenants[location] = (operator,)
            left[operator] -= 1
            stands(location, operator)


def _locations(
    sites: Sites, tenants: list[tuple[str, ...]], communes: gpd.GeoDataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per location, in the order of location_id: what stands there."""
    count = len(sites.town)
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(*sites.position_m.T)
    name = communes.name.to_numpy()[sites.commune]
    town = sites.town
    alone = np.array([len(t) == 1 for t in tenants])
    draw = rng.random((count, 4))
    camouflaged = _first(town & alone, draw[:, 0], CAMOUFLAGED * count // LOCATIONS)
    army = _first(~town & alone, draw[:, 0], ARMY_LOCATIONS * count // LOCATIONS)
    guyed = draw[:, 1] < 0.6
    height_m = np.select(
        [camouflaged, town, guyed], [18 + 2 * np.floor(4 * draw[:, 2]), 6 + np.floor(10 * draw[:, 2]), 42.0], 45.0
    )
    height_m = np.where(~town & ~guyed & (draw[:, 2] < 0.3), 50.0, height_m)
    building_m = np.where(town & ~camouflaged, 9 + 3 * np.floor(3 * draw[:, 3]), 0.0)
    below_top_m = np.where(town, 1.0, 3.0)
    most = np.select([camouflaged | army, town, guyed], [1, 2, np.where(draw[:, 3] < 0.5, 2, 3)], 3)
    owner = np.array([OWNER[t[0]] for t in tenants], object)
    owner[(draw[:, 3] < 0.09) & ~army & ~camouflaged] = LEASING
    owner[army] = ARMY
    table = pd.DataFrame(
        {
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "commune_code": communes.commune_code.to_numpy()[sites.commune],
            "boundary_version": "2025-02",
            "structure": np.select([camouflaged, town], ["A1b", "A2a"], "A2b"),
            "form": np.select([camouflaged, town, guyed], ["camouflaged", "rooftop", "guyed"], "self_supporting"),
            "height_m": height_m,
            "building_height_m": building_m,
            "antenna_height_m": building_m + height_m - below_top_m,
            "owner": owner,
            "max_tenants": np.maximum(most, [len(t) for t in tenants]),
            "restricted": army,
            "x": sites.position_m[:, 0],
            "y": sites.position_m[:, 1],
            "town": town,
            "urban": [n.startswith(("Phường", "Thị trấn")) for n in name],
            "crowd": sites.households_1km,
            "turn": np.arange(count),
            "candidate": sites.candidate,
            "district_code": communes.district_code.to_numpy()[sites.commune],
            "commune": name,
        }
    ).sort_values(["commune_code", "turn"], kind="stable")
    table.insert(0, "location_id", [f"SYN-L-{number:04d}" for number in range(1, count + 1)])
    in_commune = table.groupby("commune_code").cumcount() + 1
    table.insert(1, "name", table.pop("commune") + " " + in_commune.astype(str) + " (mô phỏng)")
    return table


def _first(eligible: NDArray[np.bool_], draw: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """The `count` eligible rows with the smallest draw."""
    taken = np.zeros(eligible.size, np.bool_)
    taken[np.argsort(np.where(eligible, draw, 2.0), kind="stable")[:count]] = True
    return taken & eligible


def _stations(place: pd.DataFrame, tenants: list[tuple[str, ...]], rng: np.random.Generator) -> pd.DataFrame:
    """One row per operator on a location, with the day it went on air and the last inspection."""
    count = len(place)
    draw = rng.random((count, 3))
    rows = []
    for row, early, inspected, day in zip(place.to_dict("records"), *draw.T, strict=True):
        operators = tenants[row["turn"]]
        year = FIRST_YEAR + int(11 * row["turn"] / count + 5 * early)
        checked = min(LAST_YEAR, max(year, 2018) + int(7 * inspected))
        for number, operator in enumerate(operators):
            later = 0 if number == 0 else number * 2 + int(6 * day)
            on_air = min(year + later, LAST_YEAR + 1 - len(operators) + number)
            date = datetime.date(on_air, 1, 1) + datetime.timedelta(days=min(364, int(300 * day) + 25 * number))
            rows.append(
                row
                | {
                    "operator": operator,
                    "tenants": ";".join(operators),
                    "on_air": date,
                    "certificate_year": pd.NA if day < 0.22 else checked,
                    "status": "existing",
                }
            )
    table = pd.DataFrame(rows).sort_values(["operator", "location_id"], kind="stable", ignore_index=True)
    serial = table.groupby("operator").cumcount() + 1
    table.insert(0, "station_id", "SYN-" + table["operator"] + "-" + serial.map("{:04d}".format))
    table["certificate_year"] = table["certificate_year"].astype("Int64")
    return table.sort_values("station_id", kind="stable", ignore_index=True)


def _equipped(stations: pd.DataFrame, places: gpd.GeoDataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Stations with technologies, bands and backhaul, in the order of the layer's columns."""
    draw = rng.random((len(stations), 4))
    year = stations.on_air.map(lambda date: date.year).to_numpy()
    rural_old = ~stations.town.to_numpy() & (year <= 2016) & (stations.operator != "VNM").to_numpy()
    old_only = _first(rural_old, draw[:, 0], WITHOUT_4G * len(stations) // 1350)
    new_radio = _with_5g(stations, ~old_only, places, WITH_5G * len(stations) // 1350)
    technologies, bands = [], []
    for operator, town, on_air, only_old, five_g, (_drawn, two, three, low) in zip(
        stations.operator, stations.town, year, old_only, new_radio, draw, strict=True
    ):
        has = {
            "2G": "G900" if only_old or (operator in ("VNPT", "MBF") and on_air < 2019 and two < 0.7) else "",
            "3G": "U900" if operator == "VNM" or (not town and three < 0.25) else "U2100",
            "4G": "L2100" if operator == "VNM" else "L1800",
            "5G": FIVE_G_BAND[operator] if five_g else "",
        }
        if only_old:
            has["4G"] = ""
        elif on_air >= 2020 or (operator == "VTL" and three < 0.5):
            has["3G"] = ""  # switched off, or never built
        extra = [] if only_old or town or operator == "VNM" or low >= 0.35 else ["L900"]
        technologies.append(";".join(technology for technology, band in has.items() if band))
        bands.append(";".join([*filter(None, has.values()), *extra]))
    remote = stations.crowd.to_numpy() < 90
    stations["technologies"], stations["bands"] = technologies, bands
    stations["backhaul"] = np.where(remote & (draw[:, 1] < 0.55) | (draw[:, 1] > 0.96), "microwave", "fiber")
    stations["synthetic"], stations["provenance"] = True, PROVENANCE
    order = (
        "station_id operator location_id name lon lat commune_code boundary_version structure form height_m "
        "building_height_m antenna_height_m owner tenants max_tenants certificate_year technologies bands backhaul "
        "on_air status restricted synthetic provenance x y town urban crowd turn candidate district_code"
    )
    return stations[order.split()]


def _with_5g(
    stations: pd.DataFrame, modern: NDArray[np.bool_], places: gpd.GeoDataFrame, number: int
) -> NDArray[np.bool_]:
    """The first 5G stations: beside industrial zones and district seats, then where most people are, 600 m apart."""
    position = stations[["x", "y"]].to_numpy(float)
    able = modern & stations.operator.isin(list(FIVE_G_BAND)).to_numpy() & ~stations.restricted.to_numpy()
    zones = coordinates_m(places[(places.kind == "industrial_zone") & (places.status != "planned")].geometry.centroid)
    rank = stations.crowd.to_numpy(np.int64).copy()
    for x, y in zones:
        apart = np.where(able, np.round(np.hypot(position[:, 0] - x, position[:, 1] - y), 1), np.inf)
        if apart.size and apart.min() <= 1200:
            rank[int(np.argmin(apart))] += 100_000
    seats = stations.commune_code.isin(list(DISTRICT_SEATS.values())).to_numpy() & able
    for code in sorted(set(stations.commune_code[seats])):
        rank[int(np.argmax(np.where(seats & (stations.commune_code == code), stations.crowd, -1)))] += 50_000
    rank[~stations.urban.to_numpy() & (rank < 50_000)] //= 4
    taken = np.zeros(len(stations), np.bool_)
    free = able.copy()
    city = (stations.district_code == "070").to_numpy()
    quota = dict(zip(FIVE_G_BAND, apportioned([6, 3, 1], number), strict=True))
    while taken.sum() < number and free.any():
        best = int(np.argmax(np.where(free, rank, -1)))
        operator = stations.operator.iloc[best]
        free[best] = False
        if city[best] and (taken & city).sum() >= CITY_5G_SHARE * number:
            continue
        if quota[operator] > 0 or rank[best] >= 50_000:
            taken[best] = True
            quota[operator] -= 1
            same = (stations.operator == operator).to_numpy()
            free &= ~(same & (np.hypot(*(position - position[best]).T) < 600))
    return taken


def _cells(stations: pd.DataFrame, clusters: NDArray[np.float64], rng: np.random.Generator) -> pd.DataFrame:
    """Sectors of the main 4G and 5G band of each station: three, or one or two towards the people at a small one."""
    rows = []
    draws = rng.random((len(stations), 3))
    for station, (turn, size, tilt) in zip(stations.itertuples(index=False), draws, strict=True):
        crowd, x, y = cast("tuple[int, float, float]", (station.crowd, station.x, station.y))
        small = crowd < 60 and size < 0.6
        towards = _towards(x, y, clusters)
        azimuths: list[float | None] = [None]  # omnidirectional
        if small and size >= 0.08:
            azimuths = [towards] if size >= 0.35 else [towards, (towards + 120) % 360]
        elif not small:
            start = 10.0 * int(12 * turn)
            azimuths = [start, start + 120, start + 240]
        rows += _cells_of(station, azimuths, float((5 if station.town else 3) + int(3 * tilt)))
    return pd.DataFrame(rows).sort_values("cell_id", ignore_index=True)


def _cells_of(station: Any, azimuths: list[float | None], downtilt_deg: float) -> list[dict[str, object]]:
    """Cells of a station's technologies in these directions; None: all round."""
    rows: list[dict[str, object]] = []
    for technology in ("4G", "5G"):
        if technology not in station.technologies:
            continue
        band = next(b for b in station.bands.split(";") if b[0] == ("L" if technology == "4G" else "N"))
        for number, azimuth in enumerate(azimuths, start=1):
            rows.append(
                {
                    "cell_id": f"{station.station_id}-{technology[0]}{number}",
                    "station_id": station.station_id,
                    "technology": technology,
                    "band": band,
                    "azimuth_deg": azimuth,
                    "downtilt_deg": 0.0 if azimuth is None else downtilt_deg,
                    "eirp_dbm": EIRP_DBM[band] - (9.0 if azimuth is None else 0.0),
                    "antenna": "omni" if azimuth is None else "sector_65",
                    "synthetic": True,
                    "provenance": "mô phỏng",
                }
            )
    return rows


def _all_served(
    stations: pd.DataFrame, cells: pd.DataFrame, centres: NDArray[np.float64], dark: NDArray[np.int64], ground: Ground
) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.int64]]:
    """The same stations with 4G, or with a sector that looks there, where a hamlet that is to be lit still lacks it.

    And the hamlets that are not lit or dark as they are meant to be. A hamlet counts as lit, or dark, only where it is
    so by `GUARD_DB`: the last bits of a processor decide nothing.
    """
    lit = np.setdiff1d(np.arange(len(centres)), dark)
    least, most = _guarded()
    position = stations[["x", "y"]].to_numpy(float)
    chance = signal_chance(stations, cells, position, centres, ground)
    missing = lit[chance[lit] < least]
    for _round in range(ROUNDS):
        if not missing.size:
            break
        stations, cells = stations.copy(), cells.copy()
        for hamlet in missing.tolist():
            at = stations.index[_nearest_by_loss(stations, centres[hamlet], ground)]
            if "4G" not in stations.loc[at, "technologies"]:
                stations.loc[at, "technologies"] += ";4G"
                stations.loc[at, "bands"] += ";L1800"
            station = stations.loc[at]
            start = _bearing(station.x, station.y, centres[hamlet])
            azimuths: list[float | None] = [(start + turn) % 360 for turn in (0.0, 120.0, 240.0)]
            tilt_deg = _downtilt(station, centres[hamlet], ground)
            rest = cells[cells.station_id != station.station_id]
            turned = pd.DataFrame(_cells_of(station, azimuths, tilt_deg))
            cells = pd.concat([rest, turned]).sort_values("cell_id", ignore_index=True)
        chance[missing] = signal_chance(stations, cells, position, centres[missing], ground)
        missing = missing[chance[missing] < least]
    chance = signal_chance(stations, cells, position, centres, ground)  # a sector that was turned is missed elsewhere
    return stations, cells, np.concatenate([lit[chance[lit] < least], dark[chance[dark] > most]])


def _downtilt(station: pd.Series[Any], point: NDArray[np.float64], ground: Ground) -> float:
    """Electrical tilt that looks at a point, whole degrees from `DOWNTILT_DEG` to `STEEPEST_DEG`."""
    mast = np.array([[station.x, station.y]], float)
    down_m = heights_m(ground, mast)[0] + float(station.antenna_height_m) - heights_m(ground, point[None])[0]
    away_m = max(float(np.hypot(*(mast[0] - point))), 30.0)
    return float(np.clip(np.round(np.degrees(np.arctan2(down_m, away_m))), DOWNTILT_DEG, STEEPEST_DEG))


def _guarded() -> tuple[float, float]:
    """Least probability of a signal of a hamlet that is lit, and most of a dark one."""
    radio, propagation = Radio(), Propagation()
    margin_db = float(shadow_margin(radio.confidence, propagation.location_sigma_db))
    least, most = coverage_probability([margin_db + GUARD_DB, margin_db - GUARD_DB], 0.0, propagation.location_sigma_db)
    return float(least), float(most)


def _nearest_by_loss(stations: pd.DataFrame, centre: NDArray[np.float64], ground: Ground) -> int:
    """Row of the station with the smallest path loss to a point."""
    position = stations[["x", "y"]].to_numpy(float)
    apart_m = np.round(np.hypot(*(position - centre).T), 1)
    near = np.flatnonzero(apart_m <= max(SERVED_M, apart_m.min()))
    pairs = np.column_stack([near, np.zeros_like(near)])
    loss = pair_loss(ground, position, stations.antenna_height_m.to_numpy(float), centre[None], pairs)
    return int(near[int(np.argmin(loss))])


def _to_blame(
    stations: pd.DataFrame,
    centres: NDArray[np.float64],
    wrong: NDArray[np.int64],
    dark: NDArray[np.int64],
    ground: Ground,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Candidates that dark hamlets hear best, and pairs of a candidate and a lit hamlet that it does not serve."""
    position = stations[["x", "y"]].to_numpy(float)
    candidate, antenna_m = stations.candidate.to_numpy(np.int64), stations.antenna_height_m.to_numpy(float)
    heard, unserved = [], []
    for hamlet in wrong.tolist():
        apart_m = np.round(np.hypot(*(position - centres[hamlet]).T), 1)
        if hamlet in dark:
            near = np.flatnonzero(apart_m <= RECEIVED_M)
            loss = pair_loss(ground, position, antenna_m, centres[[hamlet]], np.column_stack([near, 0 * near]))
            heard.append(candidate[near[int(np.argmin(loss))]])
        else:
            unserved += [(one, hamlet) for one in np.unique(candidate[apart_m <= SERVED_M]).tolist()]
    return np.array(heard, np.int64), np.array(unserved, np.int64).reshape(-1, 2)


def _towards(x: float, y: float, clusters: NDArray[np.float64]) -> float:
    """Bearing in tens of degrees from a mast to the middle of the clusters within 2.5 km; 0 when there are none."""
    offset = clusters - (x, y)
    near = offset[np.hypot(*offset.T) <= 2500]
    return _bearing(0.0, 0.0, near.mean(axis=0)) if len(near) else 0.0


def _bearing(x: float, y: float, towards: NDArray[np.float64]) -> float:
    """Bearing to a point, in tens of degrees."""
    east, north = np.round(towards - (x, y), 1)
    return float(10 * round(np.degrees(np.arctan2(east, north)) / 10) % 360)
