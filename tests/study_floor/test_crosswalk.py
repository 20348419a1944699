"""Codes of one commune list in a study of another: what each becomes, by the official map and by the point."""

from __future__ import annotations

import csv
from collections import Counter

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from covplan.study.boundaries import heirs, official_units
from covplan.study.crosswalk import Units, read
from covplan.study.folder import open_study, read_study, write_findings
from tests.study import EPSG, SIDE, SOUTH, WEST, small_layers, small_study

OLD, NEW = "2025-02", "2025-07"
# Real communes: Phan Thiết, Minh Xuân and Tân Quang went whole into 02215, Tràng Đà into 02212, Thái Bình (02494) was
# split between 02494 (main) and 02212, Kim Phú (02497) between 02215 (main) and 02509.
HALF_KM = 500.0


def new_communes(codes=("02215", "02212", "02509", "02494")):
    """The small study's four squares under codes of the new list, and no other: a study drawn after the merger."""
    table = small_layers()["communes"].iloc[: len(codes)]
    return table.assign(commune_code=list(codes), boundary_version=NEW, district=None)


def merged(tmp_path, codes, versions=OLD, **layers):
    """The small study on the new list; its hamlets, two a square, declare these codes."""

    def declared(villages):
        return villages.assign(commune_code=codes, boundary_version=versions)

    settings = {"province": {"name": "T", "boundaries": NEW}}
    stations = layers.pop("stations", lambda table: table.drop(columns=["commune_code", "boundary_version"]))
    return read_study(
        small_study(tmp_path, settings, communes=new_communes(), villages=declared, stations=stations, **layers)
    )


def pairs(table):
    return list(zip(table["commune_code"], table["boundary_version"], strict=True))


def test_every_old_commune_has_heirs_and_every_new_one_on_old_ground_forebears():
    for unit in official_units(OLD):
        forward = heirs(unit["commune_code"], OLD, NEW)
        assert len(forward) in (1, 2)
        assert all(unit["commune_code"] in heirs(new, NEW, OLD) for new in forward)
    with_forebears = {unit["commune_code"] for unit in official_units(NEW) if heirs(unit["commune_code"], NEW, OLD)}
    assert with_forebears == {u["commune_code"] for u in official_units(NEW) if u["on_old_territory"] == "yes"}
    assert heirs("02200", OLD, OLD) == heirs("00691", OLD, NEW) == ()


def test_an_old_code_becomes_the_commune_it_went_whole_into_and_both_stand_in_the_finding(tmp_path):
    study, found = merged(tmp_path, ["02200", "02203", "02209", "02209", "02509", "02509", "02494", "02494"])
    said = [one for one in found if one.check == "commune_translated"]
    assert pairs(study.villages)[:4] == [("02215", NEW)] * 2 + [("02212", NEW)] * 2
    assert [one.value for one in said[:4]] == ["02200", "02203", "02209", "02209"]
    assert "02200 (2025-02) → 02215 (2025-07) Xã Một" in said[0].text("done", "vi")
    assert said[0].severity == "repaired"
    assert "cell_dangling_reference" not in {one.check for one in found}
    assert study.set_aside == {}


def test_codes_of_before_the_merger_on_stations_keep_their_cells(tmp_path):
    """The newcomer's case: every station's code was of the old list, and was emptied."""
    old = ["02200", "02200", "02203", "02209", "02497", "02497", "02494"]
    study, found = merged(
        tmp_path, ["02215"] * 2 + ["02212"] * 2 + ["02509"] * 2 + ["02494"] * 2, NEW,
        stations=lambda table: table.assign(commune_code=old, boundary_version=OLD),
    )  # fmt: skip
    assert study.stations["commune_code"].tolist() == ["02215"] * 3 + ["02212"] + ["02509"] * 2 + ["02494"]
    assert set(study.stations["boundary_version"]) == {NEW}
    assert not {"cell_dangling_reference", "wrong_boundary_version", "station_outside_commune"} & {
        one.check for one in found
    }


def test_of_a_split_commune_the_point_decides_and_far_from_all_the_main_successor_with_a_warning(tmp_path):
    """Thái Bình (02494): its halves went to 02212, in the second square, and to 02494, in the fourth."""
    study, found = merged(tmp_path, ["02200", "02494", "02494", "02209", "02497", "02509", "02494", "02494"])
    by_id = dict(zip(study.villages["village_id"], pairs(study.villages), strict=True))
    assert by_id["T-02203-1"] == ("02212", NEW)  # in the second square
    assert by_id["T-02209-1"] == ("02494", NEW)  # in the fourth
    assert by_id["T-02206-1"] == ("02509", NEW)  # Kim Phú's lesser part, in the third square
    # The second hamlet stands in the first square, which is neither: 3 km from 02212 and farther from 02494.
    assert by_id["T-02200-2"] == ("02494", NEW)
    unsure = [one.id for one in found if one.check == "commune_translated_unsure"]
    assert unsure == ["T-02200-2"]
    assert ("hamlet_outside_commune", "T-02200-2") in {(one.check, one.id) for one in found}


def test_a_code_that_both_lists_have_means_what_its_row_says():
    """02215 is one small commune on the old list; on the new one it is the city ward that took it in with 02200."""
    squares = small_layers()["communes"].iloc[:2].assign(commune_code=["02215", "02200"])
    units = Units.of(squares, OLD, HALF_KM)
    own, neighbour = (shape.centroid for shape in squares.geometry)
    for point in (own, neighbour):
        assert read("02215", OLD, point, units).unit == ("02215", OLD)
    assert read("02215", NEW, neighbour, units).unit == ("02200", OLD)
    # Without a version the point tells which of the two was meant, and outside both nothing does.
    assert read("02215", "", own, units).read_as == ("02215", OLD)
    assert read("02215", "", neighbour, units).read_as == ("02215", NEW)
    assert read("02215", "", neighbour, units).unit == ("02200", OLD)
    assert read("02215", "", Point(WEST, SOUTH + 5 * SIDE), units) is None


def test_new_codes_in_a_study_of_before_the_merger_go_by_the_point_alone():
    squares = small_layers()["communes"].iloc[:3].assign(commune_code=["02200", "02203", "02206"])
    units = Units.of(squares, OLD, HALF_KM)
    inside = [shape.centroid for shape in squares.geometry]
    assert [read("02215", NEW, point, units).unit[0] for point in inside] == ["02200", "02203", "02206"]
    assert read("02215", NEW, Point(WEST, SOUTH + 5 * SIDE), units) is None


def test_a_little_outside_a_drawn_border_still_counts_as_inside():
    units = Units.of(new_communes(("02212", "02494")), NEW, HALF_KM)
    assert read("02494", OLD, Point(WEST - 400, SOUTH + 100), units).unit == ("02212", NEW)
    assert not read("02494", OLD, Point(WEST - 600, SOUTH + 100), units).sure


def test_codes_of_a_province_whose_map_covplan_lacks_go_by_the_point():
    """00688 Phường Quang Trung, of Hà Giang before the merger: in no list of covplan."""
    units = Units.of(new_communes(("00691", "00694")), NEW, HALF_KM)
    second = Point(WEST + 1.5 * SIDE, SOUTH + 100)
    reading = read("00688", OLD, second, units)
    assert (reading.unit, reading.read_as, reading.sure) == (("00694", NEW), ("00688", OLD), True)
    # 00691 was Phường Trần Phú and is Phường Hà Giang 2 now: by its version it is the old one.
    assert read("00691", OLD, second, units).unit == ("00694", NEW)
    assert read("99999", NEW, second, units) is None  # of the study's own list: a slip of the pen, not another list
    # So too where the study has the old communes of a part of the province only, and the point is in the other part.
    part = pd.concat([new_communes(("00691", "00694")), small_layers()["communes"].iloc[:1]])
    assert read("00688", OLD, second, Units.of(part, NEW, HALF_KM)).unit == ("00694", NEW)
    assert read("00688", OLD, Point(WEST + 100, SOUTH + 100), Units.of(part, NEW, HALF_KM)) is None


@pytest.mark.parametrize("version", [None, "", "2025-99"])
def test_stations_without_a_version_get_that_of_the_commune_they_stand_in(tmp_path, version):
    study, found = read_study(small_study(tmp_path, stations=lambda table: table.assign(boundary_version=version)))
    assert pairs(study.stations) == pairs(small_layers()["stations"])
    assert [one.details["count"] for one in found if one.check == "boundary_version_read"] == [7]


def test_hamlets_without_a_version_column_are_read_by_their_places(tmp_path):
    study, _ = read_study(small_study(tmp_path, villages=lambda table: table.drop(columns="boundary_version")))
    assert pairs(study.villages) == pairs(small_layers()["villages"])


def test_a_layer_of_old_codes_declared_as_new_ones_is_translated_not_stopped(tmp_path):
    """Most codes are none of 2025-07: the version is a slip, and each code is read where its hamlet lies."""
    codes = ["02200", "02203", "02209", "02494", "02497", "02497", "02494", "02494"]
    study, found = merged(tmp_path, codes, NEW)
    assert study is not None
    assert "wrong_boundary_version" not in {one.check for one in found}
    assert [code for code, _version in pairs(study.villages)] == ["02215"] * 2 + ["02212"] * 2 + ["02509"] * 2 + [
        "02494"
    ] * 2


def test_both_codes_can_be_had_back_from_the_findings(tmp_path):
    codes = ["02200", "02203", "02209", "02494", "02497", "02497", "02494", "02494"]
    study, found = merged(tmp_path / "study", codes)
    write_findings(found, study.set_aside, tmp_path / "out")
    with (tmp_path / "out" / "findings.csv").open(encoding="utf-8") as file:
        written = {row["id"]: row["value"] for row in csv.DictReader(file) if row["check"] == "commune_translated"}
    declared = dict(zip(small_layers()["villages"]["village_id"], codes, strict=True))
    assert written == declared
    assert len(study.villages) == len(codes)


def test_a_study_with_both_lists_translates_nothing(tmp_path):
    """The code is known in its own version, as in the sample: figures of the other list go by position, as ever."""
    study = open_study(small_study(tmp_path))
    assert Counter(one.check for one in study.findings) == {"missing_optional_layer": 1}
    assert pairs(study.villages) == pairs(small_layers()["villages"])


def test_a_point_on_the_border_of_two_communes_goes_to_the_lower_code():
    units = Units.of(
        gpd.GeoDataFrame(
            {"commune_code": ["00694", "00691"], "boundary_version": NEW, "name": ["b", "a"]},
            geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)],
            crs=EPSG,
        ),
        NEW,
        HALF_KM,
    )
    assert units.under(Point(1, 0.5), NEW) == ("00691", NEW)
