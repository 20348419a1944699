"""Every notebook runs from top to bottom, and is committed without what a run leaves in it."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TIMEOUT_S = 600  # of one cell: the first run computes coverage, beside other tests
SHOWN = {  # what must stand in the tables of a run
    "01_vung_phu": ["1733", "14.0291", "RSRP (dBm)"],
    "02_dung_chung": ["program", "hamlets_lost"],
    "03_5g": ["nearest structure for each place", "Khu công nghiệp"],
    "04_cap_quang": ["optimal", "vnd_per_household"],
    "05_ho_so": ["white_spot", "village_id"],
    "06_tinh_cua_ban": ["held_out", "bts_sites.csv"],
}
WITH_MAP = {"01_vung_phu", "02_dung_chung", "03_5g", "04_cap_quang"}
# A path from the root of a disk is true on one machine only.
ABSOLUTE = re.compile(r"""["'(\s](/(home|root|tmp|work|Users|mnt|opt|var)/|[A-Za-z]:\\)""")


def parsed(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def executed(notebook: dict[str, Any], folder: Path, scratch: Path) -> dict[str, Any]:
    """The notebook with its outputs, run by a fresh kernel that stands in a folder."""
    # The user's own profile and history stay out of it.
    environment = os.environ | {"IPYTHONDIR": str(scratch), "JUPYTER_RUNTIME_DIR": str(scratch / "runtime")}
    told = subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--stdin", "--stdout"),
            f"--ExecutePreprocessor.timeout={TIMEOUT_S}",
        ],
        input=json.dumps(notebook),
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env=environment,
        timeout=3 * TIMEOUT_S,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    result: dict[str, Any] = json.loads(told.stdout)
    return result


def shown(notebook: dict[str, Any]) -> str:
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    return html.unescape("\n".join(pages))  # the map is a whole page inside an attribute of its frame


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """The name of a notebook, and how it looks after a run in its own folder, where Jupyter starts it."""
    path = request.param
    return path.stem, executed(parsed(path), path.parent, tmp_path_factory.mktemp("ipython"))


def test_there_is_a_notebook_for_every_job() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_vung_phu", "02_dung_chung", "03_5g", "04_cap_quang", "05_ho_so", "06_tinh_cua_ban",
    ]  # fmt: skip


def test_a_run_ends_without_a_warning_or_an_error_and_shows_what_it_came_for(run: tuple[str, dict[str, Any]]) -> None:
    name, notebook = run
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"] == []
    assert all(cell["execution_count"] for cell in code_cells(notebook))
    text = shown(notebook)
    for words in SHOWN[name]:
        assert words in text, words
    if name in WITH_MAP:
        assert "<iframe" in text
        assert "covplan.layer(" in text
    assert not re.search(r"""<(script|link)[^>]+(src|href)=["']?https?:""", text)


def test_the_first_notebook_also_starts_from_the_projects_own_folder(tmp_path: Path) -> None:
    notebook = parsed(ROOT / "notebooks" / "01_vung_phu.ipynb")
    first = code_cells(notebook)[:1]
    ended = executed(notebook | {"cells": first}, ROOT, tmp_path)
    assert "1733" in shown(ended)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_traces_of_a_run(path: Path) -> None:
    notebook = parsed(path)
    assert [cell["id"] for cell in code_cells(notebook) if cell["outputs"] or cell["execution_count"]] == []
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    assert path.stat().st_size < 50_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_place_on_one_machine(path: Path) -> None:
    for cell in parsed(path)["cells"]:
        assert not ABSOLUTE.search("".join(cell["source"])), cell["id"]


def test_an_absolute_path_would_be_seen() -> None:
    for source in ('open("/home/an/data")', "Path('C:\\\\data')", "cd /tmp/x"):
        assert ABSOLUTE.search(source)
    assert not ABSOLUTE.search('Path("../data") / "study.toml"  # https://example.org/home/')
