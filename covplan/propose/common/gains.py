"""Whom each chosen action serves: every demand goes to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from covplan.propose.solve.cover import Choice, Cover

ROUNDING = 1e-9  # of a share
ALIKE = 3  # decimals to which shares covered are told apart
CAPACITY_COUNTS = 1e-4  # of the largest capacity, beside a share covered: of two that cover as much, the larger


def point_weights(problem: Cover) -> csr_array:
    """(demands × points): what each point weighs in its demand."""
    points = problem.demand.size
    return csr_array((problem.weight, (problem.demand, np.arange(points))), shape=(problem.share.size, points))


def covered_shares(problem: Cover, actions: NDArray[np.int64] | None = None) -> csr_array:
    """(demands × actions): share of each demand that each action, or each of some, covers alone."""
    reach = problem.reach if actions is None else problem.reach[:, actions]
    return csr_array(point_weights(problem) @ reach.astype(float))


def gained(
    problem: Cover, choice: Choice, *, standing: NDArray[np.bool_] | None = None
) -> dict[int, NDArray[np.int64]]:
    """Served demands of each chosen action: each goes to the one that covers most of it.

    Parameters
    ----------
    standing : ndarray of bool, optional
        Actions that are done today. What these do not serve by themselves goes to a new one, though they may cover
        more of it.
    """
    chosen = np.flatnonzero(choice.actions)
    if not chosen.size:
        return {}
    worth = covered_shares(problem, chosen).toarray().round(ALIKE)
    if standing is not None and standing.any():
        old = standing[chosen]
        today = point_weights(problem) @ (problem.reach[:, chosen[old]].sum(axis=1) > 0).astype(float)
        needs_new = (today < problem.share - ROUNDING) & (worth[:, ~old] > 0).any(axis=1)
        worth[np.ix_(needs_new, old)] = -1.0
    if problem.capacity.size:
        worth = worth + problem.capacity[chosen] / problem.capacity.max() * CAPACITY_COUNTS
    best = worth.argmax(axis=1)
    return {int(action): np.flatnonzero(choice.served & (best == n)) for n, action in enumerate(chosen)}
