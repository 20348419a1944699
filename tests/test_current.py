"""What is called current is: all inputs, settings, code and every byte of every file say so; what is not is said."""

from __future__ import annotations

import os
import shutil
from itertools import count
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from covplan.cli import main
from covplan.pipeline import make_plan, propose
from covplan.pipeline import proposed as proposed_module
from covplan.pipeline.kept import said_of_folder
from covplan.study import files, plan
from covplan.study.cache import is_kept, keep, kept
from covplan.study.folder import open_study, study_key
from covplan.study.kinds import KINDS
from covplan.study.language import speaking
from covplan.study.plan import PART_SUFFIX, part_files, proposed_folder, read_run
from tests.propose.test_proposals import DARK, EASY
from tests.study import small_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CURRENT = "everything is current"


def covplan(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(main, [*map(str, arguments), "--lang", "en"])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study and its plan; tests work on copies."""
    folder = tmp_path_factory.mktemp("pattern")
    assert covplan("plan", small_study(folder / "study"), "-o", folder / "out").exit_code == 0
    return folder


@pytest.fixture
def planned(pattern: Path, tmp_path: Path) -> tuple[Path, Path]:
    return shutil.copytree(pattern / "study", tmp_path / "study"), shutil.copytree(pattern / "out", tmp_path / "out")


@pytest.mark.parametrize(
    ("lost", "how"),
    [("parts.csv", "deleted"), ("signals.csv", "a byte"), ("curves.csv", "emptied"), ("evidence.csv", "a byte"),
     ("reliability.csv", "deleted")],
)  # fmt: skip
def test_every_table_of_a_plan_that_is_lost_or_damaged_is_made_again(
    planned: tuple[Path, Path], lost: str, how: str
) -> None:
    study, out = planned
    whole = (out / lost).read_bytes()
    if how == "deleted":
        (out / lost).unlink()
    else:
        (out / lost).write_bytes(b"" if how == "emptied" else whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
    told = covplan("plan", study, "-o", out)
    assert (told.exit_code, CURRENT in told.output) == (0, False)
    assert (out / lost).read_bytes() == whole
    assert CURRENT in covplan("plan", study, "-o", out).output


def test_an_antenna_pattern_added_changed_renamed_or_removed_makes_a_plan_old(planned: tuple[Path, Path]) -> None:
    study, out = planned
    assert CURRENT in covplan("plan", study, "-o", out).output
    pattern = study / "antennas" / "mine.msi"

    def changes() -> None:
        assert CURRENT not in covplan("plan", study, "-o", out).output
        assert CURRENT in covplan("plan", study, "-o", out).output

    keys = [study_key(study)]
    pattern.parent.mkdir()
    pattern.write_text("NAME mine\nGAIN 15 dBd\n", encoding="utf-8")
    keys.append(study_key(study))
    changes()
    pattern.write_text("NAME mine\nGAIN 16 dBd\n", encoding="utf-8")
    keys.append(study_key(study))
    pattern = pattern.rename(pattern.with_name("other.msi"))
    keys.append(study_key(study))
    assert len(set(keys)) == len(keys)
    pattern.unlink()
    assert study_key(study) == keys[0]


def test_files_that_gdal_reads_beside_a_raster_are_inputs_and_its_statistics_are_not(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    keys = [study_key(study)]
    beside = study / "elevation.tif.aux.xml"
    for text in ("<PAMDataset><SRS>EPSG:9210</SRS></PAMDataset>", "<PAMDataset><GeoTransform>0</GeoTransform>"):
        beside.write_text(text, encoding="utf-8")
        keys.append(study_key(study))
    assert len(set(keys)) == len(keys)
    beside.write_text('<PAMDataset><Metadata><MDI key="STATISTICS_MEAN">3</MDI></Metadata>', encoding="utf-8")
    assert study_key(study) == keys[0]


def test_another_code_of_the_same_version_makes_its_own_plan(
    planned: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, out = planned
    monkeypatch.setattr(files, "code_digest", lambda: "changed")
    assert CURRENT not in covplan("plan", study, "-o", out).output


def test_the_map_is_made_again_when_there_are_other_pages_to_link_to(planned: tuple[Path, Path]) -> None:
    study, out = planned
    assert covplan("sheet", study, "T-02200-1", "-o", out).exit_code == 0
    told = covplan("plan", study, "-o", out)
    assert "map.html" in told.output.splitlines()[-1]
    assert CURRENT in covplan("plan", study, "-o", out).output


@pytest.mark.parametrize("inside", ["results", "antennas", ".cache/out", "deep/er", "../study/out"])
def test_results_do_not_go_into_a_folder_of_the_study(planned: tuple[Path, Path], inside: str) -> None:
    study, _out = planned
    before = contents(study)
    commands = ["plan", "check", "propose", "coverage", "map", "export", "documents", "fiber", "calibrate"]
    for command in commands:
        told = covplan(command, study, "-o", study / inside)
        assert (told.exit_code, "choose another --out" in told.stderr) == (2, True), command
    assert contents(study) == before


def test_a_new_study_does_not_replace_the_folder_that_the_old_one_lies_in(planned: tuple[Path, Path]) -> None:
    study, out = planned
    before = contents(study.parent)
    told = covplan("readback", study, out / "master_plan.gpkg", "-o", study.parent, "--overwrite")
    assert (told.exit_code, "lies in" in told.stderr) == (2, True)
    assert contents(study.parent) == before


@pytest.fixture
def proposed(tmp_path: Path) -> tuple[Path, Path]:
    """A study with kept proposals, and their folder."""
    study = small_study(tmp_path / "s", {**DARK, **EASY})
    propose(make_plan(open_study(study)), kinds=("place_5g", "share"))
    folder = proposed_folder(study)
    assert folder is not None
    return study, folder


def damaged(path: Path, how: str) -> None:
    whole = path.read_bytes()
    path.unlink()
    if how == "a folder":
        path.mkdir()
        (path / "x").write_bytes(b"x")
    else:
        parts = {
            "empty": b"",
            "half": whole[: len(whole) // 2],
            "a byte": whole[:-9] + bytes([whole[-9] ^ 64]) + whole[-8:],
        }
        path.write_bytes(parts[how])


@pytest.mark.parametrize("how", ["half", "a folder"])
def test_no_command_leaves_damaged_proposals_out_in_silence_and_plan_makes_them_again(
    proposed: tuple[Path, Path], how: str, tmp_path: Path
) -> None:
    study, folder = proposed
    out = tmp_path / "out"
    whole = covplan("plan", study, "-o", out)
    assert whole.exit_code == 0, whole.output
    rows = (out / "proposals.csv").read_bytes()
    damaged(folder / f"place_5g{PART_SUFFIX}", how)
    cannot = "5G at places: what was kept of it cannot be read; propose it again"
    for command in ("plan", "plan", "map", "export", "documents"):
        told = covplan(command, study, "-o", out, *["--overwrite"][: command in ("export", "documents")])
        assert (told.exit_code, cannot in told.output) == (0, True), (command, told.output)
    assert cannot in covplan("sheet", study, "T-02200-1", "-o", out).stderr
    told = covplan("plan", study, "-o", out, "--propose")
    assert (told.exit_code, cannot in told.output.splitlines()) == (0, False)
    assert set(part_files(folder)) >= {"place_5g", "share"}
    assert all(is_kept(path) for path in part_files(folder).values())
    assert b"place_5g" in (out / "proposals.csv").read_bytes()
    assert b"place_5g" in rows


def test_proposals_of_another_study_do_not_stay_among_the_results(proposed: tuple[Path, Path], tmp_path: Path) -> None:
    study, _folder = proposed
    out = tmp_path / "out"
    covplan("propose", study, "-o", out, "-k", "share", "-k", "place_5g")
    assert (out / "proposals.csv").is_file()
    (out / "comparison.csv").write_text("mine now", encoding="utf-8")
    with (study / "study.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n# another study now\n")
    told = covplan("plan", study, "-o", out)
    assert "Proposals are kept for this study as it was before" in told.output
    assert not (out / "proposals.csv").exists()
    assert (out / "comparison.csv").read_text(encoding="utf-8") == "mine now"  # somebody's, by now


class Killed(BaseException):
    """As good as dead."""


@pytest.mark.parametrize(("nth", "done", "again"), [(4, [], "wfps"), (5, ["White spots"], "wfps"), (12, [], "ps")])
def test_a_stopped_propose_goes_on_from_what_is_done_and_ends_as_one_that_was_not(
    nth: int, done: list[str], again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = (small_study(tmp_path / name, {**DARK, **EASY}) for name in ("whole", "cut"))
    told: list[str] = []
    with speaking("en"):
        expected, said = propose(make_plan(open_study(whole)), kinds=KINDS)
        with monkeypatch.context() as patched:
            patched.setattr(plan, "keep", killed_at(nth))
            with pytest.raises(Killed):
                propose(make_plan(open_study(cut)), kinds=KINDS)
        run = read_run(proposed_folder(cut))
        assert run is not None
        (line,) = said_of_folder(cut)
        assert line.endswith(f"To go on: covplan propose {cut}")
        made: list[str] = []
        for name in ("propose_white_spots", "propose_fiber", "propose_places_5g", "propose_sharing"):
            monkeypatch.setattr(proposed_module, name, counted(getattr(proposed_module, name), made))
        got, got_said = propose(make_plan(open_study(cut)), kinds=KINDS, progress=told.append)
        assert said_of_folder(cut) == []
    goes_on = [one for one in told if "goes on where the last run was stopped" in one]
    assert len(goes_on) == bool(run.done)
    assert all(name in goes_on[0] for name in done)
    assert [name.removeprefix("propose_")[0] for name in made] == list(again)
    assert got_said == said
    for name in plan.PROPOSED:
        mine, others = (
            getattr(one, name).drop(columns=["geometry", "seconds"], errors="ignore").to_csv()
            for one in (got, expected)
        )
        assert mine == others, name


def killed_at(nth: int) -> Callable[[Path, bytes], bool]:
    """`keep`, until it is called for the nth time."""
    calls = count(1)

    def keep_or_die(path: Path, content: bytes) -> bool:
        if next(calls) == nth:
            raise Killed
        return keep(path, content)

    return keep_or_die


def counted(function: Callable[..., object], names: list[str]) -> Callable[..., object]:
    """A function that notes its name when it is called."""

    def call(*given: object, **named: object) -> object:
        names.append(function.__name__)
        return function(*given, **named)

    return call


def test_a_kept_file_is_read_as_it_was_written_or_not_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "c" / "one.kept"
    content = os.urandom(300)
    assert kept(path) is None
    assert not caplog.records
    assert keep(path, content)
    assert kept(path) == content
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert kept(path) is None
        path.write_bytes(whole[:at])
        assert kept(path) is None
    assert len(caplog.records) == 2 * len(whole)
    path.unlink()
    (path / "x").mkdir(parents=True)
    assert kept(path) is None
    assert keep(path, content)
    assert kept(path) == content
