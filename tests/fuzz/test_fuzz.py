"""Some hundreds of damaged studies end as they should: read, told or refused, within time and memory, no row lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fuzz.mutate import KINDS
from tests.fuzz.run import fuzz

if TYPE_CHECKING:
    from pathlib import Path


def test_some_hundred_damaged_studies_are_read_told_or_refused(tmp_path: Path) -> None:
    tried = fuzz(tmp_path / "study", range(1, 211))
    assert tried.failures == []
    by_kind = {kind: sum(count for (one, _), count in tried.ended.items() if one == kind) for kind in KINDS}
    assert min(by_kind.values()) >= 20
    hit = sum(count for (_, how), count in tried.ended.items() if how in ("told", "stopped", "refused"))
    assert hit > 100  # the damages are ones that show


def test_a_case_is_its_seed(tmp_path: Path) -> None:
    first, again = (fuzz(tmp_path / name, range(5000, 5021)) for name in ("a", "b"))
    assert first.ended == again.ended
