"""What a document says when LibreOffice prints it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def printed_text(document: Path, *flags: str) -> str:
    """The text of the PDF that LibreOffice makes of a document; `flags` are pdftotext's."""
    folder = document.parent
    home = f"-env:UserInstallation=file://{folder / 'profile'}"
    convert = ["soffice", home, "--headless", "--convert-to", "pdf", "--outdir", str(folder), str(document)]
    subprocess.run(convert, check=True, capture_output=True, timeout=180)  # noqa: S603
    read = ["pdftotext", *flags, str(document.with_suffix(".pdf")), "-"]
    return subprocess.run(read, check=True, capture_output=True).stdout.decode("utf-8")  # noqa: S603
