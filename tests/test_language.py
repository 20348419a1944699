"""One language at a time: the catalogue is whole, the code holds English only, no command mixes the two."""

from __future__ import annotations

import ast
import string
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from covplan.cli import main
from covplan.cli.speech import wanted_language
from covplan.pipeline import make_plan
from covplan.propose.common.candidates import CLOSED_OWNERS
from covplan.publish.office import KINDS_OF_PROVINCE
from covplan.publish.sheet import sheet_html
from covplan.study.boundaries import URBAN_UNITS
from covplan.study.columns import _LOOSE_NUMBER, _MOJIBAKE, FALSE_WORDS, PUBLIC_WORDS, TRUE_WORDS
from covplan.study.find import KINDS
from covplan.study.folder import open_study
from covplan.study.language import LANGUAGES, current_language, speaking
from tests.catalogue import PACKAGE, VIETNAMESE, as_mo, extracted, missing, translated
from tests.study import small_study
from tests.vietnamese import english_words, vietnamese_words

if TYPE_CHECKING:
    from pathlib import Path

    from babel.messages.catalog import Message
    from click.testing import Result

# Texts that are data: what a Vietnamese file says, read or written as it is.
DATA_IN_VIETNAMESE = ("sample", "resources")


def texts(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_of_the_code_has_its_vietnamese_and_nothing_else_is_kept() -> None:
    said, known = extracted(), translated()
    assert missing(known) == []
    assert {one.id for one in known if one.id} == {one.id for one in said if one.id}
    assert VIETNAMESE.with_suffix(".mo").read_bytes() == as_mo()


def test_both_languages_have_the_same_placeholders() -> None:
    formatted = [one for one in translated() if one.id and "{" in texts(one)[0]]
    assert formatted
    for message in formatted:
        allowed = set().union(*map(placeholders, texts(message)))
        text = message.string if isinstance(message.string, str) else message.string[0]
        assert placeholders(text) <= allowed, message.id
        if isinstance(message.id, str):
            assert placeholders(text) == allowed, message.id


def test_english_texts_hold_no_vietnamese_but_names_and_terms() -> None:
    for message in extracted():
        for text in texts(message):
            words = {word for word in vietnamese_words(text) if word.lower() not in TERMS}
            assert not words, text


TERMS = {"thôn", "bản", "tổ", "dân", "phố", "trắng", "lõm", "tuyên", "xã", "phường", "đ1", "đ2"}
"""Words of the field that English texts explain in brackets."""


def test_no_vietnamese_stands_in_the_code() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] in DATA_IN_VIETNAMESE:
            continue
        for text in strings(ast.parse(path.read_text(encoding="utf-8"))):
            words = {word for word in vietnamese_words(text) if word.lower() not in TERMS}
            if words and text not in DATA:
                found[f"{path.relative_to(PACKAGE)}: {text}"] = words
    assert found == {}


DATA = {
    *KINDS, *KINDS_OF_PROVINCE, *URBAN_UNITS, *TRUE_WORDS, *FALSE_WORDS, *PUBLIC_WORDS, CLOSED_OWNERS.pattern,
    _LOOSE_NUMBER.pattern, _MOJIBAKE.pattern,
    "Nà Tông", "đ", "Đ",
}  # fmt: skip
"""What is looked for in the data, not said."""


def strings(tree: ast.Module) -> list[str]:
    """Texts of a module that are not docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    after = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings of attributes
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
        and id(node) not in after
    ]


COMMANDS = sorted(main.commands)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_in_one_language(command: str) -> None:
    line = [command] if command else []
    vietnamese, english = (run(*line, "--help", "--lang", one).output for one in LANGUAGES)
    assert english_words(vietnamese) == set()
    assert vietnamese_words(vietnamese)
    assert {word for word in vietnamese_words(english) if word.lower() not in {"tuyên"}} == set()
    assert english_words(english)


def run(*line: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(main, [str(one) for one in line])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    radio = {"coverage": {"basis": "computed"}, "propagation": {"radius_km": 8.0}}
    folder = small_study(tmp_path_factory.mktemp("spoken") / "study", settings=radio)
    table = folder / "bts_sites.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([*lines, lines[1].replace(lines[1].split(",")[0], "S-TWICE")]) + "\n", encoding="utf-8")
    return folder


SPOKEN = {
    "check": ["check", "STUDY", "-o", "OUT"],
    "settings": ["settings", "STUDY"],
    "reference": ["settings", "--reference"],
    "indicators": ["indicators", "STUDY"],
    "plan": ["plan", "STUDY", "-o", "OUT"],
    "propose": ["propose", "STUDY", "-o", "OUT"],
    "documents": ["documents", "STUDY", "-o", "OUT"],
    "export": ["export", "STUDY", "-o", "OUT", "-f", "gpkg", "--include-restricted"],
    "map": ["map", "STUDY", "-o", "OUT"],
    "sheet": ["sheet", "STUDY", "--state", "none", "-o", "OUT"],
    "fiber": ["fiber", "STUDY", "-o", "OUT"],
    "coverage": ["coverage", "STUDY", "-o", "OUT", "-t", "4G", "-p", "VTL"],
    "explain": ["explain", "STUDY", "Khuổi Phìn", "-o", "OUT"],
    "reliability": ["reliability", "STUDY", "-o", "OUT"],
    "definitions": ["definitions", "STUDY"],
    "compare": ["compare", "STUDY", "STUDY", "-o", "OUT"],
    "doctor": ["doctor"],
    "no study": ["check", "NOWHERE"],
    "no results in the study": ["plan", "STUDY", "-o", "STUDY"],
    "no hamlet": ["sheet", "STUDY"],
    "unknown hamlet": ["explain", "STUDY", "nowhere"],
    "no operator": ["coverage", "STUDY", "-o", "OUT", "-p", "XYZ"],
    "no measurements": ["calibrate", "STUDY", "-o", "OUT"],
    "bad target": ["fiber", "STUDY", "-o", "OUT", "--target", "many"],
    "no command": ["plann"],
    "no option": ["plan", "STUDY", "--farce"],
    "no argument": ["plan"],
    "bad choice": ["propose", "STUDY", "-k", "nothing"],
    "nothing to read back": ["readback", "STUDY", "NOWHERE", "-o", "OUT"],
}


CODES = {
    name: {"declared", "computed", "every", "each", "operators", "study", "hamlet"}
    for name in ("settings", "reference")
}
"""Values of settings, which are the same in every language."""


@pytest.mark.parametrize("name", SPOKEN)
def test_a_command_speaks_one_language(name: str, study: Path, tmp_path: Path) -> None:
    data = " ".join(path.read_text(encoding="utf-8") for path in study.glob("*.csv"))
    named = vietnamese_words(data + NAMES) | {"trắng", "lõm"}
    for language in LANGUAGES:
        folders = {"STUDY": study, "OUT": tmp_path / language, "NOWHERE": tmp_path / "nowhere"}
        said = run(*(folders.get(one, one) for one in SPOKEN[name]), "--lang", language).output
        assert said
        assert "Traceback" not in said
        if name == "settings":  # the values are the study's own
            said = "\n".join(line for line in said.splitlines() if line.startswith("#"))
        if language == "vi":
            assert english_words(said) <= CODES.get(name, set()), said
        else:
            assert vietnamese_words(said) <= named, said


NAMES = " Tuyên Thôn Nà Tông Đồng Rôm Bản Bung Khuổi Phìn Tổ dân phố Cả Khẻ Xã Một Hai Phường Ba Bốn Tỉnh thử"


def test_the_language_is_that_of_the_line_then_of_the_study_then_of_the_system(tmp_path: Path, monkeypatch) -> None:
    folder = small_study(tmp_path / "study", settings={"province": {"name": "Tỉnh thử", "language": "en"}})
    silent = small_study(tmp_path / "silent")
    assert wanted_language(["plan", str(folder), "--lang", "vi"]) == "vi"
    assert wanted_language(["plan", "--lang=vi", str(folder)]) == "vi"
    assert wanted_language(["plan", str(folder)]) == "en"
    assert wanted_language(["plan", str(silent)]) == "vi"
    settings = folder / "study.toml"
    settings.write_text(settings.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert wanted_language(["plan", str(folder)]) == "en"
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    assert wanted_language(["plan", str(silent)]) == "en"
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert wanted_language(["plan", str(silent)]) == "vi"
    with speaking("en"):
        assert current_language() == "en"


def test_the_older_spelling_of_fiber_is_understood(study: Path, tmp_path: Path) -> None:
    assert "FTTH" in run("fibre", "--help").output
    assert run("propose", study, "-k", "fibre", "-o", tmp_path / "out").exit_code == 0


def test_a_library_call_speaks_the_study_s_language_unless_told(tmp_path: Path, monkeypatch) -> None:
    folder = small_study(tmp_path / "study", settings={"province": {"name": "Tỉnh thử", "language": "en"}})
    with monkeypatch.context() as nothing_chosen:
        nothing_chosen.setattr("covplan.study.language._spoken", ContextVar("spoken", default=None))
        plan = make_plan(open_study(folder))
        village = str(plan.hamlets["village_id"].iloc[0])
        assert 'lang="en"' in sheet_html(plan, village)
        assert 'lang="vi"' in sheet_html(plan, village, language="vi")
        with speaking("vi"):
            assert 'lang="vi"' in sheet_html(plan, village)


def test_every_marked_text_is_found_by_the_extraction() -> None:
    """Babel does not look into f-strings: a text marked there would never be translated."""
    known = {text for message in extracted() for text in texts(message)}
    marked = {
        node.args[0].value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"_", "N_", "ngettext"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert marked - known == set()
