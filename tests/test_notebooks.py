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
TIMEOUT_S = 120
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
        timeout=2 * TIMEOUT_S,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    result: dict[str, Any] = json.loads(told.stdout)
    return result


def shown(notebook: dict[str, Any]) -> str:
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    return html.unescape("\n".join(pages))  # the map is a whole page inside an attribute of its frame


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A notebook as it looks after a run in its own folder, where Jupyter starts it."""
    return executed(parsed(request.param), request.param.parent, tmp_path_factory.mktemp("ipython"))


def test_there_is_a_notebook_to_begin_with() -> None:
    assert "01_bat_dau" in {path.stem for path in NOTEBOOKS}


def test_a_run_ends_without_a_warning_or_an_error(run: dict[str, Any]) -> None:
    outputs = [output for cell in code_cells(run) for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"] == []
    assert all(cell["execution_count"] for cell in code_cells(run))


def test_a_run_shows_the_indicators_and_a_map_that_needs_no_network(run: dict[str, Any]) -> None:
    text = shown(run)
    assert "14.0291" in text  # 164 of 1,169 locations are shared
    assert "<iframe" in text
    assert "covplan.layer(" in text
    assert not re.search(r"""<(script|link)[^>]+(src|href)=["']?https?:""", text)


def test_the_first_notebook_also_starts_from_the_projects_own_folder(tmp_path: Path) -> None:
    notebook = parsed(ROOT / "notebooks" / "01_bat_dau.ipynb")
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
