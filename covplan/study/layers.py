"""Every layer and every column, inputs and results: one definition, read by checks, maps, GeoPackage and documents.

Tables between are declared beside them: what one step hands to another and no file holds.

The definition is data: `resources/layers.csv` lists the layers, `resources/layers/<layer>.csv` their columns with type,
unit, domain, Vietnamese and English title.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import Literal

from covplan.study.language import by_language
from covplan.study.resources import resource_text

ColumnType = Literal["string", "int", "float", "bool", "date", "list"]
BOUNDARY_VERSIONS = ("2025-02", "2025-07")
OPERATORS_DOMAIN = "@operators"  # the domain "allowed" of a column that holds operator codes: the study's own list
LIST_SEPARATOR = ";"


@dataclass(frozen=True)
class Column:
    """One column of a layer: what it may hold and what it is called."""

    name: str
    type: ColumnType
    unit: str
    required: bool
    unique: bool
    min: float | None
    max: float | None
    allowed: tuple[str, ...]
    references: str
    title_vi: str
    title_en: str
    meaning: str
    protects: bool
    """Of yes and no: whether its row is kept from what leaves the house; what is not plainly a no counts as a yes."""

    @property
    def title(self) -> str:
        """What the column is called in the language spoken now."""
        return str(by_language(self.title_vi, self.title_en))

    def allowed_codes(self, operators: tuple[str, ...]) -> tuple[str, ...]:
        """The codes the column may hold, with the study's operators where the definition asks for them."""
        return operators if self.allowed == (OPERATORS_DOMAIN,) else self.allowed


@dataclass(frozen=True)
class Layer:
    """One layer: where it is kept, what its geometry is, which columns it has."""

    name: str
    role: Literal["input", "result", "between"]
    file: str
    file_layer: str
    geometry: tuple[str, ...]
    required: bool
    key: tuple[str, ...]
    export_name: str
    group: str
    """Code of the group it is shown in; its words are labels."""
    title_vi: str
    title_en: str
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        """What the layer is called in the language spoken now."""
        return str(by_language(self.title_vi, self.title_en))

    @property
    def is_table(self) -> bool:
        """True for a CSV file, whose points are the columns lon and lat."""
        return self.file.endswith(".csv")

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when the layer has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@cache
def layers() -> dict[str, Layer]:
    """Every layer of a study and of a plan by name, in the order of resources/layers.csv."""
    return {name: layer for name, layer in _declared().items() if layer.role != "between"}


def input_layers() -> dict[str, Layer]:
    """The layers a study folder holds."""
    return {name: layer for name, layer in layers().items() if layer.role == "input"}


@cache
def tables_between() -> dict[str, Layer]:
    """Tables that one step hands to another: no file holds them, nothing publishes them."""
    return {name: layer for name, layer in _declared().items() if layer.role == "between"}


@cache
def _declared() -> dict[str, Layer]:
    return {
        row["layer"]: Layer(
            name=row["layer"],
            role=row["role"],  # type: ignore[arg-type]  # the resource's own test holds the vocabulary
            file=row["file"],
            file_layer=row["file_layer"],
            geometry=_split(row["geometry"]),
            required=row["required"] == "yes",
            key=_split(row["key"]),
            export_name=row["export_name"],
            group=row["group"],
            title_vi=row["title_vi"],
            title_en=row["title_en"],
            columns=_columns(row["layer"]),
        )
        for row in csv.DictReader(resource_text("layers.csv").splitlines())
    }


def _columns(layer: str) -> tuple[Column, ...]:
    rows = csv.DictReader(resource_text("layers", f"{layer}.csv").splitlines())
    return tuple(
        Column(
            name=row["column"],
            type=row["type"],  # type: ignore[arg-type]
            unit=row["unit"],
            required=row["required"] == "yes",
            unique=row["unique"] == "yes",
            min=float(row["min"]) if row["min"] else None,
            max=float(row["max"]) if row["max"] else None,
            allowed=_split(row["allowed"]),
            references=row["references"],
            title_vi=row["title_vi"],
            title_en=row["title_en"],
            meaning=row["meaning"],
            protects=row.get("protects") == "yes",
        )
        for row in rows
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()
