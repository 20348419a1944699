"""What a workspace keeps with the study: the same when read back, made again when what it hangs on changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from covplan import Workspace, open_study
from covplan.pipeline import workspace as steps
from tests.study import small_study

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.folder import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return open_study(small_study(tmp_path / "study"))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that FTTH reach is found out."""
    times: list[int] = []
    judge = steps.judge

    def counted(*given: object) -> object:
        times.append(1)
        return judge(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "judge", counted)
    return times


def kept_files(study: Study) -> list[Path]:
    return sorted((study.path / ".cache" / "reach").iterdir())


def test_reach_is_found_once_and_read_back_the_same(study: Study, judged: list[int]) -> None:
    table, found = Workspace(study).land.reach
    again, found_again = Workspace(study).land.reach
    assert len(judged) == 1
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(again))
    assert found == found_again
    assert table["ftth"].notna().any()


def test_reach_is_found_again_when_what_it_hangs_on_changes(study: Study, judged: list[int]) -> None:
    Workspace(study).land.reach  # noqa: B018  # made when first asked for
    nodes = study.nodes.assign(ports_free=0)
    roads = study.roads.assign(geometry=study.roads.geometry.translate(5.0))
    fiber = study.settings.fiber.model_copy(update={"drop_m": 5.0})
    changes = [
        replace(study, nodes=nodes),
        replace(study, roads=roads),
        replace(study, settings=study.settings.model_copy(update={"fiber": fiber})),
        replace(study, dwellings=study.dwellings.iloc[:-1]),
    ]
    for number, changed in enumerate(changes, start=2):
        Workspace(changed).land.reach  # noqa: B018
        assert len(judged) == number
    assert not Workspace(changes[0]).land.reach[0]["ftth"].fillna(value=False).any()
    assert len(judged) == len(changes) + 1


@pytest.mark.parametrize("left", [0, 1, 100])
def test_reach_cut_short_on_disk_is_found_again(study: Study, judged: list[int], left: int) -> None:
    table, _ = Workspace(study).land.reach
    (kept,) = kept_files(study)
    kept.write_bytes(kept.read_bytes()[:left])
    again, _ = Workspace(study).land.reach
    assert len(judged) == 2
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(again))
    assert Workspace(study).land.reach
    assert len(judged) == 2
