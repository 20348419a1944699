"""What a run has written already, and from what: lets an interrupted or repeated run go on where it stands.

`OUT/.covplan.json` keeps, for every output, the key of what it was made from and the digest of what was written. An
output is current when both still hold.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from covplan.study.files import file_digest, written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MANIFEST_FILE = ".covplan.json"


def content_key(folder: Path, files: Iterable[str], *words: str) -> str:
    """Hex sha256 over the named files of a folder (a missing one counts as missing) and some words."""
    digest = hashlib.sha256("\0".join(words).encode())
    for name in sorted(files):
        path = folder / name
        digest.update(f"\0{name}\0{file_digest(path) if path.is_file() else 'missing'}".encode())
    return digest.hexdigest()


def is_current(out: Path, output: str, key: str) -> bool:
    """Whether the output was written from this key and stands as it was written."""
    entry = _entries(out).get(output)
    path = out / output
    return entry is not None and path.is_file() and entry == {"key": key, "sha256": file_digest(path)}


def record(out: Path, output: str, key: str) -> None:
    """Remember that the output, as it stands now, was made from this key."""
    entries = _entries(out) | {output: {"key": key, "sha256": file_digest(out / output)}}
    with written_whole(out / MANIFEST_FILE) as part:
        part.write_text(json.dumps(entries, indent=1, sort_keys=True), encoding="utf-8")


def _entries(out: Path) -> dict[str, dict[str, str]]:
    try:
        entries = json.loads((out / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}
