"""Where the masts of the sample stand: on high ground near people, greedily, and nowhere that a dark hamlet hears.

First every commune seat and working industrial zone, then the place that shows most households what they do not see
yet, until every hamlet outside the dark valleys is served; what is left of the number goes where people are many. Who
stays dark is decided in `valleys`; what the masts' cells then really give is judged in `masts`, by the plan's own
functions, and masts are sited again without what turned out wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer
from scipy.spatial import KDTree

from covplan.sample.reach import REACHED_DB, pair_loss, served
from covplan.sample.roads import EPSG, centres_m, commune_seats, coordinates_m
from covplan.sample.valleys import Places, dark_valleys
from covplan.study.errors import StudyError
from covplan.study.language import _

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray
    from rasterio.transform import Affine

    from covplan.terrain.ground import Ground

SERVED_M, WORTH_M = 6000.0, 2000.0
AIMED, AIMED_M, AIMED_DB = 3, 3000.0, 126.0  # places for a hamlet that only a sector aimed at it serves
HARD = 600  # hamlets looked at as dark ones
RECEIVED_M = 20_000.0  # nobody listens for a mast farther away
RURAL_ANTENNA_M, TOWN_ANTENNA_M, TALLEST_ANTENNA_M = 38.0, 21.0, 47.0
DARK_CLEAR_M = 2600.0  # no mast nearer than this to a dark hamlet
TOGETHER_M, TOGETHER_DB = 7500.0, 132.0  # how far, and at which loss, a tall mast would serve several dark hamlets
DARK_HOUSEHOLDS = 160  # at most, of a dark hamlet
TOWN_HOUSEHOLDS = 900  # within 1 km: a town, where antennas stand on roofs
AT_PLACE_M = 1200.0  # a mast beside a commune seat or an industrial zone
NEAR_PEOPLE_M, UP_HILL_M = 1200.0, 160.0
BLOCK = 5  # 90 m cells: one candidate per 450 m block
SHARES = 1000 // np.arange(1, 62)  # worth of one more mast to a household that has 0, 1, 2 … : masts follow people
CENTRE_WORTH = 200_000_000  # hamlets without any mast come first
TOWN_WEIGHT = 4  # of a household of a town; 2 in the country: townspeople need more capacity
TOWN_SPACING_M, RURAL_SPACING_M = 220.0, 450.0
# No dark hamlet in the city; fewer in Sơn Dương, whose hills are low and full of people.
CITY, DARK_RELUCTANCE = "070", {"076": 40}


@dataclass(frozen=True)
class Sites:
    """Chosen locations in the order they were chosen."""

    candidate: NDArray[np.int64]
    """Rows of the candidates."""
    position_m: NDArray[np.float64]
    town: NDArray[np.bool_]
    commune: NDArray[np.int64]
    """Row of the commune it stands in."""
    households_1km: NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Where masts may stand, and whom they serve from there."""

    position_m: NDArray[np.float64]
    town: NDArray[np.bool_]
    commune: NDArray[np.int64]
    clusters_m: NDArray[np.float64]
    households: NDArray[np.int64]
    """Of the clusters."""
    near: NDArray[np.int64]
    """Pairs of a candidate and a cluster it serves nearby."""
    places: Places
    """What they give the hamlets."""
    valleys: tuple[NDArray[np.int64], ...]
    """Rows of the hamlets that stay dark, valley by valley."""

    @property
    def dark(self) -> NDArray[np.int64]:
        """Rows of all hamlets that stay dark."""
        return np.sort(np.concatenate(self.valleys))

    def sites(self, number: int, hamlets: int, avoided: NDArray[np.int64], doubted: NDArray[np.int64]) -> Sites:
        """The `number` locations that serve every hamlet but the dark ones.

        Parameters
        ----------
        hamlets : int
            How many there are.
        avoided : ndarray
            Rows of candidates on which no mast may stand: a dark hamlet heard it after all.
        doubted : ndarray, shape (pairs, 2)
            Pairs of a candidate and a hamlet that turned out not to be served by it.
        """
        received = self.places.received
        allowed = np.ones(len(self.position_m), np.bool_)
        allowed[received[np.isin(received[:, 1], self.dark), 0]] = False
        allowed[avoided] = False
        serving = self.places.serving
        key = serving[:, 0] * hamlets + serving[:, 1]
        serving = serving[~np.isin(key, doubted[:, 0] * hamlets + doubted[:, 1])]
        lit = np.setdiff1d(np.arange(hamlets), self.dark)
        chosen = _greedy(self, allowed, serving, lit, number)
        at = self.position_m[chosen]
        around = households_within(at, self.clusters_m, self.households)
        return Sites(chosen, at, self.town[chosen], self.commune[chosen], around)


def candidates(
    villages: gpd.GeoDataFrame,
    dwellings: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    elevation_m: NDArray[Any],
    transform: Affine,
    ground: Ground,
    *,
    dark: int,
) -> Candidates:
    """All places for a mast, and the valleys in which `dark` hamlets stay without a signal."""
    z = np.asarray(elevation_m, np.float32)
    centres, clusters = centres_m(villages), coordinates_m(dwellings)
    households = dwellings.households.to_numpy(np.int64)
    wanted = _wanted(villages, communes, places)
    position, town = _candidates(wanted, centres, clusters, households, z, transform)
    commune = _commune_of(position, communes)
    inside = commune >= 0
    position, town, commune = position[inside], town[inside], commune[inside]
    antenna = np.where(town, TOWN_ANTENNA_M, RURAL_ANTENNA_M)
    near = _pairs(position, clusters, WORTH_M)
    near = near[served(ground, position, antenna, clusters, near)]
    serving = _pairs(position, centres, SERVED_M)
    serving = _with_lonely(serving, served(ground, position, antenna, centres, serving), position, centres, ground)
    hard = _hardest(villages, centres, serving)
    heard = _pairs(position, centres[hard], RECEIVED_M)
    heard[:, 1] = hard[heard[:, 1]]
    loss = pair_loss(ground, position, np.full(len(position), TALLEST_ANTENNA_M), centres, heard)
    apart_m = _distance(position, centres, heard)
    received = heard[(loss <= 100 * REACHED_DB) | (apart_m < DARK_CLEAR_M)]
    together = heard[(loss <= 100 * TOGETHER_DB) & (apart_m < TOGETHER_M)]
    at_wanted = _beside(wanted, _commune_of(wanted, communes), position, commune)
    offers = Places(len(position), serving, received, together, at_wanted)
    hardness, may_be = _hardness(villages, centres, communes, received, hard)
    valleys = dark_valleys(centres, hardness, may_be, offers, dark)
    return Candidates(position, town, commune, clusters, households, near, offers, tuple(valleys))


def _wanted(villages: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Points beside which a mast stands in any case: commune seats, working industrial zones and tourist sites."""
    seats = centres_m(villages)[sorted(commune_seats(communes, villages).values())]
    working = places[places.kind.isin(["industrial_zone", "tourist_site"]) & (places.status != "planned")]
    return np.vstack([seats, coordinates_m(working.geometry.centroid)])


def _candidates(
    wanted: NDArray[np.float64],
    centres: NDArray[np.float64],
    clusters: NDArray[np.float64],
    households: NDArray[np.int64],
    z: NDArray[np.float32],
    transform: Affine,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Positions where a mast may stand, and which of them are roofs in a town."""
    rows, columns = z.shape[0] // BLOCK, z.shape[1] // BLOCK
    tiles = z[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    blocks = tiles.reshape(rows * columns, BLOCK * BLOCK)
    best = np.argmax(blocks, axis=1)
    row = np.repeat(np.arange(rows), columns) * BLOCK + best // BLOCK
    column = np.tile(np.arange(columns), rows) * BLOCK + best % BLOCK
    hills = _cell_middle(row, column, transform)
    gap, nearest = KDTree(clusters).query(hills)
    ground = _heights(z, transform, clusters)[nearest]
    kept = (np.round(gap, 1) <= NEAR_PEOPLE_M) & (blocks.max(axis=1) <= ground + UP_HILL_M)
    hills = hills[kept]

    roofs = clusters[households_within(clusters, clusters, households) >= TOWN_HOUSEHOLDS]
    # In a gorge no hilltop serves the bottom: there the mast stands beside the hamlet.
    at_hamlets = [_highest_within(centres, z, transform, cells=cells) for cells in (1, 2)]
    beside = np.vstack([_highest_within(wanted, z, transform, cells=4), wanted, *at_hamlets])
    position = np.unique(np.round(np.vstack([beside, hills, roofs]), 1), axis=0)
    return position, households_within(position, clusters, households) >= TOWN_HOUSEHOLDS


def _beside(
    wanted: NDArray[np.float64],
    its_commune: NDArray[np.int64],
    position: NDArray[np.float64],
    commune: NDArray[np.int64],
) -> list[NDArray[np.int64]]:
    """Candidates near each wanted point, in its own commune where there are any."""
    found = []
    for home, near in zip(
        its_commune, KDTree(position).query_ball_point(wanted, AT_PLACE_M, return_sorted=True), strict=True
    ):
        rows = np.array(near, np.int64)
        same = rows[commune[rows] == home]
        if rows.size:  # a place across the border has no candidate here
            found.append(same if same.size else rows)
    return found


def _with_lonely(
    pairs: NDArray[np.int64],
    serves: NDArray[np.bool_],
    position: NDArray[np.float64],
    centres: NDArray[np.float64],
    ground: Ground,
) -> NDArray[np.int64]:
    """Pairs that serve, and for hamlets that no place serves the nearest by loss: a sector can be aimed at them."""
    lonely = np.setdiff1d(np.arange(len(centres)), pairs[serves, 1])
    theirs = pairs[np.isin(pairs[:, 1], lonely) & (_distance(position, centres, pairs) <= AIMED_M)]
    loss = pair_loss(ground, position, np.full(len(position), TOWN_ANTENNA_M), centres, theirs)
    order = np.lexsort((theirs[:, 0], loss, theirs[:, 1]))
    theirs, loss = theirs[order], loss[order]
    first = np.searchsorted(theirs[:, 1], theirs[:, 1])
    aimed = theirs[(np.arange(len(theirs)) - first < AIMED) & (loss <= 100 * AIMED_DB)]
    together = np.vstack([pairs[serves], aimed])
    return together[np.lexsort((together[:, 1], together[:, 0]))]


def _hardness(
    villages: gpd.GeoDataFrame,
    centres: NDArray[np.float64],
    communes: gpd.GeoDataFrame,
    received: NDArray[np.int64],
    hard: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """How unlikely each hamlet is to be dark, and which ones may be.

    The lower, the fewer candidates would be received at the centre and the fewer households live within 3 km.
    """
    around = households_within(centres, centres, villages.households.to_numpy(np.int64), radius_m=3000)
    district = villages.commune_code.map(dict(zip(communes.commune_code, communes.district_code, strict=True)))
    hardness = np.bincount(received[:, 1], minlength=len(centres)) + around // 20
    hardness += district.map(DARK_RELUCTANCE).fillna(0).to_numpy(np.int64)
    may_be = np.zeros(len(centres), np.bool_)
    may_be[hard] = True
    may_be &= (district != CITY).to_numpy() & (villages.households.to_numpy() <= DARK_HOUSEHOLDS)
    return hardness, may_be


def _hardest(villages: gpd.GeoDataFrame, centres: NDArray[np.float64], serving: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the hamlets that fewest candidates serve and fewest people live around: among them are the dark ones."""
    around = households_within(centres, centres, villages.households.to_numpy(np.int64), radius_m=3000)
    served_by = np.bincount(serving[:, 1], minlength=len(centres))
    return np.sort(np.argsort(served_by + around // 20, kind="stable")[:HARD])


def _greedy(
    candidates: Candidates,
    allowed: NDArray[np.bool_],
    serving: NDArray[np.int64],
    lit: NDArray[np.int64],
    number: int,
) -> NDArray[np.int64]:
    """Candidates in the order taken; ties go to the lower row, and sums are of whole numbers, so no order matters."""
    position, town = candidates.position_m, candidates.town
    clusters, households, near = candidates.clusters_m, candidates.households, candidates.near
    reach_m = _distance(position, clusters, near)
    worth = households[near[:, 1]] * np.where(reach_m <= 1000, 6, 2)
    worth *= np.where(town[near[:, 0]], TOWN_WEIGHT, 2)
    crowd = _Gains(near, worth, SHARES, len(position), len(clusters))
    is_lit = np.isin(serving[:, 1], lit)
    first = _Gains(serving[is_lit], np.ones(is_lit.sum(), np.int64), np.array([1, 0]), len(position), lit.max() + 1)
    tree, spacing = KDTree(position), np.where(town, TOWN_SPACING_M, RURAL_SPACING_M)
    free, taken = allowed.copy(), np.zeros(len(position), np.bool_)
    waiting = list(candidates.places.needed)
    chosen: list[int] = []
    while len(chosen) < number:
        gain = crowd.gain + CENTRE_WORTH * first.gain
        eligible = free
        while waiting:  # one mast beside each wanted point, unless one stands there already
            beside = waiting.pop(0)
            if free[beside].any() and not taken[beside].any():
                eligible = np.zeros_like(free)
                eligible[beside[free[beside]]] = True
                break
        best = int(np.argmax(np.where(eligible, gain, -1)))
        if not eligible[best]:
            raise StudyError(
                _("Only {found} of {wanted} locations found room. Another seed does not fit.").format(
                    found=len(chosen), wanted=number
                )
            )
        chosen.append(best)
        taken[best] = True
        crowd.take(best)
        first.take(best)
        around = np.array(tree.query_ball_point(position[best], spacing[best]))
        # A candidate that alone serves a hamlet stays free beside another mast.
        free[around[first.gain[around] == 0]] = False
        free[best] = False
    if (first.gain > 0).any():
        raise StudyError(
            _("{count} locations do not serve every hamlet that is to be lit. Another seed does not fit.").format(
                count=number
            )
        )
    return np.array(chosen, np.int64)


class _Gains:
    """What each candidate would add, kept up to date as candidates are taken; `shares` falls with each mast seen."""

    def __init__(
        self, pairs: NDArray[np.int64], worth: NDArray[np.int64], shares: NDArray[np.int64], masts: int, points: int
    ) -> None:
        self.pairs, self.worth, self.shares = pairs, worth, shares
        self.by_mast = _split(pairs[:, 0], masts)
        self.by_point = _split(pairs[:, 1], points)
        self.seen = np.zeros(points, np.int64)
        self.gain = np.zeros(masts, np.int64)
        np.add.at(self.gain, pairs[:, 0], worth * shares[0])

    def take(self, mast: int) -> None:
        points = self.pairs[self.by_mast[mast], 1]
        touched = np.concatenate([self.by_point[point] for point in points]) if len(points) else points
        seen = np.minimum(self.seen[self.pairs[touched, 1]], len(self.shares) - 2)
        fall = self.shares[seen] - self.shares[seen + 1]
        fall[self.seen[self.pairs[touched, 1]] > len(self.shares) - 2] = 0
        np.subtract.at(self.gain, self.pairs[touched, 0], self.worth[touched] * fall)
        self.seen[points] += 1


def _split(key: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Rows of each key value."""
    order = np.argsort(key, kind="stable")
    return np.split(order, np.searchsorted(key[order], np.arange(1, count)))


def metric_pairs(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Eastings and northings of longitudes and latitudes, shape (n, 2), rounded to 0.1 m."""
    x, y = Transformer.from_crs(4326, EPSG, always_xy=True).transform(np.asarray(lon, float), np.asarray(lat, float))
    return np.round(np.column_stack([x, y]), 1)


def _pairs(masts: NDArray[np.float64], points: NDArray[np.float64], within_m: float) -> NDArray[np.int64]:
    """Pairs of a mast and a point within the distance, sorted."""
    found = KDTree(points).query_ball_point(masts, within_m, return_sorted=True)
    mast = np.repeat(np.arange(len(masts)), [len(f) for f in found])
    return np.column_stack([mast, np.concatenate([np.asarray(f, np.int64) for f in found])]).astype(np.int64)


def _distance(masts: NDArray[np.float64], points: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    offset = masts[pairs[:, 0]] - points[pairs[:, 1]]
    return np.asarray(np.round(np.hypot(offset[:, 0], offset[:, 1]), 1), np.float64)


def households_within(
    position: NDArray[np.float64], clusters: NDArray[np.float64], households: NDArray[np.int64], radius_m: float = 1000
) -> NDArray[np.int64]:
    """Households of the clusters within the radius of each position."""
    found = KDTree(clusters).query_ball_point(position, radius_m)
    return np.array([households[f].sum() for f in found], np.int64)


def _commune_of(position: NDArray[np.float64], communes: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Row of the commune each point lies in; -1 outside all."""
    point, polygon = shapely.STRtree(communes.geometry.to_numpy()).query(shapely.points(position), predicate="within")
    inside = pd.Series(polygon).groupby(point).min()
    return np.asarray(inside.reindex(range(len(position)), fill_value=-1), np.int64)


def _cell_middle(row: NDArray[np.int64], column: NDArray[np.int64], transform: Affine) -> NDArray[np.float64]:
    return np.column_stack([transform.c + (column + 0.5) * transform.a, transform.f + (row + 0.5) * transform.e])


def _heights(z: NDArray[np.float32], transform: Affine, points: NDArray[np.float64]) -> NDArray[np.float32]:
    row = np.clip(((transform.f - points[:, 1]) / transform.a).astype(int), 0, z.shape[0] - 1)
    column = np.clip(((points[:, 0] - transform.c) / transform.a).astype(int), 0, z.shape[1] - 1)
    return np.asarray(z[row, column], np.float32)


def _highest_within(
    points: NDArray[np.float64], z: NDArray[np.float32], transform: Affine, cells: int
) -> NDArray[np.float64]:
    """The middle of the highest cell of the square around each point."""
    found = []
    for x, y in points:
        row, column = int((transform.f - y) / transform.a), int((x - transform.c) / transform.a)
        top, left = max(row - cells, 0), max(column - cells, 0)
        window = z[top : row + cells + 1, left : column + cells + 1]
        r, c = np.unravel_index(int(np.argmax(window)), window.shape)
        found.append((top + int(r), left + int(c)))
    rows = np.array(found, np.int64)
    return _cell_middle(rows[:, 0], rows[:, 1], transform)
