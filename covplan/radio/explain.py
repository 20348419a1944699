"""One place, explained: which cells reach it, how strongly, and what stands in the way. Feeds pages and profiles.

Every mast within the radius is a candidate; the exact P.1812-7 path is computed only for those that free space could
make one of the strongest, so the answer is that of computing all. A link ends at the place itself, as in `links`; the
coverage raster holds, for each grid cell, the loss at its centre. `map_rsrp_dbm` is that value, computed again for this
one cell, so that what differs between map and link is seen.

Where the study takes another model than P.1812 for a band, the loss is that model's, and the profile is still looked
at: what stands in the way is said, and that the model does not see it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from covplan.radio.antenna import find_antenna, pattern_loss, split_downtilt
from covplan.radio.coverage import LEAST_DBM, cell_gain, sector_table, uplink_over
from covplan.radio.formulas import BEYOND_NU, WAVE_M_GHZ, effective_earth_km, free_space
from covplan.radio.kernels import MEDIAN_PCT
from covplan.radio.link_budget import band, coverage_probability, link_lines, uplink_lines
from covplan.radio.loss import HOPELESS_DB, STEP_DB, check_mast, latitude_deg, mast_at
from covplan.radio.models import formula_loss
from covplan.radio.offsets import offsets_at
from covplan.radio.p1812 import NO_COAST_KM, PathLoss, exact, screens
from covplan.study.errors import LayerError
from covplan.study.language import _, by_language, columns_in_both
from covplan.study.links import BudgetLine, ExplainedLink, Explanation, MissingLink, Obstacle, verdict_texts
from covplan.study.models import P1812, model_title
from covplan.terrain.profile import Profile, profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from covplan.radio.loss import Mast
    from covplan.study.links import ObstacleKind
    from covplan.study.settings import Propagation, Radio
    from covplan.terrain.ground import Ground

    Floats = NDArray[np.float64]

SHORT_CELLS = 2  # nearer than so many cells there is nothing between: free space, as in the sweep
WORTH_SAYING_DB = 0.05  # less of a difference between the directions is not told
RIDGE_M = 20.0  # terrain less far above the ray is called a rise
AMONG_DB = 3.0  # loss of a terminal below clutter from which on it is said
LOSS_ITEMS = ("free_space", "terrain_loss", "clutter_loss", "other_loss", "path_loss")
FORMULA_ITEMS = ("free_space", "formula_loss", "path_loss")


@dataclass(frozen=True)
class _Surroundings:
    """What is the same for all links to one receiver."""

    ground: Ground
    radio: Radio
    propagation: Propagation
    receiver: tuple[float, float]
    latitude_deg: float
    antennas: Path | None


@dataclass(frozen=True)
class _Computed:
    """One cell's link with its numbers; `bare` is the same path without clutter, of P.1812 alone."""

    sector: pd.Series
    mast: Mast
    path: Profile
    loss: PathLoss
    bare: PathLoss
    pattern_db: float
    rsrp_dbm: float


def explain_links(
    stations: gpd.GeoDataFrame,
    cells: pd.DataFrame,
    ground: Ground,
    technology: str,
    radio: Radio,
    propagation: Propagation,
    receiver: tuple[float, float],
    *,
    operators: Sequence[str],
    most: int = 2,
    antennas: Path | None = None,
    latitude: float | None = None,
    place: str = "",
    place_id: str = "",
) -> Explanation:
    """The strongest stations of each operator at a receiver, line by line, and the nearest one if it is not among them.

    Parameters
    ----------
    stations, cells : tables of the study
        Stations on air in the study's CRS, as for `coverage`.
    ground : Ground
        At least what lies within the radius of the receiver.
    receiver : (x, y)
        In the study's CRS, metres.
    operators : sequence of str
        Whose links are explained, in this order; one without a link gets a `MissingLink`.
    most : int
        Stations per operator; of each, its strongest cell.
    latitude : float, optional
        Of the study's grid (`loss.latitude_deg`) when `ground` is a part of it; degrees.

    Raises
    ------
    LayerError
        The receiver stands outside the ground or on a void.
    """
    row, column = (int(v) for v in ground.grid.rowcol(*receiver))
    inside = 0 <= row < ground.grid.rows and 0 <= column < ground.grid.columns
    if not inside or np.isnan(ground.elevation_m[row, column]):
        raise LayerError(
            _(
                "receiver at x={x:.0f} y={y:.0f} (EPSG:{epsg}): no terrain there. Choose a place inside the "
                "province, or extend elevation.tif."
            ).format(x=receiver[0], y=receiver[1], epsg=ground.grid.epsg)
        )
    around = _Surroundings(
        ground, radio, propagation, receiver, latitude_deg(ground.grid) if latitude is None else latitude, antennas
    )
    sectors = sector_table(stations, cells, technology)
    away_m = np.hypot(sectors["x_m"].astype(float) - receiver[0], sectors["y_m"].astype(float) - receiver[1])
    sectors = sectors.assign(away_m=away_m)
    links: list[ExplainedLink] = []
    missing: list[MissingLink] = []
    for operator in operators:
        own = sectors[sectors["operator"] == operator]
        found = _strongest(own[own["away_m"] <= propagation.radius_km * 1000.0], around, most)
        if not found:
            missing.append(_missing(operator, technology, own, propagation))
        nearest_m = own["away_m"].min()
        for rank, one in enumerate(found, start=1):
            links.append(_explained(one, technology, rank, one.sector["away_m"] == nearest_m, around))
    return Explanation(place, place_id, technology, receiver, ground.grid.epsg, tuple(links), tuple(missing))


def _strongest(sectors: pd.DataFrame, around: _Surroundings, most: int) -> list[_Computed]:
    """The best cell of each of the `most` strongest stations, and of the nearest, strongest first.

    No path loses less than free space over its horizontal distance (P.1812-7 eq. (69)): cells are looked at in the
    order of what that would leave, until it is less than what has been found.
    """
    if sectors.empty:
        return []
    bounds = np.array([_at_best_dbm(sector) + _offset_db(sector, around) for _, sector in sectors.iterrows()])
    paths: dict[tuple[float, ...], Profile | None] = {}
    losses: dict[Mast, tuple[PathLoss, PathLoss]] = {}
    found: dict[str, _Computed] = {}

    def look_at(sector: pd.Series) -> None:
        place = (float(sector["x_m"]), float(sector["y_m"]))
        if place not in paths:
            paths[place] = _known_profile(around, place)
        path = paths[place]
        if path is None:
            return
        mast = _mast_of(sector, around)
        if mast not in losses:
            check_mast(mast)
            losses[mast] = tuple(  # type: ignore[assignment]
                _path_loss(path.distance_m, path.height_m, clutter, mast, around)
                for clutter in (path.clutter_m, np.zeros_like(path.clutter_m))
            )
        loss, bare = losses[mast]
        off_db = _pattern_db(sector, around, _bearing_deg(place, around.receiver), _elevation_deg(sector, around))
        rsrp_dbm = _sent_dbm(sector) - off_db - loss.loss_db + _offset_db(sector, around)
        station = str(sector["station_id"])
        if station not in found or rsrp_dbm > found[station].rsrp_dbm:
            found[station] = _Computed(sector, mast, path, loss, bare, off_db, rsrp_dbm)

    for at in np.argsort(-bounds, kind="stable"):
        best = sorted((one.rsrp_dbm for one in found.values()), reverse=True)
        if len(best) >= most and bounds[at] < best[most - 1]:
            break
        look_at(sectors.iloc[at])
    for _row, sector in sectors[sectors["away_m"] == sectors["away_m"].min()].iterrows():
        look_at(sector)
    ranked = sorted(found.values(), key=lambda one: (-one.rsrp_dbm, str(one.sector["station_id"])))
    nearest = [one for one in ranked[most:] if one.sector["away_m"] == sectors["away_m"].min()]
    return ranked[:most] + nearest[:1]


def _known_profile(around: _Surroundings, mast: tuple[float, float]) -> Profile | None:
    """Ground from mast to receiver; None where it crosses a void: there the map is empty too."""
    try:
        return profile(
            around.ground, mast, around.receiver, around.ground.grid.cell_m, around_m=around.propagation.clearing_m
        )
    except LayerError:
        return None


def _mast_of(sector: pd.Series, around: _Surroundings) -> Mast:
    x_m, y_m, height_m = (float(sector[name]) for name in ("x_m", "y_m", "antenna_height_m"))
    return mast_at(x_m, y_m, height_m, str(sector["band"]), around.propagation)


def _path_loss(distance_m: Floats, height_m: Floats, clutter_m: Floats, mast: Mast, around: _Surroundings) -> PathLoss:
    """Loss of a path by its mast's model; of one that does not see it, P.1812's look at the path with its own loss."""
    seen = _p1812_loss(distance_m, height_m, clutter_m, mast.antenna_height_m, mast.frequency_mhz, around)
    if mast.model == P1812:
        return seen
    return replace(seen, loss_db=_formula_db(mast, float(distance_m[-1]), around))


def _formula_db(mast: Mast, away_m: float, around: _Surroundings) -> float:
    heights_m = mast.antenna_height_m, around.propagation.receiver_height_m
    return float(formula_loss(mast.model, mast.frequency_mhz, np.array([away_m]), *heights_m)[0])


def _p1812_loss(
    distance_m: Floats, height_m: Floats, clutter_m: Floats, antenna_m: float, frequency_mhz: float,
    around: _Surroundings,
) -> PathLoss:  # fmt: skip
    """Exact P.1812-7 for half of the time over land, as in the sweep: also nearer than the 250 m it is meant for."""
    km, receiver_m = distance_m / 1000.0, around.propagation.receiver_height_m
    clearing_m = around.propagation.clearing_m
    if distance_m[-1] < SHORT_CELLS * around.ground.grid.cell_m:
        return _nothing_between(distance_m[-1], height_m, antenna_m, receiver_m, frequency_mhz)
    quantities = exact(
        km, height_m, screens(km, height_m, clutter_m, clearing_m), float(clutter_m[-1]), clearing_m > 0.0, 0.0,
        km[-1], km[-1], NO_COAST_KM, NO_COAST_KM, antenna_m, receiver_m,
        frequency_mhz / 1000.0, MEDIAN_PCT, around.latitude_deg, around.propagation.delta_n,
        around.propagation.surface_n, True,
    )  # fmt: skip
    return PathLoss(*quantities)


def _nothing_between(
    distance_m: float, height_m: Floats, antenna_m: float, receiver_m: float, frequency_mhz: float
) -> PathLoss:
    tx_m, rx_m = float(height_m[0] + antenna_m), float(height_m[-1] + receiver_m)
    free_db = free_space(frequency_mhz / 1000.0, max(distance_m, 1.0) / 1000.0, tx_m - rx_m)
    known = {"tx_m": tx_m, "rx_m": rx_m, "distance_km": distance_m / 1000.0, "free_space_db": free_db}
    known |= {"loss_db": free_db, "diffraction_db": 0.0}
    return PathLoss(**{one.name: known.get(one.name, math.nan) for one in fields(PathLoss)})


def _explained(
    one: _Computed, technology: str, rank: int, nearest: bool, around: _Surroundings
) -> ExplainedLink:  # fmt: skip
    sector, path, loss, propagation = one.sector, one.path, one.loss, around.propagation
    carrier = band(sector["band"])
    ghz, d, length_m = carrier.downlink_mhz / 1000.0, path.distance_m, float(path.distance_m[-1])
    bulge_m = d * (length_m - d) / (2000.0 * effective_earth_km(propagation.delta_n))
    ray_m = np.linspace(loss.tx_m, loss.rx_m, d.size)  # samples are evenly spaced
    fresnel_m = np.sqrt(WAVE_M_GHZ / ghz * d * (length_m - d) / max(length_m, 1e-9))
    clutter_m = screens(d / 1000.0, path.height_m, path.clutter_m, propagation.clearing_m) - path.height_m
    obstacle = _obstacle(path, clutter_m, bulge_m, ray_m, fresnel_m) if not math.isnan(loss.nu) else None
    edge_m, edge_height_m = _edge(d, path.height_m + clutter_m + bulge_m, loss)
    if one.mast.model != P1812:  # its loss knows no edge
        edge_m = edge_height_m = math.nan
    budget = link_lines(
        eirp_dbm=float(sector["eirp_dbm"]),
        pattern_loss_db=one.pattern_db,
        path_loss_db=loss.loss_db,
        subcarriers=carrier.subcarriers,
        threshold_dbm=around.radio.rsrp_threshold_dbm,
        sigma_db=propagation.location_sigma_db,
        confidence=around.radio.confidence,
        indoor_loss_db=around.radio.indoor_loss_db,
        body_loss_db=around.radio.body_loss_db,
        calibration_db=_offset_db(sector, around) if propagation.offsets_db else None,
    )
    on_map_dbm, map_away_m = _on_map(sector, around)
    verdicts = columns_in_both(verdict=lambda: _verdict(one, obstacle, around))
    return ExplainedLink(
        operator=str(sector["operator"]),
        technology=technology,
        model=one.mast.model,
        station_id=str(sector["station_id"]),
        cell_id=str(sector["cell_id"]),
        band=str(sector["band"]),
        frequency_mhz=carrier.downlink_mhz,
        rank=rank,
        nearest=bool(nearest),
        mast_xy_m=(float(sector["x_m"]), float(sector["y_m"])),
        receiver_xy_m=around.receiver,
        antenna_height_m=float(sector["antenna_height_m"]),
        receiver_height_m=propagation.receiver_height_m,
        length_m=length_m,
        bearing_deg=_bearing_deg((float(sector["x_m"]), float(sector["y_m"])), around.receiver),
        azimuth_deg=float(sector["azimuth_deg"]),
        budget=budget,
        uplink=_uplink(one, around),
        limited_by="uplink" if _uplink_over_db(one, around) > 0 else "downlink",
        loss=_loss_parts(one),
        distance_m=d,
        ground_m=path.height_m,
        clutter_m=clutter_m,
        bulge_m=bulge_m,
        ray_m=ray_m,
        fresnel_m=fresnel_m,
        edge_m=edge_m,
        edge_height_m=edge_height_m,
        obstacle=obstacle,
        map_rsrp_dbm=on_map_dbm,
        map_away_m=map_away_m,
        **verdicts,
    )


def _loss_parts(one: _Computed) -> tuple[BudgetLine, ...]:
    """What the path loss consists of: P.1812's parts, or all that a formula has beyond free space in one."""
    loss = one.loss
    items: tuple[str, ...] = FORMULA_ITEMS
    known: tuple[float, ...] = (loss.free_space_db,)
    if one.mast.model == P1812:
        items = LOSS_ITEMS
        known = (*known, one.bare.diffraction_db, loss.diffraction_db - one.bare.diffraction_db)
    parts = (*known, loss.loss_db - sum(known), loss.loss_db)
    return tuple(BudgetLine(item, value, "dB") for item, value in zip(items, parts, strict=True))


def _uplink(one: _Computed, around: _Surroundings) -> tuple[BudgetLine, ...]:
    """The same link from the terminal to the station; none when nothing is asked of it or the band cannot carry it."""
    sector, radio, propagation = one.sector, around.radio, around.propagation
    if math.isinf(_uplink_over_db(one, around)):
        return ()
    carrier = band(sector["band"])
    return uplink_lines(
        carrier,
        throughput_mbps=radio.uplink_mbps,
        interference_margin_db=radio.uplink_interference_db,
        gain_dbi=cell_gain(str(sector["antenna"]), carrier, around.antennas),
        pattern_loss_db=one.pattern_db,
        path_loss_db=one.loss.loss_db,
        sigma_db=propagation.location_sigma_db,
        confidence=radio.confidence,
        indoor_loss_db=radio.indoor_loss_db,
        body_loss_db=radio.body_loss_db,
        calibration_db=_offset_db(sector, around) if propagation.offsets_db else None,
    )


def _uplink_over_db(one: _Computed, around: _Surroundings) -> float:
    """By how much more the link's uplink asks than its downlink."""
    return float(uplink_over(one.sector.to_frame().T, around.radio, around.antennas)[0])


def _obstacle(path: Profile, clutter_m: Floats, bulge_m: Floats, ray_m: Floats, fresnel_m: Floats) -> Obstacle | None:
    """What hinders most: terrain over the ray before clutter over it, else what stands in the first Fresnel zone.

    ν = √2 · height over the ray / radius of the first Fresnel zone (P.1812-7 eq. (16)).
    """
    bare_m = path.height_m + bulge_m - ray_m
    full_m = bare_m + clutter_m
    inner = slice(1, -1)
    over_m = bare_m if bare_m[inner].max() > 0.0 else full_m
    nu = math.sqrt(2.0) * over_m[inner] / fresnel_m[inner]
    at = 1 + int(np.argmax(nu))
    if nu[at - 1] <= BEYOND_NU:
        return None
    kind: ObstacleKind
    if bare_m[at] > 0.0:
        kind = "ridge" if bare_m[at] >= RIDGE_M else "rise"
        if bare_m[at] <= bulge_m[at]:
            kind = "earth"
    else:
        kind = "clutter" if full_m[at] > 0.0 else "fresnel"
    return Obstacle(
        kind=kind,
        distance_m=float(path.distance_m[at]),
        x_m=float(path.x_m[at]),
        y_m=float(path.y_m[at]),
        height_m=float(path.height_m[at]),
        clutter_m=float(clutter_m[at]),
        over_ray_m=float(over_m[at]),
        fresnel_m=float(fresnel_m[at]),
        nu=float(nu[at - 1]),
    )


def _edge(d: Floats, surface_m: Floats, loss: PathLoss) -> tuple[float, float]:
    """Place (m) and top (m, bulge included) of the Bullington edge: where the rays over both horizons meet."""
    if math.isnan(loss.nu):
        return math.nan, math.nan
    edge_m = 1000.0 * loss.edge_km
    rise = float(np.max((surface_m[1:-1] - loss.tx_m) / d[1:-1]))
    if rise < (loss.rx_m - loss.tx_m) / d[-1]:  # free sight: the edge is a sample
        return edge_m, float(np.interp(edge_m, d, surface_m))
    return edge_m, loss.tx_m + rise * edge_m


def _on_map(sector: pd.Series, around: _Surroundings) -> tuple[float, float]:
    """RSRP of a cell at the centre of the receiver's grid cell (dBm; NaN beyond the radius), and its distance (m).

    What the coverage raster has there, but for what its interpolation leaves (`loss.DOUBT_DB`).
    """
    grid = around.ground.grid
    mast = _mast_of(sector, around)
    row, column = (grid.north_m - mast.y_m) / grid.cell_m - 0.5, (mast.x_m - grid.west_m) / grid.cell_m - 0.5
    r, c = (int(v) for v in grid.rowcol(*around.receiver))
    north, east = row - r, c - column
    length_m = math.hypot(north, east) * grid.cell_m
    if length_m > around.propagation.radius_km * 1000.0:
        return math.nan, math.nan
    centre_x_m, centre_y_m = (float(one) for one in grid.xy(r, c))
    away_m = math.hypot(centre_x_m - around.receiver[0], centre_y_m - around.receiver[1])
    if mast.model != P1812:
        return _on_raster(sector, around, (north, east), _formula_db(mast, length_m, around)), away_m
    path = _known_profile(replace(around, receiver=(centre_x_m, centre_y_m)), (mast.x_m, mast.y_m))
    if path is None:
        return math.nan, math.nan
    loss_db = _path_loss(path.distance_m, path.height_m, path.clutter_m, mast, around).loss_db
    return _on_raster(sector, around, (north, east), loss_db), away_m


def _on_raster(sector: pd.Series, around: _Surroundings, away: tuple[float, float], loss_db: float) -> float:
    """RSRP of a cell in the receiver's grid cell, whose centre is so many cells south and east of the mast."""
    if loss_db > HOPELESS_DB:
        return math.nan
    grid, propagation, ground = around.ground.grid, around.propagation, around.ground
    north, east = away
    r, c = (int(v) for v in grid.rowcol(*around.receiver))
    row, column = r + north, c - east
    antenna_m = float(sector["antenna_height_m"])
    loss_db = round(loss_db / STEP_DB) * STEP_DB
    rise_m = float(ground.elevation_m[r, c]) + propagation.receiver_height_m
    rise_m -= float(ground.elevation_m[round(row), round(column)]) + antenna_m
    up_deg = math.degrees(math.atan2(rise_m, max(math.hypot(north, east) * grid.cell_m, 1.0)))
    off_db = _pattern_db(sector, around, math.degrees(math.atan2(east, north)), up_deg)
    rsrp_dbm = _sent_dbm(sector) - off_db - loss_db
    return rsrp_dbm + _offset_db(sector, around) if rsrp_dbm >= LEAST_DBM else math.nan


def _pattern_db(sector: pd.Series, around: _Surroundings, bearing_deg: float, elevation_deg: float) -> float:
    antenna = find_antenna(sector["antenna"], around.antennas)
    electrical, mechanical = split_downtilt(antenna, float(np.nan_to_num(sector["downtilt_deg"])))
    return float(
        pattern_loss(
            antenna,
            azimuth_deg=float(np.nan_to_num(sector["azimuth_deg"])),
            bearing_deg=bearing_deg,
            elevation_deg=elevation_deg,
            electrical_tilt_deg=electrical,
            mechanical_tilt_deg=mechanical,
        )
    )


def _offset_db(sector: pd.Series, around: _Surroundings) -> float:
    """What calibration adds at the receiver."""
    x_m, y_m = around.receiver
    offset_db = offsets_at(around.ground, around.propagation, str(sector["band"]), [x_m], [y_m])
    return 0.0 if offset_db is None else float(offset_db[0])


def _sent_dbm(sector: pd.Series) -> float:
    """EIRP per subcarrier."""
    return float(sector["eirp_dbm"]) - 10.0 * math.log10(band(sector["band"]).subcarriers)


def _at_best_dbm(sector: pd.Series) -> float:
    """More than can be received: main beam, free space."""
    km = max(float(sector["away_m"]), 1.0) / 1000.0
    return _sent_dbm(sector) - free_space(band(sector["band"]).downlink_mhz / 1000.0, km, 0.0)


def _bearing_deg(start: tuple[float, float], end: tuple[float, float]) -> float:
    return math.degrees(math.atan2(end[0] - start[0], end[1] - start[1])) % 360.0


def _elevation_deg(sector: pd.Series, around: _Surroundings) -> float:
    """Of the receiver seen from the antenna, both over the grid cells they stand in, as in `links`."""
    ground, (x_m, y_m) = around.ground, around.receiver
    rows, columns = ground.grid.rowcol([float(sector["x_m"]), x_m], [float(sector["y_m"]), y_m])
    mast_m, place_m = (float(height) for height in ground.elevation_m[rows, columns])
    rise_m = place_m + around.propagation.receiver_height_m - mast_m - float(sector["antenna_height_m"])
    return math.degrees(math.atan2(rise_m, max(float(sector["away_m"]), 1.0)))


def _verdict(one: _Computed, obstacle: Obstacle | None, around: _Surroundings) -> str:
    """Whether the cell covers the receiver, and what stands in the way."""
    radio = around.radio
    weaker_db = max(_uplink_over_db(one, around), 0.0)
    asked_dbm = radio.asked_dbm + weaker_db
    probability = float(coverage_probability(one.rsrp_dbm, asked_dbm, around.propagation.location_sigma_db))
    if one.rsrp_dbm < LEAST_DBM or one.loss.loss_db > HOPELESS_DB:
        code = "hopeless"
    elif one.rsrp_dbm < radio.asked_dbm:
        code = "dark"
    elif math.isinf(weaker_db):
        code = "no_uplink"
    elif one.rsrp_dbm < asked_dbm:
        code = "dark_uplink"
    else:
        code = "covered" if probability >= radio.confidence else "uncertain"
    figures = {
        "rsrp": one.rsrp_dbm,
        "probability": math.floor(100 * probability),
        "confidence": 100 * radio.confidence,
        "short": (asked_dbm if code == "dark_uplink" else radio.asked_dbm) - one.rsrp_dbm,
        "threshold": radio.asked_dbm,
        "loss": one.loss.loss_db,
    }
    kilometres = {"length": float(one.path.distance_m[-1])}
    why = "clear"
    if obstacle:
        why = obstacle.kind
        kilometres["distance"] = obstacle.distance_m
        figures |= {"height": obstacle.height_m, "over": obstacle.over_ray_m, "under": -obstacle.over_ray_m}
        figures |= {"clutter": obstacle.clutter_m, "fresnel": obstacle.fresnel_m}
    codes = [code, why]
    if weaker_db >= WORTH_SAYING_DB and code in ("covered", "uncertain"):
        codes.insert(1, "weaker_uplink")
    if one.mast.model != P1812:
        codes.append("unseen")
    elif one.loss.terminal_clutter_db > AMONG_DB:
        codes.append("among")
        figures["around"] = float(one.path.clutter_m[-1])
    texts = {name: _whole(value) for name, value in figures.items()}
    texts |= {name: _km(value) for name, value in kilometres.items()}
    texts["weaker"] = f"{weaker_db:.1f}".replace(".", str(by_language(",", ".")))
    texts["uplink"] = f"{radio.uplink_mbps:g}".replace(".", str(by_language(",", ".")))
    texts["model"] = model_title(one.mast.model)
    return ". ".join(verdict_texts()[part].format(**texts) for part in codes) + "."


def _missing(operator: str, technology: str, own: pd.DataFrame, propagation: Propagation) -> MissingLink:
    """Why an operator has no link: no station, none within the radius, or unknown terrain on every way."""
    nearest = cast("int", own["away_m"].idxmin()) if len(own) else None
    length_m = math.nan if nearest is None else float(own["away_m"].loc[nearest])
    code = "no_station" if nearest is None else "far" if length_m > propagation.radius_km * 1000.0 else "void"

    def verdict() -> str:
        known = {"operator": operator, "technology": technology, "radius": f"{propagation.radius_km:g}"}
        return verdict_texts()[code].format(**known, length=_km(length_m)) + "."

    station = "" if nearest is None else str(own["station_id"].loc[nearest])
    return MissingLink(operator, technology, station, length_m, **columns_in_both(verdict=verdict))


def _whole(value: float) -> str:
    return f"{value:.0f}".replace("-0", "0") if abs(value) < 0.5 else f"{value:.0f}".replace("-", "−")


def _km(value_m: float) -> str:
    return f"{value_m / 1000.0:.{2 if value_m < 1000.0 else 1}f}".replace(".", str(by_language(",", ".")))
