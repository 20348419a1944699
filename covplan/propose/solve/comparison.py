"""Ways to do the same, side by side: rows of resources/layers/comparison.csv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection


def bounded_row(
    method: str, year: int, *, served: int, cost_vnd: float, bound_vnd: float, seconds: float
) -> dict[str, Any]:
    """What a program found, and how far from the best it can be at most."""
    gap = (cost_vnd - bound_vnd) / cost_vnd if cost_vnd > 0 else 0.0
    return {
        "method": method, "year": year, "status": "feasible" if gap > 0 else "optimal", "served": served,
        "cost_vnd": cost_vnd, "built_vnd": cost_vnd, "bound_vnd": bound_vnd, "gap": gap, "seconds": seconds,
    }  # fmt: skip


def over_program(rows: list[dict[str, Any]], parts: Collection[str] = ()) -> pd.DataFrame:
    """The rows with what each costs over the first one, percent; parts of a way are no way to do it all."""
    table = pd.DataFrame(rows)
    whole = ~table["method"].isin(list(parts)) & (table["cost_vnd"].iloc[0] > 0)
    over = 100.0 * (table["cost_vnd"] / table["cost_vnd"].where(whole).iloc[0] - 1.0)
    return table.assign(over_program_pct=over.where(whole).round(2))
