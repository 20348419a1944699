"""The file study.toml: read with errors that name the key, written with every setting explained, changed in place."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
from pydantic import ValidationError

from covplan.study.errors import SettingsError
from covplan.study.files import content_digest, written_whole
from covplan.study.language import N_, _
from covplan.study.settings import Cost, Definition, Radio, Rule, Section, Settings, Target, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

SETTINGS_FILE = "study.toml"
FAULTS = {  # by pydantic's name of a fault; what is not here is told in its own words
    "greater_than": N_("must be above {gt}"),
    "greater_than_equal": N_("must be at least {ge}"),
    "less_than": N_("must be below {lt}"),
    "less_than_equal": N_("must be at most {le}"),
    "literal_error": N_("must be one of {expected}"),
    "string_type": N_("must be a text"),
    "bool_type": N_("must be true or false"),
    "bool_parsing": N_("must be true or false"),
    "int_type": N_("must be a whole number"),
    "int_parsing": N_("must be a whole number"),
    "int_from_float": N_("must be a whole number"),
    "float_type": N_("must be a number"),
    "float_parsing": N_("must be a number"),
    "finite_number": N_("must be a number"),
    "int_parsing_size": N_("must be a whole number"),
    "list_type": N_("must be a list"),
    "tuple_type": N_("must be a list"),
    "dict_type": N_("must be a table"),
    "model_type": N_("must be a table"),
}


TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
TOML_FAULTS = {  # by the beginning of what tomllib says; what is not here is told in its own words
    "Cannot overwrite": N_("a key stands twice"),
    "Cannot mutate": N_("a key stands twice"),
    "Cannot declare": N_("a [section] stands twice"),
    "Expected '=' after": N_("'=' is missing after a key"),
    "Expected newline": N_("something follows the value on its line"),
    "Expected ']": N_("a bracket is not closed"),
    "Unclosed": N_("a bracket is not closed"),
    "Invalid value": N_("no value TOML knows; a text needs quotes"),
    "Invalid date": N_("a date that is none"),
    "Invalid statement": N_("a line that is neither key = value nor a [section]"),
    "Invalid initial character": N_("a key with a letter it cannot have; write it in quotes"),
    "Illegal character": N_("a character that cannot stand there"),
    "Found invalid character": N_("a character that cannot stand there"),
    'Expected "\'"': N_("a text is not closed by a quote"),
    "Expected '\"'": N_("a text is not closed by a quote"),
    "Unterminated string": N_("a text is not closed by a quote"),
    "Unescaped": N_("a backslash in a text: write two, or put the text in single quotes"),
}


def load_settings(path: Path) -> Settings:
    """Read study.toml; SettingsError names the section, the key and what was probably meant."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(
            _("{path}: not found. Is {folder} a study folder? `covplan sample` makes one.").format(
                path=path, folder=path.parent
            )
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(
            _("{file}: not valid TOML: {error}. Save it as UTF-8 text.").format(
                file=path.name, error=_toml_fault(error)
            )
        ) from None
    except OSError as error:
        raise SettingsError(_("{path}: cannot be read: {reason}.").format(path=path, reason=error.strerror)) from None
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        lines = [_explain(path.name, problem) for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _toml_fault(error: Exception) -> str:
    """What the reader of TOML stumbled over, in the language spoken, with line and column where it says them."""
    if isinstance(error, UnicodeDecodeError):
        return _("bytes that are no UTF-8 text")
    if isinstance(error, RecursionError):
        return _("brackets within brackets, too deep")
    said = str(error)
    fault = next((_(text) for start, text in TOML_FAULTS.items() if said.startswith(start)), said)
    place = TOML_PLACE.search(said)
    return (
        _("line {line}, column {column}: {fault}").format(line=place[1], column=place[2], fault=fault)
        if place
        else fault
    )


def settings_difference(before: Settings, after: Settings, sections: Sequence[str]) -> list[str]:
    """Settings of the named sections that differ, in words: "radio.4G.rsrp_threshold_dbm -110.0 → -105.0"."""

    def flat(prefix: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return {key: one for name, part in value.items() for key, one in flat(f"{prefix}.{name}", part).items()}
        return {prefix: value}

    old, new = (
        {key: one for name in sections for key, one in flat(name, settings.model_dump()[name]).items()}
        for settings in (before, after)
    )
    return [f"{key} {old.get(key)} → {new.get(key)}" for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def settings_toml(settings: Settings) -> str:
    """study.toml with every setting in force, each explained by a comment."""
    document = tomlkit.document()
    document.add(tomlkit.comment(_("Settings of a covplan study.")))
    data = settings.model_dump(mode="json", exclude_none=True)
    for name, field in type(settings).model_fields.items():  # the one plain value, operators, is declared first
        section = getattr(settings, name)
        if isinstance(section, Section):
            document.add(name, _section_table(section))
        elif name == "radio":
            tables = tomlkit.table(is_super_table=True)
            for technology, radio in settings.radio.items():
                tables.add(technology, _section_table(radio))
            document.add(name, tables)
        else:
            if field.description:
                document.add(tomlkit.comment(meaning(field)))
            document.add(name, tomlkit.item(data[name]))
    return tomlkit.dumps(document)


def settings_digest(settings: Settings) -> str:
    """SHA-256 of the settings in force, the same in whatever language study.toml explains them."""
    return content_digest(settings.model_dump_json())


def offsets_toml(offsets_db: dict[str, dict[int, float]], models: Mapping[str, str] | None = None) -> str:
    """The lines of study.toml that hold offsets, and the models they are of."""
    tables = []
    if models:
        tables = ["\n".join(["[propagation.offsets_of]", *(f'{one} = "{models[one]}"' for one in sorted(models))])]
    for band, values in sorted(offsets_db.items()):
        lines = [f"[propagation.offsets_db.{band}]", *(f"{code} = {value:g}" for code, value in sorted(values.items()))]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def write_offsets(
    path: Path,
    offsets_db: dict[str, dict[int, float]],
    models: Mapping[str, str] | None = None,
    band_models: Mapping[str, str] | None = None,
) -> None:
    """Put offsets into a study.toml in place of those it has; everything else in it stays as it is, comments too.

    `models`: those the offsets of bands were fitted for. `band_models`: path loss models of bands, beside or in place
    of those the file gives.
    """
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    tables = tomlkit.table(is_super_table=True)
    for band, values in sorted(offsets_db.items()):
        table = tomlkit.table()
        for code, value in sorted(values.items()):
            table.add(str(code), round(value, 2))
        tables.add(band, table)
    section = document.setdefault("propagation", tomlkit.table())
    section.pop("offsets_db", None)
    if band_models:
        section["band_models"] = {**section.get("band_models", {}), **band_models}
    section.pop("offsets_of", None)
    if models:
        section.add("offsets_of", dict(sorted(models.items())))
    section.add("offsets_db", tables)
    text = tomlkit.dumps(document)
    Settings.model_validate(tomllib.loads(text))
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def settings_reference() -> list[tuple[str, str, str, str]]:
    """Section, key, default and meaning of every setting, read from the definitions above."""
    rows = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if name == "radio":
            section, name = Radio, 'radio."4G"'
        if isinstance(section, type) and issubclass(section, Section):
            rows += [(name, key, _default(one), meaning(one)) for key, one in section.model_fields.items()]
        else:
            rows.append(("", name, "", meaning(field) or _("see resources/{name}").format(name=name)))
    return rows


def meaning(field: FieldInfo) -> str:
    """What a setting is, in the language spoken; the text is the docstring under its definition."""
    text = " ".join((field.description or "").split())
    return _(text)


def _section_table(section: Section) -> tomlkit.items.Table:
    table = tomlkit.table()
    data = section.model_dump(mode="json", exclude_none=True)
    for key, field in type(section).model_fields.items():
        if key not in data:
            continue
        if field.description:
            table.add(tomlkit.comment(meaning(field)))
        table.add(key, data[key])
    return table


def _default(field: Any) -> str:
    return _("required") if field.is_required() else str(field.default)


def _explain(file: str, problem: ErrorDetails) -> str:
    *where, last = (str(part) for part in problem["loc"]) if problem["loc"] else ("",)
    section = f" [{'.'.join(where)}]" if where else ""
    place = f"{file}{section} {last}"
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(last, _known_keys(where))
        return _("{place}: unknown setting.{hint}").format(place=place, hint=hint)
    if problem["type"] == "missing":
        return _("{place}: missing; add it.").format(place=place)
    known = _(FAULTS.get(problem["type"], "")).format(**_limits(problem))
    fault = known or problem["msg"].removeprefix("Value error, ")
    return _("{place}: {fault} (found: {value!r}).").format(place=place, fault=fault, value=problem["input"])


def _limits(problem: ErrorDetails) -> dict[str, str]:
    """What pydantic gives beside a fault, as study.toml would have it: 10 for 10.0, and no English "or"."""
    return {
        name: f"{value:g}" if isinstance(value, int | float) else str(value).replace(" or ", ", ")
        for name, value in problem.get("ctx", {}).items()
    }


def _known_keys(where: list[str]) -> list[str]:
    section: Any = Settings
    by_section = {"radio": Radio, "definitions": Definition, "costs": Cost, "targets": Target, "rules": Rule}
    if where:
        field = Settings.model_fields.get(where[0])
        section = by_section.get(where[0]) or (field.annotation if field else None)
    return list(section.model_fields) if hasattr(section, "model_fields") else []
