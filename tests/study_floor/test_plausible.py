"""A fault that breaks no rule of a cell, yet moves every figure, is named with its likely cause; truth is spared."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

from covplan.study.findings import findings_table
from covplan.study.folder import read_study
from covplan.study.plausible import check_plausible
from covplan.study.rasters import with_fitting_landcover
from covplan.study.whereabouts import Known
from tests.real_province import PROVINCE, real_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from covplan.study.findings import Finding
    from covplan.study.folder import Study

SAMPLE = Path(__file__).parents[2] / "data"
PLAUSIBLE = {
    "weak_eirp", "doubled_cell", "fewer_people_than_households", "unlikely_household_size", "percent_for_households",
    "clusters_at_one_point", "length_disagrees", "unknown_indicator", "unlikely_statistic", "unlikely_date",
    "high_receiver", "coarse_grid", "other_boundaries", "shifted_layer", "people_on_heights", "steep_roads",
    "zero_elevation", "strange_landcover",
}  # fmt: skip


def plausible(study: Study) -> list[Finding]:
    return check_plausible(Known(**{one.name: getattr(study, one.name) for one in fields(Known)}))


@pytest.fixture(scope="module")
def sample() -> Study:
    study, _ = read_study(SAMPLE)
    assert study is not None
    return study


def test_the_sample_is_not_blamed(sample: Study) -> None:
    assert [one for one in sample.findings if one.check in PLAUSIBLE | {"unlikely_elevation"}] == []


@pytest.mark.skipif(not PROVINCE.is_dir(), reason="the real province's files are not beside the project")
def test_the_real_province_is_not_blamed(tmp_path: Path) -> None:
    study, found = read_study(real_study(tmp_path / "real"))
    assert study is not None
    assert [one.check for one in found if one.check in PLAUSIBLE | {"unlikely_elevation"}] == []


def shifted(layer: str, east_m: float, north_m: float) -> Callable[[Study], Study]:
    def change(study: Study) -> Study:
        table = gpd.GeoDataFrame(study.table(layer))
        return replace(study, **{layer: table.set_geometry(table.geometry.translate(east_m, north_m))})  # type: ignore[arg-type]

    return change


def centres_shifted(study: Study) -> Study:
    """What VN-2000 degrees read as WGS 84 do to the culture houses."""
    moved = study.villages["centre_lon"] + 190 / 103_000, study.villages["centre_lat"] - 60 / 110_700
    return replace(study, villages=study.villages.assign(centre_lon=moved[0], centre_lat=moved[1]))


def figures(layer: str, **columns: Callable[[pd.DataFrame], Any]) -> Callable[[Study], Study]:
    return lambda study: replace(study, **{layer: study.table(layer).assign(**columns)})  # type: ignore[arg-type]


def doubled(study: Study) -> Study:
    again = study.cells.head(30).assign(cell_id=[f"again-{n}" for n in range(30)])
    return replace(study, cells=pd.concat([study.cells, again], ignore_index=True))


def set_to(section: str, **values: Any) -> Callable[[Study], Study]:
    def change(study: Study) -> Study:
        part = getattr(study.settings, section).model_copy(update=values)
        return replace(study, settings=study.settings.model_copy(update={section: part}))

    return change


def at_one_point(study: Study) -> Study:
    shapes = gpd.GeoSeries([study.dwellings.geometry.iloc[0]] * len(study.dwellings), crs=study.dwellings.crs)
    return replace(study, dwellings=study.dwellings.set_geometry(shapes))


def percent(table: pd.DataFrame) -> pd.Series:
    share = (100 * table["ftth_households"] / table["households"]).round()
    return share.astype("Int64")


FAULTS: list[tuple[str, Callable[[Study], Study], str]] = [
    ("weak_eirp", figures("cells", eirp_dbm=lambda t: t["eirp_dbm"] - 43.0), "resource element"),
    ("weak_eirp", figures("cells", eirp_dbm=20.0), "watts"),  # type: ignore[arg-type]
    ("doubled_cell", doubled, "all but its id"),
    ("fewer_people_than_households", figures("villages", population=lambda t: t["households"] // 3), "swapped"),
    ("unlikely_household_size", figures("villages", population=lambda t: t["households"] * 40), "persons"),
    ("percent_for_households", figures("villages", ftth_households=percent), "per cent"),
    ("clusters_at_one_point", at_one_point, "default point"),
    ("length_disagrees", figures("routes", length_m=lambda t: t["length_m"] / 1000), "kilometres"),
    ("unknown_indicator", figures("statistics", indicator=lambda t: t["indicator"] + "x"), "Did you mean"),
    ("unlikely_statistic", figures("statistics", value=lambda t: t["value"] / 100), "share"),
    ("unlikely_statistic", figures("statistics", value=lambda t: t["value"] * 100), "times 100"),
    ("unlikely_date", figures("stations", on_air=pd.Timestamp("2199-01-01")), "planned"),  # type: ignore[arg-type]
    ("unlikely_date", figures("stations", on_air=pd.Timestamp("1900-01-01")), "1993"),  # type: ignore[arg-type]
    ("high_receiver", set_to("propagation", receiver_height_m=15.0), "receiver_height_m"),
    ("coarse_grid", set_to("grid", cell_m=500.0), "cell_m"),
    ("other_boundaries", set_to("province", boundaries="2025-07"), "boundaries"),
    ("shifted_layer", shifted("dwellings", 200, 0), "west"),
    ("shifted_layer", shifted("dwellings", -140, 140), "south-east"),
    ("shifted_layer", centres_shifted, "datum"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "hurt", "word"), FAULTS, ids=[f"{n}-{c}" for n, (c, *_) in enumerate(FAULTS)])
def test_a_silent_fault_is_named_with_its_likely_cause(
    sample: Study, check: str, hurt: Callable[[Study], Study], word: str
) -> None:
    found = plausible(hurt(sample))
    assert {one.check for one in found} == {check}, findings_table(found)
    said = " ".join(found[0].text(part, "en") for part in ("problem", "advice"))
    assert word in said
    assert all("…" not in found[0].text(part, "vi") for part in ("problem", "done", "advice"))


def test_a_station_that_is_planned_may_go_on_air_later(sample: Study) -> None:
    later = pd.Timestamp(date.today() + timedelta(days=400))
    assert plausible(figures("stations", on_air=later, status="planned")(sample)) == []  # type: ignore[arg-type]


def with_terrain(study: Study, folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> list[Finding]:
    """Findings with the sample's heights made others, in a file as somebody would hand it over."""
    assert study.rasters["elevation"] is not None
    with rasterio.open(study.rasters["elevation"]) as source:
        heights, profile = source.read(1).astype("float32"), source.profile
        known = heights != source.nodata
    profile.update(dtype="float32", nodata=-32768.0, driver="GTiff")
    with rasterio.open(folder / "elevation.tif", "w", **profile) as file:
        file.write(np.where(known, change(heights), -32768.0).astype("float32"), 1)
    return plausible(replace(study, rasters={**study.rasters, "elevation": folder / "elevation.tif"}))


def voids_as_zeros(heights: np.ndarray) -> np.ndarray:
    holes = heights.copy()
    rows, columns = np.array(heights.shape) // 2
    holes[rows : rows + 400, columns : columns + 400] = 0.0
    return holes


@pytest.mark.parametrize(("change", "check", "word"), [
    (lambda z: z / 0.3048, "steep_roads", "feet"),
    (lambda z: z * 10, "steep_roads", "decimetres"),
    (lambda z: z[::-1], "people_on_heights", "upside down"),
    (lambda z: z[:, ::-1], "people_on_heights", "mirrored"),
    (lambda z: z.max() - z, "people_on_heights", "depths"),
    (voids_as_zeros, "zero_elevation", "nodata"),
], ids=["feet", "decimetres", "upside down", "mirrored", "depths", "zeros"])  # fmt: skip
def test_terrain_that_does_not_fit_its_people_is_named(
    sample: Study, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], check: str, word: str
) -> None:
    told = {one.check: one for one in with_terrain(sample, tmp_path, change)}
    assert check in told
    assert word in told[check].text("problem", "en") + told[check].text("advice", "en")


def test_a_few_codes_of_no_scheme_are_named(sample: Study, tmp_path: Path) -> None:
    assert sample.rasters["landcover"] is not None
    with rasterio.open(sample.rasters["landcover"]) as source:
        codes, profile = source.read(1), source.profile
    codes[: len(codes) // 2][codes[: len(codes) // 2] == 20] = 21
    with rasterio.open(tmp_path / "landcover.tif", "w", **profile) as file:
        file.write(codes, 1)
    _, found = with_fitting_landcover(tmp_path, sample.outline, sample.settings)
    assert [(one.check, one.details["found"]) for one in found] == [("strange_landcover", "21")]
