"""What every result of generated or assumed data says of itself, in the language spoken now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covplan.study.language import _, number
from covplan.study.layers import LIST_SEPARATOR, Layer, input_layers

if TYPE_CHECKING:
    import pandas as pd

    from covplan.study.folder import Study

NAMES_ALONE = ("name", "boundary_version", "commune_code", "centre_lat")
"""Columns besides ids whose assumed cells change no figure, or that go with another."""
SHOWN_COLUMNS = 4


@dataclass(frozen=True)
class Origin:
    """How much of a layer is not observed."""

    layer: Layer
    rows: int
    simulated: int
    """Rows a generator made."""
    assumed: int
    """Rows with an assumed value that figures depend on."""
    columns: dict[str, int]
    """Rows by the column that is assumed in them, commonest first."""


def synthetic_notice() -> str:
    """The sentence above tables, documents and maps."""
    return _("SIMULATED DATA – the locations of stations, hamlets and cables are NOT real")


def synthetic_mark() -> str:
    """The same in two words, for titles."""
    return _("SIMULATED DATA")


def origins(study: Study) -> list[Origin]:
    """Of every layer of a study, how many rows are simulated and how many have assumed values."""
    return [_origin(layer, study.table(name)) for name, layer in input_layers().items()]


def origin_notice(study: Study) -> str:
    """What results of a study say of its data; empty where all of it is observed.

    That it is simulated as a whole, or how many rows of which layers are; and how many have values that were assumed.
    """
    whole = study.settings.province.synthetic
    told = [synthetic_notice()] if whole else []
    for one in origins(study):
        if one.simulated and not whole:
            told.append(
                _("{layer}: {count} of {rows} are simulated").format(
                    layer=one.layer.title, count=number(one.simulated), rows=number(one.rows)
                )
            )
        if one.assumed:
            names = [in_sentence(one.layer.column(name).title) for name in one.columns]
            named = ", ".join(names[:SHOWN_COLUMNS]) + (", …" if len(names) > SHOWN_COLUMNS else "")
            told.append(
                _("{layer}: {count} of {rows} have assumed values ({columns})").format(
                    layer=one.layer.title, count=number(one.assumed), rows=number(one.rows), columns=named
                )
            )
    return " · ".join(told)


def origin_mark(study: Study) -> str:
    """The same in few words, for titles; empty where nothing is simulated."""
    if study.settings.province.synthetic:
        return synthetic_mark()
    return _("PARTLY SIMULATED DATA") if any(one.simulated for one in origins(study)) else ""


def matters(column: str) -> bool:
    """Whether an assumed value of this column changes figures: ids and names do not, but what stands together does."""
    return column == "location_id" or not (column.endswith("_id") or column in NAMES_ALONE)


def in_sentence(title: str) -> str:
    """A column's title inside a sentence.

    >>> in_sentence("Chiều cao cột"), in_sentence("EIRP")
    ('chiều cao cột', 'EIRP')
    """
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _origin(layer: Layer, table: pd.DataFrame) -> Origin:
    simulated = int(table["synthetic"].astype("boolean").fillna(value=False).sum()) if "synthetic" in table else 0
    marks = table["assumed"].dropna() if "assumed" in table else ()
    named = [[name for name in mark.split(LIST_SEPARATOR) if matters(name)] for mark in marks]
    counts: dict[str, int] = {}
    for names in named:
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    ordered = dict(sorted(counts.items(), key=lambda pair: -pair[1]))
    return Origin(layer, len(table), simulated, sum(map(bool, named)), ordered)
