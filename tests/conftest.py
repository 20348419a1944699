"""Every test speaks Vietnamese unless it says otherwise, and runs only where it finds what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from covplan.study.language import speaking
from tests.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        need(*mark.args)


@pytest.fixture(autouse=True)
def spoken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programs that a test starts are told by the environment, the test itself by `speaking`."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "vi_VN.UTF-8")
    with speaking("vi"):
        yield
