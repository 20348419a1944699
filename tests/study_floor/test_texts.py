"""What a study says is said in one language: the one spoken, or the one asked for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from covplan.study import errors
from covplan.study.errors import SettingsError
from covplan.study.findings import finding, findings_table
from covplan.study.folder import read_study
from covplan.study.language import speaking
from covplan.study.links import verdict_texts
from covplan.study.settings_file import load_settings
from tests.study import small_study

PACKAGE = Path(errors.__file__).parent.parent
ROOMS = ("study", "radio", "terrain", "assess", "fiber", "intake", "sample")
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.CovplanError)}


def test_a_finding_is_told_in_the_language_spoken_unless_another_is_asked_for():
    one = finding("missing_file", "villages.gpkg", file_name="villages.gpkg")
    assert one.text("advice") == one.text("advice", "vi") != one.text("advice", "en")
    with speaking("en"):
        assert one.text("advice") == one.text("advice", "en")
        assert findings_table([one])["advice"].item() == one.text("advice", "en")
    assert findings_table([one], "en")["advice"].item() == one.text("advice", "en")


def test_a_figure_in_a_finding_has_the_decimal_sign_of_its_language():
    far = finding("outside_province", "bts_sites.csv", distance_km="14.2")
    assert far.text("problem", "vi") == "Cách ranh giới tỉnh 14,2 km."
    assert far.text("problem", "en") == "14.2 km outside the province."
    named = finding("cell_unknown_code", "x.csv", allowed="1.5, 2.5", hint="")
    assert "(1.5, 2.5)" in named.text("problem", "vi")  # codes stay as they are


def test_verdicts_have_the_same_codes_in_both_languages():
    assert verdict_texts() == verdict_texts("vi")
    assert verdict_texts("vi").keys() == verdict_texts("en").keys()


@pytest.mark.parametrize(
    ("text", "vi", "en"),
    [
        ("", "tệp rỗng", "the file is empty"),
        ("cell_id,band,band\n", "cột 'band' có hai lần", "the column 'band' stands twice"),
        ("cell_id,band\nC-1,L1800,3\n", "dòng 2 có nhiều ô hơn", "row 2 has more cells"),
    ],
)
def test_why_a_file_is_no_table_is_told_in_each_language(tmp_path, text, vi, en):
    folder = small_study(tmp_path)
    (folder / "cells.csv").write_text(text, encoding="utf-8")
    found = [one for one in read_study(folder)[1] if one.check == "layer_set_aside"]
    assert [vi in one.text("problem", "vi") for one in found] == [True]
    assert [en in one.text("problem", "en") for one in found] == [True]


@pytest.mark.parametrize(
    ("line", "vi", "en"),
    [
        ("cell_m = 5", "phải từ 10 trở lên", "must be at least 10"),
        ("cell_m = 'x'", "phải là số", "must be a number"),
        ("cel_m = 5", "Có phải là cell_m?", "Did you mean cell_m?"),
    ],
)
def test_a_wrong_setting_is_told_in_one_language(tmp_path, line, vi, en):
    path = tmp_path / "study.toml"
    path.write_text(f'[province]\nname = "T"\n[grid]\n{line}\n', encoding="utf-8")
    with pytest.raises(SettingsError) as vietnamese:
        load_settings(path)
    with speaking("en"), pytest.raises(SettingsError) as english:
        load_settings(path)
    assert vi in str(vietnamese.value)
    assert en not in str(vietnamese.value)
    assert en in str(english.value)


def test_no_error_is_worded_in_the_code_of_one_language():
    """An error's text is a translated one or a variable, never a bare text of the code."""
    bare = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for room in ROOMS
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in ERRORS
        and any(isinstance(argument, ast.JoinedStr | ast.Constant) for argument in node.exc.args)
    ]
    assert not bare
