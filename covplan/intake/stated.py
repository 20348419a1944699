"""Where a row says it is: communes by name, old and new, with or without accents, as ground to hold its point against.

A name alone never decides: all communes it can mean are its ground, and the point says which. Feeds `stations`.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import shapely

from covplan.intake.letters import name_key, plain_key
from covplan.study.boundaries import heirs, official_units
from covplan.study.columns import clean_text
from covplan.study.find import plain_letters

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from covplan.study.boundaries import Version

Unit = tuple[str, str]
"""Code and boundary version of a commune."""
KINDS = re.compile(r"\s*(?:xa|phuong|thi tran|x\.|p\.|tt\.?|ph\.)\s*(?=\S)")
DISTRICT_KINDS = re.compile(
    r"\s*(?:(?:[ivx]+|\d+)[.) ]+(?=huyen|thanh|thi))?(?:huyen|thanh pho|thi xa|tp\.?|tx\.?|h\.)\s*(?=\S)"
)
"""What a name begins with, in small letters without accents."""
_IN_ADDRESS = (
    re.compile(r"\b(?:xa|phuong|thi tran|x\.|p\.|tt\.)\s*([^,;()/-]+)"),
    re.compile(r"\b(?:huyen|thanh pho|thi xa|h\.|tp\.?|tx\.)\s*([^,;()/-]+)"),
)
CLOSE = 0.86  # difflib's ratio from which on a misspelt name is a commune's


@dataclass(frozen=True)
class Stated:
    """What a row's words on its place come to."""

    units: tuple[Unit, ...] = ()
    """Communes of the study that may be meant."""
    area: BaseGeometry | None = None
    """Their ground, study CRS; None: nothing is stated, or nobody knows it."""
    commune: str = ""
    """As written."""
    known: bool = True
    """False: a commune is named that no list has."""


class Communes:
    """The communes of a study as names in sheets ask for them."""

    def __init__(self, communes: gpd.GeoDataFrame, version: Version) -> None:
        self.version = version
        self.shapes: dict[Unit, BaseGeometry] = dict(
            zip(
                zip(communes["commune_code"], communes["boundary_version"], strict=True),
                communes.geometry,
                strict=True,
            )
        )
        self._exact: dict[str, set[Unit]] = defaultdict(set)
        self._plain: dict[str, set[Unit]] = defaultdict(set)
        self._districts: dict[str, set[Unit]] = defaultdict(set)
        self._unions: dict[tuple[Unit, ...], BaseGeometry] = {}
        self._known: dict[str, frozenset[Unit]] = {}
        rows = communes[["commune_code", "boundary_version", "name", "district"]].astype("object").fillna("")
        for code, of, name, district in rows.itertuples(index=False, name=None):
            self._add(str(name), str(district), {(code, of)})
        versions: tuple[Version, ...] = ("2025-02", "2025-07")
        for listed in versions:
            for unit in official_units(listed):
                self._official(listed, unit)

    def _official(self, of: Version, unit: dict[str, str]) -> None:
        """A commune of the lists; of another list than the study's, what the study has on its ground."""
        code = unit["commune_code"]
        if (code, of) in self.shapes:
            there: set[Unit] = {(code, of)} if self._same_name(code, of, unit["name"]) else set()
        else:
            there = {(heir, self.version) for heir in heirs(code, of, self.version)}
            there &= set(self.shapes)
        if there:
            self._add(unit["name"], unit.get("district", ""), there)

    def _same_name(self, code: str, of: str, name: str) -> bool:
        """Whether the study's commune of that code is the list's: a study may number its own."""
        return (code, of) in self._exact.get(_commune_key(name), ())

    def _add(self, name: str, district: str, units: set[Unit]) -> None:
        self._exact[_commune_key(name)] |= units
        self._plain[plain_key(_bare(name, KINDS))] |= units
        if district:
            self._districts[_district_key(district)] |= units

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self._plain)

    def of_row(self, *, commune: str, district: str, address: str, code: str, old: str = "") -> Stated:
        """The ground a row's words mean."""
        from_address, of_district = _in_address(address)
        said = commune or old or from_address
        around = self._district(district) or self._district(of_district)
        units = self._coded(code) | self._named(said)
        if said and units and old and commune:
            units |= self._named(old)
        within = units & around if around else units
        units = within or units
        if not units and not said:
            units = around
        shapes = tuple(sorted(units))
        return Stated(shapes, self._union(shapes), said, known=bool(units) or not said)

    def nearest(self, units: tuple[Unit, ...], x_m: float, y_m: float) -> Unit | None:
        """Of some communes the one a point lies in or nearest to."""
        at = shapely.Point(x_m, y_m)
        order = sorted(units, key=lambda unit: (unit[1] != self.version, unit))
        return min(order, key=lambda unit: round(at.distance(self.shapes[unit])), default=None)

    def _union(self, units: tuple[Unit, ...]) -> BaseGeometry | None:
        if units and units not in self._unions:
            self._unions[units] = shapely.union_all([self.shapes[unit] for unit in units])
        return self._unions.get(units)

    def _coded(self, code: str) -> set[Unit]:
        digits = re.sub(r"\.0$", "", code.strip())
        if not digits.isdigit():
            return set()
        return {unit for unit in self.shapes if unit[0] == digits.zfill(5)}

    def _district(self, name: str) -> set[Unit]:
        return self._districts.get(_district_key(name), set()) if name.strip() else set()

    def _named(self, name: str) -> frozenset[Unit]:
        if name not in self._known:
            self._known[name] = self._looked_up(name) if name.strip() else frozenset()
        return self._known[name]

    def _looked_up(self, name: str) -> frozenset[Unit]:
        exact = self._exact.get(_commune_key(name))
        if exact:
            return frozenset(exact)
        plain = plain_key(_bare(name, KINDS))
        if plain in self._plain:
            return frozenset(self._plain[plain])
        near = difflib.get_close_matches(plain, self._names, n=1, cutoff=CLOSE) if len(plain) > 4 else []
        return frozenset(self._plain[near[0]]) if near else frozenset()


def _commune_key(name: str) -> str:
    return name_key(_bare(name, KINDS))


def _district_key(name: str) -> str:
    return plain_key(_bare(name, DISTRICT_KINDS))


def _bare(name: str, kinds: re.Pattern[str]) -> str:
    """A name without its kind; a letter without its accent stands where it stood with it.

    >>> _bare("Xã Hợp Thành", KINDS), _bare("P. Mỹ Lâm", KINDS), _bare("II. Huyện Na Hang", DISTRICT_KINDS)
    ('Hợp Thành', 'Mỹ Lâm', 'Na Hang')
    """
    name = clean_text(name)
    found = kinds.match(plain_letters(name))
    return name[found.end() :] if found else name


def _in_address(address: str) -> tuple[str, str]:
    """Commune and district that an address names.

    >>> _in_address("Thôn Bản Bung, xã Thanh Tương, huyện Na Hang, Tuyên Quang")
    ('Thanh Tương', 'Na Hang')
    """
    address = clean_text(address)
    commune, district = (form.search(plain_letters(address)) for form in _IN_ADDRESS)
    return (
        address[commune.start(1) : commune.end(1)].strip() if commune else "",
        address[district.start(1) : district.end(1)].strip() if district else "",
    )
