"""Every indicator of the plan, counted a second time with plain loops over the study's files."""

from __future__ import annotations

import csv
import math

import geopandas as gpd
import pandas as pd
import pytest
from pyproj import Geod
from shapely.geometry import Point

import covplan
from covplan.study.boundaries import across_boundaries, boundaries_note
from covplan.study.folder import open_study
from tests.study import EPSG, small_layers, small_study

OLD, NEW = "2025-02", "2025-07"
# Baseline, target 2025, target 2030 of the province's plan 2025-2030.
PUBLISHED = {
    "MBB_SUBS_100": (74.8, 80, 100), "SMARTPHONE_SUB_SHARE": (99.2, 99.5, 100), "SMARTPHONE_ADULT": (60.7, 75, 90),
    "SPEED_MOBILE": (74.86, 75, None), "VILLAGE_MBB_COV": (97.8, 98, 100), "BTS_SHARE_RATIO": (14.03, 16, None),
    "BTS_NEW_SHARE_RATIO": (None, None, 60), "5G_IZ_TOURISM": (None, None, None), "5G_POP": (None, None, 100),
    "5G_KEYPLACES": (None, None, 100), "FBB_SUBS_100": (18.1, 21, 40), "FTTH_HH": (54.83, 56, 56),
    "SPEED_FIXED": (92.05, 120, None), "VILLAGE_FTTH_COV": (93.3, 95, 98), "WAN_COMMUNE": (100, None, None),
    "CLOUD_SHARED_IS": (None, 100, None), "PLATFORM_AGENCY": (None, 100, None), "PLATFORM_ENTERPRISE": (None, 50, None),
}  # fmt: skip


def rich_study(folder, settings=None):
    """The small study with everything that can be counted wrongly: unknown states, plans, other lists, joint masts."""
    layers = small_layers()

    def villages(table):
        table = table.astype({"declared_5g": "boolean", "declared_ftth": "boolean", "ftth_households": "Int64"})
        table.loc[[1, 6], "declared_mobile"] = [None, "none"]
        table.loc[[0, 4], "declared_5g"] = [None, False]
        table.loc[[3, 7], "declared_ftth"] = None
        table.loc[[2, 5], "ftth_households"] = None
        table.loc[2, ["commune_code", "boundary_version", "district"]] = ["02200", NEW, None]
        return table

    def stations(table):
        at = lambda n, **change: table.iloc[n].to_dict() | change  # noqa: E731
        more = [
            at(2, station_id="S-8", operator="MBF", on_air="2024-09-01"),  # joins L-2 of 2018 in the period
            at(3, station_id="S-9", operator="VTL", on_air="2025-01-01"),  # joins L-3 after the period
            at(5, station_id="S-10", operator="VNPT", location_id="L-5"),  # same day as its neighbour: joins nothing
            at(6, station_id="S-11", operator="VTL", on_air="2024-05-01", status="planned"),  # not on air
            at(4, station_id="S-12", operator="VNM", location_id="L-7", on_air="2024-06-30", status="planned"),
        ]
        return pd.concat([table, pd.DataFrame(more)], ignore_index=True).assign(tenants=None)

    def places(table):
        more = [("P-4", "hospital", "existing", True), ("P-5", "school", "existing", None)]
        more += [("P-6", "industrial_cluster", "existing", False), ("P-7", "tourist_site", "existing", None)]
        more += [("P-8", "tourist_site", "existing", True), ("P-9", "industrial_zone", "planned", True)]
        rows = pd.DataFrame(more, columns=["place_id", "kind", "status", "declared_5g"]).assign(name="Nơi thử")
        rows["declared_5g"] = rows["declared_5g"].astype("boolean")
        rows = gpd.GeoDataFrame(rows, geometry=list(layers["villages"].centroid[1:7]), crs=EPSG)
        return pd.concat([table.astype({"declared_5g": "boolean"}), rows], ignore_index=True)

    return small_study(folder, settings, villages=villages, stations=stations, places=places)


class ByHand:
    """What the definitions in words say, read straight from the files, row by row."""

    def __init__(self, folder, version):
        self.villages = gpd.read_file(folder / "villages.gpkg", layer="villages").to_dict("records")
        self.communes = gpd.read_file(folder / "villages.gpkg", layer="communes").to_dict("records")
        self.places = gpd.read_file(folder / "places.gpkg").to_dict("records")
        with (folder / "bts_sites.csv").open(encoding="utf-8") as file:
            self.stations = [row for row in csv.DictReader(file) if row["status"] == "existing"]
        with (folder / "statistics.csv").open(encoding="utf-8") as file:
            self.published = {row["indicator"]: float(row["value"]) for row in csv.DictReader(file)}
        self.version = version

    def all(self):
        """Indicator: numerator, denominator, unknown."""
        return {
            "VILLAGE_MBB_COV": self.hamlets("declared_mobile", good=("covered", "weak")),
            "VILLAGE_FTTH_COV": self.hamlets("declared_ftth", good=(True,)),
            "FTTH_HH": self.households_on_fiber(),
            "BTS_SHARE_RATIO": self.sharing(),
            "BTS_NEW_SHARE_RATIO": self.new_sharing(2024),
            "5G_IZ_TOURISM": self.places_5g({"industrial_zone", "industrial_cluster", "tourist_site"}),
            "5G_KEYPLACES": self.places_5g({place["kind"] for place in self.places}),
            "5G_POP": self.people_5g(),
        }

    def hamlets(self, column, good):
        yes = known = 0
        for village in self.villages:
            if not pd.isna(village[column]):
                known += 1
                yes += village[column] in good
        return yes, known, len(self.villages) - known

    def households_on_fiber(self):
        lines = households = unknown = 0
        for village in self.villages:
            if pd.isna(village["ftth_households"]):
                unknown += 1
            else:
                lines += int(village["ftth_households"])
                households += village["households"]
        return lines, households, unknown

    def sharing(self):
        there = {}
        for station in self.stations:
            there.setdefault(station["location_id"], set()).add(station["operator"])
        return sum(len(operators) >= 2 for operators in there.values()), len(there), 0

    def new_sharing(self, year):
        new = joined = 0
        for one in self.stations:
            if one["on_air"].startswith(str(year)):
                new += 1
                same = [other for other in self.stations if other["location_id"] == one["location_id"]]
                joined += any(other["on_air"] < one["on_air"] for other in same)
        return joined, new, 0

    def places_5g(self, kinds):
        states = [p["declared_5g"] for p in self.places if p["status"] == "existing" and p["kind"] in kinds]
        known = [state for state in states if state is not None and not pd.isna(state)]
        return sum(bool(state) for state in known), len(known), len(states) - len(known)

    def people_5g(self):
        served = people = unknown = 0
        for village in self.villages:
            if not self.in_demand_area(village):
                continue
            if pd.isna(village["declared_5g"]):
                unknown += 1
            else:
                people += village["population"]
                served += village["population"] * bool(village["declared_5g"])
        return served, people, unknown

    def in_demand_area(self, village):
        units = [unit for unit in self.communes if unit["boundary_version"] == self.version]
        if village["boundary_version"] == self.version:
            mine = [unit for unit in units if unit["commune_code"] == village["commune_code"]]
        else:
            centre = gpd.GeoSeries([Point(village["centre_lon"], village["centre_lat"])], crs=4326).to_crs(EPSG)[0]
            mine = [unit for unit in units if unit["geometry"].contains(centre)]
        assert len(mine) == 1
        return bool(mine[0]["demand_5g"])


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    folder = rich_study(tmp_path_factory.mktemp("rich"))
    return folder, covplan.make_plan(open_study(folder))


def table_of(plan):
    return plan.indicators.set_index("indicator")


@pytest.mark.parametrize("version", [OLD, NEW])
def test_every_indicator_equals_its_count_by_hand(tmp_path, version):
    folder = rich_study(tmp_path, {"province": {"name": "T", "boundaries": version}})
    found, by_hand = table_of(covplan.make_plan(open_study(folder))), ByHand(folder, version)
    counted = by_hand.all()
    assert set(found.index) == set(PUBLISHED)
    for name in PUBLISHED:
        row = found.loc[name]
        if name in counted:
            numerator, denominator, unknown = counted[name]
            assert (row["numerator"], row["denominator"], row["unknown"]) == (numerator, denominator, unknown), name
            assert 0 < numerator < denominator, name  # or the study could not tell a wrong count from a right one
            assert row["value"] == pytest.approx(100 * numerator / denominator, abs=5e-5), name
        else:
            assert row["value"] == pytest.approx(by_hand.published.get(name, math.nan), nan_ok=True), name
            assert pd.isna(row["numerator"]), name


def test_the_figures_are_those_a_person_counts_on_the_rows(planned):
    wanted = {
        "VILLAGE_MBB_COV": 5 / 7,  # hamlets 4 and 7 have none, 2 is unknown
        "VILLAGE_FTTH_COV": 5 / 6,
        "FTTH_HH": (40 + 50 + 0 + 250 + 40 + 20) / (100 + 120 + 60 + 300 + 90 + 70),
        "BTS_SHARE_RATIO": 3 / 6,  # L-1, L-2, L-3; L-5 holds two stations of one operator
        "BTS_NEW_SHARE_RATIO": 2 / 4,  # S-2 and S-8 of S-2, S-6, S-8, S-10
        "5G_IZ_TOURISM": 2 / 3,  # P-1, P-8 of P-1, P-6, P-8
        "5G_KEYPLACES": 3 / 5,  # and P-4 of P-2, P-4
        "5G_POP": 1000 / 2100,  # Phường Ba: Tổ dân phố 2 of both
    }
    found = table_of(planned[1])["value"]
    assert {name: found[name] for name in wanted} == pytest.approx({n: 100 * f for n, f in wanted.items()}, abs=5e-5)


def test_the_plans_baselines_and_targets_are_printed_as_published(planned):
    found = table_of(planned[1])[["baseline", "target_2025", "target_2030"]]
    for name, figures in PUBLISHED.items():
        assert found.loc[name].tolist() == pytest.approx([math.nan if f is None else f for f in figures], nan_ok=True)


def test_the_gap_is_target_minus_value_and_the_missing_are_the_fewest_objects_that_close_it(planned):
    found = table_of(planned[1])
    for name, (_, *targets) in PUBLISHED.items():
        row = found.loc[name]
        for year, target in zip((2025, 2030), targets, strict=True):
            gap, missing = row[f"gap_{year}"], row[f"missing_{year}"]
            if target is None or pd.isna(row["value"]):
                assert pd.isna(gap), name
                assert pd.isna(missing), name
                continue
            assert gap == pytest.approx(target - row["value"], abs=1e-4), name
            if pd.isna(row["numerator"]):
                assert pd.isna(missing), name
                continue
            fewest = 0
            while 100 * (row["numerator"] + fewest) < target * row["denominator"] - 1e-6:
                fewest += 1
            assert missing == fewest, name


@pytest.mark.parametrize(
    ("declared", "state"), [("covered", "covered"), ("weak", "weak"), ("none", "none"), (None, "unknown")]
)
def test_a_hamlet_is_covered_weak_none_or_unknown_as_declared(tmp_path, declared, state):
    def say(villages):
        villages.loc[0, "declared_mobile"] = declared
        return villages

    plan = covplan.make_plan(open_study(small_study(tmp_path, villages=say)))
    assert plan.hamlets["mobile_state"].tolist() == [state, "covered", "weak", "none", *["covered"] * 4]
    row = table_of(plan).loc["VILLAGE_MBB_COV"]
    # 6 of the other 7 hamlets have some signal; this one counts for, against, or not at all.
    wanted = {"covered": (7, 8, 0), "weak": (7, 8, 0), "none": (6, 8, 0), "unknown": (6, 7, 1)}[state]
    assert (row["numerator"], row["denominator"], row["unknown"]) == wanted


def test_weak_hamlets_count_against_the_indicator_where_the_study_says_so(tmp_path):
    strict = small_study(tmp_path, {"coverage": {"count_weak_as_covered": False}})
    row = table_of(covplan.make_plan(open_study(strict))).loc["VILLAGE_MBB_COV"]
    assert (row["numerator"], row["denominator"]) == (6, 8)


def test_what_nobody_knows_is_not_counted_and_not_zero(tmp_path):
    silent = ["declared_mobile", "declared_5g", "declared_ftth", "ftth_households"]
    study = open_study(
        small_study(
            tmp_path,
            villages=lambda table: table.drop(columns=silent),
            places=lambda table: table.drop(columns="declared_5g"),
            statistics=lambda table: table.iloc[:1],
            stations=lambda table: table.drop(columns="on_air"),
        )
    )
    found = table_of(covplan.make_plan(study))
    empty = found.drop(index=["BTS_SHARE_RATIO", "MBB_SUBS_100"])
    assert empty["value"].isna().all()
    assert set(empty["basis"]) == {"none"}
    assert (empty["warnings_vi"] != "").all()
    unknown = found.loc[["VILLAGE_MBB_COV", "VILLAGE_FTTH_COV", "FTTH_HH", "BTS_NEW_SHARE_RATIO"], "unknown"]
    assert unknown.tolist() == [8, 8, 8, 7]


def test_a_planned_station_moves_no_figure(tmp_path):
    def also_planned(table):
        more = table.assign(
            station_id="K-" + table["station_id"], operator="GTEL", status="planned", on_air="2024-12-01"
        )
        return pd.concat([table, more], ignore_index=True)

    today = covplan.make_plan(open_study(small_study(tmp_path / "a")))
    with_plans = covplan.make_plan(open_study(small_study(tmp_path / "b", stations=also_planned)))
    pd.testing.assert_frame_equal(today.indicators, with_plans.indicators)
    assert "GTEL" not in ";".join(with_plans.locations["operators"])


def test_the_province_that_only_plans_has_no_sharing_ratio(tmp_path):
    plan = covplan.make_plan(open_study(small_study(tmp_path, stations=lambda table: table.assign(status="planned"))))
    row = table_of(plan).loc["BTS_SHARE_RATIO"]
    assert pd.isna(row["value"])
    assert "nothing to count" in row["warnings_en"]
    assert plan.hamlets["nearest_location_id"].isna().all()


def test_the_nearest_location_is_the_nearest_on_the_ellipsoid(planned):
    folder, plan = planned
    ground = Geod(ellps="WGS84")
    lonlat = plan.locations.to_crs(4326)
    for village, hamlet in zip(ByHand(folder, OLD).villages, plan.hamlets.to_dict("records"), strict=True):
        away_m = {
            location: ground.inv(village["centre_lon"], village["centre_lat"], point.x, point.y)[2]
            for location, point in zip(lonlat["location_id"], lonlat.geometry, strict=True)
        }
        assert hamlet["nearest_location_m"] == pytest.approx(min(away_m.values()), abs=0.51)
        assert away_m[hamlet["nearest_location_id"]] == pytest.approx(min(away_m.values()), abs=0.1)


def test_hamlets_keep_the_rows_of_the_list(planned):
    study, hamlets = planned[1].study, planned[1].hamlets
    assert hamlets.index.equals(study.villages.index)
    assert hamlets["village_id"].equals(study.villages["village_id"])
    assert set(hamlets["basis"]) == {"declared"}


def test_targets_that_do_not_rise_are_said_beside_the_figure(planned):
    said = table_of(planned[1])[["warnings_vi", "warnings_en"]]
    assert "Mục tiêu không tăng: 54,83 → 56 → 56." in said.at["FTTH_HH", "warnings_vi"]
    assert "56 %) equals that of 2025" in said.at["FTTH_HH", "warnings_en"]
    assert "does not fit FTTH_HH 56 %" in said.at["FBB_SUBS_100", "warnings_en"]
    assert [name for name, text in said["warnings_en"].items() if "targets do not rise" in text] == ["FTTH_HH"]


def test_a_corrected_target_silences_only_the_warning_it_answers(tmp_path):
    target = {"FTTH_HH": {"baseline": 54.83, "target_2025": 56, "target_2030": 90}}
    plan = covplan.make_plan(open_study(small_study(tmp_path, {"targets": target})))
    assert "do not rise" not in table_of(plan).at["FTTH_HH", "warnings_en"]


def test_a_baseline_of_the_province_before_the_merger_beside_a_figure_of_the_merged_one_is_said(tmp_path):
    merged = {"province": {"name": "T", "boundaries": NEW}}
    found = table_of(covplan.make_plan(open_study(small_study(tmp_path, merged))))
    assert set(found["target_boundaries"]) == {OLD}
    counted = found[found["basis"].isin(["declared", "counted", "computed"])]
    assert len(counted) == 8
    stated = counted[["baseline", "target_2025", "target_2030"]].notna().any(axis=1)
    said = counted["warnings_en"].str.contains("those of the province before the merger of July 2025")
    assert said.equals(stated)
    assert not counted["warnings_en"].str.contains("Differs from the plan's baseline").any()
    # A statistic of the old province stands beside the baseline of the old province; the study's figures are others.
    statistic = found.loc["MBB_SUBS_100"]
    assert (statistic["boundary_version"], statistic["target_boundaries"]) == (OLD, OLD)
    assert "Mixed geographies" in statistic["warnings_en"]
    assert "those of the province before" not in statistic["warnings_en"]


def test_targets_set_for_the_merged_province_compare_with_its_figures_and_no_others(tmp_path):
    own = {"VILLAGE_MBB_COV": {"baseline": 96.1, "target_2025": 97, "target_2030": 99}}
    merged = {"province": {"name": "T", "boundaries": NEW}, "targets": own}
    found = table_of(covplan.make_plan(open_study(small_study(tmp_path / "a", merged))))
    assert across_boundaries(found).loc[["VILLAGE_MBB_COV", "VILLAGE_FTTH_COV"]].tolist() == [False, True]
    early = {"targets": {"VILLAGE_MBB_COV": own["VILLAGE_MBB_COV"] | {"boundaries": NEW}}}
    found = table_of(covplan.make_plan(open_study(small_study(tmp_path / "b", early))))
    assert list(found.index[across_boundaries(found)]) == ["VILLAGE_MBB_COV"]
    assert "those of the merged province" in found.at["VILLAGE_MBB_COV", "warnings_en"]


def test_a_study_on_the_plans_own_province_compares_everything(planned):
    found = table_of(planned[1])
    assert not across_boundaries(found).any()
    assert boundaries_note(found) == ""


def test_a_value_off_the_published_baseline_is_said(planned):
    said = table_of(planned[1])["warnings_en"]
    assert "Differs from the plan's baseline: 50 ≠ 14.03." in said["BTS_SHARE_RATIO"]


def test_a_statistic_keeps_its_day_and_its_source(planned):
    row = table_of(planned[1]).loc["SPEED_MOBILE"]
    assert (row["value"], row["source"], row["basis"]) == (74.86, "i-Speed", "statistic")
    assert row["how_en"].endswith("as of 2024-12-31")
    assert "practically the baseline" in row["warnings_en"]
