"""A province begun from whatever files there are: communes, hamlets, roads, rasters, operators' sheets; and what lacks.

Boundaries come first, for everything else is held against them. Run again with more files, it goes on: what is there
stays. Facts of all 34 provinces are data: resources/admin/country.csv.
"""

from __future__ import annotations

import csv
import datetime as dt
import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
from pyproj import CRS
from rasterio.errors import RasterioError
from rasterio.merge import merge
from rasterio.warp import transform_bounds

from covplan.intake.ground import read_ground
from covplan.intake.hamlets import hamlet_tables, read_hamlets, write_hamlets, write_layer_into
from covplan.intake.letters import name_key, plain_key
from covplan.intake.measurements import measurement_tables, read_measurements, write_measurements
from covplan.intake.stations import Told, read_stations
from covplan.intake.taken import compare, read_stations_file, write_taken
from covplan.study.around import HEAD_BYTES, RASTERS, VECTORS, VIRTUAL, recognise
from covplan.study.boundaries import official_units
from covplan.study.errors import LayerError
from covplan.study.files import written_whole
from covplan.study.language import _, by_language
from covplan.study.layers import input_layers
from covplan.study.magic import is_what_it_says
from covplan.study.osm import EXTRACTS, SETTLEMENTS, read_osm, read_places, read_settlements
from covplan.study.rasters import RASTER_FILES
from covplan.study.resources import resource_text
from covplan.study.settings import Settings
from covplan.study.settings_file import SETTINGS_FILE, load_settings, settings_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from covplan.intake.hamlets import Hamlets
    from covplan.intake.measurements import Measurements
    from covplan.intake.stations import Intake, Outcome
    from covplan.study.boundaries import Version

TUYEN_QUANG = "08"
TUYEN_QUANG_CRS = "EPSG:9211"
ZONES = (*range(9205, 9219), 5897, 5898, 5899)
"""VN-2000 / TM-3 with a scale of 0.9999."""
KNOWN_SHARE = 0.5  # of an official list's communes that a layer has to hold to be taken for it
MARGIN_DEG = 0.3  # of rasters around the province: as far as masts reach
MOST_PIXELS = 400_000_000
BROKEN = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.GeometryError, RasterioError)
ROAD_TAGS = ("highway", "fclass", "class")


@dataclass
class Begun:
    """What became of the files given for a new province."""

    folder: Path
    taken: list[tuple[str, str]] = field(default_factory=list)
    """File, and what it became."""
    not_taken: list[tuple[str, str]] = field(default_factory=list)
    """File, and why it was not used."""


@cache
def _country() -> tuple[dict[str, str], ...]:
    return tuple(csv.DictReader(resource_text("admin", "country.csv").splitlines()))


def provinces() -> dict[str, str]:
    """Codes of the 34 provinces since July 2025 and their names."""
    return {row["province_code"]: row["province"] for row in _country()}


def find_province(name: str) -> str:
    """The code of a province by its name, with or without accents.

    Raises
    ------
    LayerError
        There is none of that name; all names.

    >>> find_province("tuyen quang")
    '08'
    """
    for code, known in provinces().items():
        if plain_key(name) in (plain_key(known), f"tinh {plain_key(known)}", f"thanh pho {plain_key(known)}"):
            return code
    raise LayerError(
        _("no province {name!r}; there are {known}.").format(name=name, known=", ".join(provinces().values()))
    )


def official_communes(province: str, version: Version) -> dict[str, str]:
    """Codes and names of a province's communes; of before July 2025 only old Tuyên Quang's are known."""
    if version == "2025-07":
        return {row["commune_code"]: row["name"] for row in _country() if row["province_code"] == province}
    if province != TUYEN_QUANG:
        raise LayerError(_("communes of before July 2025 are known of Tuyên Quang only; choose --boundaries 2025-07."))
    return {unit["commune_code"]: unit["name"] for unit in official_units(version)}


def usual_crs(province: str) -> str:
    """The zone of VN-2000 whose meridian runs nearest to the middle of a province."""
    if province == TUYEN_QUANG:
        return TUYEN_QUANG_CRS
    middle = float(np.mean([float(row["lon"]) for row in _country() if row["province_code"] == province]))
    return f"EPSG:{min(ZONES, key=lambda epsg: abs(_meridian(epsg) - middle))}"


@cache
def _meridian(epsg: int) -> float:
    operation = CRS.from_epsg(epsg).coordinate_operation
    found = [one.value for one in operation.params if "longitude" in one.name.lower()] if operation else []
    return float(found[0]) if found else 0.0


def begin(folder: Path, province: str, version: Version, files: Sequence[Path], crs: str | None = None) -> Begun:
    """Make or go on with the study of a province from files.

    Parameters
    ----------
    province : str
        Its name.
    crs : str, optional
        Metric system of the study; None: the province's zone of VN-2000.

    Raises
    ------
    LayerError
        There is no such province.
    """
    code = find_province(province)
    communes = official_communes(code, version)
    begun = Begun(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SETTINGS_FILE).exists():
        about = {"name": provinces()[code], "crs": crs or usual_crs(code), "boundaries": version}
        with written_whole(folder / SETTINGS_FILE) as part:
            settings = Settings.model_validate({"province": about})
            part.write_text(settings_toml(settings), encoding="utf-8", newline="\n")
        begun.taken.append((SETTINGS_FILE, f"{about['name']}, {about['crs']}, {version}"))
    _use(folder, files, communes, version, begun)
    return begun


def go_on(folder: Path, files: Sequence[Path]) -> Begun:
    """Take more files into a study that is there, whichever province it is of."""
    about = load_settings(folder / SETTINGS_FILE).province
    begun = Begun(folder)
    try:
        communes = official_communes(find_province(about.name), about.boundaries)
    except LayerError:  # a study of another name has its communes already, or needs them by another way
        communes = {}
    _use(folder, files, communes, about.boundaries, begun)
    return begun


def _use(folder: Path, files: Sequence[Path], communes: dict[str, str], version: Version, begun: Begun) -> None:
    """Boundaries first, then everything that is held against them."""
    left = [path for path in files if not _boundaries(path, folder, communes, version, begun)]
    if not left:
        return
    try:
        ground = read_ground(folder)
    except LayerError as error:
        begun.not_taken += [(path.name, str(error)) for path in left]
        return
    west, south, east, north = ground.communes.to_crs(4326).total_bounds
    bounds = (west - MARGIN_DEG, south - MARGIN_DEG, east + MARGIN_DEG, north + MARGIN_DEG)
    rasters: dict[str, list[Path]] = {}
    for path in left:
        try:
            if path.suffix.lower() in (*RASTERS, ".hgt"):
                kind = next((one.fits for one in recognise(path) if one.fits in RASTER_FILES), "")
                if kind:
                    rasters.setdefault(kind, []).append(path)
                else:
                    begun.not_taken.append(
                        (path.name, _("a raster of unknown kind; name it elevation, landcover or population"))
                    )
            elif path.suffix.lower() in EXTRACTS:
                _extract(path, folder, ground.communes, begun)
            elif path.suffix.lower() in VECTORS:
                _features(path, folder, ground.communes, begun)
            else:
                _sheet(path, folder, begun)
        except (LayerError, OSError, ValueError, *BROKEN) as error:
            begun.not_taken.append((path.name, str(error).partition("\n")[0]))
    for kind, paths in rasters.items():
        _raster(kind, paths, folder, bounds, begun)


def _sheet(path: Path, folder: Path, begun: Begun) -> None:
    """A sheet of hamlets, of measurements or of stations."""
    ground = read_ground(folder)
    counted = _("{rows} rows: {taken} taken, {merged} merged, {aside} set aside; see covplan take")
    outcomes: tuple[Outcome, ...] = ("taken", "merged", "set_aside")
    found: Hamlets | Intake | Measurements
    measured, tables = measurement_tables([path]), hamlet_tables([path])
    if measured:
        found = read_measurements(measured, ground, folder, Told(), dt.date.today())
        write_measurements(found, folder)
    elif tables:
        found = read_hamlets(tables, ground, folder, dt.date.today())
        write_hamlets(found, folder)
    else:
        found = read_stations([path], ground)
        file = read_stations_file(folder)
        write_taken(file, compare(found, file))
    counts = [found.count(one) for one in outcomes]
    told = counted.format(rows=len(found.answers), taken=counts[0], merged=counts[1], aside=counts[2])
    begun.taken.append((path.name, told))


def lacking(folder: Path) -> list[dict[str, str]]:
    """What a study folder lacks: name, whether it is needed, what that costs in trust, where it can be had."""
    there = {name for name, file in RASTER_FILES.items() if (folder / file).is_file()}
    for name, layer in input_layers().items():
        path = folder / layer.file
        if path.is_file() and (layer.is_table or layer.file_layer in {one for one, _kind in pyogrio.list_layers(path)}):
            there.add(name)
    titles = {name: layer.title for name, layer in input_layers().items()} | RASTER_FILES
    return [
        {
            "name": titles[row["name"]],
            "needed": row["needed"],
            "cost": str(by_language(row["cost_vi"], row["cost_en"])),
            "where": str(by_language(row["where_vi"], row["where_en"])),
        }
        for row in csv.DictReader(resource_text("wanted.csv").splitlines())
        if row["name"] not in there
    ]


def _there(folder: Path, name: str) -> bool:
    layer = input_layers()[name]
    path = folder / layer.file
    return path.is_file() and (layer.is_table or layer.file_layer in {one for one, _kind in pyogrio.list_layers(path)})


def _boundaries(path: Path, folder: Path, communes: dict[str, str], version: Version, begun: Begun) -> bool:
    """Whether a file holds the province's communes; they are taken where the study has none yet."""
    if path.suffix.lower() not in VECTORS or not path.is_file():
        return False
    for name, kind in _layers_of(path):
        if "Polygon" not in str(kind):
            continue
        try:
            frame = gpd.read_file(path, layer=name)
        except (*BROKEN, ValueError):
            return False  # why, is told when its features are asked for
        found = _communes_in(frame, communes)
        if found is None:
            continue
        if _there(folder, "communes"):
            begun.not_taken.append((path.name, _("the study has communes already")))
            return True
        table = gpd.GeoDataFrame(
            {
                "commune_code": found["code"], "boundary_version": version,
                "name": found["code"].map(communes), "provenance": path.name,
            },
            geometry=found.geometry.to_numpy(), crs=frame.crs,
        )  # fmt: skip
        write_layer_into(table, "communes", folder)
        said = _("{count} of {all} communes").format(count=len(table), all=len(communes))
        begun.taken.append((path.name, said))
        return True
    return False


def _layers_of(path: Path) -> Iterable[tuple[str, Any]]:
    """Layers of a vector file and their geometry; none of one that would make GDAL open other files."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if any(mark in head for mark in VIRTUAL):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
        except (*BROKEN, ValueError):
            return []


def _communes_in(frame: gpd.GeoDataFrame, communes: dict[str, str]) -> gpd.GeoDataFrame | None:
    """Features that are communes of the list, each once, by a column of codes or of names; None where most lack."""
    by_name: dict[str, list[str]] = {}
    for code, name in communes.items():
        by_name.setdefault(name_key(name), []).append(code)
    single = {key: codes[0] for key, codes in by_name.items() if len(codes) == 1}
    best: Any = None
    for column in frame.columns.drop("geometry"):
        texts = frame[column].map(lambda cell: "" if cell is None else str(cell).removesuffix(".0").strip())
        for codes in (
            texts.map(lambda text: text.zfill(5) if text.isdigit() and text.zfill(5) in communes else None),
            texts.map(lambda text: single.get(name_key(text))),
        ):
            if best is None or codes.nunique() > best.nunique():
                best = codes
    if best is None or not communes or best.nunique() < KNOWN_SHARE * len(communes):
        return None
    kept = frame[best.notna()].assign(code=best[best.notna()])
    return gpd.GeoDataFrame(kept[["code", "geometry"]]).dissolve("code").reset_index()


def _features(path: Path, folder: Path, communes: gpd.GeoDataFrame, begun: Begun) -> None:
    """Hamlets and roads of a vector file."""
    used = False
    for name, _kind in _layers_of(path):
        frame = gpd.read_file(path, layer=name).to_crs(communes.crs)
        frame = frame[frame.geometry.notna() & ~frame.geometry.is_empty]
        inside = frame[frame.intersects(communes.union_all())]
        kinds = set(inside.geom_type)
        if kinds == {"Point"}:
            used |= _hamlets(path, inside, folder, begun)
        elif kinds and kinds <= {"LineString", "MultiLineString"}:
            used |= _roads(path, inside, folder, begun)
    if not used:
        begun.not_taken.append((path.name, _("neither boundaries, place names nor roads")))


def _extract(path: Path, folder: Path, communes: gpd.GeoDataFrame, begun: Begun) -> None:
    """Roads, settlements and places of OpenStreetMap, in and near the communes; GraphML has roads only."""
    if not is_what_it_says(path):
        raise LayerError(_("{path}: is not what its name says.").format(path=path.name))
    province, used = communes.union_all(), False
    lonlat = tuple(map(float, communes.to_crs(4326).total_bounds))
    try:
        box = tuple(map(float, communes.total_bounds))
        used |= _roads(path, read_osm(path, communes.crs.to_epsg(), box), folder, begun)  # type: ignore[arg-type]
    except LayerError as error:  # an extract of points alone is one all the same
        if path.suffix.lower() == ".graphml":
            raise
        begun.not_taken.append((path.name, str(error)))
    if path.suffix.lower() != ".graphml":
        points = read_settlements(path, lonlat).to_crs(communes.crs)  # type: ignore[arg-type]
        used |= _as_hamlets(path, points[points.intersects(province)], folder, begun)
        places = read_places(path, lonlat).to_crs(communes.crs)  # type: ignore[arg-type]
        used |= _places(path, places[places.intersects(province)], folder, begun)
    if not used:
        begun.not_taken.append((path.name, _("no roads, settlements or places in the province")))


def _places(path: Path, places: gpd.GeoDataFrame, folder: Path, begun: Begun) -> bool:
    if places.empty:
        return False
    if _there(folder, "places"):
        begun.not_taken.append((path.name, _("the study has places already")))
        return True
    table = gpd.GeoDataFrame(
        {
            "place_id": [f"OSM-{one}" for one in places["osm_id"]], "kind": places["kind"].to_numpy(),
            "name": places["name"].to_numpy(), "status": "existing", "provenance": f"{path.name}: OpenStreetMap",
        },
        geometry=places.geometry.to_numpy(), crs=places.crs,
    )  # fmt: skip
    write_layer_into(table, "places", folder)
    column = input_layers()["places"].column("kind")
    counts = table["kind"].value_counts()
    shares = ", ".join(f"{kind}: {counts[kind]}" for kind in column.allowed if kind in counts)
    told = _("{count} places of OpenStreetMap ({shares}); what is not mapped there lacks")
    begun.taken.append((path.name, told.format(count=len(table), shares=shares)))
    return True


def _hamlets(path: Path, points: gpd.GeoDataFrame, folder: Path, begun: Begun) -> bool:
    tag = next((one for one in ("place", "fclass") if one in points), "")
    if not tag or "name" not in points:
        return False
    return _as_hamlets(path, points[points[tag].isin(SETTLEMENTS) & points["name"].notna()], folder, begun)


def _as_hamlets(path: Path, points: gpd.GeoDataFrame, folder: Path, begun: Begun) -> bool:
    if points.empty:
        return False
    if _there(folder, "villages"):
        begun.not_taken.append((path.name, _("the study has hamlets already")))
        return True
    ids = points["osm_id"].astype(str) if "osm_id" in points else points.index.astype(str)
    at = points.to_crs(4326).geometry
    table = gpd.GeoDataFrame(
        {
            "village_id": [f"OSM-{one}" for one in ids], "name": points["name"].to_numpy(),
            "centre_lon": at.x.round(6).to_numpy(), "centre_lat": at.y.round(6).to_numpy(),
            "provenance": f"{path.name}: OpenStreetMap",
        },
        geometry=points.geometry.to_numpy(), crs=points.crs,
    )  # fmt: skip
    write_layer_into(table, "villages", folder)
    said = _("{count} places of OpenStreetMap as hamlets, until there is the official list")
    begun.taken.append((path.name, said.format(count=len(table))))
    return True


def _roads(path: Path, lines: gpd.GeoDataFrame, folder: Path, begun: Begun) -> bool:
    tag = next((one for one in ROAD_TAGS if one in lines), "")
    named = "road" in plain_key(path.stem) or "duong" in plain_key(path.stem).split()
    if not tag and not named:
        return False
    if _there(folder, "roads"):
        begun.not_taken.append((path.name, _("the study has roads already")))
        return True
    allowed = input_layers()["roads"].column("class").allowed
    classes = lines[tag].astype("object") if tag else None
    table = gpd.GeoDataFrame(
        {
            "road_id": [f"R-{n + 1}" for n in range(len(lines))],
            "class": [one if one in allowed else None for one in classes] if classes is not None else None,
            "name": lines["name"].to_numpy() if "name" in lines else None,
            "provenance": path.name,
        },
        geometry=lines.geometry.to_numpy(), crs=lines.crs,
    )  # fmt: skip
    write_layer_into(table, "roads", folder)
    begun.taken.append((path.name, _("{count} roads").format(count=len(table))))
    return True


def _raster(kind: str, paths: list[Path], folder: Path, bounds: tuple[float, ...], begun: Begun) -> None:
    """Tiles of one kind as one raster of the province and its surroundings."""
    names = ", ".join(path.name for path in paths)
    target = folder / RASTER_FILES[kind]
    if target.exists():
        begun.not_taken.append((names, _("the study has {file} already").format(file=target.name)))
        return
    sources = []
    try:
        sources = [rasterio.open(path) for path in paths]
        first = sources[0]
        if any(one.crs != first.crs for one in sources) or first.crs is None:
            begun.not_taken.append((names, _("tiles of different coordinate systems, or of none")))
            return
        window = transform_bounds("EPSG:4326", first.crs, *bounds)
        there = [min(one.bounds[0] for one in sources), min(one.bounds[1] for one in sources),
                 max(one.bounds[2] for one in sources), max(one.bounds[3] for one in sources)]  # fmt: skip
        area = (max(window[0], there[0]), max(window[1], there[1]), min(window[2], there[2]), min(window[3], there[3]))
        if area[0] >= area[2] or area[1] >= area[3]:
            begun.not_taken.append((names, _("lies outside the province")))
            return
        pixels = (area[2] - area[0]) / first.res[0] * (area[3] - area[1]) / first.res[1]
        if pixels > MOST_PIXELS:
            begun.not_taken.append((names, _("finer than a province needs; coarsen it to 10 m or more")))
            return
        with warnings.catch_warnings():  # rasterio's own use of affine
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            values, transform = merge(sources, bounds=area)
        profile = {
            "driver": "GTiff", "dtype": values.dtype, "count": 1, "height": values.shape[1], "width": values.shape[2],
            "crs": first.crs, "transform": transform, "nodata": first.nodata, "compress": "deflate",
        }  # fmt: skip
        with written_whole(target) as part, rasterio.open(part, "w", **profile) as out:
            out.write(values[0], 1)
    except (RasterioError, ValueError) as error:
        begun.not_taken.append((names, str(error).partition("\n")[0]))
        return
    finally:
        for one in sources:
            one.close()
    size = f"{values.shape[2]} × {values.shape[1]}"
    begun.taken.append((names, _("{file}, {size} cells").format(file=target.name, size=size)))
