"""Hostile spreadsheets made from known truth: what operators do to a clean list, one fault and one format at a time.

Every case says for each row how far off its coordinates may come out, or why it may be set aside. Nothing else is
right: a coordinate that is wrong and taken without a word fails whichever case it is in.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
from pyproj import Transformer
from shapely.geometry import Point

from covplan.study.folder import open_study
from tests.study import EPSG, SIDE, SOUTH, WEST, small_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from covplan.study.folder import Study

ROWS = 60
HEADERS = {
    "stt": "STT", "code": "Mã trạm", "name": "Tên trạm", "lon": "Kinh độ", "lat": "Vĩ độ", "commune": "Xã/Phường",
    "technologies": "Công nghệ", "structure": "Loại cột", "height": "Chiều cao cột (m)", "status": "Tình trạng",
    "shared": "Đơn vị dùng chung", "on_air": "Ngày phát sóng", "note": "Ghi chú",
}  # fmt: skip
COMMUNES = ["Xã Hợp Thành", "Xã Tân Trào", "Phường Mỹ Lâm", "Xã Chiêm Hóa"]
PLACES = ["Khuổi Phìn", "Bản Bung", "Đồng Rôm", "Nà Tông", "Thượng Nông", "Khâu Tinh", "Hùng Lợi", "Phúc Sơn"]
SET_ASIDE = "set_aside"
TCVN3 = dict(
    zip(
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂÊÔƠƯĐ",
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢£¤¥¦§",
        strict=True,
    )
)
VNI = {
    "à": "aø", "á": "aù", "ả": "aû", "ã": "aõ", "ạ": "aï", "ă": "aê", "ằ": "aè", "ắ": "aé", "ẳ": "aú", "ẵ": "aü",
    "ặ": "aë", "â": "aâ", "ầ": "aà", "ấ": "aá", "ẩ": "aå", "ẫ": "aã", "ậ": "aä", "đ": "ñ", "Đ": "Ñ", "è": "eø",
    "é": "eù", "ẻ": "eû", "ẽ": "eõ", "ẹ": "eï", "ê": "eâ", "ề": "eà", "ế": "eá", "ể": "eå", "ễ": "eã", "ệ": "eä",
    "ì": "ì", "í": "í", "ỉ": "æ", "ĩ": "ó", "ị": "ò", "ò": "oø", "ó": "où", "ỏ": "oû", "õ": "oõ", "ọ": "oï",
    "ô": "oâ", "ồ": "oà", "ố": "oá", "ổ": "oå", "ỗ": "oã", "ộ": "oä", "ơ": "ô", "ờ": "ôø", "ớ": "ôù", "ở": "ôû",
    "ỡ": "ôõ", "ợ": "ôï", "ù": "uø", "ú": "uù", "ủ": "uû", "ũ": "uõ", "ụ": "uï", "ư": "ö", "ừ": "öø", "ứ": "öù",
    "ử": "öû", "ữ": "öõ", "ự": "öï", "ỳ": "yø", "ý": "yù", "ỷ": "yû", "ỹ": "yõ", "ỵ": "î",
}  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A hostile file: how it is written, and what may come of each of its rows."""

    name: str
    fault: str
    """Number of the fault in the list of 22, or `format`."""
    write: Callable[[Path, list[Row]], None]
    ends: str = ".xlsx"
    off_m: float = 0.02
    """How far a coordinate may come out from the truth."""
    aside: dict[int, str] = field(default_factory=dict)
    """Rows (from 0) that have to be set aside, and the check that says so."""
    all_aside: str = ""
    """The check by which every row has to be set aside."""
    merged: int = 0
    """Rows that become part of another."""


def study_of(folder: Path) -> Study:
    """A small province with the communes of the corpus, and VNPT's masts beside a third of the truth."""
    truth = truths()

    def named(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        old = communes["boundary_version"] == "2025-02"
        communes.loc[old, "name"] = COMMUNES
        return communes[old]

    def masts(stations: pd.DataFrame) -> pd.DataFrame:
        near = truth[::3]
        rows = pd.concat([stations.iloc[[1]]] * len(near), ignore_index=True)
        turn = Transformer.from_crs(EPSG, 4326, always_xy=True)
        at = [turn.transform(one["x"] + 9.0, one["y"] - 6.0) for one in near]
        return rows.assign(
            station_id=[f"VNP-{n}" for n in range(len(near))],
            location_id=[f"L-{n}" for n in range(len(near))],
            lon=[round(x, 6) for x, _y in at],
            lat=[round(y, 6) for _x, y in at],
            commune_code=None,
            tenants="VNPT",
        )

    return open_study(small_study(folder, communes=named, stations=masts, cells=lambda cells: cells.iloc[:0]))


def truths() -> list[Row]:
    """Sixty stations of Viettel, exact to a millimetre."""
    chance = np.random.default_rng(18)
    turn = Transformer.from_crs(EPSG, 4326, always_xy=True)
    rows = []
    for n in range(ROWS):
        commune = n % 4
        x = WEST + SIDE * (commune % 2) + chance.uniform(30, SIDE - 30)
        y = SOUTH + SIDE * (commune // 2) + chance.uniform(30, SIDE - 30)
        lon, lat = turn.transform(x, y)
        rows.append(
            {
                "stt": n + 1, "code": f"TQG{n:04d}", "name": f"Trạm {PLACES[n % 8]} {n}", "lon": lon, "lat": lat,
                "commune": COMMUNES[commune], "technologies": "4G", "structure": "A2b", "height": 42 + n % 4,
                "status": "Hoạt động", "shared": "", "on_air": dt.date(2015 + n % 10, 1 + n % 12, 1 + n % 28),
                "note": "", "x": x, "y": y,
            }
        )  # fmt: skip
    return rows


def plain(rows: list[Row], headers: dict[str, str] | None = None) -> list[list[Any]]:
    """Header and rows as a sheet has them; degrees to seven decimals."""
    headers = headers or HEADERS
    lines: list[list[Any]] = [list(headers.values())]
    for row in rows:
        lines.append(
            [round(row[k], 7) if isinstance(row[k], float) and k in ("lon", "lat") else row[k] for k in headers]
        )
    return lines


def xlsx(path: Path, lines: list[list[Any]], title: str = "Trạm", more: Callable[[Any], None] | None = None) -> None:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for line in lines:
        sheet.append(line)
    if more:
        more(book)
    book.save(path)


def csv(lines: list[list[Any]], sign: str, end: str = "\n") -> str:
    """A text table; cells with the separator in quotes."""

    def cell(one: Any) -> str:
        text = "" if one is None else str(one)
        return f'"{text}"' if sign in text else text

    return end.join(sign.join(map(cell, line)) for line in lines) + end


def ods(path: Path, lines: list[list[Any]]) -> None:
    """An OpenDocument sheet, as LibreOffice writes it: padded to its last row."""
    rows = []
    for line in lines:
        cells = "".join(
            f'<table:table-cell office:value-type="float" office:value="{one}"/>'
            if isinstance(one, int | float)
            else f'<table:table-cell office:value-type="string"><text:p>{escape(str(one))}</text:p></table:table-cell>'
            for one in line
        )
        rows.append(f"<table:table-row>{cells}</table:table-row>")
    rows.append('<table:table-row table:number-rows-repeated="1048000"><table:table-cell '
                'table:number-columns-repeated="16384"/></table:table-row>')  # fmt: skip
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="Trạm">{"".join(rows)}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:'
                         'names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
                         'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>')  # fmt: skip
        archive.writestr("content.xml", content)


def dms(value: float, form: str = "{d}°{m:02d}'{s:05.2f}\"") -> str:
    """Degrees, minutes and seconds in a form."""
    hundredths = round(value * 360000)
    degrees, rest = divmod(hundredths, 360000)
    minutes, rest = divmod(rest, 6000)
    return form.format(d=degrees, m=minutes, s=rest / 100)


def changed(**how: Callable[[Row], Any]) -> Callable[[Path, list[Row]], None]:
    """A workbook with some columns written otherwise."""
    return lambda path, rows: xlsx(path, plain([row | {k: say(row) for k, say in how.items()} for row in rows]))


def together(say: Callable[[Row], str], header: str = "Toạ độ") -> Callable[[Path, list[Row]], None]:
    """Both coordinates in one cell."""
    headers = {("at" if k == "lon" else k): (header if k == "lon" else v) for k, v in HEADERS.items() if k != "lat"}
    return lambda path, rows: xlsx(path, plain([row | {"at": say(row)} for row in rows], headers))


def in_metres(
    epsg: int,
    form: str = "{:.3f}",
    *,
    headers: tuple[str, str] = ("X", "Y"),
    turned: bool = False,
    commune: bool = True,
) -> Callable[[Path, list[Row]], None]:
    """Plane coordinates of a system; turned: X is the northing."""

    def write(path: Path, rows: list[Row]) -> None:
        turn = Transformer.from_crs(4326, epsg, always_xy=True)
        out = []
        for row in rows:
            x, y = turn.transform(row["lon"], row["lat"])
            x, y = (y, x) if turned else (x, y)
            out.append(row | {"lon": form.format(x), "lat": form.format(y)} | ({} if commune else {"commune": ""}))
        xlsx(path, plain(out, HEADERS | dict(zip(("lon", "lat"), headers, strict=True))))

    return write


def text(
    encoding: str = "utf-8", sign: str = ",", end: str = "\n", before: str = "", comma: bool = False
) -> Callable[[Path, list[Row]], None]:
    """A text file."""

    def write(path: Path, rows: list[Row]) -> None:
        lines = plain(rows)
        if comma:
            lines = [[str(one).replace(".", ",") if isinstance(one, float) else one for one in line] for line in lines]
        content = before + csv(lines, sign, end)
        if encoding == "cp1258":
            path.write_bytes(_cp1258(content))
        elif encoding in ("tcvn3", "vni"):
            table = TCVN3 if encoding == "tcvn3" else VNI
            path.write_bytes("".join(table.get(letter, letter) for letter in content).encode("latin-1", "replace"))
        else:
            path.write_bytes(content.encode(encoding))

    return write


def _cp1258(content: str) -> bytes:
    out = []
    for letter in content:
        try:
            out.append(letter.encode("cp1258"))
        except UnicodeEncodeError:
            apart = unicodedata.normalize("NFD", letter)
            tones = "".join(mark for mark in apart if mark in "\u0300\u0301\u0309\u0303\u0323")
            base = unicodedata.normalize("NFC", "".join(mark for mark in apart if mark not in tones))
            out.append(base.encode("cp1258") + tones.encode("cp1258"))
    return b"".join(out)


def letters(turn: Callable[[str], str]) -> Callable[[Path, list[Row]], None]:
    """A workbook whose texts are in another disguise."""

    def write(path: Path, rows: list[Row]) -> None:
        xlsx(path, [[turn(one) if isinstance(one, str) else one for one in line] for line in plain(rows)])

    return write


def some(rows: list[Row], which: dict[int, Row]) -> list[list[Any]]:
    """The plain sheet with a few rows changed."""
    return plain([row | which.get(n, {}) for n, row in enumerate(rows)])


def some_changed(which: dict[int, Row]) -> Callable[[Path, list[Row]], None]:
    """The same as a workbook."""
    return lambda path, rows: xlsx(path, some(rows, which))


def _titled(path: Path, rows: list[Row]) -> None:
    lines = [
        ["TẬP ĐOÀN CÔNG NGHIỆP - VIỄN THÔNG QUÂN ĐỘI"],
        ["DANH SÁCH TRẠM BTS NĂM 2026"],
        [None],
        ["(Kèm theo Công văn số 12)"],
    ]
    xlsx(
        path,
        [
            *lines,
            *plain(rows),
            ["", "Tổng cộng", len(rows)],
            ["Ghi chú: số liệu đến 31/12/2025"],
            ["Người lập biểu", None, "Giám đốc"],
        ],
    )


def _two_rows(path: Path, rows: list[Row]) -> None:
    header, *lines = plain(rows)
    upper = ["Toạ độ (WGS84)" if one == "Kinh độ" else None if one == "Vĩ độ" else one for one in header]
    lower = [one if one in ("Kinh độ", "Vĩ độ") else None for one in header]

    def merge(book: Any) -> None:
        book.active.merge_cells(start_row=1, start_column=4, end_row=1, end_column=5)
        book.active.merge_cells(start_row=1, start_column=2, end_row=2, end_column=2)

    xlsx(path, [upper, lower, [n + 1 for n in range(len(header))], *lines], more=merge)


def _sections(path: Path, rows: list[Row]) -> None:
    header, *lines = plain(rows)
    out: list[list[Any]] = [header]
    for n, line in enumerate(lines):
        if n % 15 == 0:
            out.append([f"{'I' * (1 + n // 15)}. Huyện Đông"] if n else ["I", "Huyện Đông"])
            out.append(header)
        out.append(line)
        if n % 15 == 14:
            out.append([None, "Cộng", 15])
    xlsx(path, out)


def _many_sheets(path: Path, rows: list[Row]) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Bìa"
    book.active.append(["BÁO CÁO HẠ TẦNG"])
    for n in range(4):
        sheet = book.create_sheet(f"Huyện {n}")
        for line in plain(rows[n * 15 : n * 15 + 15]):
            sheet.append(line)
    book.save(path)


def _hidden(path: Path, rows: list[Row]) -> None:
    def hide(book: Any) -> None:
        book.active.row_dimensions[5].hidden = True
        old = book.create_sheet("Cũ")
        old.sheet_state = "hidden"
        for line in plain([row | {"lon": row["lon"] + 0.01} for row in rows[:5]]):
            old.append(line)

    xlsx(path, plain(rows), more=hide)


def _by_technology(path: Path, rows: list[Row]) -> None:
    lines = plain(rows)
    for row in rows[:20]:
        lines += plain([row | {"technologies": "3G", "code": row["code"] + "_3G"}])[1:]
        lines += plain([row | {"technologies": "5G", "code": "5G-" + row["code"]}])[1:]
    xlsx(path, lines)


def _split_parts(path: Path, rows: list[Row]) -> None:
    header, *lines = plain(rows)
    upper, lower = [*header[:3], "Kinh độ", None, None, "Vĩ độ", None, None, *header[5:]], [None] * (len(header) + 4)
    lower[3:9] = ["Độ", "Phút", "Giây"] * 2
    out = [upper, lower]
    for line, row in zip(lines, rows, strict=True):
        parts = [float(one) for axis in ("lon", "lat") for one in dms(row[axis], "{d} {m} {s:.2f}").split()]
        out.append([*line[:3], *parts, *line[5:]])
    xlsx(path, out)


def _flags(path: Path, rows: list[Row]) -> None:
    headers = {k: v for k, v in HEADERS.items() if k != "technologies"} | {
        "g2": "2G",
        "g3": "3G",
        "g4": "4G",
        "g5": "5G",
    }
    xlsx(path, plain([row | {"g2": "", "g3": "x", "g4": "x", "g5": ""} for row in rows], headers))


def _shifted(path: Path, rows: list[Row], *, commune: bool = True) -> None:
    turn = Transformer.from_crs(4326, 4756, always_xy=True)
    moved = [row | dict(zip(("lon", "lat"), turn.transform(row["lon"], row["lat"]), strict=True)) for row in rows]
    xlsx(path, plain([row | ({} if commune else {"commune": ""}) for row in moved]))


def _prefixed(path: Path, rows: list[Row]) -> None:
    turn = Transformer.from_crs(4326, 3405, always_xy=True)
    at = [turn.transform(row["lon"], row["lat"]) for row in rows]
    out = [row | {"lon": f"48{x:.3f}", "lat": f"{y:.3f}"} for row, (x, y) in zip(rows, at, strict=True)]
    xlsx(path, plain(out, HEADERS | {"lon": "X VN2000", "lat": "Y VN2000"}))


def _web_page(path: Path, rows: list[Row]) -> None:
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(one))}</td>" for one in line) + "</tr>\n" for line in plain(rows)[1:]
    )
    head = "".join(f"<th rowspan=2>{one}</th>" if k not in ("lon", "lat") else "<th colspan=2>Toạ độ</th>" * (k == "lon")
                   for k, one in HEADERS.items())  # fmt: skip
    below = "<tr><th>Kinh độ</th><th>Vĩ độ</th></tr>"
    page = f"<html><meta charset=utf-8><script>alert(1)</script><table><tr>{head}</tr>{below}{lines}</table></html>"
    path.write_text(page, encoding="utf-8")


def _mixed(path: Path, rows: list[Row]) -> None:
    ways = [
        lambda r: {"lon": dms(r["lon"]), "lat": dms(r["lat"])},
        lambda r: {"lon": r["lat"], "lat": r["lon"]},
        lambda r: {"lon": f"{r['x']:.2f}", "lat": f"{r['y']:.2f}"},
        lambda _r: {},
    ]
    xlsx(path, plain([row | ways[n % 4](row) for n, row in enumerate(rows)]))


def _two_zones(path: Path, rows: list[Row]) -> None:
    turns = [Transformer.from_crs(4326, epsg, always_xy=True) for epsg in (EPSG, 3405)]
    at = [turns[n % 2].transform(row["lon"], row["lat"]) for n, row in enumerate(rows)]
    xlsx(path, plain([row | {"lon": f"{x:.2f}", "lat": f"{y:.2f}"} for row, (x, y) in zip(rows, at, strict=True)]))


def _far_from(commune: Callable[[int], int]) -> dict[int, str]:
    """Rows farther than 2 km from the commune they are said to be in."""
    far = {}
    for n, row in enumerate(truths()):
        c = commune(n)
        west, south = WEST + SIDE * (c % 2), SOUTH + SIDE * (c // 2)
        dx = max(west - row["x"], row["x"] - west - SIDE, 0)
        dy = max(south - row["y"], row["y"] - south - SIDE, 0)
        if np.hypot(dx, dy) > 2000:
            far[n] = "intake_elsewhere"
    return far


def _english(path: Path, rows: list[Row]) -> None:
    names = ["No", "Site ID", "Site name", "Longitude", "Latitude", "Commune", "Technology", "Tower type", "Tower height",
             "Status", "Tenants", "On air date", "Remarks"]  # fmt: skip
    xlsx(
        path,
        plain(
            [row | {"status": "Active", "structure": "Guyed"} for row in rows], dict(zip(HEADERS, names, strict=True))
        ),
    )


def _no_header(path: Path, rows: list[Row]) -> None:
    xlsx(path, plain(rows)[1:])


def cases() -> list[Case]:
    """The whole corpus."""
    none = {"lon": "", "lat": ""}
    made = [
        Case("clean", "format", changed()),
        Case("csv utf-8", "format", text(), ".csv"),
        Case("csv with a byte order mark", "format", text("utf-8-sig"), ".csv"),
        Case("semicolons", "format", text(sign=";"), ".csv"),
        Case("semicolons and decimal commas", "2", text(sign=";", comma=True), ".csv"),
        Case("utf-16 and tabs", "format", text("utf-16", "\t", "\r\n"), ".txt"),
        Case("utf-16 without a mark", "format", text("utf-16-le", "\t"), ".txt"),
        Case("tabs", "format", text(sign="\t"), ".tsv"),
        Case("bars", "format", text(sign="|"), ".txt"),
        Case("sep=;", "format", text(sign=";", before="sep=;\r\n", end="\r\n"), ".csv"),
        Case("sep=, in utf-16", "format", text("utf-16", ",", before="sep=,\n"), ".csv"),
        Case("old Mac line ends", "format", text(end="\r"), ".csv"),
        Case("title rows in a text", "18", text(before="DANH SÁCH TRẠM\n\nNăm 2026,,,\n"), ".csv"),
        Case("cp1258", "14", text("cp1258"), ".csv"),
        Case("cp1258 with semicolons", "14", text("cp1258", ";", "\r\n"), ".csv"),
        Case("TCVN3 in a text", "14", text("tcvn3"), ".csv"),
        Case("VNI in a text", "14", text("vni"), ".csv"),
        Case("OpenDocument", "format", lambda path, rows: ods(path, plain(rows)), ".ods"),
        Case("swapped", "1", changed(lon=lambda r: round(r["lat"], 7), lat=lambda r: round(r["lon"], 7))),
        Case("some swapped", "1", some_changed({n: {"lon": r["lat"], "lat": r["lon"]} for n, r in enumerate(truths()) if n % 7 == 0})),
        Case("decimal commas", "2", changed(lon=lambda r: f"{r['lon']:.7f}".replace(".", ","), lat=lambda r: f"{r['lat']:.7f}".replace(".", ","))),
        Case("rounded to 3", "7", changed(lon=lambda r: round(r["lon"], 3), lat=lambda r: round(r["lat"], 3)), off_m=80),
        Case("rounded to 2", "7", changed(lon=lambda r: round(r["lon"], 2), lat=lambda r: round(r["lat"], 2)), off_m=800),
        Case("nothing there", "10", some_changed({3: none, 9: {"lon": 0, "lat": 0}, 12: {"lon": "chưa có", "lat": "chưa có"}}),
             aside={3: "intake_no_coordinates", 9: "intake_unreadable_coordinates", 12: "intake_no_coordinates"}),
        Case("incomplete", "3", some_changed({5: {"lat": "37-45"}, 6: {"lon": "105°"}, 7: {"lon": "-105.2", "lat": "?"}}),
             aside=dict.fromkeys((5, 6, 7), "intake_unreadable_coordinates")),
        Case("outside the province", "10", some_changed({4: {"lon": 106.9, "lat": 20.9}, 8: {"lon": 105.83, "lat": 10.2}}),
             aside=dict.fromkeys((4, 8), "intake_outside_province")),
        Case("digits exchanged", "10", some_changed({n: {"lat": truths()[n]["lat"] + (0.06 if truths()[n]["y"] < SOUTH + SIDE else -0.06)} for n in (2, 17, 40)}),
             aside=dict.fromkeys((2, 17, 40), "intake_elsewhere")),
        Case("title rows, totals, notes", "18", _titled),
        Case("header of two rows", "18", _two_rows),
        Case("sections, repeated headers", "18", _sections),
        Case("a sheet per district", "18", _many_sheets),
        Case("hidden sheet and row", "18", _hidden),
        Case("English headers", "18", _english),
        Case("headers without accents", "16", lambda path, rows: xlsx(path, plain(rows, dict(zip(HEADERS, ["stt", "ma tram", "ten tram", "kinh do", "vi do", "xa phuong", "cong nghe", "loai cot", "chieu cao cot", "tinh trang", "dung chung", "ngay phat song", "ghi chu"], strict=True))))),
        Case("no header at all", "18", _no_header),
        Case("misspelt headers", "16", lambda path, rows: xlsx(path, plain(rows, HEADERS | {"lon": "Kinh đô", "lat": "Vỹ độ", "code": "Mã Trạmm"}))),
        Case("one row a technology", "9", _by_technology, merged=40),
        Case("crosses for technologies", "13", _flags),
        Case("degrees, minutes, seconds in six columns", "3", _split_parts, off_m=0.35),
        Case("TCVN3 in a workbook", "14", letters(lambda t: "".join(TCVN3.get(one, one) for one in t))),
        Case("VNI in a workbook", "14", letters(lambda t: "".join(VNI.get(one, one) for one in t))),
        Case("mojibake", "14", letters(lambda t: t.encode().decode("latin-1"))),
        Case("mojibake of cp1252", "14", letters(_mojibake_1252)),
        Case("combining marks", "15", letters(lambda t: unicodedata.normalize("NFD", t))),
        Case("eth for Đ, no-break blanks", "15", letters(lambda t: t.replace("Đ", "\u00d0").replace(" ", "\u00a0"))),
        Case("other tone placement", "16", changed(commune=lambda r: r["commune"].replace("Hóa", "Hoá").replace("Mỹ", "Mĩ"))),
        Case("communes in capitals", "16", changed(commune=lambda r: r["commune"].upper())),
        Case("communes shortened", "16", changed(commune=lambda r: r["commune"].replace("Xã ", "X. ").replace("Phường ", "P. "))),
        Case("communes without accents", "16", changed(commune=lambda r: _plain(r["commune"]))),
        Case("communes in an address", "16", lambda path, rows: xlsx(path, plain([row | {"commune": f"Thôn {PLACES[0]}, {row['commune'].lower()}, tỉnh Tuyên Quang"} for row in rows], HEADERS | {"commune": "Địa chỉ"}))),
        Case("VN-2000 zone 105-00, 3 degrees", "5", in_metres(9211)),
        Case("VN-2000 zone 106-00, 3 degrees", "5", in_metres(9213)),
        Case("VN-2000 zone 104-30, 3 degrees", "5", in_metres(9210)),
        Case("VN-2000 UTM 48", "5", in_metres(3405)),
        Case("VN-2000, X is north", "5", in_metres(9211, headers=("X (m)", "Y (m)"), turned=True)),
        Case("VN-2000 with thousands' dots", "21", in_metres(9211, "{:,.3f}")),
        Case("VN-2000 in whole metres", "5", in_metres(9211, "{:.0f}"), off_m=1.0),
        Case("VN-2000 without communes", "5", in_metres(9211, commune=False)),
        Case("UTM of WGS 84", "5", in_metres(32648)),
        Case("zone prefix", "5", _prefixed, off_m=0.02),
        Case("missing datum shift", "6", _shifted, off_m=0.05),
        Case("missing datum shift, no communes", "6", lambda path, rows: _shifted(path, rows, commune=False), off_m=0.05),
        Case("dates as text", "19", changed(on_air=lambda r: f"{r['on_air']:%d/%m/%Y}")),
        Case("quarters", "19", changed(on_air=lambda r: f"Quý IV/{r['on_air'].year}")),
        Case("words of every kind", "12", changed(structure=lambda r: ["dây co", "Tự đứng", "monopole", "cột cóc", "trên mái nhà"][r["stt"] % 5], technologies=lambda r: ["4G LTE", "4G và 5G", "2G/3G/4G", "LTE, NR", "3G+4G"][r["stt"] % 5], shared=lambda r: ["VNPT-Vinaphone", "dùng chung MBF", "VMS", "VNP+VTL", ""][r["stt"] % 5], height=lambda r: ["42m", "42,5", "45 m", "15m", "12"][r["stt"] % 5])),
        Case("heights as sums", "11", changed(height=lambda _r: "45+3")),
        Case("planned among existing", "20", some_changed({n: {"status": "Dự kiến"} for n in range(0, 60, 6)})),
        Case("stopped among existing", "20", some_changed({n: {"status": "Ngừng hoạt động"} for n in (1, 11, 21)}), aside=dict.fromkeys((1, 11, 21), "intake_stopped")),
        Case("army's among others", "22", some_changed({n: {"note": "Trạm trong khu quân sự"} for n in (1, 11, 21)})),
        Case("one id on two masts", "9", some_changed({30: {"code": "TQG0001"}}), aside={30: "intake_same_id_elsewhere"}),
        Case("formulas as text", "format", changed(note=lambda _r: "'=HYPERLINK(\"http://x\")")),
        Case("macro workbook's ending", "format", changed(), ".xlsm"),
        Case("workbook called .csv", "format", changed(), ".csv"),
        Case("blank rows and columns around", "18", lambda path, rows: xlsx(path, [[], [], *[[None, None, *line] for line in plain(rows)], [], []])),
        Case("two operators in one file", "13", lambda path, rows: xlsx(path, plain([row | {"op": ["Viettel Mobile", "VTL"][row["stt"] % 2]} for row in rows], HEADERS | {"op": "Nhà mạng"}))),
    ]  # fmt: skip
    made += [
        Case("a web page called .xls", "format", _web_page, ".xls"),
        Case("numbers before headers", "18", lambda path, rows: xlsx(path, plain(rows, {k: f"({n}) {v}" for n, (k, v) in enumerate(HEADERS.items())}))),
        Case("headers of two lines", "18", lambda path, rows: xlsx(path, plain(rows, HEADERS | {"lon": "Kinh độ\n(độ thập phân)", "code": "MÃ TRẠM\n(Site ID)"}))),
        Case("headers exchanged", "1", lambda path, rows: xlsx(path, plain(rows, HEADERS | {"lon": "Vĩ độ", "lat": "Kinh độ"}))),
        Case("degrees under X and Y", "1", lambda path, rows: xlsx(path, plain(rows, HEADERS | {"lon": "X", "lat": "Y"}))),
        Case("both systems side by side", "5", lambda path, rows: xlsx(path, plain([row | {"vx": round(row["x"], 2), "vy": round(row["y"], 2)} for row in rows], {"code": "Mã trạm", "vx": "Toạ độ X", "vy": "Toạ độ Y", "lon": "Kinh độ", "lat": "Vĩ độ"}))),
        Case("four ways in one file", "3", _mixed, off_m=0.35),
        Case("two zones in one file", "5", _two_zones, all_aside="intake_zone_unclear"),
        Case("abbreviated axes", "3", changed(lon=lambda r: f"KĐ: {r['lon']:.7f}", lat=lambda r: f"VĐ: {r['lat']:.7f}")),
        Case("degrees with a word behind", "2", changed(lon=lambda r: f"{r['lon']:.7f} độ".replace(".", ","), lat=lambda r: f"{r['lat']:.7f} độ".replace(".", ","))),
        Case("metres with blanks for thousands", "21", changed(lon=lambda r: f"{r['x']:,.3f}".replace(",", " "), lat=lambda r: f"{r['y']:,.3f}".replace(",", " "))),
        Case("an address of a map", "2", together(lambda r: f"https://maps.google.com/?q={r['lat']:.7f},{r['lon']:.7f}")),
        Case("communes of other rows", "17", lambda path, rows: xlsx(path, plain([row | {"commune": COMMUNES[3 - n % 4]} for n, row in enumerate(rows)])), off_m=0.02, aside=_far_from(lambda n: 3 - n % 4)),
    ]  # fmt: skip
    for sign in ("/", ";", " ", ", ", " - ", "\n"):
        made.append(
            Case(f"one cell, parted by {sign!r}", "2", together(lambda r, s=sign: f"{r['lat']:.7f}{s}{r['lon']:.7f}"))
        )
    for sign in ("/", ";", " ", ","):
        made.append(
            Case(
                f"one cell, commas, parted by {sign!r}",
                "2",
                together(lambda r, s=sign: f"{r['lon']:.7f}{s}{r['lat']:.7f}".replace(".", ",")),
            )
        )
    forms = {
        "signs": "{d}°{m:02d}'{s:05.2f}\"", "primes": "{d}º{m:02d}′{s:05.2f}″", "hyphens": "{d}-{m:02d}-{s:05.2f}",
        "blanks": "{d} {m:02d} {s:05.2f}", "letters": "{d}d{m:02d}m{s:05.2f}s", "colons": "{d}:{m:02d}:{s:05.2f}",
        "two primes": "{d}°{m:02d}'{s:05.2f}''", "words": "{d} độ {m:02d} phút {s:05.2f} giây", "o for a ring": "{d}o{m:02d}'{s:05.2f}\"",
    }  # fmt: skip
    for name, form in forms.items():
        made.append(
            Case(
                f"minutes and seconds, {name}",
                "3",
                changed(lon=lambda r, f=form: dms(r["lon"], f), lat=lambda r, f=form: dms(r["lat"], f)),
                off_m=0.35,
            )
        )
    made += [
        Case("seconds with B and Đ", "3", changed(lon=lambda r: dms(r["lon"]) + "Đ", lat=lambda r: dms(r["lat"]) + "B"), off_m=0.35),
        Case("seconds, E and N before", "3", changed(lon=lambda r: "E " + dms(r["lon"]), lat=lambda r: "N " + dms(r["lat"])), off_m=0.35),
        Case("seconds in one cell", "3", together(lambda r: f"{dms(r['lat'])}N {dms(r['lon'])}E"), off_m=0.35),
        Case("seconds with commas", "3", changed(lon=lambda r: dms(r["lon"]).replace(".", ","), lat=lambda r: dms(r["lat"]).replace(".", ",")), off_m=0.35),
        Case("decimal minutes", "3", changed(lon=lambda r: f"{int(r['lon'])}°{r['lon'] % 1 * 60:.5f}'", lat=lambda r: f"{int(r['lat'])}°{r['lat'] % 1 * 60:.5f}'"), off_m=0.05),
        Case("packed digits", "4", changed(lon=lambda r: round(r["lon"] * 1e5), lat=lambda r: round(r["lat"] * 1e5)), off_m=0.8),
        Case("thousands' dots in degrees", "4", changed(lon=lambda r: _dotted(r["lon"]), lat=lambda r: _dotted(r["lat"])), off_m=0.8),
        Case("apostrophes and blanks", "4", changed(lon=lambda r: f"'\u00a0{r['lon']:.7f} ", lat=lambda r: f"'{r['lat']:.7f}\u00a0")),
        Case("seconds packed without signs", "4", changed(lon=lambda r: dms(r["lon"], "{d}{m:02d}{s:02.0f}"), lat=lambda r: dms(r["lat"], "{d}{m:02d}{s:02.0f}")), off_m=35),
        Case("seconds with dots only", "3", changed(lon=lambda r: dms(r["lon"], "{d}.{m:02d}.{s:02.0f}"), lat=lambda r: dms(r["lat"], "{d}.{m:02d}.{s:02.0f}")), off_m=35),
    ]  # fmt: skip
    return made


def _dotted(value: float) -> str:
    digits = str(round(value * 1e5))
    whole = len(digits) - 5
    return f"{digits[:whole]}.{digits[whole : whole + 3]}.{digits[whole + 3 :]}"


def _plain(name: str) -> str:
    apart = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return "".join(one for one in apart if not unicodedata.combining(one))


def _mojibake_1252(text: str) -> str:
    return "".join(
        bytes([b]).decode("cp1252") if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(b) for b in text.encode()
    )


def points(rows: list[Row]) -> gpd.GeoSeries:
    """Where the rows truly are."""
    return gpd.GeoSeries([Point(row["x"], row["y"]) for row in rows], crs=EPSG)
