"""Proposals are kept with their study, each kind when it is done: what is kept is shown whole, what is not is said."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from covplan import pipeline
from covplan.cli import main
from covplan.pipeline import make_plan, propose, said_of_kept, with_kept_proposals
from covplan.study.folder import open_study
from covplan.study.kinds import KINDS
from covplan.study.language import speaking
from covplan.study.plan import PART_SUFFIX, PROPOSED, kept_kinds, proposed_folder
from tests.propose.test_proposals import DARK, EASY
from tests.study import small_study


@pytest.fixture
def folder(tmp_path):
    return small_study(tmp_path / "s", {**DARK, **EASY})


def proposed(folder, *kinds, **options):
    return propose(make_plan(open_study(folder)), kinds=kinds or KINDS, **options)[0]


def kept(folder):
    return with_kept_proposals(make_plan(open_study(folder)))


def told(folder):
    with speaking("en"):
        return said_of_kept(make_plan(open_study(folder)))


def same(one, other):
    for name in PROPOSED:
        tables = [pd.DataFrame(getattr(plan, name)).astype(object) for plan in (one, other)]
        mine, others = (table.where(table.notna(), None).to_csv().replace("-0.0,", "0.0,") for table in tables)
        assert mine == others, name
    assert one.proposed_kinds == other.proposed_kinds


def test_kinds_proposed_one_by_one_add_up_and_their_years_are_given_over_all(folder):
    assert kept(folder) is None
    assert told(folder) == []
    first = proposed(folder, "place_5g")
    same(kept(folder), first)
    (line,) = told(folder)
    assert line.startswith("Not proposed yet: White spots, Supply curve, Fiber, Sharing (covplan propose ")
    second = proposed(folder, "fiber")
    assert set(second.proposals["kind"]) == {"place_5g", "fiber"}
    assert second.proposals["year"].notna().all()
    same(kept(folder), second)
    apart = proposed(folder, "white_spot", "supply_curve", "share")
    whole = small_study(folder.parent / "whole", {**DARK, **EASY})
    together = proposed(whole)
    same(kept(whole), together)
    assert told(whole) == told(folder) == []
    assert apart.proposed_kinds == together.proposed_kinds == KINDS
    assert set(apart.comparison["kind"]) == set(together.comparison["kind"]) - {"trench"}
    assert len(apart.not_served) == len(together.not_served)


def test_a_kind_proposed_again_by_itself_leaves_the_other_as_it_is_by_itself(folder):
    joint = proposed(folder, "white_spot", "fiber")
    assert joint.proposals["action"].eq("backhaul").any()
    again = proposed(folder, "fiber")
    assert not again.proposals["action"].eq("backhaul").any()  # each mast pays for its own way again
    assert set(again.proposals["kind"]) == {"white_spot", "fiber"}
    assert "trench" not in set(again.comparison["kind"])
    same(kept(folder), again)


def test_what_was_done_before_a_run_was_stopped_is_kept_whole(folder, monkeypatch):
    def stopped(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("covplan.pipeline.proposed.propose_places_5g", stopped)
    with pytest.raises(KeyboardInterrupt):
        proposed(folder)
    found = kept(folder)
    assert set(found.proposals["kind"]) == {"white_spot", "fiber"}
    assert found.proposed_kinds == ("white_spot", "supply_curve", "fiber")
    stopped, missing, years = told(folder)
    assert "still to be done: 5G at places, Sharing. To go on: covplan propose " in stopped
    assert "5G at places, Sharing" in missing
    assert "not yet under the budgets" in years


def test_a_damaged_file_and_a_changed_study_are_said_not_passed_over(folder):
    proposed(folder, "place_5g", "share")
    where = proposed_folder(folder)
    assert kept_kinds(where) == {"place_5g", "share"}
    whole = (where / f"place_5g{PART_SUFFIX}").read_bytes()
    (where / f"place_5g{PART_SUFFIX}").write_bytes(whole[: len(whole) // 2])
    (where / ".part-fiber.gpkg").write_bytes(b"being written when the light went out")
    assert "place_5g" not in set(kept(folder).proposals["kind"])
    assert told(folder)[0] == "5G at places: what was kept of it cannot be read; propose it again"
    proposed(folder, "place_5g")
    assert kept(folder).proposed_kinds == ("place_5g", "share")
    with (folder / "study.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n# another study now\n")
    assert kept(folder) is None
    (line,) = told(folder)
    assert line.startswith("Proposals are kept for this study as it was before")


def test_a_study_changed_in_memory_neither_keeps_nor_finds_proposals(folder):
    proposed(folder, "place_5g")
    workspace = pipeline.Workspace(open_study(folder))
    other = make_plan(workspace.changed(settings=workspace.settings))
    assert with_kept_proposals(other) is None
    before = sorted(proposed_folder(folder).iterdir())
    propose(other, kinds=("share",))
    assert sorted(proposed_folder(folder).iterdir()) == before


def run(*arguments):
    told = CliRunner().invoke(main, [*map(str, arguments), "--lang", "en"])
    assert told.exit_code == 0, told.output
    return " ".join(told.output.split())


def test_every_command_shows_what_is_kept_and_says_which_kinds_are_missing(folder, tmp_path):
    run("propose", folder, "-o", tmp_path / "out", "-k", "place_5g")
    for command in ("plan", "map", "export", "documents"):
        said = run(command, folder, "-o", tmp_path / command)
        assert "Not proposed yet: White spots, Supply curve, Fiber, Sharing" in said, command
        assert "No proposals yet" not in said, command
    assert "everything is current" in run("plan", folder, "-o", tmp_path / "plan")
    run("propose", folder, "-o", tmp_path / "out", "-k", "fiber")
    assert "map.html" in run("plan", folder, "-o", tmp_path / "plan")  # there is more to show now
    run("plan", folder, "-o", tmp_path / "plan", "--propose")
    assert with_kept_proposals(make_plan(open_study(folder))).proposed_kinds == KINDS
    assert "everything is current" in run("plan", folder, "-o", tmp_path / "plan", "--propose")
