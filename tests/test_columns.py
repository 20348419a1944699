"""Every column that one module writes and another reads is declared in resources/layers, under that very name.

The code is read, not run: names in the subscripts of tables and in the calls by which pandas makes, joins, sorts and
renames columns. A name that only one module uses is that module's own affair.
"""

from __future__ import annotations

import ast
import csv
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import covplan
from covplan.study.layers import layers, tables_between
from covplan.study.rasters import RASTER_FILES
from covplan.study.settings import indicator_table

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(covplan.__file__).parent

# Strings in the place of a column that are none, and why.
NO_COLUMNS: dict[str, str] = {
    "geometry": "of every GeoDataFrame",
    "x": "coordinates that a step lays out for itself; those that are handed on are x_m, y_m or a geometry",
    "y": "as x",
    "tab": "a file format, and the field of a sheet",
    "vi": "a language",
    "en": "a language",
}
BY_COLUMNS = {"groupby", "sort_values", "set_index", "drop_duplicates", "duplicated", "explode", "dissolve", "nlargest"}
COLUMN_KEYWORDS = {"columns", "on", "left_on", "right_on", "by", "subset"}
TABLES = {"DataFrame", "GeoDataFrame"}
LOCATORS = {"loc", "at"}


def texts(node: ast.AST | None) -> Iterator[str]:
    """The strings of a constant, a list or the keys of a dict."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from texts(part)
        case ast.Dict(keys=keys):
            for key in keys:
                yield from texts(key)
        case ast.ListComp(elt=row) | ast.Starred(value=row):
            yield from texts(row)


def written_or_asked(node: ast.Call) -> Iterator[str]:
    """Column names in a call of pandas."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name == "assign":
        for keyword in node.keywords:
            yield from (keyword.arg,) if keyword.arg else texts(keyword.value)
    if name in TABLES and node.args:
        yield from texts(node.args[0])
    if name in BY_COLUMNS:
        for argument in node.args:
            yield from texts(argument)
    for keyword in node.keywords:
        if name == "rename" and keyword.arg == "columns" and isinstance(keyword.value, ast.Dict):
            for new in keyword.value.values:
                yield from texts(new)
        elif keyword.arg in COLUMN_KEYWORDS and name != "rename":
            yield from texts(keyword.value)


def row_names(target: ast.AST, source: ast.AST) -> Iterator[str]:
    """Names of a loop that stand for rows of a table: `for site, cost in zip(sites.itertuples(), costs)` gives site."""
    match source:
        case ast.Call(func=ast.Attribute(attr="itertuples")) if isinstance(target, ast.Name):
            yield target.id
        case ast.Call(func=ast.Name(id="zip" | "enumerate" as name), args=parts) if isinstance(target, ast.Tuple):
            counted = [ast.Constant(0)] if name == "enumerate" else []
            for one, part in zip(target.elts, [*counted, *parts], strict=False):  # fewer parts: zip(*several)
                yield from row_names(one, part)


def attributes_of_rows(tree: ast.Module) -> Iterator[str]:
    """`for site in sites.itertuples(): site.road_m` gives road_m."""
    for node in ast.walk(tree):
        loops: list[ast.For | ast.comprehension] = []
        if isinstance(node, ast.For):
            loops = [node]
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            loops = node.generators
        rows = {name for loop in loops for name in row_names(loop.target, loop.iter)}
        for one in ast.walk(node) if rows else ():
            if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in rows:
                yield one.attr


def columns_used(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names that can only be columns, and names in plain subscripts, which may be keys of a mapping too."""
    sure, perhaps = set[str](), set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Attribute(attr=locator), slice=ast.Tuple(elts=[_, column])):
                if locator in LOCATORS:
                    sure.update(texts(column))
            case ast.Subscript(slice=ast.List() as several):
                sure.update(texts(several))
            case ast.Subscript(slice=ast.Constant(value=str(name))):
                perhaps.add(name)
            case ast.Call():
                sure.update(written_or_asked(node))
    sure.update(set(attributes_of_rows(tree)) - {"Index"})
    sure = {name for name in sure if name.isidentifier()}
    return sure, perhaps - sure


def fields_of_annexes(tree: ast.Module) -> Iterator[str]:
    """`Field("length_km", "Chiều dài (km)", ...)`: the columns of a sheet are declared where it is laid out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Field" and node.args:
            yield from texts(node.args[0])


def keys_of_mappings() -> set[str]:
    """What stands in plain subscripts of mappings: layers, rasters, indicators, columns of covplan's own files."""
    headers = {name for path in PACKAGE.rglob("*.csv") for name in header(path)}
    return {*layers(), *RASTER_FILES, *(row["indicator"] for row in indicator_table()), *headers}


def header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def strangers(sources: dict[str, str]) -> dict[str, list[str]]:
    """Undeclared columns by name, each with the modules that use it, where these are more than one."""
    tables = [*layers().values(), *tables_between().values()]
    known = {column.name for table in tables for column in table.columns} | set(NO_COLUMNS)
    known.update(name for source in sources.values() for name in fields_of_annexes(ast.parse(source)))
    elsewhere = keys_of_mappings()
    users = defaultdict(set)
    for module, source in sources.items():
        sure, perhaps = columns_used(ast.parse(source))
        for name in sure | (perhaps - elsewhere):
            users[name].add(module)
    return {name: sorted(modules) for name, modules in sorted(users.items()) if len(modules) > 1 and name not in known}


def sources_of(package: Path) -> dict[str, str]:
    return {str(path.relative_to(package)): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}


def test_every_column_that_crosses_a_module_is_declared() -> None:
    assert strangers(sources_of(PACKAGE)) == {}


MAKER = 'table = pd.DataFrame({"slope_deg_x": [1]})'


@pytest.mark.parametrize(
    "reader",
    [
        'table["slope_deg_x"]',
        'table[["village_id", "slope_deg_x"]]',
        'table.loc[:, "slope_deg_x"]',
        "table.assign(slope_deg_x=1)",
        'table.sort_values(["slope_deg_x"])',
        'table.merge(other, on="slope_deg_x")',
        'table.rename(columns={"village_id": "slope_deg_x"})',
        "[site.slope_deg_x for n, site in enumerate(table.itertuples())]",
        "for site, cost in zip(table.itertuples(), costs):\n    print(site.slope_deg_x, cost.low)",
    ],
)
def test_a_stranger_is_found_however_it_is_read(reader: str) -> None:
    assert strangers({"maker.py": MAKER, "reader.py": reader}) == {"slope_deg_x": ["maker.py", "reader.py"]}
    assert strangers({"maker.py": MAKER}) == {}  # its own affair
    assert strangers({"maker.py": MAKER, "reader.py": reader.replace("slope_deg_x", "households")}) == {}


def test_only_the_rule_of_confidentiality_reads_who_is_restricted() -> None:
    readers = {
        module
        for module, source in sources_of(PACKAGE).items()
        if module.startswith(("publish/", "cli/")) and "restricted" in set().union(*columns_used(ast.parse(source)))
    }
    assert readers == {"publish/public.py"}


def test_tables_between_are_held_by_no_file_and_published_nowhere() -> None:
    assert tables_between()
    for table in tables_between().values():
        assert (table.file, table.file_layer, table.export_name, table.group) == ("", "", "", ""), table.name
        assert set(table.key) <= {column.name for column in table.columns}, table.name
