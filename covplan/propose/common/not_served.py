"""What a program leaves out, each with why and what would help: rows of the layer `not_served`, for all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from covplan.study.language import columns_in_both
from covplan.study.plan import result_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DECISION = "decision"


def left_out(
    kind: str, object_kind: str, object_id: str, cause: str, *, words: Callable[[], tuple[str, str]], **columns: Any
) -> dict[str, Any]:
    """A row of the layer.

    Parameters
    ----------
    words : callable
        Why it is left out and what would help, in the language spoken now.
    columns
        name, households, operator, where there are any.
    """
    said = columns_in_both(reason=lambda: words()[0], helps=lambda: words()[1])
    return {"kind": kind, "object_kind": object_kind, "object_id": object_id, "cause": cause, **said, **columns}


def not_served_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `left_out` as the layer."""
    return result_table("not_served", pd.DataFrame(list(rows)))
