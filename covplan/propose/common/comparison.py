"""The program beside what a planner would do by habit: columns that every kind's comparison has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from covplan.study.language import MILLION

if TYPE_CHECKING:
    import pandas as pd

    from covplan.propose.solve.cover import Choice


def money_and_bound(choice: Choice, built_vnd: float) -> dict[str, Any]:
    """What a choice of a program in million VND costs, and how far from the best it may be."""
    found = choice.solution
    return {
        "cost_vnd": choice.cost * MILLION,
        "built_vnd": built_vnd,
        "bound_vnd": found.bound * MILLION if found else np.nan,
        "gap": found.gap if found else np.nan,
        "status": str(found.status) if found else "no bound",
        "seconds": found.seconds if found else np.nan,
    }


def over_pct(cost_vnd: pd.Series, program_vnd: pd.Series | float) -> pd.Series:
    """What methods cost more than the program, per cent."""
    return (100.0 * (cost_vnd / program_vnd - 1.0)).round(2)
