"""What a run has written already, and from what: lets an interrupted or repeated run go on where it stands.

`OUT/.covplan.json` keeps, for every output, the key of what it was made from and the digest of each file it consists
of. An output is current when the key and all digests still hold.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covplan.study.files import file_digest, written_whole
from covplan.study.held import elsewhere, remove

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST_FILE = ".covplan.json"


def content_key(folder: Path, files: Iterable[str], *words: str) -> str:
    """Hex sha256 over the named files of a folder (a missing one counts as missing) and some words."""
    digest = hashlib.sha256("\0".join(words).encode())
    for name in sorted(files):
        path = folder / name
        digest.update(f"\0{name}\0{file_digest(path) if path.is_file() else 'missing'}".encode())
    return digest.hexdigest()


def is_current(out: Path, output: str, key: str) -> bool:
    """Whether the output was written from this key, and every file of it stands as it was written."""
    entry = _entries(out).get(output)
    return entry is not None and entry["key"] == key and bool(entry["files"]) and _stands(out, entry["files"])


def not_current(out: Path, files: Iterable[str], key: str) -> list[str]:
    """Which of some files belong to no output that was written from this key and stands as it was written."""
    good = {name for output, entry in _entries(out).items() if is_current(out, output, key) for name in entry["files"]}
    return [name for name in files if name not in good]


def record(out: Path, output: str, key: str, files: Iterable[Path] = ()) -> None:
    """Remember that the output, as it stands now, was made from this key.

    Parameters
    ----------
    files : iterable of Path
        All it consists of; without any, the file of its name. A file that it consisted of before and no longer does is
        removed if it stands as covplan wrote it: it would be a result of something else.

    While a result of the folder stands under another name (`study.held`) the output is current for nothing: it is made
    again by the next run.
    """
    entries = _entries(out)
    there = [path for path in files or [out / output] if path.is_file()]
    digests = {_name(out, path): file_digest(path) for path in there}
    former = entries.get(output, {"files": {}})["files"]
    others = {name for other, entry in entries.items() if other != output for name in entry["files"]}
    for name in sorted(set(former) - set(digests) - others):
        if _stands(out, {name: former[name]}):
            remove(out / name)
    held = any(path.is_relative_to(out.absolute()) for path in elsewhere())
    entries[output] = {"key": "" if held else key, "files": digests}
    with written_whole(out / MANIFEST_FILE) as part:
        part.write_text(json.dumps(entries, indent=1, sort_keys=True), encoding="utf-8")


def _stands(out: Path, digests: dict[str, str]) -> bool:
    return all((out / name).is_file() and file_digest(out / name) == digest for name, digest in digests.items())


def _name(out: Path, path: Path) -> str:
    return Path(path).relative_to(out).as_posix()


def _entries(out: Path) -> dict[str, dict[str, Any]]:
    """What is remembered; nothing of entries that are damaged, or point out of the folder."""
    try:
        entries = json.loads((out / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {output: entry for output, entry in entries.items() if _is_entry(entry)}


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or not isinstance(entry.get("files"), dict):
        return False
    names = [Path(name) for name in entry["files"]]
    return all(isinstance(one, str) for one in entry["files"].values()) and not any(
        one.is_absolute() or ".." in one.parts for one in names
    )
