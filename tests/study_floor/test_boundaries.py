"""Two commune lists side by side: official figures hold, and a code means something only with its version."""

from __future__ import annotations

from collections import Counter

import geopandas as gpd
import pytest
from shapely.geometry import Point, box

import covplan
from covplan.study.boundaries import communes_of, in_version, name_of, official_units, outline, urban_communes
from covplan.study.errors import LayerError
from covplan.study.folder import open_study, read_study
from covplan.study.language import speaking
from covplan.study.resources import resource_text
from tests.study import EPSG, SIDE, SOUTH, WEST, small_layers, small_study

OLD, NEW = "2025-02", "2025-07"


def crosswalk():
    header, *lines = resource_text("admin", "2025-02_to_2025-07.csv").splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


def test_the_lists_have_the_official_number_of_units():
    # NQ 1106/NQ-UBTVQH15 (before July 2025) and NQ 1684/NQ-UBTVQH15: 117 communes and 7 wards.
    assert len({unit["commune_code"] for unit in official_units(OLD)}) == len(official_units(OLD)) == 137
    assert len({unit["commune_code"] for unit in official_units(NEW)}) == len(official_units(NEW)) == 124
    assert Counter(unit["kind"] for unit in official_units(NEW)) == {"Xã": 117, "Phường": 7}


def test_seven_districts_before_the_merger_and_none_after():
    assert Counter(unit["district"].split(maxsplit=1)[1] for unit in official_units(OLD)) == {
        "phố Tuyên Quang": 15, "Lâm Bình": 10, "Na Hang": 12, "Chiêm Hóa": 24, "Hàm Yên": 18, "Yên Sơn": 28,
        "Sơn Dương": 30,
    }  # fmt: skip
    assert not any("district" in key for unit in official_units(NEW) for key in unit)


def test_names_that_differ_in_one_accent_stay_two_communes():
    names = {unit["name"] for unit in official_units(OLD)}
    assert {"Xã Tân Thành", "Xã Tân Thanh"} <= names


def test_the_crosswalk_leads_every_old_commune_to_exactly_one_main_successor():
    rows, new = crosswalk(), {unit["commune_code"]: unit for unit in official_units(NEW)}
    main = Counter(row["old_code"] for row in rows if row["main"] == "yes")
    assert main == {unit["commune_code"]: 1 for unit in official_units(OLD)}
    on_old_ground = {code for code, unit in new.items() if unit["on_old_territory"] == "yes"}
    assert {row["new_code"] for row in rows} == on_old_ground
    assert len(on_old_ground) == 51


def test_only_the_communes_that_were_split_have_parts():
    names = {unit["commune_code"]: unit["name"] for unit in official_units(OLD)}
    split = {names[code] for code, n in Counter(row["old_code"] for row in crosswalk()).items() if n > 1}
    assert split == {"Xã Kim Phú", "Xã Thái Bình"}
    assert {names[row["old_code"]] for row in crosswalk() if row["extent"] != "whole"} == split


def test_a_new_code_on_old_ground_is_a_used_one_so_a_code_alone_names_nothing():
    old = {unit["commune_code"]: unit["name"] for unit in official_units(OLD)}
    reused = [unit for unit in official_units(NEW) if unit["on_old_territory"] == "yes"]
    assert {unit["commune_code"] for unit in reused} <= set(old)
    assert any(unit["name"] != old[unit["commune_code"]] for unit in reused)


def with_a_hamlet_of_the_new_list(villages):
    """The hamlet in the south-eastern commune (02203) gives its code by the new list: 02200, which is everywhere."""
    villages.loc[2, ["commune_code", "boundary_version", "district"]] = ["02200", NEW, None]
    return villages


def test_one_code_in_two_versions_is_two_communes_to_their_hamlets(tmp_path):
    folder = small_study(tmp_path, villages=with_a_hamlet_of_the_new_list)
    study = open_study(folder)
    assert [f.check for f in study.findings] == ["missing_optional_layer"]  # above all no hamlet_outside_commune
    hamlets = covplan.make_plan(study).hamlets.set_index("village_id")
    codes = hamlets.loc[["T-02200-1", "T-02203-1"], ["commune_code", "boundary_version", "commune"]]
    assert codes.to_numpy().tolist() == [["02200", OLD, "Xã Một"], ["02200", NEW, "Xã Mới"]]


def test_the_same_code_under_the_wrong_version_is_a_hamlet_outside_its_commune(tmp_path):
    def mixed(villages):
        return with_a_hamlet_of_the_new_list(villages).assign(boundary_version=OLD)

    _, found = read_study(small_study(tmp_path, villages=mixed))
    assert [(f.check, f.id) for f in found if f.layer == "villages"] == [("hamlet_outside_commune", "T-02203-1")]


def test_demand_areas_of_one_list_do_not_leak_into_the_other(tmp_path):
    """02200 wants 5G on the new list and not on the old one."""
    people = {}
    for version in (OLD, NEW):
        settings = {"province": {"name": "T", "boundaries": version}}
        plan = covplan.make_plan(open_study(small_study(tmp_path / version, settings)))
        people[version] = plan.indicators.set_index("indicator").at["5G_POP", "denominator"]
    everyone = small_layers()["villages"]["population"].sum()
    assert people == {OLD: 1100 + 1000, NEW: everyone}


def test_a_point_finds_its_commune_by_position_in_either_version():
    communes = small_layers()["communes"]
    points = gpd.GeoSeries(
        [
            Point(WEST + 100, SOUTH + 100),
            Point(WEST + SIDE, SOUTH + 100),  # on the border of 02200 and 02203
            Point(WEST + SIDE, SOUTH + SIDE),  # where all four meet
            Point(WEST - 100, SOUTH),
        ],
        index=["south-west", "border", "corner", "outside"],
        crs=EPSG,
    )
    old, new = (in_version(points, communes.iloc[::-1], version) for version in (OLD, NEW))
    assert list(old.index) == list(new.index) == list(points.index)
    assert old["commune_code"].fillna("none").tolist() == ["02200", "02200", "02200", "none"]
    assert new["name"].fillna("none").tolist() == ["Xã Mới"] * 3 + ["none"]


def test_a_code_unknown_in_its_version_has_no_name():
    communes, villages = small_layers()["communes"], small_layers()["villages"].loc[[6, 0]]
    names = name_of(villages["commune_code"], villages["boundary_version"].replace(OLD, NEW), communes)
    assert list(names.index) == [6, 0]
    assert names.fillna("none").tolist() == ["none", "Xã Mới"]


def test_each_version_has_its_own_border():
    communes = small_layers()["communes"]
    communes.loc[4, "geometry"] = box(WEST, SOUTH, WEST + 3 * SIDE, SOUTH + SIDE)
    assert outline(communes, OLD).equals(box(WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE))
    assert outline(communes, NEW).equals(communes.loc[4, "geometry"])


@speaking("en")
def test_a_version_the_layer_lacks_is_named_with_what_is_there():
    with pytest.raises(LayerError, match=r"no commune of version 2025-07 \(there: 2025-02\)"):
        communes_of(small_layers()["communes"].iloc[:4], NEW)


def test_wards_and_townships_of_the_version_are_town_and_nothing_else(tmp_path):
    communes = small_layers()["communes"].copy()
    rural = communes.index[(communes["boundary_version"] == OLD) & communes["name"].str.startswith("Xã")][0]
    communes.loc[rural, "name"] = "Thị trấn Hai"
    town = urban_communes(communes, OLD)
    assert set(town["name"]) == {"Thị trấn Hai", "Phường Ba"}
    study = open_study(small_study(tmp_path, communes=lambda _table: communes))
    assert study.towns.equals(town.union_all())
