"""The weight of an assumption is what the headline is when the study itself says the other value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.pipeline import Workspace, assumption_weights, make_plan, with_kept_weights
from covplan.publish.report import report_of
from covplan.publish.report.content import Bullets
from covplan.study.assumptions import assumption
from covplan.study.folder import open_study
from covplan.study.plan import has_weights, weights_file
from tests.study import small_study

if TYPE_CHECKING:
    from pathlib import Path

# With it an EIRP or height a little more or less covers a hamlet more or less beyond the ridge.
SETTINGS: dict[str, Any] = {
    "province": {"name": "Tỉnh thử", "language": "en"},
    "coverage": {"basis": "computed"},
    "radio": {  # the downlink decides, behind woods that nothing gets through: so power matters
        "4G": {"rsrp_threshold_dbm": -128.0, "uplink_mbps": 0},
        "5G": {},
    },
    "propagation": {"clearing_m": 0},
    "uncertainty": {"draws": 0},
}
NOT_SAID = ["structure", "height_m", "building_height_m", "antenna_height_m", "bands", "location_id"]


def bare(stations: pd.DataFrame) -> pd.DataFrame:
    return stations.drop(columns=NOT_SAID).assign(technologies="4G")


def no_rows(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[:0]


def study_of(folder: Path, stations: Any = bare, cells: Any = no_rows) -> Path:
    # Half the hamlets' own masts are gone, so that their signal comes from a neighbour's.
    return small_study(
        folder, SETTINGS, cells=cells, stations=lambda t: stations(t[~t["station_id"].isin(["S-4", "S-7"])])
    )


def headline(folder: Path) -> float:
    table = make_plan(open_study(folder)).indicators.set_index("indicator")
    return float(table["value"]["VILLAGE_MBB_COV"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study_of(tmp_path_factory.mktemp("weights") / "study")


@pytest.fixture(scope="module")
def weights(folder: Path) -> pd.DataFrame:
    return assumption_weights(open_study(folder)).set_index("column")


def test_each_assumption_with_a_range_is_weighed_and_nothing_else(weights: pd.DataFrame, folder: Path) -> None:
    assert set(weights.index) == {
        "location_id", "height_m", "antenna_height_m", "bands", "eirp_dbm", "downtilt_deg",
    }  # fmt: skip
    assert weights["count"]["height_m"] == 5
    assert weights["count"]["eirp_dbm"] == 15  # three sectors on each of five stations
    assert (weights["value"]["height_m"], weights["low"]["height_m"]) == ("27, 42", "18, 30")
    assert weights["high"]["bands"] == "L1800;L900"
    assert weights["headline_pct"]["height_m"] == pytest.approx(headline(folder))


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_weight_of_heights_is_what_a_study_with_those_heights_shows(
    weights: pd.DataFrame, tmp_path: Path, end: str
) -> None:
    town, country = (assumption("stations", "height_m", f"unknown/{area}") for area in ("urban", "rural"))

    def said(stations: pd.DataFrame) -> pd.DataFrame:
        in_town = stations["commune_code"] == "02206"  # the small study's one ward
        height_m = in_town.map({True: float(getattr(town, end)), False: float(getattr(country, end))})
        return bare(stations).assign(height_m=height_m)

    assert weights[f"{end}_pct"]["height_m"] == pytest.approx(headline(study_of(tmp_path, said)))


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_weight_of_power_is_what_a_study_with_cells_of_that_power_shows(
    weights: pd.DataFrame, tmp_path: Path, end: str
) -> None:
    shift_db = float(getattr(assumption("cells", "eirp_dbm", "above_band"), end))

    def sectors(cells: pd.DataFrame) -> pd.DataFrame:
        stations = [station for station in cells["station_id"] if station not in ("S-4", "S-7")]
        return pd.DataFrame(
            [
                {"cell_id": f"{station}-{azimuth}", "station_id": station, "technology": "4G", "band": "L1800",
                 "azimuth_deg": azimuth, "downtilt_deg": 3.0, "eirp_dbm": 64.5 + shift_db}
                for station in stations
                for azimuth in (0.0, 120.0, 240.0)
            ]
        )  # fmt: skip

    assert weights[f"{end}_pct"]["eirp_dbm"] == pytest.approx(headline(study_of(tmp_path, cells=sectors)))


def test_a_second_band_never_takes_signal_away_and_some_assumption_matters(weights: pd.DataFrame) -> None:
    assert weights["low_pct"]["bands"] == weights["headline_pct"]["bands"]
    assert weights["high_pct"]["bands"] >= weights["headline_pct"]["bands"]
    assert weights["low_pct"]["eirp_dbm"] < weights["high_pct"]["eirp_dbm"]
    assert weights["moves_pct"].is_monotonic_decreasing
    assert weights["moves_pct"].iloc[0] > 0


def test_what_stands_together_moves_the_sharing_ratio(tmp_path: Path) -> None:
    def apart(stations: pd.DataFrame) -> pd.DataFrame:
        stations = stations.assign(lon=stations["lon"].where(stations["station_id"] != "S-2", stations["lon"] + 0.0005))
        return stations.drop(columns="location_id")  # S-2 stands 52 m beside S-1

    weights = assumption_weights(open_study(small_study(tmp_path, stations=apart)))
    assert weights[["column", "indicator"]].to_numpy().tolist() == [["location_id", "BTS_SHARE_RATIO"]]
    assert weights["headline_pct"][0] == 0
    assert (weights["low_pct"][0], weights["high_pct"][0]) == (0, pytest.approx(100 / 6, abs=1e-4))


def test_households_move_the_share_of_them_on_fiber(tmp_path: Path) -> None:
    """Two hamlets state none: of one the inhabitants are known (470), of the other nothing."""

    def some(villages: pd.DataFrame) -> pd.DataFrame:
        villages.loc[[1, 2], "households"] = None
        villages.loc[2, "population"] = None
        return villages

    folder = small_study(tmp_path, villages=some, dwellings=no_rows)
    (folder / "population.tif").unlink()
    row = assumption_weights(open_study(folder)).set_index("column").loc["households"]
    lines = 40 + 50 + 0 + 0 + 250 + 240 + 40 + 20
    others = 100 + 60 + 300 + 280 + 90 + 70
    assert (row["indicator"], row["count"], row["value"]) == ("FTTH_HH", 2, str(round(470 / 3.84) + 120))
    assert row["headline_pct"] == pytest.approx(100 * lines / (others + 122 + 120), abs=1e-4)
    assert row["low_pct"] == pytest.approx(100 * lines / (others + round(122 * 3.84 / 4.4) + 60), abs=1e-4)
    assert row["high_pct"] == pytest.approx(100 * lines / (others + round(122 * 3.84 / 3.4) + 200), abs=1e-4)


def test_a_study_that_says_all_has_nothing_to_weigh(tmp_path: Path) -> None:
    assert assumption_weights(open_study(small_study(tmp_path, {"coverage": {"basis": "computed"}}))).empty


def test_the_plan_tells_weights_once_they_were_asked_for(folder: Path, tmp_path: Path) -> None:
    assert not has_weights(folder)
    plain = make_plan(open_study(folder))
    assert with_kept_weights(plain) is plain
    runner = CliRunner(env={"COLUMNS": "400"})
    said = runner.invoke(
        main, ["plan", str(folder), "-o", str(tmp_path / "out"), "--weigh-assumptions", "--lang", "en"]
    )
    assert said.exit_code == 0, said.output
    line = "Stations, structure height (5 of 5 assumed): 18, 30 or 35, 50 m in place of 27, 42 m gives "
    assert line in said.output
    written = pd.read_csv(tmp_path / "out" / "assumption_weights.csv")
    assert len(written) == 6
    assert has_weights(folder)
    again = runner.invoke(
        main, ["plan", str(folder), "-o", str(tmp_path / "out"), "--weigh-assumptions", "--lang", "en"]
    )
    assert "everything is current" in again.output
    told = with_kept_weights(make_plan(Workspace(open_study(folder))))
    assert told.assumption_weights["moves_pct"].to_list() == written["moves_pct"].to_list()
    bullets = [one.items for one in report_of(told, language="en").blocks if isinstance(one, Bullets)]
    assert any(item.startswith(line) for items in bullets for item in items)
    path = weights_file(folder)
    assert path is not None
    path.unlink()
