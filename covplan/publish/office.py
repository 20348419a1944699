"""What workbooks and text documents share: clean text, one date for all files, the same bytes for the same plan."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING

from covplan.study.language import _

if TYPE_CHECKING:
    from pathlib import Path

MILLION, BILLION = 1e6, 1e9
KINDS_OF_PROVINCE = ("tỉnh", "thành phố")  # as names in the data begin
LANGUAGE_TAGS = {"vi": "vi-VN", "en": "en-GB"}
FILE_DATE = datetime(2025, 1, 1)
ZIP_DATE = (2025, 1, 1, 0, 0, 0)
LONGEST_TEXT = 32_000  # characters; a cell of a workbook holds 32,767
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")
_WRITTEN_AT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:)")


def clean(text: object) -> str:
    r"""Text as XML can hold it: composed letters (NFC), no control characters, not longer than a cell.

    >>> clean("Bản Ho\u0300a\x07n")
    'Bản Hòa n'
    """
    return _NOT_XML.sub(" ", unicodedata.normalize("NFC", str(text)))[:LONGEST_TEXT]


def province_title(name: str) -> str:
    """The province with its kind, as it heads a document; a name that holds its kind stays as it is.

    >>> from covplan.study.language import speaking
    >>> with speaking("en"):
    ...     province_title("Tuyên Quang"), province_title("Thành phố Huế")
    ('Tuyên Quang Province', 'Thành phố Huế')
    """
    return name if name.casefold().startswith(KINDS_OF_PROVINCE) else _("{name} Province").format(name=name)


def fix_dates(path: Path) -> None:
    """Write an Office file again with one date everywhere, so that the same content is the same bytes."""
    with zipfile.ZipFile(path) as archive:
        parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    stamp = f"{FILE_DATE:%Y-%m-%dT%H:%M:%SZ}".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts:
            dated = _WRITTEN_AT.sub(rb"\g<1>" + stamp + rb"\g<2>", content) if name == "docProps/core.xml" else content
            info = zipfile.ZipInfo(name, ZIP_DATE)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 0
            archive.writestr(info, dated)
