"""On a real NTFS that does not tell case apart and takes only Windows' names: names of files, and whole runs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from covplan.study.filenames import file_name
from tests.study import small_study
from tests.study_floor.test_filenames import MANY, random_ids
from tests.test_cli import covplan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("ntfs")
SIZE = 384 << 20


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ntfs")
    image, top = folder / "image", folder / "disk"
    with image.open("wb") as file:
        file.truncate(SIZE)
    top.mkdir()
    subprocess.run(["mkntfs", "-Q", "-F", "-q", image], check=True, capture_output=True)  # noqa: S603, S607
    options = "windows_names,ignore_case,locale=C.UTF-8"
    subprocess.run(["lowntfs-3g", "-o", options, image, top], check=True, capture_output=True)  # noqa: S603, S607
    yield top
    subprocess.run(["umount", top], check=True, capture_output=True)  # noqa: S603, S607


def test_the_disk_is_as_on_windows(disk: Path) -> None:
    (disk / "Thôn.txt").write_text("x", encoding="utf-8")
    assert (disk / "THÔN.TXT").read_text(encoding="utf-8") == "x"
    for name in ("a:b", "con", "x.", "y "):
        with pytest.raises(OSError, match="Invalid"):
            (disk / name).touch()


def test_ten_thousand_ids_are_ten_thousand_files(disk: Path) -> None:
    folder = disk / "names"
    folder.mkdir()
    for one in random_ids(1):
        (folder / file_name(one, ".html")).touch(exist_ok=False)
    assert sum(1 for _ in folder.iterdir()) == MANY


def test_a_study_is_planned_and_handed_over_there(disk: Path) -> None:
    study, out = small_study(disk / "Tỉnh Thử"), disk / "Kết Quả"
    assert covplan("plan", study, "-o", out).exit_code == 0
    assert "--force" in covplan("plan", disk / "TỈNH THỬ", "-o", disk / "KẾT QUẢ").output  # current
    for line in (("documents",), ("export", "-f", "shp", "-f", "tab", "-f", "ofds"), ("sheet", "T-02200-1")):
        told = covplan(line[0], study, *line[1:], "-o", out)
        assert (told.exit_code, told.stderr) == (0, "")
    assert covplan("plan", study, "-o", disk / "TỈNH THỬ").exit_code == 2  # the study itself, in capitals
