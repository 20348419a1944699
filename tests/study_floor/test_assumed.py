"""What a study leaves empty is assumed from one table, marked in the row, and said: with the right values."""

from __future__ import annotations

import csv

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from shapely.geometry import Point, box

from covplan.study.assumptions import assumptions
from covplan.study.columns import split_list
from covplan.study.findings import SEVERITIES
from covplan.study.folder import open_study, read_study
from covplan.study.grid import Grid
from covplan.study.inhabitants import hamlet_of, inhabitants
from covplan.study.language import speaking
from covplan.study.layers import input_layers
from covplan.study.resources import resource_text
from covplan.study.settings import band_codes, operator_table
from covplan.study.synthetic import origin_mark, origin_notice, origins, synthetic_notice
from tests.study import EPSG, SIDE, SOUTH, WEST, small_layers, small_study
from tests.study_floor.test_folder import assert_same_layers

LEAST = ["operator", "lon", "lat"]


def only(*columns):
    return lambda table: table[[*columns, *(["geometry"] if "geometry" in table else [])]]


def said(found, column, layer="stations"):
    (one,) = [one for one in found if one.layer == layer and one.column == column and one.severity == "assumed"]
    return one


@pytest.fixture(scope="module")
def least(tmp_path_factory):
    """The small study with what cannot be assumed, and nothing else."""
    nothing = {name: lambda table: table.iloc[:0] for name in small_layers()}
    kept = {
        "villages": lambda table: gpd.GeoDataFrame(geometry=table.centroid, crs=EPSG),
        "communes": only("commune_code"),
        "stations": only(*LEAST),
    }
    folder = small_study(tmp_path_factory.mktemp("least"), **(nothing | kept))
    (folder / "population.tif").unlink()
    return read_study(folder)


def test_operator_and_place_alone_make_stations(least):
    study, found = least
    stations = study.stations
    assert study.set_aside["communes"]["reasons"].to_list() == ["duplicate_id"]  # its version is not told apart
    assert list(stations["station_id"]) == ["VTL-2", "VNPT-3", "VTL-4", "MBF-5", "VTL-6", "VNPT-7", "VNM-8"]
    assert list(stations["location_id"]) == [
        "L-VNPT-3", "L-VNPT-3", "L-VTL-4", "L-MBF-5", "L-VTL-6", "L-VNPT-7", "L-VNM-8",
    ]  # fmt: skip
    assert set(stations["structure"]) == {"unknown"}
    # By their codes, the official list calls all but the last of the four communes a ward.
    assert list(study.communes["name"].str.partition(" ")[0]) == ["Phường", "Phường", "Phường", "Xã"]
    assert list(stations["height_m"]) == [27.0] * 6 + [42.0]
    assert list(stations["antenna_height_m"]) == [24.0] * 6 + [39.0]
    assert set(stations["technologies"]) == {"4G"}
    assert list(stations["bands"]) == ["L1800"] * 6 + ["L2100"]
    assert set(stations["status"]) == {"existing"}
    assert list(stations["commune_code"]) == list(small_layers()["stations"]["commune_code"])
    with speaking("en"):
        assert said(found, "bands").text("problem") == "7 of 7 rows have no bands."
        assert said(found, "bands").text("done") == (
            "Assumed L1800 (6), L2100 (1): the main band of 4G; high: a low band beside it."
        )
        assert "27 (6), 42 (1)" in said(found, "height_m").text("done")
        assert said(found, "location_id").text("done").startswith("Assumed: stations nearer")
    with speaking("vi"):
        assert said(found, "height_m").text("problem") == "7/7 dòng không có cột 'height_m'."


def test_every_assumed_cell_is_named_in_its_row(least):
    study, _ = least
    assert set(split_list(study.stations["assumed"][0])) == {
        "station_id", "location_id", "structure", "height_m", "antenna_height_m", "technologies", "bands", "status",
        "commune_code", "boundary_version", "backhaul",
    }  # fmt: skip
    assert set(split_list(study.villages["assumed"][0])) == {
        "village_id", "name", "commune_code", "boundary_version", "households", "centre_lon", "centre_lat",
    }  # fmt: skip


def test_hamlets_as_points_alone_have_a_centre_a_commune_and_an_average_size(least):
    study, found = least
    villages = study.villages
    assert set(villages["households"]) == {120}
    assert list(villages["commune_code"]) == list(small_layers()["villages"]["commune_code"])
    at = villages.geometry.to_crs(4326)
    assert np.allclose(villages["centre_lon"], at.x)
    assert np.allclose(villages["centre_lat"], at.y)
    with speaking("en"):
        assert said(found, "centre_lon, centre_lat", "villages").text("done") == "Taken is the hamlet's own point."


def test_a_saved_study_keeps_what_was_assumed_as_assumed(least, tmp_path):
    study, found = least
    again, told = read_study(study.save(tmp_path / "saved"))
    assert_same_layers(study, again)
    counts = [{(one.layer, one.column): one.details.get("count") for one in them if one.severity == "assumed"}
              for them in (found, told)]  # fmt: skip
    assert counts[0] == counts[1]
    with speaking("en"):
        assert "the file marks it as assumed" in said(told, "height_m").text("done")


def test_a_mark_of_what_has_no_value_or_no_such_column_does_not_stay(tmp_path):
    marked = ["height_m;no_such", "owner", None, None, None, None, None]
    study, found = read_study(
        small_study(
            tmp_path, stations=lambda t: t.assign(assumed=marked, owner=[*t["owner"][:1], None, *t["owner"][2:]])
        )
    )
    assert study.stations["assumed"][0] == "height_m"
    assert study.stations["assumed"][1:].isna().all()
    assert said(found, "height_m").details["count"] == 1
    assert [one.value for one in found if one.check == "cell_unknown_code"] == ["no_such"]


def test_nothing_is_assumed_of_a_study_that_says_all(tmp_path):
    study, found = read_study(small_study(tmp_path))
    assert [one for one in found if one.severity == "assumed"] == []
    assert all(study.table(name)["assumed"].isna().all() for name in input_layers() if "assumed" in study.table(name))


def test_the_class_of_a_structure_is_known_by_its_form_or_its_location_and_never_guessed(tmp_path):
    def bare(stations):
        stations = stations.assign(form=[None, None, "guyed", "rooftop", "camouflaged", "monopole", None])
        stations.loc[1:, ["structure", "height_m", "building_height_m", "antenna_height_m"]] = None
        return stations

    stations = open_study(small_study(tmp_path, stations=bare)).stations
    # S-2 stands on the structure of S-1; S-7's commune is in the country, S-6's a ward.
    assert list(stations["structure"]) == ["A2b", "A2b", "A2b", "A2a", "A1b", "unknown", "unknown"]
    assert list(stations["height_m"]) == [42, 42, 42, 9, 20, 27, 42]
    assert stations["building_height_m"][3] == 12
    assert list(stations["antenna_height_m"]) == [40, 39, 39, 18, 17, 24, 39]


def test_a_station_without_a_location_joins_the_one_it_stands_on(tmp_path):
    def bare(stations):
        stations.loc[[1, 2], "location_id"] = None
        return stations

    stations = open_study(small_study(tmp_path, stations=bare)).stations
    assert list(stations["location_id"])[:3] == ["L-1", "L-1", "L-S-3"]
    assert stations["assumed"].isna().to_list() == [True, False, False, True, True, True, True]


def test_a_made_location_takes_no_name_that_another_has(tmp_path):
    def bare(stations):
        stations.loc[2, "location_id"] = None
        stations.loc[6, "location_id"] = "L-S-3"
        return stations

    assert open_study(small_study(tmp_path, stations=bare)).stations["location_id"][2] == "L-S-3-2"


def test_bands_follow_the_cells_that_are_known_and_the_operator_for_the_others(tmp_path):
    def bare(stations):
        return stations.assign(bands=None, technologies=["4G", "2G;3G;4G", None, "4G;5G", "4G;5G", "4G", "4G"])

    study = open_study(small_study(tmp_path, stations=bare))
    # Cells of all seven stations: 4G in L1800. Where they say all, nothing is assumed.
    assert [None if pd.isna(one) else one for one in study.stations["bands"]] == [
        None, "L1800;G900;U2100", None, "L1800;N3900", "L1800;N2600", None, None,
    ]  # fmt: skip
    assert study.stations["technologies"][2] == "4G"


def test_households_come_from_clusters_then_from_people_then_from_the_raster(tmp_path):
    def bare(villages):
        villages.loc[[0, 1, 2], "households"] = None
        villages.loc[2, "population"] = None
        return villages

    def clusters(dwellings):
        return dwellings[~dwellings["village_id"].isin(["T-02200-2", "T-02203-1"])]

    study, found = read_study(small_study(tmp_path, villages=bare, dwellings=clusters))
    # 0.5 persons on each of the 90 m cells whose middle lies in the 3 by 6 km of the third hamlet.
    with rasterio.open(tmp_path / "population.tif") as raster:
        rows, columns = np.mgrid[: raster.height, : raster.width]
        x, y = raster.transform.c + (columns + 0.5) * 90, raster.transform.f - (rows + 0.5) * 90
    west, south, east, north = study.villages.geometry[2].bounds
    persons = 0.5 * ((x > west) & (x < east) & (y > south) & (y < north)).sum()
    assert list(study.villages["households"])[:4] == [100, round(470 / 3.84), round(persons / 3.84), 60]
    assert said(found, "households", "villages").details["count"] == 3


def test_clusters_without_figures_share_what_is_left_of_their_hamlet(tmp_path):
    def bare(dwellings):
        dwellings.loc[[0, 1], "households"] = None
        dwellings.loc[3, "households"] = None
        return dwellings

    dwellings = open_study(small_study(tmp_path, dwellings=bare)).dwellings
    assert list(dwellings["households"])[:4] == [50, 50, 80, 40]  # hamlets of 100 and 120 households


def test_clusters_without_a_hamlet_belong_to_the_one_around_them(tmp_path):
    clusters = open_study(small_study(tmp_path, dwellings=only("households"))).dwellings
    assert list(clusters["village_id"]) == list(small_layers()["dwellings"]["village_id"])


def test_a_cluster_far_from_every_hamlet_is_set_aside(tmp_path):
    def moved(dwellings):
        dwellings["village_id"] = dwellings["village_id"].where(dwellings.index != 0)
        dwellings.loc[0, "geometry"] = Point(WEST - 5000, SOUTH + 100)
        return dwellings

    study, found = read_study(small_study(tmp_path, dwellings=moved))
    assert [one.row for one in found if one.check == "dwelling_without_hamlet"]
    assert len(study.set_aside["dwellings"]) == 1


def test_a_place_belongs_to_the_outline_around_it_or_else_to_the_nearest_point():
    shapes = gpd.GeoSeries([box(0, 0, 1000, 1000), Point(3000, 500), Point(5000, 500)])
    x = [500, 1100, 3900, 4100, 9000, 999]
    assert hamlet_of(shapes, x, [500] * 6, 2000).tolist() == [0, 1, 1, 2, -1, 0]


def test_people_are_counted_on_the_rasters_own_cells_wherever_it_lies(tmp_path):
    grid = Grid.from_bounds((WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE), 100, EPSG)
    people = np.zeros(grid.shape, dtype="float32")
    rows, columns = grid.rowcol([WEST + 1050, WEST + 3950, WEST + 11_050], [SOUTH + 1050] * 3)
    people[rows, columns] = [10, 20, 40]
    grid.write(tmp_path / "people.tif", people)
    points = gpd.GeoDataFrame(geometry=[Point(WEST + 1000, SOUTH + 1000), Point(WEST + 5000, SOUTH + 1000)], crs=EPSG)
    assert inhabitants(tmp_path / "people.tif", points, 2000).tolist() == [10, 20]
    elsewhere = points.translate(-500_000)
    assert inhabitants(tmp_path / "people.tif", gpd.GeoDataFrame(geometry=elsewhere), 2000).tolist() == [0, 0]


def test_a_column_that_may_be_empty_and_that_all_later_steps_need_is_in_the_table():
    """What the columns of results require of inputs of the same name is required or assumed there."""
    of_stations = [
        "station_id",
        "operator",
        "location_id",
        "structure",
        "height_m",
        "antenna_height_m",
        "technologies",
        "status",
    ]
    of_villages = ["village_id", "name", "commune_code", "boundary_version", "households"]
    needed = {("stations", name) for name in of_stations} | {("villages", name) for name in of_villages}
    sure = {(layer, column) for layer, column, _ in assumptions()}
    sure |= {(name, one.name) for name, layer in input_layers().items() for one in layer.columns if one.required}
    assert needed <= sure


def test_the_table_of_assumptions_keeps_to_layers_codes_and_ranges():
    assert "assumed" in SEVERITIES
    operators = {row["operator"] for row in operator_table()}
    for one in assumptions().values():
        place = f"{one.layer}.{one.column}/{one.of}"
        assert one.layer in input_layers(), place
        assert one.reason_vi, place
        assert one.reason_en, place
        assert one.source, place
        assert one.confidence in ("sourced", "unverified"), place
        assert bool(one.low) == bool(one.high), place
        if one.column == "bands":
            assert {code for cell in (one.low, one.value, one.high) for code in split_list(cell)} <= {
                *band_codes(), "U2100", "G900",
            }, place  # fmt: skip
        elif one.low:
            assert float(one.low) <= one.number <= float(one.high), place
            assert float(one.low) < float(one.high), place
        if one.column == "technologies" and one.of != "bands":
            assert one.of in operators, place
    rows = list(csv.DictReader(resource_text("assumptions.csv").splitlines()))
    assert len(rows) == len(assumptions()), "two assumptions of one place"


def test_an_operators_assumed_bands_are_its_own_spectrum():
    own = {(row["operator"], row["band"]) for row in csv.DictReader(resource_text("spectrum.csv").splitlines())}
    for one in assumptions().values():
        if one.column == "bands" and "/" in one.of:
            operator = one.of.partition("/")[0]
            assert {(operator, code) for cell in (one.value, one.low, one.high) for code in split_list(cell)} <= own


def landcover_of(folder, codes):
    """The small study's land cover with other codes, in stripes."""
    with rasterio.open(folder / "landcover.tif") as raster:
        values, profile = raster.read(1), raster.profile
    striped = np.resize(np.array(codes, dtype="uint8"), values.shape[0])[:, None].repeat(values.shape[1], axis=1)
    with rasterio.open(folder / "landcover.tif", "w", **profile) as raster:
        raster.write(striped, 1)


MODIS = [2, 4, 8, 10, 12, 13, 255]


def without_a_scheme(folder):
    lines = (folder / "study.toml").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("landcover_classes"))
    (folder / "study.toml").write_text(text, encoding="utf-8")


def test_modis_codes_are_read_as_such_where_the_study_names_no_scheme(tmp_path):
    folder = small_study(tmp_path)
    landcover_of(folder, MODIS)
    without_a_scheme(folder)
    study, found = read_study(folder)
    assert study.settings.propagation.landcover_classes == "igbp"
    (one,) = [one for one in found if one.check == "assumed_landcover"]
    with speaking("en"):
        assert one.text("advice") == 'Write into study.toml: [propagation] landcover_classes = "igbp".'
        assert "2, 4, 8, 10, 12, 13" in one.text("problem")
    again, told = read_study(study.save(tmp_path / "saved"))  # what was taken is written, and asks no more
    assert again.settings.propagation.landcover_classes == "igbp"
    assert "landcover" not in {one.check.partition("_")[2] for one in told}


def test_modis_codes_are_named_where_the_study_says_worldcover(tmp_path):
    folder = small_study(tmp_path)  # its study.toml writes every setting
    landcover_of(folder, MODIS)
    study, found = read_study(folder)
    assert study.settings.propagation.landcover_classes == "worldcover"
    assert [one.severity for one in found if one.check == "other_landcover"] == ["warning"]


@pytest.mark.parametrize("codes", [[10, 20, 30, 40, 50, 80], [10], [10, 50, 0]])
def test_worldcover_codes_ask_nothing(tmp_path, codes):
    folder = small_study(tmp_path)
    landcover_of(folder, codes)
    without_a_scheme(folder)
    study, found = read_study(folder)
    assert study.settings.propagation.landcover_classes == "worldcover"
    assert not [one for one in found if one.check.endswith("landcover")]


def test_codes_of_no_known_scheme_are_named_and_heights_of_the_users_own_make_them_known(tmp_path):
    folder = small_study(tmp_path)
    landcover_of(folder, [41, 42, 43])
    assert [one.details["found"] for one in read_study(folder)[1] if one.check == "unknown_landcover"] == ["41, 42, 43"]
    named = small_study(tmp_path / "named", {"propagation": {"clutter_height_m": {41: 15, 42: 0, 43: 3}}})
    landcover_of(named, [41, 42, 43])
    assert not [one for one in read_study(named)[1] if one.check.endswith("landcover")]


def test_results_say_how_many_rows_are_simulated_and_which_values_assumed(tmp_path):
    def some(stations):
        stations.loc[[0, 1, 2], "height_m"] = None
        return stations.assign(synthetic=[True] * 5 + [False, None], name=None)

    study = open_study(small_study(tmp_path, stations=some, villages=lambda t: t.assign(name=None)))
    with speaking("en"):
        assert origin_notice(study) == (
            "Stations: 5 of 7 are simulated · Stations: 3 of 7 have assumed values (structure height)"
        )
        assert origin_mark(study) == "PARTLY SIMULATED DATA"
    (one,) = [one for one in origins(study) if one.simulated]
    assert (one.rows, one.simulated, one.assumed, one.columns) == (7, 5, 3, {"height_m": 3})


def test_a_simulated_province_says_so_and_observed_data_say_nothing(tmp_path):
    whole = open_study(small_study(tmp_path / "a", {"province": {"name": "T", "synthetic": True}}))
    assert origin_notice(whole) == synthetic_notice()
    observed = open_study(small_study(tmp_path / "b"))
    assert (origin_notice(observed), origin_mark(observed)) == ("", "")


def break_off(path):
    path.write_bytes(path.read_bytes()[:400])


def without_crs(path):
    with rasterio.open(path) as raster:
        values, profile = raster.read(1), raster.profile | {"crs": None}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values, 1)


@pytest.mark.parametrize("spoil", [break_off, without_crs])
def test_a_population_raster_that_cannot_be_used_costs_itself_only(tmp_path, spoil):
    folder = small_study(
        tmp_path, villages=lambda t: t.assign(households=None, population=None), dwellings=lambda t: t.iloc[:0]
    )
    spoil(folder / "population.tif")
    study, found = read_study(folder)
    assert set(study.villages["households"]) == {120}
    assert "population.tif" in {one.file for one in found if one.severity != "note"}


def test_backhaul_is_assumed_only_where_the_list_tells_none(tmp_path):
    told = open_study(
        small_study(tmp_path / "told", stations=lambda rows: rows.assign(backhaul=[None, *rows["backhaul"][1:]]))
    )
    assert told.stations["backhaul"].isna().sum() == 1
    none = open_study(small_study(tmp_path / "none", stations=lambda rows: rows.drop(columns="backhaul")))
    assert set(none.stations["backhaul"]) == {"fiber"}
    assert "fiber (7)" in said(list(none.findings), "backhaul").text("done")
