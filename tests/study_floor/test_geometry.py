"""Lengths, areas and distances are those of the ground, and a file in the wrong system is named."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from covplan.study.folder import read_study
from covplan.study.geometry import CANDIDATE_EPSG, area_km2, distance_m, guess_crs, length_m, with_lengths
from tests.study import EPSG, SIDE, small_layers, small_study

# WGS 84, NIMA TR8350.2
SEMI_MAJOR_M, FLATTENING = 6_378_137.0, 1 / 298.257223563
E2 = FLATTENING * (2 - FLATTENING)


def meridian_degree_m(latitude_deg):
    """Length of one degree of latitude around a latitude: the series of the American Practical Navigator (Bowditch)."""
    phi = math.radians(latitude_deg)
    return 111132.92 - 559.82 * math.cos(2 * phi) + 1.175 * math.cos(4 * phi) - 0.0023 * math.cos(6 * phi)


def parallel_degree_m(latitude_deg):
    """Length of one degree of longitude, from the same table."""
    phi = math.radians(latitude_deg)
    return 111412.84 * math.cos(phi) - 93.5 * math.cos(3 * phi) + 0.118 * math.cos(5 * phi)


def zone_km2(south_deg, north_deg, width_deg):
    """Area between two parallels and two meridians (Snyder 1987, equation 3-12, authalic latitude)."""

    def q(latitude_deg):
        sine, e = math.sin(math.radians(latitude_deg)), math.sqrt(E2)
        return (1 - E2) * (sine / (1 - E2 * sine**2) - math.log((1 - e * sine) / (1 + e * sine)) / (2 * e))

    return SEMI_MAJOR_M**2 / 2 * (q(north_deg) - q(south_deg)) * math.radians(width_deg) / 1e6


def cell(west, south, side=1.0, *, clockwise=False):
    """A cell of the graticule whose northern and southern edges follow the parallels."""
    return Polygon(
        shapely.segmentize(box(west, south, west + side, south + side, ccw=not clockwise), side / 200).exterior
    )


def test_a_degree_of_meridian_and_of_parallel_are_as_long_as_published():
    north = LineString([(105.2, 21.5), (105.2, 22.5)])
    east = LineString([(105 + i / 100, 22) for i in range(101)])
    metres = length_m(gpd.GeoSeries([north, east], index=[7, 3], crs=4326))
    assert metres.index.tolist() == [7, 3]
    assert metres[7] == pytest.approx(meridian_degree_m(22), abs=2)
    assert metres[7] == pytest.approx(110_731, abs=3)
    assert metres[3] == pytest.approx(parallel_degree_m(22), abs=2)


def test_a_cell_of_the_graticule_has_the_area_of_its_zone():
    assert area_km2(gpd.GeoSeries([cell(105, 22)], crs=4326))[0] == pytest.approx(zone_km2(22, 23, 1), rel=1e-5)


@pytest.mark.parametrize("epsg", [EPSG, 9209, 32648, 3857])
def test_lengths_and_areas_do_not_depend_on_the_projection_of_the_file(epsg):
    """A metre of EPSG:3857 is 0.93 m on the ground at 22° N: map units would be 8 % too long and 16 % too large."""
    road, commune = LineString([(105.1, 22.0), (105.2, 22.1)]), cell(105.1, 22.0, 0.1)
    roads, communes = gpd.GeoSeries([road], crs=4326), gpd.GeoSeries([commune], crs=4326)
    assert length_m(roads.to_crs(epsg))[0] == pytest.approx(length_m(roads)[0], rel=1e-7)
    assert area_km2(communes.to_crs(epsg))[0] == pytest.approx(zone_km2(22.0, 22.1, 0.1), rel=1e-5)


def test_map_units_of_a_web_projection_are_never_taken_for_metres():
    road = gpd.GeoSeries([LineString([(105.1, 22.0), (105.2, 22.0)])], crs=4326).to_crs(3857)
    assert road.length[0] / length_m(road)[0] == pytest.approx(1 / math.cos(math.radians(22)), rel=0.005)


def test_a_hole_and_a_second_part_count_the_same_whichever_way_they_were_drawn():
    """Shapefiles, KML and GeoJSON wind their rings differently; a lake in a commune is never added to it."""
    outer, lake, island = cell(105, 22), cell(105.25, 22.25, 0.5), cell(107, 22)
    turned = cell(105.25, 22.25, 0.5, clockwise=True), cell(107, 22, clockwise=True)
    shapes = [Polygon(outer.exterior, [hole.exterior]) for hole in (lake, turned[0])]
    shapes += [MultiPolygon([outer, part]) for part in (island, turned[1])]
    one, hole = zone_km2(22, 23, 1), zone_km2(22.25, 22.75, 0.5)
    assert area_km2(gpd.GeoSeries(shapes, crs=4326)).tolist() == pytest.approx(
        [one - hole] * 2 + [2 * one] * 2, rel=1e-5
    )


lons, lats = st.floats(104.3, 105.6), st.floats(21.5, 23.4)


@given(lons, lats, st.floats(0, 359), st.floats(1, 300))
def test_a_short_distance_is_that_of_the_tangent_plane(lon, lat, bearing_deg, metres):
    bearing = math.radians(bearing_deg)
    other_lat = lat + metres * math.cos(bearing) / meridian_degree_m(lat)
    other_lon = lon + metres * math.sin(bearing) / parallel_degree_m(lat)
    assert distance_m(lon, lat, other_lon, other_lat) == pytest.approx(metres, rel=2e-4)
    assert distance_m(other_lon, other_lat, lon, lat) == pytest.approx(distance_m(lon, lat, other_lon, other_lat))


def test_distances_are_pairwise():
    away = distance_m([105.0, 105.0], [22.0, 22.0], [105.0, 106.0], [23.0, 22.0])
    assert away == pytest.approx([meridian_degree_m(22.5), parallel_degree_m(22)], abs=5)


def test_only_cables_without_a_length_are_measured():
    line = LineString([(0, 0), (300, 400)])
    at = [shapely.affinity.translate(line, 420_000, 2_415_000)] * 2
    routes = gpd.GeoDataFrame({"length_m": [777.0, None]}, geometry=at, crs=EPSG)
    assert with_lengths(routes)["length_m"].tolist() == pytest.approx([777.0, 500.0], abs=0.2)
    assert with_lengths(routes.iloc[:1])["length_m"].tolist() == [777.0]


# A province as large as old Tuyên Quang, and places all over it.
PROVINCE = gpd.GeoSeries([box(104.85, 21.5, 105.6, 22.7)], crs=4326).to_crs(EPSG)[0]
rng = np.random.default_rng(2025)
PLACES = np.column_stack([rng.uniform(104.9, 105.55, 200), rng.uniform(21.55, 22.65, 200)])


@pytest.mark.parametrize("epsg", [code for code in CANDIDATE_EPSG if CRS.from_epsg(code).is_projected])
def test_the_system_a_file_is_really_in_is_among_those_named(epsg):
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(*PLACES.T)
    named = guess_crs(gpd.GeoSeries(shapely.points(x, y)), CRS.from_epsg(EPSG), PROVINCE, 10_000)
    assert named is not None
    assert f"EPSG:{epsg}" in named


def test_coordinates_that_fit_no_system_are_not_guessed_at():
    points = gpd.GeoSeries(shapely.points(PLACES[:, 0] * 7, PLACES[:, 1] * 3))
    assert guess_crs(points, CRS.from_epsg(EPSG), PROVINCE, 10_000) is None


@pytest.mark.parametrize("epsg", [9209, 9210, 9212])
def test_a_layer_in_the_wrong_meridian_is_named_on_the_whole_province_too(tmp_path, epsg):
    """Neighbouring meridians are 26 km apart and the province is 75 km wide: most of the layer still lies inside."""
    layers, around = small_layers(), gpd.GeoSeries([PROVINCE], crs=EPSG)
    communes, villages = layers["communes"].iloc[[0]], layers["villages"].iloc[[0]]
    places = gpd.GeoDataFrame(
        {"place_id": [f"P-{n}" for n in range(len(PLACES))], "kind": "school", "name": "Trường"},
        geometry=gpd.points_from_xy(*PLACES.T, crs=4326),
    )
    folder = small_study(
        tmp_path,
        communes=communes.set_geometry(around.set_axis(communes.index)),
        villages=villages,
        places=places.to_crs(epsg).set_crs(EPSG, allow_override=True),
        **{name: layers[name].iloc[:0] for name in ("dwellings", "nodes", "roads", "routes", "cells", "statistics")},
    )
    _, found = read_study(folder)
    said = [f.text("problem", "en") for f in found if f.check == "layer_set_aside"]
    assert [f"EPSG:{epsg}" in text for text in said] == [True]


def test_one_place_far_away_does_not_make_the_whole_file_suspect(tmp_path):
    def stray(places):
        shapes = [*places.geometry[:2], Point(places.geometry[2].x + 10 * SIDE, places.geometry[2].y)]
        return places.set_geometry(gpd.GeoSeries(shapes, crs=EPSG))

    study, found = read_study(small_study(tmp_path, places=stray))
    assert {f.check for f in found if f.layer == "places"} == {"outside_province"}
    assert study.places["place_id"].tolist() == ["P-1", "P-2"]
