"""An extract of OpenStreetMap into a study: roads, settlements and places with their ids; nothing of elsewhere."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.study.folder import open_study
from covplan.study.magic import is_what_it_says
from covplan.study.osm import read_places, read_settlements
from tests.study import small_study

NODES = {
    1: (105.20, 21.85, {"place": "hamlet", "name": "Nà Tông"}),
    2: (105.21, 21.85, {"place": "town", "name": "Na Hang"}),
    3: (105.215, 21.852, {"amenity": "school", "name": "Trường Tiểu học"}),
    4: (105.2205, 21.8505, {"amenity": "hospital", "name": "Trạm xá"}),  # within the way that is the hospital
    5: (105.23, 21.85, {"tourism": "hotel", "name": "Khách sạn"}),
    6: (105.24, 21.85, {"tourism": "attraction", "name": "Thác Mơ"}),
    7: (108.20, 16.05, {"amenity": "school", "name": "Nơi khác"}),
    8: (105.19, 21.86, {"place": "hamlet"}),
}
AREAS = {
    11: ((105.220, 21.850), {"amenity": "hospital", "name": "Bệnh viện huyện"}),
    12: ((105.250, 21.850), {"landuse": "industrial", "name": "Khu công nghiệp Long Bình An"}),
    13: ((105.255, 21.850), {"landuse": "industrial", "name": "Cụm công nghiệp An Thịnh"}),
    14: ((105.260, 21.850), {"landuse": "industrial", "name": "Xưởng gỗ"}),
}
SIDE = 0.001


def extract() -> str:
    def tags(of):
        return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in of.items())

    nodes = [f'<node id="{n}" lat="{lat}" lon="{lon}" version="1">{tags(of)}</node>'
             for n, (lon, lat, of) in NODES.items()]  # fmt: skip
    ways = []
    for n, ((lon, lat), of) in AREAS.items():
        corners = [(lon, lat), (lon + SIDE, lat), (lon + SIDE, lat + SIDE), (lon, lat + SIDE)]
        nodes += [f'<node id="{n * 100 + k}" lat="{y}" lon="{x}" version="1"/>' for k, (x, y) in enumerate(corners)]
        refs = "".join(f'<nd ref="{n * 100 + k % 4}"/>' for k in range(5))
        ways.append(f'<way id="{n}" version="1">{refs}{tags(of)}</way>')
    nodes += [
        '<node id="91" lat="21.84" lon="105.20" version="1"/>',
        '<node id="92" lat="21.84" lon="105.25" version="1"/>',
    ]
    ways.append('<way id="90" version="1"><nd ref="91"/><nd ref="92"/><tag k="highway" v="secondary"/></way>')
    return '<?xml version="1.0"?><osm version="0.6">' + "".join(nodes) + "".join(ways) + "</osm>"


@pytest.fixture
def folder(tmp_path):
    study = small_study(tmp_path / "study")
    for file in ("roads.gpkg", "places.gpkg"):
        (study / file).unlink(missing_ok=True)
    return study


@pytest.fixture
def osm(tmp_path):
    (tmp_path / "tinh.osm").write_text(extract(), encoding="utf-8")
    return tmp_path / "tinh.osm"


def take(folder, *files):
    said = CliRunner(env={"COLUMNS": "250"}).invoke(
        main, ["take", str(folder), *map(str, files), "--accept", "--lang", "en", "-o", str(folder.parent / "out")]
    )
    assert said.exit_code == 0, (said.output, said.exception)
    return said.output


def test_roads_and_places_fill_what_the_study_lacks(folder, osm):
    said = take(folder, osm)
    assert "tinh.osm: 1 roads" in said
    assert "5 places of OpenStreetMap" in said
    assert "the study has hamlets already" in said
    study = open_study(folder)
    assert study.roads["class"].tolist() == ["secondary"]
    found = dict(
        zip(study.places["place_id"], zip(study.places["kind"], study.places["name"], strict=True), strict=True)
    )
    assert found == {
        "OSM-w11": ("hospital", "Bệnh viện huyện"),
        "OSM-w12": ("industrial_zone", "Khu công nghiệp Long Bình An"),
        "OSM-w13": ("industrial_cluster", "Cụm công nghiệp An Thịnh"),
        "OSM-n3": ("school", "Trường Tiểu học"),
        "OSM-n6": ("tourist_site", "Thác Mơ"),
    }
    assert set(study.places["provenance"]) == {"tinh.osm: OpenStreetMap"}


def test_taken_again_nothing_changes_and_that_is_said(folder, osm):
    take(folder, osm)
    before = {name: (folder / name).read_bytes() for name in ("roads.gpkg", "places.gpkg")}
    said = take(folder, osm)
    assert "the study has roads already" in said
    assert "the study has places already" in said
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_settlements_have_a_name_and_lie_within(osm):
    around = (105.1, 21.8, 105.4, 21.9)
    assert read_settlements(osm, around)[["osm_id", "name"]].to_numpy().tolist() == [["n1", "Nà Tông"]]
    assert "n7" not in set(read_places(osm, around)["osm_id"])


def test_what_is_no_extract_is_said_and_nothing_is_made(folder, tmp_path):
    bad = tmp_path / "tinh.osm.pbf"
    bad.write_bytes(b"<?xml version='1.0'?><GDAL_WMS></GDAL_WMS>")
    assert "is not what its name says" in take(folder, bad)
    empty = tmp_path / "trong.osm"
    empty.write_text('<?xml version="1.0"?><osm version="0.6"></osm>', encoding="utf-8")
    assert "no roads, settlements or places in the province" in take(folder, empty)
    assert not (folder / "roads.gpkg").exists()
    assert not (folder / "places.gpkg").exists()


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(**fields: int | bytes | list[bytes]) -> bytes:
    """A protobuf message; fields are called by their number, f1, f2 …"""
    out = b""
    for name, value in fields.items():
        number = int(name[1:])
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
            else:
                out += varint(number << 3 | 2) + varint(len(one)) + one
    return out


def blob(kind: bytes, block: bytes) -> bytes:
    content = message(f1=block)
    head = message(f1=kind, f3=len(content))
    return len(head).to_bytes(4, "big") + head + content


def test_protobuf_is_read_too(tmp_path):
    """One school, as the format of OpenStreetMap's wiki (PBF Format) has it."""
    texts = [b"", b"amenity", b"school", b"name", "Trường Nà Hang".encode()]
    at = {"f8": round(21.852e7) << 1, "f9": round(105.215e7) << 1}  # 1e-7 degrees, zigzag
    node = message(f1=3 << 1, f2=bytes([1, 3]), f3=bytes([2, 4]), **at)
    block = message(f1=message(f1=texts), f2=message(f1=[node]))
    path = tmp_path / "tinh.osm.pbf"
    path.write_bytes(blob(b"OSMHeader", message(f4=[b"OsmSchema-V0.6"])) + blob(b"OSMData", block))
    found = read_places(path, (105.1, 21.8, 105.4, 21.9))
    assert found[["osm_id", "kind", "name"]].to_numpy().tolist() == [["n3", "school", "Trường Nà Hang"]]
    assert (found.geometry.iloc[0].x, found.geometry.iloc[0].y) == pytest.approx((105.215, 21.852))
    assert is_what_it_says(path)
