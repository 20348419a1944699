"""Kinds of proposals: their titles are those of the coded columns, in both languages."""

from __future__ import annotations

import pytest

from covplan.publish.words import label
from covplan.study.kinds import KINDS, PROPOSAL_KINDS, SUPPLY_CURVE, kind_title
from covplan.study.language import LANGUAGES, speaking
from covplan.study.layers import layers


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_kind_is_called_what_its_code_is_called_in_the_tables(language):
    with speaking(language):
        for kind in PROPOSAL_KINDS:
            assert kind_title(kind) == label("kind", kind, "proposals")
        assert kind_title("trench") == label("kind", "trench", "comparison")
        assert kind_title("a later one") == "a later one"


def test_proposals_have_the_kinds_that_their_layer_allows():
    assert set(PROPOSAL_KINDS) == set(layers()["proposals"].column("kind").allowed)
    assert set(KINDS) == {*PROPOSAL_KINDS, SUPPLY_CURVE}
