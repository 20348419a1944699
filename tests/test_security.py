"""What docs/security.md says of files from others: nothing in them is run, and nothing they name is fetched."""

from __future__ import annotations

import ast
import http.server
import re
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import covplan
from covplan.cli import main
from covplan.study.around import look_around
from covplan.study.files import written_whole
from covplan.study.folder import read_study
from tests.study import small_study

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(covplan.__file__).parent
RASTER_ELSEWHERE = """<VRTDataset rasterXSize="150" rasterYSize="150"><SRS>EPSG:9211</SRS>
<GeoTransform>413000,90,0,2426000,0,-90</GeoTransform><VRTRasterBand dataType="Int16" band="1"><SimpleSource>
<SourceFilename relativeToVRT="0">/vsicurl/{address}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
</VRTRasterBand></VRTDataset>"""
LAYER_ELSEWHERE = """<OGRVRTDataSource><OGRVRTLayer name="villages"><SrcDataSource>/vsicurl/{address}</SrcDataSource>
</OGRVRTLayer></OGRVRTDataSource>"""
SERVICE = """<GDAL_WMS><Service name="TMS"><ServerUrl>{address}</ServerUrl></Service><DataWindow>
<UpperLeftX>0</UpperLeftX><UpperLeftY>1</UpperLeftY><LowerRightX>1</LowerRightX><LowerRightY>0</LowerRightY>
<SizeX>10</SizeX><SizeY>10</SizeY></DataWindow></GDAL_WMS>"""
FEATURES = "<OGRWFSDataSource><URL>{address}</URL></OGRWFSDataSource>"


class Asked(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked for, and has nothing."""

    paths: list[str]

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 (the library's name for it)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and what it was asked for."""
    paths: list[str] = []
    handler = type("Here", (Asked,), {"paths": paths})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/x.tif", paths
        served.shutdown()


@pytest.mark.parametrize(
    "text", [RASTER_ELSEWHERE, LAYER_ELSEWHERE, SERVICE, FEATURES], ids=["vrt", "ogr", "wms", "wfs"]
)
def test_no_file_of_a_study_or_beside_it_makes_gdal_ask_the_network(
    tmp_path: Path, server: tuple[str, list[str]], text: str
) -> None:
    address, asked = server
    content = text.format(address=address)
    names = ["elevation.tif", "landcover.tif", "population.tif", "villages.gpkg", "roads.gpkg", "fiber.gpkg"]
    beside = [
        "dem.tif",
        "dem.img",
        "dem.asc",
        "dem.vrt",
        "x.gpkg",
        "x.geojson",
        "x.shp",
        "x.kml",
        "x.gml",
        "x.gpx",
        "x.fgb",
    ]
    for name in names:
        folder = small_study(tmp_path / name)
        (folder / name).write_text(content, encoding="utf-8")
        _, found = read_study(folder)
        assert [one for one in found if one.file == name and one.severity in ("fatal", "set_aside")]
        look_around(folder)
    folder = small_study(tmp_path / "beside")
    for name in beside:
        (folder / name).write_text(content, encoding="utf-8")
    look_around(folder)
    assert asked == []


def test_a_path_of_gdal_in_a_field_is_a_text(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    path = f"/vsicurl/{address}"

    def named(table):  # type: ignore[no-untyped-def]  # any layer's
        columns = [name for name in ("name", "owner", "provenance", "antenna") if name in table]
        return table.assign(**dict.fromkeys(columns, path))

    layers = ("villages", "stations", "cells", "places", "roads", "communes", "nodes")
    study, _ = read_study(small_study(tmp_path, **dict.fromkeys(layers, named)))
    assert study is not None
    assert set(study.villages["name"]) == {path}
    assert asked == []


def test_a_folder_from_others_is_neither_unpacked_nor_run(tmp_path: Path) -> None:
    folder = small_study(tmp_path / "study")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("../outside.txt", "x" * 10)
    for name in ("conftest.py", "covplan.py", "sitecustomize.py"):
        (folder / name).write_text("raise SystemExit(9)", encoding="utf-8")
    before = {path.name for path in tmp_path.rglob("*")}
    said = subprocess.run(  # noqa: S603  # this Python and covplan
        [sys.executable, "-m", "covplan", "check", str(folder), "-o", str(tmp_path / "out")],
        capture_output=True, text=True, check=False, cwd=ROOT.parent,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert {path.name for path in tmp_path.rglob("*")} - before == {"out", "findings.csv"}


def calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_nothing_that_runs_what_it_reads_stands_in_the_code() -> None:
    """Data is parsed, never unpickled, evaluated or handed to a shell."""
    running = {"eval", "exec", "compile", "os.system", "os.popen", "pickle", "dill", "joblib", "marshal", "shelve",
               "yaml.load", "pd.read_pickle", "pandas.read_pickle", "runpy", "cloudpickle"}  # fmt: skip
    found: dict[str, set[str]] = {}
    allowed: list[str] = []
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if hits := running & set(calls(tree)):
            found[str(path.relative_to(ROOT))] = hits
        keywords = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
        allowed += [ast.unparse(one.value) for one in keywords if one.arg in ("allow_pickle", "shell")]
    assert found == {}
    assert set(allowed) == {"False"}


def test_covplan_itself_opens_no_connection() -> None:
    """Requests are made for tiles of a map, by the browser that shows it, and by nothing else."""
    clients = {"requests", "httpx", "urllib.request", "urllib3", "aiohttp", "socket", "ftplib", "http.client"}
    found = {
        str(path.relative_to(ROOT)): clients & set(calls(ast.parse(path.read_text(encoding="utf-8"))))
        for path in ROOT.rglob("*.py")
    }
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_jupyterlab_is_started_with_its_token_and_on_this_machine_only(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    called: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda arguments: called.append(arguments) or 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    CliRunner().invoke(main, ["lab", str(tmp_path / "notebooks")])
    assert called == [[sys.executable, "-m", "jupyterlab", str(tmp_path / "notebooks")]]  # no --ip, no empty token


@pytest.mark.skipif(sys.platform == "win32", reason="rights are not bits there")
@pytest.mark.parametrize("mask", [0o077, 0o027, 0o022])
def test_results_are_as_private_as_the_user_says(tmp_path: Path, mask: int) -> None:
    program = (
        "import os, sys, pathlib\n"
        f"os.umask({mask})\n"
        "from covplan.study.files import written_whole\n"
        "with written_whole(pathlib.Path(sys.argv[1])) as part: part.write_text('x')\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.csv")], check=True, cwd=ROOT.parent)  # noqa: S603
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) & mask == 0
    with written_whole(tmp_path / "b.csv") as part:
        part.write_text("x", encoding="utf-8")
    assert not stat.S_IMODE((tmp_path / "b.csv").stat().st_mode) & 0o111


def test_every_line_of_the_page_names_tests_that_exist() -> None:
    page = (ROOT.parent / "docs" / "security.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 12
    for line in lines:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)
        assert named, line
        for file, test in named:
            assert f"def {test}(" in (ROOT.parent / file).read_text(encoding="utf-8"), (file, test)
