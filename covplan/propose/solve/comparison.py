"""Ways to do the same, side by side: rows of resources/layers/comparison.csv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from covplan.study.language import MILLION

if TYPE_CHECKING:
    from collections.abc import Collection

    from covplan.propose.solve.cover import Choice


def bounded_row(
    method: str, year: int, *, served: int, cost_vnd: float, bound_vnd: float, seconds: float
) -> dict[str, Any]:
    """What a program found, and how far from the best it can be at most."""
    gap = (cost_vnd - bound_vnd) / cost_vnd if cost_vnd > 0 else 0.0
    return {
        "method": method, "year": year, "status": "feasible" if gap > 0 else "optimal", "served": served,
        "cost_vnd": cost_vnd, "built_vnd": cost_vnd, "bound_vnd": bound_vnd, "gap": gap, "seconds": seconds,
    }  # fmt: skip


def choice_columns(choice: Choice, built_vnd: float) -> dict[str, Any]:
    """What a choice of a covering program in million VND costs, and how far from the best it can be at most."""
    found = choice.solution
    return {
        "cost_vnd": choice.cost * MILLION,
        "built_vnd": built_vnd,
        "bound_vnd": found.bound * MILLION if found else np.nan,
        "gap": found.gap if found else np.nan,
        "status": str(found.status) if found else "no bound",
        "seconds": found.seconds if found else np.nan,
    }


def over_program(rows: list[dict[str, Any]], parts: Collection[str] = ()) -> pd.DataFrame:
    """The rows with what each costs over the first one, percent; parts of a way are no way to do it all."""
    table = pd.DataFrame(rows)
    whole = ~table["method"].isin(list(parts)) & (table["cost_vnd"].iloc[0] > 0)
    over = 100.0 * (table["cost_vnd"] / table["cost_vnd"].where(whole).iloc[0] - 1.0)
    return table.assign(over_program_pct=over.where(whole).round(2))
