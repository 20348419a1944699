"""Files are whole or absent, and a repeated run makes again what is not current, only that."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import covplan
from covplan.cli import main
from covplan.study.files import file_digest, written_whole
from covplan.study.folder import study_key
from covplan.study.manifest import MANIFEST_FILE, content_key, is_current, record
from tests.study import small_study

OUTPUTS = {"indicators.csv", "findings.csv", "master_plan.gpkg", "map.html"}


def test_a_block_that_breaks_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "plan.gpkg"
    path.write_text("former", encoding="utf-8")

    def broken():
        with written_whole(path) as part:
            part.write_text("half a", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert [one.name for one in tmp_path.iterdir()] == ["plan.gpkg"]
    assert path.read_text(encoding="utf-8") == "former"


def test_the_file_appears_when_its_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "map.html"
    with written_whole(path) as part:
        part.write_text("half", encoding="utf-8")
        assert not path.exists()
        assert part.suffix == ".html"  # GDAL chooses and warns by suffix
    assert path.read_text(encoding="utf-8") == "half"
    assert [one.name for one in path.parent.iterdir()] == ["map.html"]


def test_the_remains_of_a_killed_run_are_not_written_on(tmp_path):
    with written_whole(tmp_path / "a.csv") as leftover:
        leftover.write_text("former", encoding="utf-8")
    leftover.write_text("from a run that was killed\n", encoding="utf-8")
    with written_whole(tmp_path / "a.csv") as part, part.open("a", encoding="utf-8") as file:
        file.write("new\n")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "new\n"


def test_a_block_that_wrote_nothing_is_an_error_and_keeps_the_former_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("former", encoding="utf-8")
    with pytest.raises(FileNotFoundError), written_whole(path):
        pass
    assert path.read_text(encoding="utf-8") == "former"


def made(out, key="k"):
    (out / "a.csv").write_text("1", encoding="utf-8")
    record(out, "a.csv", key)


def test_an_output_is_current_as_long_as_it_stands_as_it_was_written(tmp_path):
    assert not is_current(tmp_path, "a.csv", "k")
    made(tmp_path)
    assert is_current(tmp_path, "a.csv", "k")
    assert not is_current(tmp_path, "a.csv", "another key")
    assert not is_current(tmp_path, "b.csv", "k")
    (tmp_path / "a.csv").write_text("2", encoding="utf-8")
    assert not is_current(tmp_path, "a.csv", "k")
    made(tmp_path)
    (tmp_path / "a.csv").unlink()
    assert not is_current(tmp_path, "a.csv", "k")


def test_each_output_is_remembered_by_itself(tmp_path):
    made(tmp_path, "old")
    (tmp_path / "b.csv").write_text("1", encoding="utf-8")
    record(tmp_path, "b.csv", "new")
    assert is_current(tmp_path, "a.csv", "old")
    assert is_current(tmp_path, "b.csv", "new")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '"a.csv"',
        '{"a.csv": 3}',
        '{"a.csv": {"key": "k"}}',
        '{"a.csv": {"key": "k", "files": {}}}',
        '{"a.csv": {"key": "k", "files": {"../a.csv": "0"}}}',
    ],
)
def test_a_damaged_memory_means_that_nothing_is_current(tmp_path, content):
    made(tmp_path)
    (tmp_path / MANIFEST_FILE).write_text(content, encoding="utf-8")
    assert not is_current(tmp_path, "a.csv", "k")


def test_every_file_of_the_study_and_the_version_are_in_its_key(tmp_path):
    folder = small_study(tmp_path)
    keys = [study_key(folder, "0.1.0", "vi"), study_key(folder, "0.1.1", "vi"), study_key(folder, "0.1.0", "en")]
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        keys.append(study_key(folder, "0.1.0", "vi"))
        path.unlink()
        keys.append(study_key(folder, "0.1.0", "vi"))
        path.write_bytes(content)
    assert len(set(keys)) == len(keys)
    assert study_key(folder, "0.1.0", "vi") == keys[0]


def test_files_and_words_do_not_run_into_each_other_in_a_key(tmp_path):
    for name, text in (("a", "x"), ("b", "y"), ("c", "")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    keys = {
        content_key(tmp_path, ["a", "b"]),
        content_key(tmp_path, ["a"]),
        content_key(tmp_path, ["a", "c"]),
        content_key(tmp_path, ["a", "missing"]),
        content_key(tmp_path, ["a", "b"], "1", "23"),
        content_key(tmp_path, ["a", "b"], "12", "3"),
    }
    assert len(keys) == 6
    assert content_key(tmp_path, ["b", "a"]) == content_key(tmp_path, ["a", "b"])


def run(study, out):
    return CliRunner().invoke(main, ["plan", str(study), "-o", str(out)], catch_exceptions=True)


def test_a_run_that_was_interrupted_goes_on_where_it_stood(tmp_path, monkeypatch):
    study, out = small_study(tmp_path / "study"), tmp_path / "out"

    def unplugged(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr("covplan.publish.geopackage.write_geopackage", unplugged)
        assert run(study, out).exit_code != 0
    there = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert OUTPUTS & set(there) == {"indicators.csv", "findings.csv"}
    assert not [name for name in there if name.startswith(".part")]
    assert run(study, out).exit_code == 0
    assert {path.name for path in out.iterdir()} >= OUTPUTS
    for name in ("indicators.csv", "findings.csv"):
        assert (out / name).stat().st_mtime_ns == there[name]
    remembered = json.loads((out / MANIFEST_FILE).read_text(encoding="utf-8"))
    assert set(remembered) == OUTPUTS
    for entry in remembered.values():
        assert entry["files"] == {name: file_digest(out / name) for name in entry["files"]}
    assert {"indicators.csv", "parts.csv", "signals.csv", "findings.csv"} <= set(remembered["indicators.csv"]["files"])


def test_another_version_of_covplan_makes_its_own_plan(tmp_path, monkeypatch):
    study, out = small_study(tmp_path / "study"), tmp_path / "out"
    run(study, out)
    before = {name: (out / name).stat().st_mtime_ns for name in OUTPUTS}
    monkeypatch.setattr(covplan, "__version__", "99.0")
    monkeypatch.setattr("covplan.cli.plan.__version__", "99.0")
    assert run(study, out).exit_code == 0
    assert all((out / name).stat().st_mtime_ns > before[name] for name in OUTPUTS)
