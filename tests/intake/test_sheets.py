"""Files from outside: read right whatever they are in, refused or inert when they are made to harm."""

from __future__ import annotations

import datetime as dt
import io
import random
import sys
import tracemalloc
import zipfile

import openpyxl
import pytest

from covplan.intake import sheets
from covplan.intake.ground import Ground
from covplan.intake.letters import decoded_best, mended, name_key
from covplan.intake.sheets import read_sheets
from covplan.intake.stations import read_stations
from covplan.study.errors import LayerError
from covplan.study.language import speaking
from tests.intake import fuzz
from tests.intake.corpus import ods, plain, study_of, text, truths, xlsx

NAMES = "Huyện Sơn Dương, xã Hợp Thành; Chiêm Hóa; Đồng Quý; thôn Khuổi Phìn"


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "tram.xlsx"
    xlsx(path, [["Mã trạm", "Ngày", "Số"], ["A-1", dt.date(2020, 5, 1), 3.5], ["A-2", None, True]])
    return path


def rezipped(path, change):
    """The workbook with its parts changed: a function of name and content."""
    with zipfile.ZipFile(path) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts:
            archive.writestr(name, change(name, content))
    return path


def test_a_workbook_keeps_numbers_dates_and_truths(workbook):
    (sheet,) = read_sheets(workbook)
    assert (sheet.name, sheet.rows[1]) == ("Trạm", ["A-1", dt.date(2020, 5, 1), 3.5])
    assert sheet.rows[2][2] is True


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1258"])
def test_a_text_is_read_in_the_encoding_it_is_in(encoding, tmp_path):
    path = tmp_path / "tram.csv"
    text(encoding)(path, truths())
    (sheet,) = read_sheets(path)
    assert sheet.rows == [[str(cell) for cell in line] for line in plain(truths())]


def test_legacy_letters_become_those_they_were_meant_to_be():
    assert mended(NAMES.encode().decode("latin-1")) == (NAMES, "mojibake")
    assert mended(NAMES) == (NAMES, "")
    assert decoded_best("Tuyªn Quang, huyÖn S¬n D­¬ng".encode("latin-1"))[0] == "Tuyên Quang, huyện Sơn Dương"
    assert name_key("Quí Quân") == name_key("Quý Quân") != name_key("Quy Quân")


def test_decimal_commas_do_not_part_a_table_of_semicolons(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("ma;x;y\nA;105,1;22,1\nB;105,2;22,2\n", encoding="utf-8")
    assert read_sheets(path)[0].rows[1] == ["A", "105,1", "22,1"]


def test_a_stray_quote_costs_its_line_only(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('ma,ten\nA,"Nhà\nB,Đồng\nC,Thôn\n', encoding="utf-8")
    assert [row[0] for row in read_sheets(path)[0].rows if row] == ["ma", "A", "B", "C"]


def test_formulas_come_as_their_values_and_never_run(tmp_path):
    path = tmp_path / "t.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["Mã", '=WEBSERVICE("http://localhost/x")', "=1+1"])
    book.save(path)
    (sheet,) = read_sheets(path)
    assert not any("WEBSERVICE" in str(cell) for cell in sheet.rows[0])


@speaking("en")
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_does(workbook, monkeypatch):
    monkeypatch.setattr(sheets, "MOST_BYTES", 20_000_000)
    path = rezipped(workbook, lambda name, one: one + b" " * 60_000_000 if name == "xl/styles.xml" else one)
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(LayerError, match="unpacks to more than 20 MB"):
        read_sheets(path)
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


@speaking("en")
def test_an_archive_that_lies_about_its_size_is_counted_not_believed(workbook, monkeypatch):
    monkeypatch.setattr(sheets, "MOST_BYTES", 20_000_000)
    path = rezipped(workbook, lambda name, one: one + b" " * 60_000_000 if name == "xl/styles.xml" else one)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        true = archive.getinfo("xl/styles.xml").file_size
    small = (1000).to_bytes(4, "little")
    content = content.replace(true.to_bytes(4, "little"), small)
    path.write_bytes(content)
    with pytest.raises(LayerError, match="unpacks to more than"):
        read_sheets(path)


@speaking("en")
def test_a_cell_at_the_end_of_the_sheet_is_refused_instead_of_filling_memory(workbook):
    def far(name, one):
        cell = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
        return one.replace(b"</sheetData>", cell) if name.endswith("sheet1.xml") else one

    with pytest.raises(LayerError, match="reach too far"):
        read_sheets(rezipped(workbook, far))


@speaking("en")
def test_an_open_document_of_repeated_rows_is_refused(tmp_path):
    path = tmp_path / "t.ods"
    ods(path, [["a", "b"]])
    read_sheets(path)

    def many(name, one):
        return (
            one.replace(
                b"<table:table-row><table:table-cell office:value-type",
                b'<table:table-row table:number-rows-repeated="1000000"><table:table-cell '
                b'table:number-columns-repeated="16000" office:value-type',
                1,
            )
            if name == "content.xml"
            else one
        )

    with pytest.raises(LayerError, match="reach too far"):
        read_sheets(rezipped(path, many))


def test_entities_that_multiply_or_point_outside_stay_words(workbook, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET", encoding="utf-8")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE x [<!ENTITY l0 "lol">{laughs}<!ENTITY out SYSTEM "{secret.as_uri()}">]>'

    def harm(name, one):
        if not name.endswith("sheet1.xml"):
            return one
        head, body = one.split(b"<worksheet", 1) if one.startswith(b"<?xml") else (b"", one.split(b"<worksheet", 1)[1])
        bad = b'<row r="9"><c r="A9" t="inlineStr"><is><t>&l9; &out;</t></is></c></row></sheetData>'
        return head + doctype.encode() + b"<worksheet" + body.replace(b"</sheetData>", bad)

    try:
        read = read_sheets(rezipped(workbook, harm))
    except LayerError:
        return
    told = str([sheet.rows for sheet in read])
    assert "SECRET" not in told
    assert len(told) < 10_000


@speaking("en")
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(500), b"PK\x03\x04", b"PK\x03\x04" + bytes(300),
                                     b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)])  # fmt: skip
def test_what_is_no_table_is_said_to_be_none(content, tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(content)
    if content:
        with pytest.raises(LayerError, match=r"t\.xlsx"):
            read_sheets(path)
    else:
        assert read_sheets(path) == []


def test_damaged_files_are_read_or_refused_never_a_traceback(tmp_path):
    study = study_of(tmp_path / "study")
    made = []
    writers = {
        "a.xlsx": lambda path: xlsx(path, plain(truths()[:8])),
        "b.csv": lambda path: text()(path, truths()[:8]),
        "c.ods": lambda path: ods(path, plain(truths()[:8])),
        "d.txt": lambda path: text("utf-16", "\t")(path, truths()[:8]),
    }
    for name, write in writers.items():
        write(tmp_path / name)
        made.append((name, (tmp_path / name).read_bytes()))
    chance = random.Random(18)  # noqa: S311 (a test's own)
    read = refused = 0
    for n in range(400):
        name, content = made[n % len(made)]
        bad = bytearray(content)
        for _time in range(chance.choice((1, 3, 30))):
            at = chance.randrange(len(bad))
            match chance.randrange(4):
                case 0:
                    bad[at] = chance.randrange(256)
                case 1:
                    del bad[at : at + chance.randrange(1, 40)]
                case 2:
                    bad[at:at] = chance.randbytes(chance.randrange(1, 20))
                case _:
                    bad[at:at] = bad[at : at + 50]
        path = tmp_path / name
        path.write_bytes(bad)
        try:
            intake = read_stations([path], Ground.of(study))
        except LayerError:
            refused += 1
            continue
        read += 1
        assert len(intake.answers) == sum(intake.count(one) for one in ("taken", "merged", "set_aside"))
    assert read > 50
    assert refused > 10


def test_any_cell_is_read_or_left_never_a_traceback():
    assert fuzz.main(4000) == 4000


@speaking("en")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot hold a process to a size")
def test_a_workbook_that_would_take_all_memory_ends_its_own_reader_only(workbook, monkeypatch):
    assert read_sheets(workbook)
    monkeypatch.setattr(sheets, "MOST_MEMORY", 1_000_000)
    with pytest.raises(LayerError, match=r"tram\.xlsx: cannot be read"):
        read_sheets(workbook)
