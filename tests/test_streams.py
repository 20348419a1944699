"""What a program's streams make of Vietnamese, whatever the system says they are."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from covplan.cli import main, streams
from covplan.cli.streams import errors_nearest, nearest
from covplan.study.language import LANGUAGES
from tests.study import small_study

SYSTEMS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp1258": {"PYTHONIOENCODING": "cp1258"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "strict ascii": {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
MANY = """
import sys
from covplan.cli import main
for line in sys.argv[1:]:
    try:
        main(line.split("|"), prog_name="covplan")
    except SystemExit as end:
        print("=", line.split("|")[0], end.code or 0, flush=True)
"""
"""Runs command lines one after the other, as one program would each: help costs most by starting."""
VIETNAMESE = "ăâđêôơư" + "".join(
    unicodedata.normalize("NFC", letter + tone)
    for letter in "aăâeêioôơuưy"
    for tone in "\u0300\u0301\u0303\u0309\u0323"
)


def run(*arguments: str, system: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "LANG": "vi_VN.UTF-8", **SYSTEMS[system]}
    return subprocess.run(  # noqa: S603
        [sys.executable, *arguments], capture_output=True, cwd=folder, env=environment, check=False
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_help_is_written_in_utf8_into_a_pipe(system: str, tmp_path: Path) -> None:
    lines = [
        f"{name}--help|--lang|{language}" for language in LANGUAGES for name in ("", *(f"{c}|" for c in main.commands))
    ]
    told = run("-c", MANY, *lines, system=system, folder=tmp_path)
    assert told.stderr == b""
    text = told.stdout.decode("utf-8")
    assert text.count("\n= ") == len(lines)
    assert all(line.endswith(" 0") for line in text.splitlines() if line.startswith("= "))


@pytest.mark.parametrize("system", ["cp1252", "C"])
def test_commands_whose_output_goes_into_a_file_end_well(system: str, tmp_path: Path) -> None:
    # Where Python takes names of files for ASCII, GDAL cannot be told others; Windows is not such a system.
    study = small_study(tmp_path / ("study" if system == "C" else "tỉnh thử"))
    lines = [f"check|{study}|-o|out", f"plan|{study}|-o|out", f"indicators|{study}", f"settings|{study}", "doctor"]
    lines += [f"sheet|{study}|T-02200-1|-o|out", f"plan|{tmp_path / 'không'}|-o|out"]
    told = run("-c", MANY, *lines, system=system, folder=tmp_path)
    text, errors = told.stdout.decode("utf-8"), told.stderr.decode("utf-8")
    ends = [line for line in text.splitlines() if line.startswith("= ")]
    assert [end.split()[1:] for end in ends] == [
        ["check", "0"], ["plan", "0"], ["indicators", "0"], ["settings", "0"], ["doctor", "0"], ["sheet", "0"],
        ["plan", "2"],
    ]  # fmt: skip
    assert "Tỉnh thử" in text
    assert "không" in errors or system == "C"
    assert "thư mục" in errors
    assert "Traceback" not in errors


def test_the_module_is_the_program(tmp_path: Path) -> None:
    told = run("-m", "covplan", "--help", system="cp1258", folder=tmp_path)
    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout.decode("utf-8").splitlines()[0].startswith("Cách dùng: covplan ")


def test_no_file_of_covplan_is_opened_in_the_systems_encoding(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study")
    warned = "error::EncodingWarning:covplan"
    lines = [f"plan|{study}|-o|out", f"documents|{study}|-o|out", f"export|{study}|-o|out|-f|ofds", "settings"]
    told = run("-X", "warn_default_encoding", "-W", warned, "-c", MANY, *lines, system="cp1252", folder=tmp_path)
    ends = [line for line in told.stdout.decode("utf-8").splitlines() if line.startswith("= ")]
    assert ends == ["= plan 0", "= documents 0", "= export 0", "= settings 0"], told.stderr.decode("utf-8")


class OldConsole(io.TextIOWrapper):
    """A console that knows the letters of one code page."""

    def isatty(self) -> bool:
        return True


def shown(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    console = OldConsole(io.BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", console)
    streams.open_streams()
    print(text)  # noqa: T201
    console.flush()
    return console.buffer.getvalue().decode(console.encoding).rstrip("\n")


def test_an_old_console_shows_the_nearest_letters_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Thôn Nà Tế, Đồng Rôm: 97,8 % → ✓ 漢"
    assert shown(text, "cp1252", monkeypatch) == "Thôn Nà Tê, Dông Rôm: 97,8 % -> v ?"
    assert shown(text, "cp437", monkeypatch) == "Thôn Nà Tê, Dông Rôm: 97,8 % -> v ?"
    assert shown(text, "ascii", monkeypatch) == text  # which says only that nobody told


def test_vietnamese_is_whole_on_a_vietnamese_console(monkeypatch: pytest.MonkeyPatch) -> None:
    text = VIETNAMESE + VIETNAMESE.upper()
    assert unicodedata.normalize("NFC", shown(text, "cp1258", monkeypatch)) == text


def test_what_cannot_be_shown_is_never_fatal() -> None:
    everything = "".join(map(chr, range(0x2_FFFF)))  # lone halves of pairs too, as in a file name of another system
    for encoding in ("utf-8", "cp1252", "cp1258", "ascii", "cp437", "mbcs"):
        try:
            "".encode(encoding)
        except LookupError:
            continue  # mbcs is Windows' own
        assert everything.encode(encoding, errors=errors_nearest(encoding))
    assert nearest("Bản Bung", "ascii") == "Ban Bung"


def test_streams_that_are_none_or_not_files_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = io.StringIO()
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", notebook)
    streams.open_streams()
    assert sys.stdout is None
    assert sys.stderr is notebook
