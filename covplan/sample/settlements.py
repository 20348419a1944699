"""The sample's hamlets: 1,733 in 137 real communes, at simulated places, with people and names.

Populations start from the published figures of districts and communes, hamlets lie on low slopes near valleys, and the
totals are exact. What is real is said in each row's provenance. Feeds `dwellings` and `places`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.features import rasterize
from scipy.ndimage import binary_dilation

from covplan.sample.allocation import allocated
from covplan.sample.chance import apportioned, scattered, stream
from covplan.sample.habitat import Habitat, habitat
from covplan.sample.names import hamlet_names
from covplan.sample.outlines import smooth_outlines
from covplan.sample.published import facts, old_communes, published
from covplan.study.errors import StudyError
from covplan.study.language import _
from covplan.study.layers import layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from covplan.sample.allocation import Land

EPSG = 9211
HAMLETS = published("hamlets", year=2024)
POPULATION = published("population", year=2023)
PERSONS_PER_HOUSEHOLD = 3.8  # 3.84 published for 2015
FEWEST_HAMLETS, FEWEST_PERSONS, FEWEST_HOUSEHOLDS = 4, 60, 15
COMMUNE_SPREAD, HAMLET_SPREAD = 0.4, 0.38  # standard deviation of the logarithm (assumption)
SPACING_DM = 6_000  # between hamlet centres; less where a commune is too dense for it
SPECIAL_HAMLETS, DIFFICULT_HAMLETS = 570, 380  # thôn đặc biệt khó khăn, khó khăn: assumed numbers
WITHOUT_GRID = 4  # assumption; the last hamlet was connected early in 2025, so some were not at the baseline
FINER, AROUND = 2, 3  # cells of 45 m; as many cells of 90 m around a commune
OWN_CELLS, HAMLET_ROUNDS = 2, 8  # around a centre are its own; of smoothing
POPULATION_STEP, CENTRE_STEP, PEOPLE_STEP, NAME_STEP = 1, 2, 3, 4
ASSUMED = "; điện lưới, mức độ khó khăn là giả định"
REAL_NAME = "tên thật ({source}); vị trí, ranh giới, dân số mô phỏng" + ASSUMED
MADE_NAME = "mô phỏng: tên, vị trí, ranh giới, dân số" + ASSUMED
STREET_GROUP = "mô phỏng: tên theo số thứ tự, vị trí, ranh giới, dân số" + ASSUMED


@dataclass(frozen=True)
class _Ground:
    """A commune's ground: where people would live in it, and where its borders would run."""

    polygon: shapely.Geometry
    homes: Habitat
    land: Land


def hamlets(
    communes: gpd.GeoDataFrame,
    elevation_m: NDArray[np.float32],
    cover: NDArray[np.uint8],
    land: Land,
    seed: int,
) -> gpd.GeoDataFrame:
    """The villages layer without its declared state: polygons in EPSG:9211, one row per hamlet.

    Parameters
    ----------
    communes : GeoDataFrame
        The 137 commune polygons of boundary version 2025-02 with `commune_code`, EPSG:9211.
    elevation_m, cover : ndarray, shape (rows, columns)
        Ground heights in metres and ESA WorldCover classes on the grid of `land`.
    land : Land
        The same ground as borders see it.
    seed : int
        The same seed gives the same hamlets.
    """
    cells = communes.to_crs(EPSG).sort_values("commune_code", ignore_index=True)
    codes = cells["commune_code"].tolist()
    homes = habitat(elevation_m, cover, land.transform)
    populations = commune_populations(codes, seed)
    counts = hamlet_counts(codes, populations)
    parts = [
        _commune_hamlets(code, _Ground(polygon, homes, land), count, population, seed)
        for code, polygon, count, population in zip(codes, cells.geometry, counts, populations, strict=True)
    ]
    villages = pd.concat(parts, ignore_index=True)
    villages["households"] = _households(villages["population"].tolist(), seed)
    villages["difficulty"], villages["grid_power"] = _hardship(villages)
    villages["synthetic"] = True
    lonlat = gpd.GeoSeries.from_xy(villages["x"], villages["y"], crs=EPSG).to_crs(4326)
    villages["centre_lon"], villages["centre_lat"] = lonlat.x.round(6), lonlat.y.round(6)
    columns = [column.name for column in layers()["villages"].columns if column.name in villages]
    return gpd.GeoDataFrame(villages[[*columns, "geometry"]], geometry="geometry", crs=EPSG)


def commune_populations(codes: Sequence[str], seed: int) -> list[int]:
    """Inhabitants of each commune of the province, together the published 812,215.

    Published commune figures are kept in their proportion; the others share what their district has left.
    """
    known = {row["commune_code"]: int(row["population"]) for row in facts("census_2019")}
    known |= {
        r["area_code"]: int(r["value"]) for r in facts("published") if r["year"] == "2016" and r["unit"] == "persons"
    }
    weights: dict[str, float] = {code: known[code] for code in codes if code in known}
    for district, total in _district_populations(known).items():
        members = [code for code in codes if old_communes()[code]["district_code"] == district]
        unknown = [code for code in members if code not in known]
        left = total - sum(known[code] for code in members if code in known)
        drawn = stream(seed, POPULATION_STEP, int(district)).lognormal(0.0, COMMUNE_SPREAD, len(unknown)).round(6)
        weights |= dict(zip(unknown, apportioned(drawn, left), strict=True)) if unknown else {}
    return apportioned([weights[code] for code in codes], POPULATION)


def hamlet_counts(codes: Sequence[str], populations: Sequence[int]) -> list[int]:
    """How many hamlets each commune has: published numbers, else by population^0.85, at least 4; 1,733 in all."""
    known = {
        r["area_code"]: int(r["value"])
        for r in facts("published")
        if r["item"] == "hamlets" and len(r["area_code"]) == 5
    }
    weights = {code: people**0.85 for code, people in zip(codes, populations, strict=True) if code not in known}
    shared = apportioned(
        list(weights.values()), HAMLETS - sum(known[code] for code in codes if code in known), FEWEST_HAMLETS
    )
    counts = known | dict(zip(weights, shared, strict=True))
    return [counts[code] for code in codes]


def _district_populations(known: dict[str, int]) -> dict[str, int]:
    """Inhabitants in 2019 of the districts whose communes are not all published, in their borders of 2025-02."""
    census = {code: published("population", code, year=2019) for code in ("071", "072", "073", "074")}
    rest = published("population", year=2019) - sum(census.values())
    city, yen_son, son_duong = (published("population", code, year=2015) for code in ("070", "075", "076"))
    # In 2019 Phú Lâm (now phường Mỹ Lâm) and Kim Phú went from Yên Sơn to the city. Kim Phú's population is not
    # published here: taken as the mean of Yên Sơn's 31 communes of that time.
    moved = known["02509"] + yen_son // 31
    city, yen_son, son_duong = apportioned([city + moved, yen_son - moved, son_duong], rest)
    return {"070": city, "072": census["072"], "075": yen_son, "076": son_duong}


def _commune_hamlets(code: str, ground: _Ground, count: int, population: int, seed: int) -> pd.DataFrame:
    row = old_communes()[code]
    x, y, suitability = _centres(ground.polygon, count, ground.homes, stream(seed, CENTRE_STEP, int(code)))
    # Hamlets on better ground are larger: the best of a commune about twice the poorest, before chance.
    rank = np.argsort(np.argsort(suitability, kind="stable"), kind="stable") / max(1, count - 1)
    size = stream(seed, PEOPLE_STEP, int(code)).lognormal(0.0, HAMLET_SPREAD, count) * (0.7 + 0.6 * rank)
    real = {f["name"]: f for f in facts("hamlet_names") if f["commune_code"] == code}
    names = hamlet_names(row["kind"], row["district_code"], count, list(real), stream(seed, NAME_STEP, int(code)))
    return pd.DataFrame(
        {
            "village_id": [f"SYN-{code}-{number:02d}" for number in range(1, count + 1)],
            "name": [name for name, _ in names],
            "commune_code": code,
            "boundary_version": "2025-02",
            "district": row["district"],
            "kind": row["kind"],
            "population": apportioned(size.round(6), population, FEWEST_PERSONS),
            "x": x,
            "y": y,
            "height_m": ground.homes.height_m[ground.homes.rowcol(x, y)],
            "provenance": [_provenance(name, is_real, row["kind"], real) for name, is_real in names],
            "geometry": _cells_within(ground.polygon, x, y, ground.land),
        }
    )


def _provenance(name: str, is_real: bool, kind: str, real: dict[str, dict[str, str]]) -> str:
    if not is_real:
        return MADE_NAME if kind == "Xã" else STREET_GROUP
    fact = real[name.removeprefix("Thôn ")]
    return REAL_NAME.format(source="; ".join(filter(None, (f"nguồn: {fact['source']}", fact["note"]))))


def _centres(
    polygon: shapely.Geometry, count: int, land: Habitat, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centres (metres, whole decimetres) from north to south, and the suitability of their ground.

    Half the spacing is kept from the commune's border, so that neighbours across it are apart too.
    """
    x_dm, y_dm, weight = _candidates(polygon, land, rng)
    spacing_dm = min(SPACING_DM, int(6.2 * float(np.sqrt(shapely.area(polygon) / count))))
    chosen: list[int] = []
    while len(chosen) < count:
        inner = shapely.buffer(polygon, -spacing_dm / 20, join_style="mitre")
        shapely.prepare(inner)
        inside = shapely.contains_xy(inner, x_dm / 10, y_dm / 10)
        chosen = scattered(x_dm, y_dm, np.where(inside, weight, 0.0), count, spacing_dm, rng)
        spacing_dm = spacing_dm * 9 // 10
        if spacing_dm < 100:
            raise StudyError(
                _("No room for {count} hamlets on dry ground in {bounds}. Another seed does not fit.").format(
                    count=count, bounds=shapely.bounds(polygon)
                )
            )
    order = sorted(chosen, key=lambda i: (-int(y_dm[i]), int(x_dm[i])))
    return x_dm[order] / 10, y_dm[order] / 10, weight[order]


def _candidates(
    polygon: shapely.Geometry, land: Habitat, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """One point at random in each land cell around the polygon: decimetres, with the cell's suitability."""
    west, south, east, north = shapely.bounds(polygon).tolist()
    (top, bottom), (left, right) = (ends.tolist() for ends in land.rowcol([west, east], [north, south]))
    row, column = (grid.ravel() for grid in np.mgrid[top : bottom + 1, left : right + 1])
    u, v = rng.random(row.size), rng.random(row.size)
    x_dm = np.round((land.west_m + (column + u) * land.cell_m) * 10).astype(np.int64)
    y_dm = np.round((land.north_m - (row + v) * land.cell_m) * 10).astype(np.int64)
    return x_dm, y_dm, land.suitability[row, column]


def _cells_within(
    polygon: shapely.Geometry, x: NDArray[np.float64], y: NDArray[np.float64], land: Land
) -> NDArray[np.object_]:
    """The polygon shared out between the centres, along ridges and streams; in the centres' order."""
    west, south, east, north = shapely.bounds(polygon).tolist()
    (top, bottom), (left, right) = land.rowcol(np.array([west, east]), np.array([north, south]))
    rows, columns = slice(max(top - AROUND, 0), bottom + AROUND + 1), slice(max(left - AROUND, 0), right + AROUND + 1)
    part = land.within(rows, columns, FINER)
    inside = rasterize([polygon], part.effort.shape, transform=part.transform, all_touched=True).astype(bool)
    row, column = part.rowcol(x, y)
    holder = allocated(part, row, column, binary_dilation(inside), kept=np.full(len(x), OWN_CELLS))
    for rounds in (HAMLET_ROUNDS, 2, 0):  # less smooth where a border would come too near to a centre
        outlines = smooth_outlines(holder, part.transform, len(x), rounds)
        shared = _shared(polygon, outlines, x, y)
        if shapely.contains_xy(shared, x, y).all():
            break
    return shared


def _shared(
    polygon: shapely.Geometry, outlines: NDArray[np.object_], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Outlines cut to the polygon, vertices on whole decimetres; what is cut off its centre goes to a neighbour."""
    pieces, owner = shapely.get_parts(shapely.intersection(outlines, polygon, grid_size=0.1), return_index=True)
    whole = shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON  # it may also touch the border in a line
    pieces, owner = pieces[whole], owner[whole]
    away = shapely.distance(pieces, shapely.points(x[owner], y[owner]))
    main = np.lexsort((away, owner))
    main = main[np.unique(owner[main], return_index=True)[1]]
    for piece in np.setdiff1d(np.arange(len(pieces)), main):
        beside = shapely.length(shapely.intersection(pieces[main], pieces[piece]))
        owner[piece] = owner[main][int(np.argmax(np.round(beside, 1)))]
    united = [shapely.union_all(pieces[owner == i], grid_size=0.1) for i in range(len(outlines))]
    return np.array(shapely.normalize(united), dtype=object)


def _households(populations: list[int], seed: int) -> list[int]:
    """Households of each hamlet, 3.8 persons each in the province, 3.5 to 4.1 in a hamlet."""
    size = stream(seed, PEOPLE_STEP).uniform(0.93, 1.07, len(populations)).round(6)
    return apportioned(np.array(populations) * size, round(POPULATION / PERSONS_PER_HOUSEHOLD), FEWEST_HOUSEHOLDS)


def _hardship(villages: pd.DataFrame) -> tuple[list[str], list[bool]]:
    """Difficulty and grid power, by an assumed rule: high communes first, in them the high hamlets.

    The highest rural hamlets count as special, the next as difficult; the highest one of each of the four hardest
    communes has no grid power.
    """
    commune_m = villages.groupby("commune_code")["height_m"].transform("median")
    score = (2 * commune_m + villages["height_m"]).round(1).where(villages["kind"] == "Xã", -1.0)
    rank = score.rank(method="first", ascending=False)
    difficulty = np.select(
        [rank <= SPECIAL_HAMLETS, rank <= SPECIAL_HAMLETS + DIFFICULT_HAMLETS], ["special", "difficult"], "none"
    )
    hardest = rank.groupby(villages["commune_code"]).idxmin()
    without = set(rank[hardest].sort_values().index[:WITHOUT_GRID])
    return difficulty.tolist(), [i not in without for i in villages.index]
