"""The commands as a user types them: what they write, what they leave alone, what they say and how they end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from covplan.cli import main
from covplan.pipeline import Workspace
from covplan.radio.links import receive
from covplan.study.folder import open_study
from tests.study import EPSG, SIDE, SOUTH, WEST, small_study

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = ("indicators.csv", "findings.csv", "master_plan.gpkg", "map.html")
HEAVY = {"geopandas", "numba", "pandas", "numpy", "rasterio", "pyogrio", "folium", "scipy", "pydantic", "rich"}


def covplan(*arguments: str | Path) -> Result:
    """Run a command in a wide terminal, so that tables do not break their words."""
    return CliRunner(env={"COLUMNS": "300"}).invoke(main, [str(one) for one in arguments])


def two_ids_alike(villages: pd.DataFrame) -> pd.DataFrame:
    villages.loc[1, "village_id"] = villages.loc[0, "village_id"]
    return villages


def times(out: Path) -> dict[str, int]:
    return {name: (out / name).stat().st_mtime_ns for name in OUTPUTS}


def aged(out: Path) -> dict[str, int]:
    """Set the outputs' times back, so that a file written anew shows; returns the times."""
    for name in OUTPUTS:
        os.utime(out / name, (1_000_000_000, 1_000_000_000))
    return times(out)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study and, in out/, its plan; tests work on copies."""
    folder = tmp_path_factory.mktemp("pattern")
    assert covplan("plan", small_study(folder / "study"), "-o", folder / "out").exit_code == 0
    return folder


@pytest.fixture
def study(pattern: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pattern / "study", tmp_path / "study")


@pytest.fixture
def planned(study: Path, pattern: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A study and its plan, whose files are old."""
    out = shutil.copytree(pattern / "out", tmp_path / "out")
    aged(out)
    return study, out


def test_a_plan_is_four_files_and_a_table(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with warnings.catch_warnings():
        # pyproj about numpy, where both are the lowest versions.
        warnings.filterwarnings("ignore", "Conversion of an array with ndim > 0", DeprecationWarning)
        told = covplan("plan", study, "-o", out)
    assert (told.exit_code, told.stderr) == (0, "")
    assert all((out / name).stat().st_size > 0 for name in OUTPUTS)
    assert not [path.name for path in out.iterdir() if path.name.startswith(".part")]
    assert "Tỉnh thử" in told.stdout
    assert "14,03" in told.stdout  # the baseline of the sharing ratio, as Vietnamese writes it
    assert pd.read_csv(out / "indicators.csv")["indicator"].is_unique


def test_a_plan_writes_nothing_into_the_study_but_what_it_keeps_in_cache(study: Path, tmp_path: Path) -> None:
    def files() -> dict[Path, bytes]:
        found = (path for path in study.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in found if ".cache" not in path.parts}

    before = files()
    covplan("plan", study, "-o", tmp_path / "out")
    covplan("check", study, "-o", tmp_path / "out")
    assert files() == before


def test_a_second_run_says_so_and_writes_nothing(planned: tuple[Path, Path]) -> None:
    study, out = planned
    before = times(out)
    told = covplan("plan", study, "-o", out)
    assert told.exit_code == 0
    assert "mới nhất" in told.stdout
    assert times(out) == before


@pytest.mark.parametrize("lost", OUTPUTS)
def test_only_the_lost_output_is_made_again(planned: tuple[Path, Path], lost: str) -> None:
    study, out = planned
    before, content = times(out), (out / lost).read_bytes()
    (out / lost).unlink()
    told = covplan("plan", study, "-o", out)
    assert told.exit_code == 0, told.stderr
    assert (out / lost).read_bytes() == content
    # The findings are written together with the indicators.
    together = {"indicators.csv", "findings.csv"} if lost in ("indicators.csv", "findings.csv") else {lost}
    after = times(out)
    assert {name for name in OUTPUTS if after[name] != before[name]} <= together


@pytest.mark.parametrize("hurt", ["findings.csv", "map.html"])
def test_an_output_changed_by_somebody_is_made_again(planned: tuple[Path, Path], hurt: str) -> None:
    study, out = planned
    content = (out / hurt).read_bytes()
    (out / hurt).write_bytes(content[: len(content) // 2])
    assert covplan("plan", study, "-o", out).exit_code == 0
    assert (out / hurt).read_bytes() == content


@pytest.mark.parametrize("file", ["study.toml", "villages.gpkg", "elevation.tif"])
def test_every_output_is_made_again_when_an_input_changed(planned: tuple[Path, Path], file: str) -> None:
    study, out = planned
    before = times(out)
    path = study / file
    if file == "villages.gpkg":
        changed = small_study(study.parent / "other", villages=lambda table: table.assign(declared_mobile="covered"))
        path.write_bytes((changed / file).read_bytes())
    elif file == "elevation.tif":
        path.write_bytes(path.read_bytes() + b"\0")
    else:
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    told = covplan("plan", study, "-o", out)
    assert told.exit_code == 0, told.stderr
    after = times(out)
    assert all(after[name] != before[name] for name in OUTPUTS)


def test_force_makes_everything_again_with_the_same_bytes(planned: tuple[Path, Path]) -> None:
    study, out = planned
    before, content = times(out), {name: (out / name).read_bytes() for name in OUTPUTS}
    assert covplan("plan", study, "-o", out, "--force").exit_code == 0
    after = times(out)
    assert all(after[name] != before[name] for name in OUTPUTS)
    assert {name: (out / name).read_bytes() for name in OUTPUTS} == content


def test_an_unreadable_memory_of_the_last_run_costs_a_run_not_an_error(planned: tuple[Path, Path]) -> None:
    study, out = planned
    (out / ".covplan.json").write_text('{"indicators.csv": ', encoding="utf-8")
    assert covplan("plan", study, "-o", out).exit_code == 0
    assert "mới nhất" in covplan("plan", study, "-o", out).stdout


def test_a_study_that_broke_leaves_the_former_plan_alone(planned: tuple[Path, Path]) -> None:
    study, out = planned
    before = {name: (out / name).read_bytes() for name in OUTPUTS}
    (study / "villages.gpkg").write_bytes(b"broken")
    told = covplan("plan", study, "-o", out)
    assert told.exit_code == 2
    assert "villages.gpkg" in told.stderr
    assert {name: (out / name).read_bytes() for name in OUTPUTS} == before


def test_english_tables_on_request(study: Path, tmp_path: Path) -> None:
    told = covplan("plan", study, "-o", tmp_path / "out", "--lang", "en")
    assert told.exit_code == 0
    assert "Baseline" in told.stdout
    findings = pd.read_csv(tmp_path / "out" / "findings.csv")
    assert findings["problem"].map(str.isascii).all()
    assert len(findings)


def test_vietnamese_advice_holds_no_english(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", stations=lambda table: table.assign(statuss="existing"))
    covplan("check", study, "-o", tmp_path / "out")
    found = pd.read_csv(tmp_path / "out" / "findings.csv", keep_default_na=False).set_index("check")
    said = " ".join(found.loc["unknown_column", ["problem", "done", "advice"]])
    assert "statuss" in said
    assert "Did you mean" not in said


def test_results_do_not_go_into_the_study_itself(study: Path) -> None:
    before = sorted(study.iterdir())
    for command in ("plan", "check"):
        told = covplan(command, study, "-o", study / ".." / study.name)
        assert told.exit_code == 2, command
        assert "--out" in told.stderr
    assert sorted(study.iterdir()) == before


@pytest.mark.parametrize("command", ["plan", "check", "indicators", "settings"])
def test_a_missing_study_is_one_clear_message(command: str, tmp_path: Path) -> None:
    out = ["-o", tmp_path / "out"] if command in ("plan", "check") else []
    told = covplan(command, tmp_path / "nowhere", *out)
    assert told.exit_code == 2
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1
    assert "nowhere" in told.stderr
    assert "covplan sample" in told.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("line", "said"), [("[grid]\ncel_m = 30\n", "cell_m"), ("[grid\n", "không đúng cú pháp TOML")])
def test_a_wrong_setting_is_named_with_what_was_meant(line: str, said: str, study: Path) -> None:
    (study / "study.toml").write_text(line, encoding="utf-8")
    told = covplan("indicators", study)
    assert told.exit_code == 2
    assert "study.toml" in told.stderr
    assert said in told.stderr


def test_check_passes_a_clean_study(study: Path, tmp_path: Path) -> None:
    told = covplan("check", study, "-o", tmp_path / "out")
    assert (told.exit_code, told.stderr) == (0, "")
    assert (tmp_path / "out" / "findings.csv").is_file()
    assert not (tmp_path / "out" / "set_aside").exists()


def test_piped_tables_hold_whole_cells(tmp_path: Path) -> None:
    name = "Thôn có một cái tên dài hơn mọi cột của một cửa sổ tám mươi cột, viết kiểu này:  hai khoảng trắng"
    folder = small_study(tmp_path / "study", villages=lambda t: t.assign(name=[name, *t["name"][1:]]))
    command = [sys.executable, "-m", "covplan", "check", str(folder), "-o", str(tmp_path / "out"), "--lang", "en"]
    narrow = os.environ | {"COLUMNS": "80"}
    told = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env=narrow)  # noqa: S603
    piped = told.stdout
    row = next(line for line in piped.splitlines() if "stray blanks" in line)
    findings = pd.read_csv(tmp_path / "out" / "findings.csv", dtype=str, keep_default_na=False)
    written = findings.set_index("check").loc["text_normalised"]
    assert [written[part] in row for part in ("column", "value", "problem", "done", "advice")] == [True] * 5
    assert "…" not in piped


def test_check_goes_on_when_a_row_cannot_be_used(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", villages=two_ids_alike)
    told = covplan("check", study, "-o", tmp_path / "out")
    assert told.exit_code == 0
    assert "T-02200-1" in told.stdout
    assert list(pd.read_csv(tmp_path / "out" / "set_aside" / "villages.csv")["reasons"]) == ["duplicate_id"]


def test_a_baseline_of_another_province_is_starred_and_said_under_the_table(tmp_path: Path) -> None:
    merged = {"province": {"name": "T", "boundaries": "2025-07"}}
    told = covplan("plan", small_study(tmp_path / "study", merged), "-o", tmp_path / "out", "--lang", "en").stdout
    sharing = next(line for line in told.splitlines() if "BTS site sharing ratio (stock)" in line)
    assert "14.03*" in sharing
    assert "50*" not in sharing
    assert "–*" not in told
    assert "* The baseline and the targets are those of the province before the merger of July 2025" in told
    assert "those of the province before the merger" in (tmp_path / "out" / "map.html").read_text(encoding="utf-8")


def test_the_fiber_plan_says_that_its_targets_are_of_another_province(tmp_path: Path) -> None:
    said = "those of the province before the merger"
    merged = {"province": {"name": "T", "boundaries": "2025-07"}}
    study = small_study(tmp_path / "study", merged)
    told = covplan("fiber", study, "-o", tmp_path / "out", "--lang", "en")
    assert (told.exit_code, said in told.stdout) == (0, True)
    own = covplan("fiber", study, "-o", tmp_path / "own", "--target", "90", "--lang", "en")
    assert (own.exit_code, said in own.stdout) == (0, False)


def test_many_findings_of_one_kind_are_one_line_on_the_screen_and_all_in_the_file(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", stations=lambda table: table.assign(max_tenants=40))
    told = covplan("check", study, "-o", tmp_path / "out", "--lang", "en")
    assert told.stdout.count("Outside the range 1…6") == 1
    assert "2 and 6 more" in told.stdout  # the first line under the header
    found = pd.read_csv(tmp_path / "out" / "findings.csv")
    assert (found["check"] == "cell_out_of_range").sum() == 7


def test_check_fails_on_what_stops_a_run_and_names_it(study: Path, tmp_path: Path) -> None:
    (study / "bts_sites.csv").unlink()
    told = covplan("check", study, "-o", tmp_path / "out", "--lang", "en")
    assert told.exit_code == 1
    assert "The file is missing." in told.stdout
    found = pd.read_csv(tmp_path / "out" / "findings.csv")
    assert found.loc[found["severity"] == "fatal", "file"].tolist() == ["bts_sites.csv"]


def test_check_fails_on_a_check_the_study_calls_strict(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", {"checks": {"strict": ["duplicate_id"]}}, villages=two_ids_alike)
    assert covplan("check", study, "-o", tmp_path / "out").exit_code == 1


def test_a_name_that_looks_like_markup_is_shown_as_it_stands(tmp_path: Path) -> None:
    study = small_study(
        tmp_path / "study",
        {"province": {"name": "[red]Tỉnh[/] [link=x"}},
        stations=lambda table: table.assign(name=["=[bold]1+1[/nope]"] + ["x"] * 6),
    )
    assert "[red]Tỉnh[/] [link=x" in covplan("plan", study, "-o", tmp_path / "out").stdout
    assert "=[bold]1+1[/nope]" in covplan("check", study, "-o", tmp_path / "out").stdout


def test_indicators_prints_the_plans_table(study: Path) -> None:
    told = covplan("indicators", study, "--lang", "en")
    assert told.exit_code == 0
    assert "16.67" in told.stdout  # one of six locations of the small study is shared


def test_settings_prints_what_is_in_force_and_reads_itself_back(study: Path) -> None:
    told = covplan("settings", study)
    assert told.exit_code == 0
    assert "cell_m = 100" in told.stdout
    (study / "study.toml").write_text(told.stdout, encoding="utf-8")
    assert covplan("settings", study).stdout == told.stdout


def test_the_reference_explains_every_setting_without_a_study() -> None:
    told = covplan("settings", "--reference")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert "[grid] cell_m = 30.0" in lines
    assert all(meaning.strip() for meaning in lines[1::2])
    assert all(" = " in setting for setting in lines[::2])


def test_doctor_finds_this_machine_fit() -> None:
    told = covplan("doctor")
    assert told.exit_code == 0
    assert "✓" in told.stdout
    assert "✗" not in told.stdout


def test_sample_does_not_write_over_somebodys_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    told = covplan("sample", tmp_path)
    assert told.exit_code == 2
    assert "--overwrite" in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_where_a_folder_must_be_is_a_wrong_call(study: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    told = covplan("plan", study, "-o", tmp_path / "out")
    assert told.exit_code == 2
    assert "out" in told.stderr


def test_an_output_that_cannot_be_replaced_is_named(study: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "map.html").mkdir(parents=True)
    told = covplan("plan", study, "-o", tmp_path / "out")
    assert told.exit_code == 2
    assert "map.html" in told.stderr
    assert (tmp_path / "out" / "master_plan.gpkg").is_file()  # what came before it stands


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plan", "--help"], ["sample", "--help"]])
def test_help_answers_without_the_heavy_libraries(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom covplan.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert told.stdout.splitlines()[-1] == "LOADED []"


def test_two_studies_side_by_side_name_the_hamlets_that_changed_and_the_cause(tmp_path: Path) -> None:
    settings = {"coverage": {"basis": "computed"}, "radio": {"4G": {"rsrp_threshold_dbm": -90.0}}}
    before = small_study(tmp_path / "before", settings)
    after = small_study(tmp_path / "after", settings, stations=lambda table: table[table["location_id"] != "L-1"])
    told = covplan("compare", before, after, "-o", tmp_path / "out", "--lang", "en")
    assert told.exit_code == 0, told.output
    changed = pd.read_csv(tmp_path / "out" / "compare" / "hamlets.csv")
    gone = pd.read_csv(tmp_path / "out" / "compare" / "stations.csv")
    assert set(gone["station_id"]) == {"S-1", "S-2"}  # the two that shared the mast
    assert len(changed)
    for row in changed.itertuples():
        assert row.village_id in told.stdout
        assert "S-1" in row.cause_en or "S-2" in row.cause_en
    assert f"hamlets that changed: {len(changed)}" in told.stdout
    same = covplan("compare", before, before, "-o", tmp_path / "same")
    assert "số thôn thay đổi: 0" in same.stdout
    into = covplan("compare", before, after, "-o", after)
    assert into.exit_code == 2


def test_definitions_print_a_row_each_with_what_they_count_marked(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study", {"coverage": {"basis": "computed"}})
    told = covplan("definitions", folder, "--lang", "en")
    assert told.exit_code == 0, told.output
    lines = [line.split("│") for line in told.stdout.splitlines() if "│" in line]
    rows = {cells[1].split(":")[0].strip(): cells for cells in lines}
    assert {"province", "fcc_bdc", "ofcom_4g_indoor"} <= set(rows)
    assert "*" in rows["province"][6]
    assert "*" in rows["fcc_bdc"][9]
    assert "±" in rows["fcc_bdc"][9]


def test_definitions_of_a_study_that_computes_nothing_are_dashes(study: Path) -> None:
    told = covplan("definitions", study)
    assert told.exit_code == 0, told.output
    assert "–" in told.stdout


def test_a_sheet_per_hamlet_by_name_or_by_state(tmp_path: Path) -> None:
    settings = {"coverage": {"basis": "computed"}, "radio": {"4G": {"rsrp_threshold_dbm": -85.0}}}
    folder = small_study(tmp_path / "study", settings)
    told = covplan("sheet", folder, "T-02200-1", "--state", "none", "-o", tmp_path / "out")
    assert told.exit_code == 0, told.output
    pages = {path.stem for path in (tmp_path / "out" / "sheets").iterdir()}
    states = pd.read_csv(_indicators_of(folder, tmp_path)).query("technology == '4G' and operator == 'any'")
    assert pages == {"T-02200-1", *states.loc[states["state"] == "none", "village_id"]}
    assert len(pages) > 1
    nobody = covplan("sheet", folder, "-o", tmp_path / "out")
    assert nobody.exit_code == 2
    assert "--state" in nobody.stderr
    unknown = covplan("sheet", folder, "Không Có Thôn Này", "-o", tmp_path / "out")
    assert unknown.exit_code == 2


def _indicators_of(folder: Path, tmp_path: Path) -> Path:
    assert covplan("plan", folder, "-o", tmp_path / "plan").exit_code == 0
    return tmp_path / "plan" / "signals.csv"


def test_lab_puts_the_notebooks_beside_the_study_and_leaves_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "01_vung_phu.ipynb").write_text("mine", encoding="utf-8")
    told = covplan("lab", folder, "--no-open")
    assert told.exit_code == 0, told.output
    assert (folder / "01_vung_phu.ipynb").read_text(encoding="utf-8") == "mine"
    assert len(list(folder.glob("0[2-6]_*.ipynb"))) == 5


def test_every_command_is_explained() -> None:
    told = covplan("--help")
    assert set(main.commands) == {
        "plan", "check", "indicators", "settings", "sample", "doctor", "coverage", "explain", "calibrate",
        "reliability", "compare", "sheet", "definitions", "fiber", "propose", "lab",
        "documents", "map", "export", "readback", "take", "new", "cache",
    }  # fmt: skip
    for name, command in main.commands.items():
        assert name in told.stdout
        assert command.help


def test_coverage_writes_rasters_per_operator_and_for_any(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study", settings={"propagation": {"radius_km": 3.0}})
    run = covplan("coverage", folder, "-o", tmp_path / "out", "-t", "4G")
    assert run.exit_code == 0, run.output
    written = {path.name for path in (tmp_path / "out" / "coverage").glob("[!.]*")}
    operators = {name.split("_")[1] for name in written}
    assert len(operators) >= 3
    assert "any" in operators
    quantities = (
        "rsrp_dbm.tif",
        "server.tif",
        "probability.tif",
        "sinr_db.tif",
        "throughput_mbps.tif",
        "edge_throughput_mbps.tif",
        "cells.csv",
    )
    assert written == {f"4G_{operator}_{quantity}" for operator in operators for quantity in quantities}
    kept = {path.name for path in (folder / ".cache" / "loss").iterdir()}
    again = covplan("coverage", folder, "-o", tmp_path / "out", "-t", "4G")
    assert again.exit_code == 0
    assert {path.name for path in (folder / ".cache" / "loss").iterdir()} == kept


def test_coverage_names_an_operator_that_has_no_such_station(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    run = covplan("coverage", folder, "-o", tmp_path / "out", "-t", "4G", "-p", "GTEL")
    assert run.exit_code == 2
    assert "GTEL không có trạm 4G đang phát sóng" in run.output


def test_explain_says_who_reaches_a_hamlet_and_writes_it_down(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study", settings={"propagation": {"radius_km": 8.0}})
    run = covplan("explain", folder, "khuoi phin", "-o", tmp_path / "out", "-p", "VTL", "-p", "GTEL")
    assert run.exit_code == 0, run.output
    assert "Thôn Khuổi Phìn" in run.stdout
    assert "S-3-4-1" in run.stdout
    assert "GTEL không có trạm 4G" in run.stdout
    written = {path.name for path in (tmp_path / "out" / "explain").iterdir()}
    assert written == {f"T-02203-2_4G_{end}" for end in ("budget.csv", "links.geojson", "VTL.png")}
    assert {one.name for one in folder.glob(".cache/*")} <= {"lock", "runs", "study"}  # what it reckons is not kept


def test_explain_leaves_restricted_stations_out_unless_asked(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study", stations=lambda table: table.assign(restricted=table["operator"] == "MBF"))
    arguments = ("explain", folder, "bung", "-o", tmp_path / "out", "-p", "MBF")
    hidden = covplan(*arguments)
    assert hidden.exit_code == 0, hidden.output
    assert "S-4" not in hidden.stdout
    assert "MBF không có trạm 4G" in hidden.stdout
    assert "S-4-4-1" in covplan(*arguments, "--include-restricted").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere at all"], "không có thôn 'nowhere at all'"),
        (["Tổ dân phố 1", "-p", "XYZ"], "không có nhà mạng XYZ trong nghiên cứu này"),
    ],
)
def test_explain_names_what_it_does_not_know(arguments: list[str], said: str, tmp_path: Path) -> None:
    run = covplan("explain", small_study(tmp_path / "study"), *arguments, "-o", tmp_path / "out")
    assert run.exit_code == 2
    assert said in run.stderr
    assert not (tmp_path / "out").exists()


def measured(folder: Path, offset_db: float, count: int = 240) -> None:
    """Write measurements.csv of the small study: what the model says, off by so many decibels and some noise."""
    chance = np.random.default_rng(4)
    study = open_study(folder)
    x, y = chance.uniform((WEST, SOUTH), (WEST + 2 * SIDE, SOUTH + 2 * SIDE), (count, 2)).T
    points = gpd.GeoSeries.from_xy(x, y, crs=EPSG).to_crs(4326)
    rows = pd.DataFrame({"operator": "VTL", "technology": "4G", "lon": points.x.round(6), "lat": points.y.round(6)})
    said = receive(
        study.stations[study.stations["operator"] == "VTL"], study.cells, x, y, Workspace(study).ground, "4G",
        study.settings.radio["4G"], study.settings.propagation,
    ).rsrp_dbm  # fmt: skip
    rows["rsrp_dbm"] = (said + offset_db + chance.normal(0, 4, count)).round(1)
    rows[np.isfinite(said)].to_csv(folder / "measurements.csv", index=False)


def test_calibrate_tells_what_it_found_writes_it_when_asked_and_the_map_then_agrees(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    measured(folder, -7.0)
    before = (folder / "study.toml").read_bytes()
    told = covplan("calibrate", folder, "-o", tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert "[propagation.offsets_db.L1800]" in told.stdout
    assert (folder / "study.toml").read_bytes() == before
    groups = pd.read_csv(tmp_path / "out" / "calibration.csv")
    assert groups["offset_db"].item() == pytest.approx(-7.0, abs=0.8)
    assert covplan("calibrate", folder, "-o", tmp_path / "out", "--write").exit_code == 0
    assert open_study(folder).settings.propagation.offsets_db == {"L1800": {10: groups["offset_db"].item()}}
    assert "# Cỡ ô lưới, mét." in (folder / "study.toml").read_text(encoding="utf-8")
    held = covplan("reliability", folder, "-o", tmp_path / "out", "--lang", "en")
    assert held.exit_code == 0, held.output
    assert "Tests within the area declared covered" in held.stdout
    errors = pd.read_csv(tmp_path / "out" / "reliability_errors.csv").set_index("by")
    assert abs(errors.loc["all", "bias_db"]) < 1.0
    # Fitted again, from the model as it is: the same offsets, not none.
    assert covplan("calibrate", folder, "-o", tmp_path / "again").exit_code == 0
    assert pd.read_csv(tmp_path / "again" / "calibration.csv")["offset_db"].equals(groups["offset_db"])


def test_calibrate_fits_another_model_and_writes_it_with_its_offsets(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    measured(folder, 15.0)
    model = "extended_hata_suburban"
    told = covplan("calibrate", folder, "-o", tmp_path / "out", "--model", model, "--write", "--lang", "en")
    assert told.exit_code == 0, told.output
    assert "L1800: extended Hata, suburban" in told.stdout
    assert "ITU-R P.1812-7 stays" in told.stdout
    table = pd.read_csv(tmp_path / "out" / "calibration_models.csv").set_index("model")
    assert table.loc["p1812", "bias_db"] == pytest.approx(15.0, abs=0.8)
    written = open_study(folder).settings.propagation
    assert written.band_models == written.offsets_of == {"L1800": model}
    assert written.offsets_db["L1800"][10] == pytest.approx(table.loc[model, "bias_db"], abs=3.0)
    best = covplan("calibrate", folder, "-o", tmp_path / "out", "--model", "best", "--write", "--lang", "en")
    assert best.exit_code == 0, best.output
    assert "ITU-R P.1812-7 is recommended" in best.stdout
    assert open_study(folder).settings.propagation.band_models == {"L1800": "p1812"}


def test_calibrate_refuses_too_few_measurements_and_none(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    none = covplan("calibrate", folder, "-o", tmp_path / "out")
    assert none.exit_code == 2
    assert "không có điểm đo 4G, 5G" in none.stderr
    measured(folder, 12.0, count=25)
    few = covplan("calibrate", folder, "-o", tmp_path / "out", "--write")
    assert few.exit_code == 2
    assert "ít nhất 100 điểm trong 8 ô" in few.stderr
    assert "offsets_db.L1800" not in (folder / "study.toml").read_text(encoding="utf-8")


def test_reliability_counts_hamlets_by_the_declared_or_an_official_list(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    told = covplan("reliability", folder, "-o", tmp_path / "out")
    assert told.exit_code == 0, told.output
    table = pd.read_csv(tmp_path / "out" / "reliability_hamlets.csv").set_index("predicted")
    assert table.loc["all"].tolist() == [7, 1, 8]
    (tmp_path / "dark.csv").write_text("village_id,note\nT-02200-1,x\nT-02209-2,y\n", encoding="utf-8")
    listed = covplan("reliability", folder, "-o", tmp_path / "out", "--dark", tmp_path / "dark.csv")
    assert listed.exit_code == 0, listed.output
    table = pd.read_csv(tmp_path / "out" / "reliability_hamlets.csv").set_index("predicted")
    assert table.loc["all"].tolist() == [6, 2, 8]
    (tmp_path / "dark.csv").write_text("village_id\nT-02200-1\nT-99999-9\n", encoding="utf-8")
    wrong = covplan("reliability", folder, "-o", tmp_path / "out", "--dark", tmp_path / "dark.csv")
    assert wrong.exit_code == 2
    assert "dark.csv dòng 3: 'T-99999-9'" in wrong.stderr


FIBER = ("reach", "order", "bill", "summary", "single_routes", "findings")


def data_of(study: Path) -> dict[Path, bytes]:
    """What a user put there; `.cache` is covplan's."""
    return {path: path.read_bytes() for path in study.rglob("*") if path.is_file() and ".cache" not in path.parts}


def test_fiber_writes_its_tables_and_a_geopackage_and_nothing_into_the_study(study: Path, tmp_path: Path) -> None:
    before = data_of(study)
    told = covplan("fiber", study, "-o", tmp_path / "fiber", "--target", "2030=75", "--lang", "en")
    assert told.exit_code == 0, told.output
    assert {path.name for path in (tmp_path / "fiber").iterdir()} == {
        "fiber.gpkg", *(f"fiber_{name}.csv" for name in FIBER),
    }  # fmt: skip
    assert data_of(study) == before
    summary = pd.read_csv(tmp_path / "fiber" / "fiber_summary.csv")
    reach = pd.read_csv(tmp_path / "fiber" / "fiber_reach.csv")
    assert summary["year"].tolist() == [2030]
    assert (summary["hamlets"] + summary["short"] + reach["ftth"].sum()).tolist() == [6]  # 75 % of eight
    assert "FTTH computed" in told.stdout


def test_fiber_from_openstreetmap_gives_the_same_bytes_twice(study: Path, tmp_path: Path) -> None:
    roads = gpd.read_file(study / "roads.gpkg", layer="roads")
    roads.rename(columns={"class": "highway"}).to_file(tmp_path / "map.gpkg", layer="lines")
    for name in ("one", "two"):
        told = covplan("fiber", study, "-o", tmp_path / name, "--osm", tmp_path / "map.gpkg", "--budget", "1e9")
        assert told.exit_code == 0, told.output
    for name in ("fiber.gpkg", "fiber_reach.csv", "fiber_order.csv", "fiber_bill.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("wrong", [["--target", "many"], ["--target", "98", "--target", "95"], ["--osm", "none.pbf"]])
def test_fiber_says_what_it_cannot_do(study: Path, tmp_path: Path, wrong: list[str]) -> None:
    told = covplan("fiber", study, "-o", tmp_path / "fiber", *wrong)
    assert told.exit_code == 2
    assert wrong[1] in told.stderr or "tăng dần" in told.stderr
    assert not (tmp_path / "fiber").exists()


def test_documents_are_written_once_and_replaced_only_when_told(tmp_path: Path) -> None:
    folder, out = small_study(tmp_path / "study"), tmp_path / "out"
    run = covplan("documents", folder, "-o", out)
    assert run.exit_code == 0, run.output
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(written) == {"phu_luc.xlsx", "bao_cao.docx", "bao_cao.html"}
    (out / "bao_cao.docx").write_bytes(b"signed")
    refused = covplan("documents", folder, "-o", out)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.output
    assert (out / "bao_cao.docx").read_bytes() == b"signed"
    assert covplan("documents", folder, "-o", out, "--overwrite").exit_code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == written
