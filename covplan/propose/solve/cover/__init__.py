"""Covering as whole-number programs on arrays: cheapest for a demand, most for a budget. Hamlets and places use both.

Nothing here knows masts or decibels: points are reached by actions, demands own points, actions may need a site.
"""

from covplan.propose.solve.cover.problem import (
    EXACT,
    NO_SITE,
    Choice,
    Cover,
    cost_of,
    cover,
    only,
    served_by,
    serving,
    stacked,
    unreachable,
)
from covplan.propose.solve.cover.program import (
    as_much_as_can_be,
    as_much_as_can_be_in_parts,
    least_cost,
    least_cost_in_parts,
    most_value,
    next_best,
)
from covplan.propose.solve.cover.reduction import dominated, merged

__all__ = [
    "EXACT",
    "NO_SITE",
    "Choice",
    "Cover",
    "as_much_as_can_be",
    "as_much_as_can_be_in_parts",
    "cost_of",
    "cover",
    "dominated",
    "least_cost",
    "least_cost_in_parts",
    "merged",
    "most_value",
    "next_best",
    "only",
    "served_by",
    "serving",
    "stacked",
    "unreachable",
]
