"""How firm a sharing plan is: under other costs and signals, almost as good, and without one of its rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from covplan.propose.sharing import options
from covplan.propose.sharing.options import INDICATOR
from covplan.propose.sharing.program import share, sharing_program
from covplan.propose.solve.alternatives import (
    SCENARIOS,
    Scenario,
    chosen_under,
    frequency,
    near_optimal,
    price_of_rules,
)
from covplan.study.codes import NOBODY
from covplan.study.language import N_, _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from covplan.propose.sharing.options import Case, Market, Reception
    from covplan.propose.sharing.program import Demand
    from covplan.study.settings import Settings

RULES = {
    "quota": N_("BTS_SHARE_RATIO: the share of locations that must be shared"),
    "loss": N_("[sharing] hamlet_loss_share: no operator loses more hamlets"),
    "overlap": N_("[sharing] overlap_share: a station keeps its households"),
    "a1_only_radius": N_("[[rules]] only non-bulky structures around headquarters"),
}


def key_of(market: Market, rows: NDArray[np.int64]) -> list[str]:
    """What moves are called whatever the scenario: operator, structure left, structure joined."""
    ids = market.locations["location_id"].to_numpy()
    names = []
    moves = market.moves.iloc[rows]
    for tenancy, operator, host in zip(moves["tenancy"], moves["operator"], moves["host"], strict=True):
        origin = ids[market.tenancies["location"].iloc[tenancy]] if tenancy != NOBODY else ""
        names.append(f"{market.operators[operator]} {origin}>{ids[host]}")
    return names


def under_scenarios(
    market: Market,
    reception: Reception,
    settings: Settings,
    scenarios: Sequence[Scenario] = SCENARIOS,
    *,
    most: Demand | None = None,
) -> pd.DataFrame:
    """Moves chosen by scenario, by their keys (`alternatives.chosen_under`).

    Parameters
    ----------
    most : Demand, optional
        Where the demand had to be lowered: more than this is not asked in any scenario.
    """

    def plan(scenario: Scenario) -> list[str]:
        one = options.case(market, reception, settings, level=scenario.level, shift_db=scenario.shift_db)
        demand = one.demand
        if most is not None:
            gains = [min(pair) for pair in zip(demand.gains, most.gains, strict=True)]
            demand = replace(demand, shared_share=min(demand.shared_share, most.shared_share), gains=gains)
        shared = share(one.stock, one.moves, demand, goal=settings.sharing.goal, **_limits(settings))
        return key_of(market, one.rows[shared.chosen])

    return chosen_under(plan, scenarios)


def with_confidence(
    proposals: gpd.GeoDataFrame, moves: pd.DataFrame, market: Market, chosen: pd.DataFrame
) -> gpd.GeoDataFrame:
    """The proposals with the share of the scenarios in which each is chosen.

    Parameters
    ----------
    moves : DataFrame
        Their figures (`figures.moves_table`), in the same order.
    chosen : DataFrame
        `under_scenarios`.
    """
    often = frequency(chosen)
    keys = key_of(market, moves["move"].to_numpy(np.int64))
    return proposals.assign(confidence=[float(often.get(key, 0.0)) for key in keys])


def other_plans(case: Case, market: Market, settings: Settings, *, slack_share: float = 0.05) -> pd.DataFrame:
    """Plans within a share of the best aim: a row per move, by its key, a column per plan, the best first.

    Not used by a command yet.
    """
    written = sharing_program(case.stock, case.moves, case.demand)
    aim = written.outlay_vnd if settings.sharing.goal == "target" else written.present_vnd
    program = written.program.with_cost(aim)
    best = program.solved(**_limits(settings))
    plans = near_optimal(program, best, np.arange(case.moves.host.size), slack_share=slack_share, **_limits(settings))
    used = plans.any(axis=0)
    return pd.DataFrame(plans[:, used].T, index=key_of(market, case.rows[used]))


def rule_prices(make: Callable[[Settings], tuple[Market, Reception]], settings: Settings) -> pd.DataFrame:
    """What each rule of the sharing plan costs in outlay, VND (`alternatives.price_of_rules`).

    Not used by a command yet.

    Parameters
    ----------
    make : callable
        Market and signals under settings: rules on structures change who can move.
    """
    market, reception = make(settings)

    def cost(without: str | None) -> float:
        changed = _without(settings, without)
        one = options.case(*((market, reception) if without != "a1_only_radius" else make(changed)), changed)
        shared = share(one.stock, one.moves, one.demand, goal=settings.sharing.goal, **_limits(settings))
        return shared.outlay_vnd if settings.sharing.goal == "target" else -shared.saving_vnd

    return price_of_rules(cost, {rule: _(meaning) for rule, meaning in RULES.items()})


def _without(settings: Settings, rule: str | None) -> Settings:
    sharing, targets, rules = settings.sharing, settings.targets, settings.rules
    if rule == "quota":
        targets = targets | {INDICATOR: targets[INDICATOR].model_copy(update={"target_2025": None})}
    elif rule == "loss":
        sharing = sharing.model_copy(update={"hamlet_loss_share": 1.0})
    elif rule == "overlap":
        sharing = sharing.model_copy(update={"overlap_share": 0.0})
    elif rule == "a1_only_radius":
        rules = tuple(one for one in rules if one.rule != rule)
    return settings.model_copy(update={"sharing": sharing, "targets": targets, "rules": rules})


def _limits(settings: Settings) -> dict[str, Any]:
    return {"gap": settings.propose.gap, "time_limit_s": settings.propose.time_limit_s}
