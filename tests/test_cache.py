"""`covplan cache`: what is kept, for which run, when used; and what of it goes."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from covplan.cli import main
from covplan.study.kept_files import DAY_S, KeptFile, kept_files, kept_runs, most_kept_bytes, to_prune
from covplan.study.plan import proposed_folder
from tests.propose.test_proposals import DARK, EASY
from tests.study import small_study

if TYPE_CHECKING:
    from pathlib import Path


def covplan(*arguments: str | Path) -> Result:
    told = CliRunner(env={"COLUMNS": "300"}).invoke(main, [*map(str, arguments), "--lang", "en"])
    assert told.exit_code in (0, 2), told.output
    return told


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with which something of every kind is kept but weights."""
    folder = tmp_path_factory.mktemp("pattern")
    study = small_study(folder / "study", {**DARK, **EASY})
    assert covplan("coverage", study, "-o", folder / "out", "-t", "4G", "-p", "VTL").exit_code == 0
    assert covplan("propose", study, "-o", folder / "out", "-k", "share").exit_code == 0
    return study


@pytest.fixture
def study(pattern: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pattern, tmp_path / "study", copy_function=shutil.copy2)


def size(study: Path) -> int:
    return sum(path.stat().st_size for path in (study / ".cache").rglob("*") if path.is_file())


def test_what_is_kept_is_shown_by_kind_and_by_run_and_nothing_goes(study: Path) -> None:
    files, before = kept_files(study), size(study)
    assert {one.kind for one in files} == {"study", "loss", "links", "reception", "reach", "proposals"}
    assert (
        sum(one.size for one in files) + sum(path.stat().st_size for path in (study / ".cache" / "runs").iterdir())
        == before
    )
    runs = {one.command: one for one in kept_runs(study)}
    assert set(runs) == {"coverage", "propose"}
    assert all(one.as_it_stands for one in runs.values())
    assert {one.kind for one in files if "coverage" in one.runs} == {"study", "loss"}
    assert {one.kind for one in files if "propose" in one.runs} == {"study", "links", "reception", "reach", "proposals"}
    told = covplan("cache", study).output
    assert "Path loss of masts, on rasters" in told
    assert "covplan coverage" in told
    assert "as it stands" in told
    assert size(study) == before


def test_only_what_no_run_used_goes_and_the_next_run_computes_nothing_again(study: Path, tmp_path: Path) -> None:
    stale = study / ".cache" / "loss" / f"{'0' * 64}.loss"
    stale.write_bytes(b"x" * 1000)
    (study / ".cache" / "loss" / ".part-4000000-half").write_bytes(b"x")
    said = covplan("cache", study, "--unused").output
    assert "--prune would remove 1, 0 MB" in said
    assert stale.exists()
    before = {one.path for one in kept_files(study)}
    assert "removed: 1" in covplan("cache", study, "--unused", "--prune").output
    assert {one.path for one in kept_files(study)} == before - {stale}
    covplan("coverage", study, "-o", tmp_path / "out", "-t", "4G", "-p", "VTL")
    assert {one.path for one in kept_files(study)} == before - {stale}


def test_the_longest_unused_go_first_and_proposals_of_the_study_as_it_stands_never(study: Path) -> None:
    files = kept_files(study)
    old = next(one for one in files if one.kind == "loss")
    os.utime(old.path, (1e9, 1e9))
    most = (sum(one.size for one in files) - 1) / 1e6
    assert "removed: 1" in covplan("cache", study, "--most-mb", str(most), "--prune").output
    assert {one.path for one in files} - {one.path for one in kept_files(study)} == {old.path}
    covplan("cache", study, "--most-mb", "0", "--prune")
    assert [one.path for one in kept_files(study)] == [proposed_folder(study)]
    with (study / "study.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n# another study now\n")
    assert "as it was before" in covplan("cache", study).output
    covplan("cache", study, "--older-than", "0", "--prune")
    assert kept_files(study) == []


def test_age_size_and_use_add_up(tmp_path: Path) -> None:
    now = time.time()

    def file(name: str, days: float, runs: tuple[str, ...] = ("plan",), *, needed: bool = False) -> KeptFile:
        return KeptFile(tmp_path / name, "loss", 100, now - days * DAY_S, runs, needed)

    files = [file("a", 40, needed=True), file("b", 30), file("c", 20, ()), file("d", 10), file("e", 1)]

    def gone(**asked: float | bool) -> str:
        return "".join(one.path.name for one in to_prune(files, **asked))  # type: ignore[arg-type]

    assert gone() == ""
    assert gone(days=15) == "bc"
    assert gone(unused=True) == "c"
    assert gone(most_bytes=350) == "bc"
    assert gone(most_bytes=350, unused=True) == "cb"
    assert gone(most_bytes=0) == "bcde"


def test_nothing_is_removed_without_saying_what(study: Path, tmp_path: Path) -> None:
    before = size(study)
    told = covplan("cache", study, "--prune")
    assert (told.exit_code, "--older-than" in told.stderr) == (2, True)
    assert size(study) == before
    assert covplan("cache", tmp_path / "nowhere").exit_code == 2
    assert covplan("cache", small_study(tmp_path / "new")).exit_code == 0


def test_a_run_that_ends_with_more_than_the_most_removes_the_longest_unused(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = [one.path for one in kept_files(study) if one.kind == "loss"]
    stale = study / ".cache" / "loss" / f"{'0' * 64}.loss"
    stale.write_bytes(b"x" * 3_000_000)
    os.utime(stale, (1e9, 1e9))
    whole = size(study)
    monkeypatch.setenv("COVPLAN_CACHE_MB", str((whole + 100_000) / 1e6))
    assert "removed" not in covplan("coverage", study, "-o", tmp_path / "out", "-t", "4G", "-p", "VTL").stderr
    assert stale.exists()
    monkeypatch.setenv("COVPLAN_CACHE_MB", str((whole - 1_000_000) / 1e6))
    told = covplan("coverage", study, "-o", tmp_path / "other", "-t", "4G", "-p", "VTL")
    assert "the 1 longest unused were removed" in told.stderr
    assert not stale.exists()
    assert all(path.exists() for path in losses)


def test_what_the_run_used_and_what_the_study_needs_stays_though_it_be_more(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVPLAN_CACHE_MB", "0")
    covplan("coverage", study, "-o", tmp_path / "out", "-t", "4G", "-p", "VTL")
    assert {one.kind for one in kept_files(study)} == {"study", "loss", "proposals"}
    assert proposed_folder(study) in {one.path for one in kept_files(study)}


@pytest.mark.parametrize("said", ["much", "-1", "nan"])
def test_a_most_that_is_no_number_is_said_and_the_usual_counts(
    said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COVPLAN_CACHE_MB", said)
    assert most_kept_bytes() == 5e9
    assert said in caplog.text
