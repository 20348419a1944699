"""The catalogues of texts: `python -m tests.catalogue` takes the texts out of the code, keeps what is translated and
compiles it; what has no Vietnamese yet is listed. `test_language.py` holds that nothing is missing.
"""

from __future__ import annotations

import ast
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from pydantic import BaseModel

from covplan.study import settings

PACKAGE = Path(__file__).parent.parent / "covplan"
VIETNAMESE = PACKAGE / "resources" / "locale" / "vi" / "LC_MESSAGES" / "covplan.po"
HEAD = (
    'msgid ""',
    'msgstr ""',
    r'"Language: vi\n"',
    r'"Content-Type: text/plain; charset=utf-8\n"',
    r'"Plural-Forms: nplurals=1; plural=0;\n"',
)
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "NN_": (1, 2)}


def extracted() -> Catalog:
    """Every text marked in the code."""
    catalogue = Catalog(locale="vi", project="covplan", charset="utf-8")
    for _file, _line, message, comments, context in extract_from_dir(
        PACKAGE, method_map=[("**.py", "python")], keywords=KEYWORDS
    ):
        catalogue.add(message, auto_comments=comments, context=context)
    for text in [*helps_of_commands(), *meanings_of_settings()]:
        catalogue.add(text)
    return catalogue


def meanings_of_settings() -> list[str]:
    """What the settings say of themselves: the docstrings under their definitions."""
    sections = [one for one in vars(settings).values() if isinstance(one, type) and issubclass(one, BaseModel)]
    texts = [field.description for section in sections for field in section.model_fields.values()]
    return [" ".join(text.split()) for text in texts if text]


def helps_of_commands() -> list[str]:
    """What `--help` says of each command (its docstring) and of its options (`help=…`)."""
    texts = []
    for path in sorted((PACKAGE / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(map(_makes_command, node.decorator_list)):
                texts.append(ast.get_docstring(node) or "")
            if isinstance(node, ast.keyword) and node.arg == "help" and isinstance(node.value, ast.Constant):
                texts.append(str(node.value.value))
    return texts


def _makes_command(decorator: ast.expr) -> bool:
    made = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(made, ast.Attribute) and made.attr in {"command", "group"}


def translated(path: Path = VIETNAMESE) -> Catalog:
    """The catalogue as it stands."""
    with path.open("rb") as file:
        return read_po(file, locale="vi")


def updated(extra: dict[str, str] | None = None) -> Catalog:
    """The texts of the code with their Vietnamese, where it is known; `extra` adds some."""
    old, words = translated(), extra or {}
    new = extracted()
    for message in new:
        if not message.id:
            continue
        one = message.id if isinstance(message.id, str) else message.id[0]
        known = old.get(message.id)
        text = words.get(one) or (known.string if known else "")
        text = text if isinstance(text, str) else text[0]
        message.string = (text,) if message.pluralizable else text
    return new


def as_po(catalogue: Catalog) -> bytes:
    """The catalogue as a file for translators: sorted, without dates or line numbers."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, sort_output=True, no_location=True, omit_header=True)
    head = "\n".join([*HEAD, "", ""])
    return head.encode() + buffer.getvalue()


def as_mo(path: Path = VIETNAMESE) -> bytes:
    """What the program reads, from the file for translators."""
    buffer = io.BytesIO()
    catalogue = Catalog(locale="vi", charset="utf-8")
    for message in translated(path):
        if message.id:
            catalogue.add(message.id, message.string)
    text = _without_dates(catalogue)
    write_mo(buffer, text)
    return buffer.getvalue()


def _without_dates(catalogue: Catalog) -> Catalog:
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    return catalogue


def missing(catalogue: Catalog) -> list[str]:
    """Texts without Vietnamese."""
    return [
        str(one.id)
        for one in catalogue
        if one.id and not (one.string if isinstance(one.string, str) else one.string[0])
    ]


def write(extra: dict[str, str] | None = None) -> list[str]:
    """Bring both files up to date; returns what has no Vietnamese."""
    catalogue = updated(extra)
    VIETNAMESE.write_bytes(as_po(catalogue))
    VIETNAMESE.with_suffix(".mo").write_bytes(as_mo())
    return missing(catalogue)


if __name__ == "__main__":
    lacking = write()
    sys.stdout.write("".join(f"no Vietnamese: {text!r}\n" for text in lacking))
    sys.exit(bool(lacking))
