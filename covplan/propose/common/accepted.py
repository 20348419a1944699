"""Accepted decisions beside each other: what the rules allow together is kept, the rest costs itself only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from covplan.propose.common.decisions import require
from covplan.propose.common.not_served import DECISION, left_out
from covplan.propose.solve.cover import least_cost
from covplan.study.errors import NoSolution
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from covplan.propose.common.decisions import Decided
    from covplan.propose.solve.cover import Cover


def kept_together(count: int, possible: Callable[[Sequence[int]], bool]) -> tuple[list[int], list[int]]:
    """Which of some accepted decisions can be kept together, in their order, and which cannot beside those before them.

    Parameters
    ----------
    possible : callable
        Whether some of them (by number) can be in one plan.
    """
    if not count or possible(range(count)):
        return list(range(count)), []
    kept: list[int] = []
    for one in range(count):
        if possible([*kept, one]):
            kept.append(one)
    return kept, [one for one in range(count) if one not in kept]


def requirements(problem: Cover, found: Decided) -> tuple[list[NDArray[np.int64]], list[str]]:
    """Groups of accepted candidates that the limits let be done together; ids of the decisions that they do not."""

    def possible(some: Sequence[int]) -> bool:
        try:
            least_cost(require(problem, [found.required[one] for one in some]), 0.0)
        except NoSolution:
            return False
        return True

    kept, broken = kept_together(len(found.required), possible)
    return [found.required[one] for one in kept], [found.accepted[one] for one in broken]


def broken_decisions(kind: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the layer `not_served`, for accepted decisions that cannot be kept beside the others."""

    def words() -> tuple[str, str]:
        return (
            _("The rules do not allow what was accepted beside what was accepted before it."),
            _("Take the decision back, or another one that needs the same room."),
        )

    return [left_out(kind, DECISION, one, "contradicts", words=words) for one in ids]
