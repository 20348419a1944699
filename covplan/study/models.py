"""Propagation models a study can choose: their names in study.toml, and what each is called.

P.1812 alone looks at the terrain between mast and receiver; the others know distance, frequency and heights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from covplan.study.language import N_, _

if TYPE_CHECKING:
    from collections.abc import Mapping

ModelName = Literal[
    "p1812",
    "extended_hata_urban",
    "extended_hata_suburban",
    "extended_hata_open",
    "okumura_hata_urban",
    "okumura_hata_suburban",
    "okumura_hata_open",
    "cost231_hata",
    "cost231_hata_metropolitan",
    "tr38901_rma",
    "tr38901_uma",
    "tr38901_umi",
]
P1812: ModelName = "p1812"
MODELS: tuple[ModelName, ...] = get_args(ModelName)

_TITLES = {
    "p1812": N_("ITU-R P.1812-7"),
    "extended_hata_urban": N_("extended Hata, urban"),
    "extended_hata_suburban": N_("extended Hata, suburban"),
    "extended_hata_open": N_("extended Hata, open"),
    "okumura_hata_urban": N_("Okumura-Hata, urban"),
    "okumura_hata_suburban": N_("Okumura-Hata, suburban"),
    "okumura_hata_open": N_("Okumura-Hata, open"),
    "cost231_hata": N_("COST 231-Hata"),
    "cost231_hata_metropolitan": N_("COST 231-Hata, metropolitan"),
    "tr38901_rma": N_("3GPP TR 38.901 RMa"),
    "tr38901_uma": N_("3GPP TR 38.901 UMa"),
    "tr38901_umi": N_("3GPP TR 38.901 UMi"),
}


def model_title(model: str) -> str:
    """What a model is called in the language spoken now.

    >>> from covplan.study.language import speaking
    >>> with speaking("en"):
    ...     model_title("extended_hata_open")
    'extended Hata, open'
    """
    return _(_TITLES[model])


def models_said(model: str, band_models: Mapping[str, str]) -> str:
    """The models of a study in words: that of all bands, then the bands that have another.

    >>> models_said("p1812", {"L1800": "cost231_hata"})
    'ITU-R P.1812-7; L1800: COST 231-Hata'
    """
    others = [f"{band}: {model_title(one)}" for band, one in sorted(band_models.items()) if one != model]
    return "; ".join([model_title(model), *others])
