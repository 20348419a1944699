"""Names of files from ids: by the rules of each file system, none refused and no two the same."""

from __future__ import annotations

import errno
import random
import unicodedata
from typing import TYPE_CHECKING

import pytest

from covplan.cli.base import why
from covplan.study.filenames import DEVICES, file_name, is_device
from tests.study import small_layers

if TYPE_CHECKING:
    from pathlib import Path

MANY = 10_000
SCRIPTS = (
    range(0x20), range(0x20, 0x7F), range(0x7F, 0x250), range(0x300, 0x370), range(0x370, 0x530), range(0x530, 0x700),
    range(0xE00, 0xF00), range(0x1E00, 0x2070), range(0x3040, 0x3100), range(0x4E00, 0x9FFF), range(0xAC00, 0xD7A4),
    range(0xD800, 0xE000), range(0xFB00, 0x1_0000), range(0x1_F300, 0x1_F700),
)  # fmt: skip
"""Controls, ASCII, Latin, marks, Greek and Cyrillic, Hebrew and Arabic, Thai, Vietnamese, kana, Chinese, Korean, lone
halves of pairs, presentation forms and fullwidth, pictures."""


def random_ids(seed: int) -> list[str]:
    """Ids of all kinds, with neighbours that differ by what a file system does not tell apart."""
    draw = random.Random(seed)  # noqa: S311
    made: set[str] = {"", ".", "..", " ", "a.", "a ", "a:b", "a\\b", "a/b", "con.txt", "COM¹", "aux .x", "x" * 300}
    made |= {change(one) for one in DEVICES for change in (str, str.lower, str.title, "{}.txt".format, "{} ".format)}
    while len(made) < MANY:
        if draw.random() < 0.3:
            text = "".join(draw.choices("ABTabt01-_. ", k=draw.randint(1, 6)))
        else:
            script = draw.choice(SCRIPTS)
            text = "".join(chr(draw.choice(script)) for _ in range(draw.choice((1, 2, 3, 8, 40, 200))))
        forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC")]
        tails = [text + end for end in (".", " ", ":", "\\", "\t", "+", "_", "/../x")]
        made |= {text, text.upper(), text.lower(), text.swapcase(), text.casefold(), *forms, *tails}
    return sorted(made)[:MANY] if len(made) < MANY else draw.sample(sorted(made), MANY)


def same_file(name: str) -> str:
    """What two names that mean one file have in common, on the least discerning of the file systems."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name).casefold().upper()).rstrip(". ")


def refusals(name: str) -> list[str]:
    """Which file systems do not take a name."""
    units = len(name.encode("utf-16-le", errors="surrogatepass")) // 2
    whole = not any("\ud800" <= letter <= "\udfff" for letter in name)
    size = len(name.encode(errors="surrogatepass"))
    ntfs = (
        0 < units <= 255
        and not any(letter in '<>:"/\\|?*' or letter < " " for letter in name)
        and not name.endswith((".", " "))
        and not is_device(name)
    )
    ext4 = 0 < size <= 255 and not {"/", "\0"} & set(name) and name not in (".", "..")
    apfs = ext4 and whole and ":" not in name
    return [system for system, takes in {"NTFS": ntfs, "ext4": ext4, "APFS": apfs}.items() if not takes]


@pytest.mark.parametrize("seed", range(3))
def test_ten_thousand_ids_of_all_scripts_give_names_that_every_file_system_takes_and_tells_apart(seed: int) -> None:
    ids = random_ids(seed)
    assert len(set(ids)) == MANY
    assert sum(bool(refusals(one)) for one in ids) > MANY / 10  # the ids themselves would not do
    assert len({same_file(one) for one in ids}) < 0.9 * MANY
    names = [file_name(one, ".html") for one in ids]
    assert [name for name in names if refusals(name)] == []
    assert len({same_file(name) for name in names}) == MANY
    assert max(map(len, names)) <= 64 + len(".html")


def test_names_are_made_as_they_say_on_the_disk_of_this_machine(tmp_path: Path) -> None:
    names = [file_name(one, ".x") for one in random_ids(9)[:500]]
    for name in names:
        (tmp_path / name).touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_names_need_no_quoting_in_a_link() -> None:
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+")
    assert all(set(file_name(one, ".html")) <= allowed for one in random_ids(5))


def test_usual_ids_are_their_own_names() -> None:
    assert [file_name(one) for one in small_layers()["villages"]["village_id"]] == [
        *small_layers()["villages"]["village_id"]
    ]
    assert file_name("VTL") == "VTL"
    assert file_name("T.1-2_3") == "T.1-2_3"


@pytest.mark.parametrize("device", ["CON", "nul", "Aux.txt", "COM1.2.3", "lpt²", "con ", "CONIN$"])
def test_a_device_is_no_name(device: str) -> None:
    assert is_device(device)
    assert file_name(device) != device
    assert not is_device(file_name(device, ".html"))


def test_what_only_begins_like_a_device_is_a_name() -> None:
    assert [file_name(one) for one in ("CONG", "COM10", "AUX-1", "NULL")] == ["CONG", "COM10", "AUX-1", "NULL"]


def test_a_path_that_is_too_long_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long") as here:
        (tmp_path / ("x" * 300)).touch()
    on_windows = FileNotFoundError(errno.ENOENT, "No such file or directory", "C:/" + "/".join(["thư mục"] * 40))
    assert "quá dài" in why(here.value) or "too long" in why(here.value)
    assert why(on_windows) == why(here.value)
    assert why(FileNotFoundError(errno.ENOENT, "", "C:/x")) != why(here.value)
