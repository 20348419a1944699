"""Which of a row's readings is meant: decided for the whole file by where its rows say they are, never point by point.

A zone of VN-2000, a datum that was not changed, digits that can be read in two ways: every possible answer puts the
rows somewhere, and communes, other operators' masts and roads vote for one. Where they do not decide, nothing is moved
and the rows are set aside. Feeds `stations`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS, Transformer
from scipy.spatial import KDTree

from covplan.study.codes import WGS84
from covplan.study.geometry import CANDIDATE_EPSG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from covplan.intake.positions import Reading

VN2000 = 4756
PLANES = tuple(epsg for epsg in CANDIDATE_EPSG if epsg not in (VN2000, WGS84, 3857))
SAME_MAST_M = 60.0  # structures of two operators nearer than this are about the same place
AT_ROAD_M, OFF_ROAD_M = 40.0, 120.0  # a mast nearer to a road than the first, and farther than the second elsewhere
SLACK_M = 60.0  # of drawn borders of communes, for votes
INSIDE_SHARE = 0.8  # of rows that the right system puts into the province
FEWEST, CLEAR = 5, 4.0  # votes for an answer, and how many for each vote against it
SAME_PLACE_M = 15.0  # answers that differ by less are one


@dataclass(frozen=True)
class Known:
    """What is known of the ground a file is about; all in the study's CRS, metres."""

    epsg: int
    province: BaseGeometry
    masts: NDArray[np.float64]
    """Shape (n, 2): of other operators."""
    roads: Sequence[BaseGeometry] = ()
    tolerance_m: float = 300.0
    """How far outside its commune a row may lie."""
    border_m: float = 2000.0
    """How far outside the province."""
    elsewhere_m: float = 2000.0
    """From how far outside the stated commune on a row is not believed."""

    @cached_property
    def road_tree(self) -> shapely.STRtree:
        """The roads, to be asked what lies beside them."""
        return shapely.STRtree(list(self.roads))


@dataclass
class Placed:
    """Where a row is, WGS 84; or why it has no place."""

    lon: float = float("nan")
    lat: float = float("nan")
    precision_m: float = 0.0
    rounded_m: float = 0.0
    how: tuple[str, ...] = ()
    reason: str = ""
    """Of setting it aside: a check's name."""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What was decided for a file as a whole."""

    epsg: int = 0
    """Of its metres; 0: there are none, or nothing decides."""
    candidates: tuple[int, ...] = ()
    """Systems that nothing tells apart."""
    shifted: bool = False
    """Whether its degrees are those of VN-2000."""
    votes: tuple[int, int] = (0, 0)
    """For and against what was decided."""


def place(
    rows: Sequence[list[Reading]],
    areas: Sequence[BaseGeometry | None],
    known: Known,
    *,
    epsg: int | None = None,
    shifted: bool | None = None,
) -> tuple[list[Placed], Decision]:
    """Where every row of a file is.

    Parameters
    ----------
    rows : sequence of list of Reading
        All that each row's coordinates can mean.
    areas : sequence of shapely geometry or None
        The communes a row says it is in, study CRS.
    epsg : int, optional
        The system of metres, if a planner says so.
    shifted : bool, optional
        Whether degrees are VN-2000's, if a planner says so.
    """
    placed = [Placed() for _row in rows]
    metric = [n for n, found in enumerate(rows) if found and all(one.metric for one in found)]
    decision = Decision()
    if metric:
        decision = _system(metric, rows, areas, known, epsg)
        for n in metric:
            if decision.epsg:
                one = rows[n][0]
                lon, lat = _turned(decision.epsg, WGS84, np.array([[one.x, one.y]]))[0]
                placed[n] = Placed(lon, lat, one.precision_m, one.finer_m, (*one.how, "metres"))
            else:
                named = ", ".join(_name(code) for code in decision.candidates)
                placed[n] = Placed(reason="intake_zone_unclear", details={"candidates": named or "–"})
    degrees = [n for n in range(len(rows)) if n not in set(metric)]
    _choose(degrees, rows, areas, known, placed)
    there = [n for n in degrees if not placed[n].reason]
    if there:
        decision = _datum(there, placed, areas, known, shifted, decision)
    _hold(placed, areas, known)
    return placed, decision


def _turned(source: int, target: int, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = _transformer(source, target).transform(xy[:, 0], xy[:, 1])
    return np.column_stack([x, y])


@cache
def _transformer(source: int, target: int) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


@cache
def _name(epsg: int) -> str:
    return f"EPSG:{epsg} ({CRS.from_epsg(epsg).name})"


def _votes(
    one: NDArray[np.float64], other: NDArray[np.float64], areas: Sequence[BaseGeometry | None], known: Known
) -> tuple[int, int]:
    """For and against the first of two answers to where rows are, study CRS: one vote a row, where they differ.

    Masts of other operators speak first (a metre's work), then communes, then roads.
    """
    ballots = np.zeros(len(one), dtype=int)
    if len(known.roads):
        tree = known.road_tree
        at_road = [_beside(tree, points, AT_ROAD_M) for points in (one, other)]
        off_road = [~_beside(tree, points, OFF_ROAD_M) for points in (one, other)]
        ballots[at_road[0] & off_road[1]] = 1
        ballots[at_road[1] & off_road[0]] = -1
    outside = _outside(one, areas), _outside(other, areas)
    ballots[(outside[0] <= 1.0) & (outside[1] > SLACK_M)] = 1
    ballots[(outside[1] <= 1.0) & (outside[0] > SLACK_M)] = -1
    if len(known.masts):
        masts = KDTree(known.masts)
        near = (masts.query(points)[0] <= SAME_MAST_M for points in (one, other))
        first, second = near
        ballots[first & ~second] = 1
        ballots[second & ~first] = -1
    return int((ballots == 1).sum()), int((ballots == -1).sum())


def _beside(tree: shapely.STRtree, points: NDArray[np.float64], metres: float) -> NDArray[np.bool_]:
    """Which points lie within some metres of a line of a tree."""
    near = np.zeros(len(points), dtype=bool)
    near[tree.query(shapely.points(points), predicate="dwithin", distance=metres)[0]] = True
    return near


def _outside(points: NDArray[np.float64], areas: Sequence[BaseGeometry | None]) -> NDArray[np.float64]:
    """How far outside its stated communes each point lies; NaN where none are stated."""
    shapes = np.array([area if area is not None else None for area in areas], dtype=object)
    away: NDArray[np.float64] = shapely.distance(shapely.points(points), shapes)
    return away


def _clear(votes: tuple[int, int]) -> bool:
    return votes[0] >= FEWEST and votes[0] >= CLEAR * votes[1]


def _system(
    metric: list[int],
    rows: Sequence[list[Reading]],
    areas: Sequence[BaseGeometry | None],
    known: Known,
    told: int | None,
) -> Decision:
    """The system of a file's plane coordinates: of those that put it into the province the one that wins each vote."""
    if told:
        return Decision(told)
    raw = np.array([(rows[n][0].x, rows[n][0].y) for n in metric])
    stated = [areas[n] for n in metric]
    where: dict[int, NDArray[np.float64]] = {}
    inside: dict[int, float] = {}
    shapely.prepare(known.province)
    for epsg in PLANES:
        points = _turned(epsg, known.epsg, raw)
        finite = np.isfinite(points).all(axis=1)
        within = np.zeros(len(points), dtype=bool)
        within[finite] = shapely.dwithin(shapely.points(points[finite]), known.province, known.border_m)
        if within.mean() >= INSIDE_SHARE:
            where[epsg], inside[epsg] = points, float(within.mean())
    distinct: list[int] = []
    order = sorted(where, key=lambda epsg: (-_agreement(where[epsg], stated), epsg != known.epsg, epsg))
    for epsg in order:
        if not any(np.abs(where[epsg] - where[other]).max() < SAME_PLACE_M for other in distinct):
            distinct.append(epsg)
    if not distinct:
        return Decision()
    best, votes = distinct[0], (0, 0)
    for other in distinct[1:]:
        ballots = _votes(where[best], where[other], stated, known)
        if _clear((ballots[1], ballots[0])):
            best, votes = other, (ballots[1], ballots[0])
    for other in distinct:
        if other != best:
            votes = _votes(where[best], where[other], stated, known)
            if not _clear(votes):
                return Decision(0, (best, other), votes=votes)
    if len(distinct) == 1 and not _believed(where[best], stated):
        return Decision(0, (best,))
    return Decision(best, votes=votes)


def _agreement(points: NDArray[np.float64], stated: Sequence[BaseGeometry | None]) -> float:
    away = _outside(points, stated)
    return float((away <= SLACK_M).sum())


def _believed(points: NDArray[np.float64], stated: Sequence[BaseGeometry | None]) -> bool:
    """Whether most rows that state a commune lie about there; with none stated the province alone has to do."""
    away = _outside(points, stated)
    told = np.isfinite(away)
    return not told.any() or bool((away[told] <= 2000.0).mean() >= 0.5)


def _choose(
    degrees: list[int],
    rows: Sequence[list[Reading]],
    areas: Sequence[BaseGeometry | None],
    known: Known,
    placed: list[Placed],
) -> None:
    """Of several readings of a row the one in the way most of the file is written, held against the communes."""
    ways: Counter[tuple[str, ...]] = Counter()
    fits: dict[int, list[Reading]] = {}
    for n in degrees:
        found = [one for one in rows[n] if not one.metric]
        if not found:
            placed[n] = Placed(reason="intake_no_coordinates")
            continue
        if len(found) > 1:
            there = _turned(WGS84, known.epsg, np.array([(one.x, one.y) for one in found]))
            inside = np.atleast_1d(shapely.dwithin(shapely.points(there), known.province, known.border_m))
            found = [one for one, ok in zip(found, inside, strict=True) if ok] or found
            area = areas[n]
            if area is not None and len(found) > 1:
                there = _turned(WGS84, known.epsg, np.array([(one.x, one.y) for one in found]))
                away = np.atleast_1d(shapely.distance(shapely.points(there), area))
                agreeing = [one for one, far in zip(found, away, strict=True) if far <= known.tolerance_m]
                found = agreeing or found
        fits[n] = found
        if len(found) == 1:
            ways[found[0].how] += 1
    for n, found in fits.items():
        if len(found) > 1:
            usual = [one for one in found if ways[one.how] >= FEWEST]
            others = sum(ways[one.how] for one in found if one not in usual[:1])
            if len(usual) == 1 and _clear((ways[usual[0].how], others)):
                found = usual
            elif _span_m(found) > SAME_PLACE_M:
                shown = "; ".join(f"{one.x:.5f}, {one.y:.5f}" for one in found[:3])
                placed[n] = Placed(reason="intake_ambiguous_coordinates", details={"readings": shown})
                continue
        one = found[0]
        placed[n] = Placed(one.x, one.y, one.precision_m, one.finer_m, one.how)


def _span_m(found: Sequence[Reading]) -> float:
    return max(abs(a.x - b.x) + abs(a.y - b.y) for a in found for b in found) * 111_000.0


def _datum(
    there: list[int],
    placed: list[Placed],
    areas: Sequence[BaseGeometry | None],
    known: Known,
    told: bool | None,
    decision: Decision,
) -> Decision:
    """Whether a file's degrees are those of VN-2000, which lie some 224 m off; all of them are moved, or none."""
    raw = np.array([(placed[n].lon, placed[n].lat) for n in there])
    if told is None:
        exact = [k for k, n in enumerate(there) if placed[n].rounded_m < 100.0]
        if not exact:
            return decision
        stated = [areas[there[k]] for k in exact]
        as_is, moved = _turned(WGS84, known.epsg, raw[exact]), _turned(VN2000, known.epsg, raw[exact])
        votes = _votes(moved, as_is, stated, known)
        told = _clear(votes)
        decision = Decision(decision.epsg, decision.candidates, told, votes if told or votes[0] else (0, 0))
    else:
        decision = Decision(decision.epsg, decision.candidates, told)
    if told:
        for n, (lon, lat) in zip(there, _turned(VN2000, WGS84, raw), strict=True):
            placed[n].lon, placed[n].lat = float(lon), float(lat)
            placed[n].how = (*placed[n].how, "datum")
    return decision


def _hold(placed: list[Placed], areas: Sequence[BaseGeometry | None], known: Known) -> None:
    """Set aside what lies outside the province, or far from the commune it says."""
    there = [n for n, one in enumerate(placed) if not one.reason]
    if not there:
        return
    points = _turned(WGS84, known.epsg, np.array([(placed[n].lon, placed[n].lat) for n in there]))
    at = np.atleast_1d(np.asarray(shapely.points(points), dtype=object))
    shapely.prepare(known.province)
    inside = np.atleast_1d(shapely.dwithin(at, known.province, known.border_m))
    beyond = np.zeros(len(at))
    beyond[~inside] = shapely.distance(at[~inside], known.province)
    outside = _outside(points, [areas[n] for n in there])
    for n, out_m, away_m in zip(there, beyond, outside, strict=True):
        one = placed[n]
        if not out_m <= known.border_m:
            one.reason, one.details = "intake_outside_province", {"distance_km": f"{out_m / 1000:.1f}"}
        elif away_m > max(known.elsewhere_m, 2 * one.precision_m):
            one.reason, one.details = "intake_elsewhere", {"distance_km": f"{away_m / 1000:.1f}"}
        elif away_m > max(known.tolerance_m, 2 * one.precision_m):
            one.details = {"distance_m": f"{away_m:.0f}"}
