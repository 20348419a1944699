"""Every test speaks Vietnamese unless it says otherwise, and runs only where it finds what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from covplan.study.language import speaking
from tests import as_windows
from tests.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

collect_ignore = ["edit_in_qgis.py"]  # run by the Python that QGIS brings

settings.register_profile("covplan", deadline=None)  # what a machine is slow at says nothing about the code
settings.load_profile("covplan")


def pytest_addoption(parser: pytest.Parser) -> None:
    as_windows.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    as_windows.configure(config)


@pytest.fixture(autouse=True)
def _as_windows(request: pytest.FixtureRequest) -> Iterator[None]:
    page = request.config.getoption("--as-windows")
    if not page:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        yield from as_windows.pretend(patch, page)


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
