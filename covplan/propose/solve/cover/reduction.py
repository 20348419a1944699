"""The same covering problem with less in it: nothing that a best choice needs is lost."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import block_array, csc_array, csr_array, hstack, vstack
from scipy.sparse.csgraph import connected_components

from covplan.propose.solve.cover.problem import EXACT, NO_SITE, Cover, only

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE = 512  # actions compared with all others at a time


def merged(problem: Cover) -> Cover:
    """The same problem with fewer rows: nothing is lost.

    Points of a demand reached by the same actions become one; where every point is required, one reached by more
    actions than another follows from it; demands with the same points and shares become one of their joint value.
    """
    reach = problem.reach.sorted_indices() if not problem.reach.has_sorted_indices else problem.reach
    sets = [reach.indices[a:b] for a, b in zip(reach.indptr[:-1], reach.indptr[1:], strict=True)]
    rows: dict[int, dict[bytes, float]] = {}
    for point, actions in enumerate(sets):
        own = rows.setdefault(int(problem.demand[point]), {})
        key = actions.tobytes()
        own[key] = own.get(key, 0.0) + float(problem.weight[point])
    alike: dict[object, list[int]] = {}
    for demand in range(problem.share.size):
        own = rows.get(demand, {})
        if problem.share[demand] >= 1.0 - EXACT:
            own = dict.fromkeys(_least(list(own), reach.indices.dtype), 1.0)
        key = (float(problem.share[demand]), tuple(sorted((k, round(w, 12)) for k, w in own.items())))
        alike.setdefault((demand, key) if problem.traffic.size else key, []).append(demand)
        rows[demand] = own
    first = [group[0] for group in alike.values()]
    points = [(n, np.frombuffer(key, dtype=reach.indices.dtype), weight)
              for n, demand in enumerate(first) for key, weight in rows[demand].items()]  # fmt: skip
    indices = np.concatenate([actions for _, actions, _ in points]) if points else np.empty(0, np.int64)
    starts = np.cumsum([0, *(actions.size for _, actions, _ in points)])
    return dataclasses.replace(
        problem,
        reach=csr_array((np.ones(indices.size, bool), indices, starts), shape=(len(points), reach.shape[1])),
        demand=np.array([n for n, _, _ in points], dtype=np.int64),
        weight=np.array([weight for _, _, weight in points]),
        share=problem.share[first],
        value=np.array([problem.value[group].sum() for group in alike.values()]),
        traffic=problem.traffic[first] if problem.traffic.size else problem.traffic,
        carries=problem.carries[first] if problem.traffic.size else problem.carries,
    )


def dominated(problem: Cover) -> NDArray[np.bool_]:
    """Actions that another one replaces: it reaches as much, costs no more, needs no more site and no more room.

    Only where capacity does not matter and the action takes no part in a quota (a limit with negative entries). Of
    equal ones the first stays.
    """
    actions = problem.cost.size
    if problem.traffic.size or not actions:
        return np.zeros(actions, dtype=bool)
    reach = csc_array(problem.reach, dtype=np.int32)
    size = np.diff(reach.indptr)
    limits = csc_array(problem.limits)[:, :actions]
    kinds: dict[bytes, int] = {b"": 0}  # actions of one kind enter the same limits; those of kind 0 enter none
    kind = np.empty(actions, dtype=np.int64)
    harmless = np.ones(actions, dtype=bool)
    for action in range(actions):
        part = slice(limits.indptr[action], limits.indptr[action + 1])
        entries = limits.indices[part].tobytes() + limits.data[part].tobytes()
        kind[action] = kinds.setdefault(entries, len(kinds))
        harmless[action] = (limits.data[part] >= 0).all()
    gone = np.zeros(actions, dtype=bool)
    rows = csr_array(reach.T)
    for start in range(0, actions, PIECE):
        common = (rows[start : start + PIECE] @ reach).tocoo()
        small, large = common.row + start, common.col
        inside = (common.data == size[small]) & (small != large)
        small, large = small[inside], large[inside]
        same_site, same_kind = problem.site[large] == problem.site[small], kind[large] == kind[small]
        dearer = problem.cost[large] - problem.cost[small]
        better = harmless[small] & (dearer <= 0) & (same_site | (problem.site[large] == NO_SITE))
        better &= same_kind | (kind[large] == 0)
        equal = (size[large] == size[small]) & (dearer == 0) & same_site & same_kind
        gone[small[better & (~equal | (large < small))]] = True
    gone |= (size == 0) & harmless  # one in a quota may be of use though it reaches nobody
    return gone


def lean(problem: Cover) -> Cover:
    """The problem without sites no action needs and without limits that nothing left can break."""
    actions, sites = problem.cost.size, problem.site_cost.size
    needed = np.zeros(sites, dtype=bool)
    needed[problem.site[problem.site != NO_SITE]] = True
    limits = csr_array(problem.limits[:, np.concatenate([np.ones(actions, bool), needed])])
    binding = limits.maximum(0.0).sum(axis=1) > problem.most + EXACT
    return dataclasses.replace(
        problem,
        site=np.where(problem.site == NO_SITE, NO_SITE, (np.cumsum(needed) - 1)[problem.site] if sites else NO_SITE),
        site_cost=problem.site_cost[needed],
        limits=csr_array(limits[binding]),
        most=problem.most[binding],
    )


def independent_parts(problem: Cover) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Actions and demands that have nothing to do with those of other parts: no reach, site or limit in common."""
    points, actions, sites, demands = problem.sizes
    owners = csr_array((np.ones(points), (problem.demand, np.arange(points))), shape=(demands, points))
    reached = csr_array(owners @ problem.reach.astype(float))
    if problem.traffic.size:
        reached = csr_array(reached + problem.carries.astype(float))
    needing = np.flatnonzero(problem.site != NO_SITE)
    at_site = csr_array((np.ones(needing.size), (problem.site[needing], needing)), shape=(sites, actions))
    joined = vstack([reached, at_site, abs(problem.limits[:, :actions])], format="csr")
    on_sites = vstack([csr_array((demands + sites, sites)), abs(problem.limits[:, actions:])], format="csr")
    rows = joined.shape[0]
    graph = block_array([[csr_array((rows, rows)), hstack([joined, on_sites])],
                         [hstack([joined, on_sites]).T, None]], format="csr")  # fmt: skip
    count, label = connected_components(graph, directed=False)
    of_demand, of_action = label[:demands], label[rows : rows + actions]
    found = []
    for part in range(count):
        own = of_demand == part
        if own.any():
            found.append((of_action == part, own))
    return found


def part_of(problem: Cover, actions: NDArray[np.bool_], demands: NDArray[np.bool_]) -> Cover:
    """The problem of some demands and actions; all sites stay, those of other parts are never needed."""
    kept = demands[problem.demand]
    number = np.cumsum(demands) - 1
    small = only(problem, actions)
    limits = csr_array(small.limits)
    used = np.diff(limits.indptr) > 0
    return dataclasses.replace(
        small,
        reach=csr_array(small.reach[kept]),
        demand=number[problem.demand[kept]],
        weight=problem.weight[kept],
        share=problem.share[demands],
        value=np.ones(int(demands.sum())),
        limits=csr_array(limits[used]),
        most=problem.most[used],
        traffic=problem.traffic[demands] if problem.traffic.size else problem.traffic,
        carries=csr_array(small.carries[demands]) if problem.traffic.size else problem.carries,
    )


def _least(keys: list[bytes], dtype: np.dtype[np.int32]) -> list[bytes]:
    """Sets of which no other is a part: covering these covers all."""
    sets = [(frozenset(np.frombuffer(key, dtype=dtype).tolist()), key) for key in keys]
    sets.sort(key=lambda one: (len(one[0]), one[1]))
    least: list[tuple[frozenset[int], bytes]] = []
    for one, key in sets:
        if not any(other <= one for other, _ in least):
            least.append((one, key))
    return [key for _, key in least]
