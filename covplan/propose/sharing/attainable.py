"""What a sharing plan can reach where it cannot reach all that is demanded: the demand, lowered as little as can be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from covplan.propose.common.accepted import kept_together
from covplan.propose.sharing.program import ROUNDING, sharing_program
from covplan.propose.solve.solver import TIME_LIMIT_S
from covplan.study.errors import NoSolution
from covplan.study.language import _, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.propose.sharing.program import Demand, Moves, Stock


def attainable(
    stock: Stock, moves: Moves, demand: Demand, *, time_limit_s: float = TIME_LIMIT_S
) -> tuple[Demand, list[int]]:
    """The demand no larger than can be met, and the numbers of the required groups that cannot be kept.

    What was accepted comes first (in its order), then the hamlets each operator must win, then the ratio: the largest
    that the rest allows, by Dinkelbach's method for a ratio of two sums (each round maximises shared − λ · locations at
    the ratio λ of the round before; it ends when the ratio no longer rises).
    """
    nothing = replace(demand, shared_share=0.0, gains=[0] * len(stock.operators), required=())

    def possible(some: Sequence[int]) -> bool:
        required = [demand.required[one] for one in some]
        try:
            sharing_program(stock, moves, replace(nothing, required=required)).program.solved(time_limit_s=time_limit_s)
        except NoSolution:
            return False
        return True

    kept, broken = kept_together(len(demand.required), possible)
    held = replace(nothing, required=[demand.required[one] for one in kept])
    for k, wanted in enumerate(demand.gains):
        if wanted > 0:
            won = _most_won(stock, moves, held, k, time_limit_s)
            held = replace(held, gains=[*held.gains[:k], min(wanted, won), *held.gains[k + 1 :]])
    ratio = min(demand.shared_share, _largest_ratio(stock, moves, held, demand.shared_share, time_limit_s))
    return replace(held, shared_share=ratio), broken


def short_of(stock: Stock, demand: Demand, lowered: Demand) -> list[str]:
    """What there is to say of a demand that was lowered, in the language spoken now."""
    said = []
    if lowered.shared_share < demand.shared_share - ROUNDING:
        text = _(
            "{wanted} % of locations shared is out of reach, {reached} % at most. Allow larger distances, more loss or "
            "more rooms in [sharing]."
        )
        asked, reached = (number(100 * one.shared_share, 2) for one in (demand, lowered))
        said.append(text.format(wanted=asked, reached=reached))
    for operator, wanted, won in zip(stock.operators, demand.gains, lowered.gains, strict=True):
        if won < wanted:
            text = _(
                "{operator} cannot win {wanted} hamlets on others' structures, {won} at most. Build new masts for the "
                "rest."
            )
            said.append(text.format(operator=operator, wanted=number(wanted), won=number(won)))
    return said


def _most_won(stock: Stock, moves: Moves, held: Demand, operator: int, time_limit_s: float) -> int:
    """Most hamlets an operator can win beside what is held."""
    asked = replace(held, gains=[*held.gains[:operator], 1, *held.gains[operator + 1 :]])
    written = sharing_program(stock, moves, asked)
    try:
        found = written.program.with_cost(-written.won[operator]).solved(time_limit_s=time_limit_s)
    except NoSolution:
        return 0
    return round(-found.objective)


def _largest_ratio(stock: Stock, moves: Moves, held: Demand, wanted: float, time_limit_s: float) -> float:
    """Largest share of shared locations beside what is held, at least where it is less than wanted."""
    written = sharing_program(stock, moves, held)
    shared_now, all_now, best = int((stock.tenants > 1).sum()), stock.rooms.size, -1.0
    ratio = wanted
    while True:
        aim = written.more_shared + ratio * written.fewer
        values = written.program.with_cost(-aim).solved(time_limit_s=time_limit_s).values
        shared, left = shared_now + written.more_shared @ values, all_now - written.fewer @ values
        ratio = float(np.round(shared) / np.round(left))
        if ratio >= wanted or ratio <= best:
            return max(ratio, best)
        best = ratio
