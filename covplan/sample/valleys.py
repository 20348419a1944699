"""Which hamlets of the sample stay without a signal: closed valleys that a mast of their own could serve together.

A valley starts from a hamlet that hardly any mast could reach. Leaving it dark forbids every place that it would be
received from; whoever is left without a place by that is dark with it, and neighbours that few further places reach
join. So dark hamlets lie together, as in the mountains, and nobody else loses the signal for their sake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from covplan.study.errors import StudyError
from covplan.study.language import _

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST, MOST = 3, 7  # hamlets of a valley
LONGEST_M = 9_000.0  # between two hamlets of a valley
TOGETHER = 3  # hamlets of a valley that one place serves, at least


@dataclass(frozen=True)
class Places:
    """Who is served and who is received from each place where a mast may stand, as pairs (place, hamlet)."""

    number: int
    serving: NDArray[np.int64]
    """Pairs with a signal that is surely enough."""
    received: NDArray[np.int64]
    """Pairs with a signal that may be enough, of the hamlets that are looked at."""
    together: NDArray[np.int64]
    """Pairs of which a tall mast there would serve the hamlet: those of one place can be reached together."""
    needed: list[NDArray[np.int64]]
    """Groups of places of each of which one is built in any case."""


class _Ground:
    """What is forbidden so far, and how many places are left to serve each hamlet."""

    def __init__(self, places: Places, hamlets: int) -> None:
        self.places = places
        self.served_from = _lists(places.serving[:, 0], places.serving[:, 1], places.number)
        self.mast_at = _lists(places.together[:, 1], places.together[:, 0], hamlets)
        self.mast_serves = _lists(places.together[:, 0], places.together[:, 1], places.number)
        self.received_from = _lists(places.received[:, 1], places.received[:, 0], hamlets)
        self.left = np.bincount(places.serving[:, 1], minlength=hamlets)
        self.banned = np.zeros(places.number, np.bool_)
        self.dark = np.zeros(hamlets, np.bool_)
        self._groups = _lists(
            np.concatenate(places.needed),
            np.repeat(np.arange(len(places.needed)), [len(group) for group in places.needed]),
            places.number,
        )
        self._group_left = np.array([len(group) for group in places.needed], np.int64)

    def forbidden_by(self, hamlet: int) -> NDArray[np.int64]:
        """Places that are forbidden once the hamlet is dark and are not yet."""
        places = self.received_from[hamlet]
        return places[~self.banned[places]]

    def with_one_mast(self, members: list[int]) -> set[int]:
        """Hamlets that a mast somewhere would serve together with one of these."""
        return {int(one) for member in members for place in self.mast_at[member] for one in self.mast_serves[place]}

    def darken(self, hamlet: int) -> NDArray[np.int64] | None:
        """Make a hamlet dark: others that no place is left for by that; None where a needed place has no room."""
        self.dark[hamlet] = True
        lost = []
        for place in self.forbidden_by(hamlet).tolist():
            self.banned[place] = True
            np.subtract.at(self._group_left, self._groups[place], 1)
            self.left[self.served_from[place]] -= 1
            lost.append(self.served_from[place])
        if (self._group_left <= 0).any():
            return None
        touched = np.unique(np.concatenate(lost)) if lost else np.empty(0, np.int64)
        return touched[(self.left[touched] <= 0) & ~self.dark[touched]]

    def copy(self) -> _Ground:
        """A ground of its own to try something on."""
        other = object.__new__(_Ground)
        other.__dict__.update(self.__dict__)
        other.left, other.banned, other.dark = self.left.copy(), self.banned.copy(), self.dark.copy()
        other._group_left = self._group_left.copy()
        return other


def dark_valleys(
    centre_m: NDArray[np.float64], hardness: NDArray[np.int64], may_be: NDArray[np.bool_], places: Places, number: int
) -> list[NDArray[np.int64]]:
    """Hamlets that stay dark, `number` in all, valley by valley; rows of the hamlets.

    Parameters
    ----------
    centre_m : ndarray, shape (hamlets, 2)
        Metres.
    hardness : ndarray of int, shape (hamlets,)
        The lower, the sooner a hamlet is dark; one that no place serves at all comes first.
    may_be : ndarray of bool, shape (hamlets,)
        Hamlets that can be dark; their `received` pairs are complete.
    """
    ground = _Ground(places, len(centre_m))
    valleys: list[NDArray[np.int64]] = []
    left = number
    hardness = np.where(ground.left > 0, hardness, -1)  # whom no place serves is dark in any case
    for fewest in (FEWEST, 1):
        for seed in np.flatnonzero(may_be)[np.argsort(hardness[may_be], kind="stable")].tolist():
            if ground.dark[seed] or left < fewest:
                continue
            found = _valley(ground, seed, centre_m, may_be, min(MOST, left) if fewest > 1 else 1)
            if found is None or len(found[1]) < fewest or (fewest > 1 and _together(found[1], places) < TOGETHER):
                continue
            ground, members = found
            valleys.append(members)
            left -= len(members)
        if left == 0:
            return valleys
    raise StudyError(
        _("Only {found} of {wanted} hamlets can stay dark on this ground. Another seed does not fit.").format(
            found=number - left, wanted=number
        )
    )


def _valley(
    ground: _Ground, seed: int, centre_m: NDArray[np.float64], may_be: NDArray[np.bool_], most: int
) -> tuple[_Ground, NDArray[np.int64]] | None:
    """The valley of a hamlet, and the ground once it is dark; None where somebody else would lose the signal."""
    found = _with(ground, [], seed, may_be, most)
    if found is None:
        return None
    barred: set[int] = set()
    while len(found[1]) < most:
        now, members = found
        near = {one for one in now.with_one_mast(members) if may_be[one] and not now.dark[one]} - barred
        near = {one for one in near if np.hypot(*(centre_m[members] - centre_m[one]).T).max() <= LONGEST_M}
        if not near:
            break
        joins = min(near, key=lambda one: (now.forbidden_by(one).size, one))
        grown = _with(now, members, joins, may_be, most)
        if grown is None:
            barred.add(joins)
        else:
            found = grown
    return found[0], np.array(sorted(found[1]), np.int64)


def _with(
    ground: _Ground, members: list[int], joins: int, may_be: NDArray[np.bool_], most: int
) -> tuple[_Ground, list[int]] | None:
    """A valley with one hamlet more, and with all that lose their last place by that; None if that cannot be."""
    tried, grown, waiting = ground.copy(), list(members), [joins]
    while waiting:
        hamlet = waiting.pop(0)
        if tried.dark[hamlet]:
            continue
        if not may_be[hamlet] or len(grown) == most:
            return None
        lost = tried.darken(hamlet)
        if lost is None:
            return None
        grown.append(hamlet)
        waiting += lost.tolist()
    return tried, grown


def _together(members: NDArray[np.int64], places: Places) -> int:
    """Most hamlets of a valley that one mast would serve."""
    at = places.together[np.isin(places.together[:, 1], members), 0]
    return int(np.bincount(at, minlength=1).max())


def _lists(key: NDArray[np.int64], value: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """The values of each key."""
    order = np.argsort(key, kind="stable")
    return np.split(value[order], np.searchsorted(key[order], np.arange(1, count)))
