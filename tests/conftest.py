"""Every test speaks Vietnamese, whatever the machine is set to, unless it says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from covplan.study.language import speaking

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def spoken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programs that a test starts are told by the environment, the test itself by `speaking`."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "vi_VN.UTF-8")
    with speaking("vi"):
        yield
