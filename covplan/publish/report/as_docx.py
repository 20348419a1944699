"""The report as a Word document in the form of Decree 30/2020: styles, captions, contents, headers, A4."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Mm, Pt, RGBColor

from covplan.publish.office import FILE_DATE, LANGUAGE_TAGS, clean
from covplan.publish.report.content import CONTENTS, NOTHING, Bullets, Figure, Heading, Paragraph, Table, captioned
from covplan.study.language import N_, _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docx.document import Document as Docx
    from docx.oxml.xmlchemy import BaseOxmlElement
    from docx.section import Section
    from docx.styles.style import ParagraphStyle
    from docx.table import Table as DocxTable
    from docx.table import _Cell
    from docx.text.paragraph import Paragraph as DocxParagraph

    from covplan.publish.report.content import Block, Report

FONT = "Times New Roman"
MARGINS = {"top_margin": Mm(20), "bottom_margin": Mm(20), "left_margin": Mm(30), "right_margin": Mm(18)}
TEXT_MM = 210 - 30 - 18
BLACK, RED = RGBColor(0, 0, 0), RGBColor(0xB0, 0, 0)
HEAD_FILL = "E8EEF4"
ON_ONE_PAGE = 14  # rows of a table that is not torn apart
CELL_STYLE, NOTE_STYLE = N_("Table"), N_("Note")  # names of styles, as a reader of the document sees them
CENTRE, RIGHT = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT


def docx_of(report: Report) -> Docx:
    """The document."""
    document = Document()
    _set_up(document, report)
    _head(document, report)
    _contents(document, [block for block in report.blocks if isinstance(block, Heading)])
    chapter = 0
    for block, word, number in captioned(report.blocks):
        chapter += isinstance(block, Heading)
        _add(document, block, f"{word} ", number, bookmark=chapter)
    _signature(document)
    return document


def _set_up(document: Docx, report: Report) -> None:
    core = document.core_properties
    core.author = core.last_modified_by = report.program
    core.title, core.subject, core.language, core.comments = (
        clean(report.title),
        clean(report.subject),
        LANGUAGE_TAGS[report.language],
        "",
    )
    core.created = core.modified = FILE_DATE
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    for name, length in MARGINS.items():
        setattr(section, name, length)
    renew = _element("w:updateFields", val="true")  # Word asks, then fills in the pages of the contents
    document.settings.element.insert_element_before(
        renew, "w:hdrShapeDefaults", "w:footnotePr", "w:endnotePr", "w:compat", "w:rsids"
    )
    _styles(document)
    _header_and_footer(section, report)


def _styles(document: Docx) -> None:
    wanted: dict[str, tuple[float, bool, float]] = {
        "Normal": (13, False, 6), "Title": (16, True, 4), "Subtitle": (14, True, 10), "Heading 1": (14, True, 6),
        "Heading 2": (13, True, 4), "Caption": (12, True, 4), "List Bullet": (13, False, 3), "Header": (12, False, 0),
        "Footer": (10, False, 0),
    }  # fmt: skip
    for name, (points, bold, below) in wanted.items():
        _style(document.styles[name], points, bold, below)
    for name, size, after in (
        ("TOC 1", 12.0, 2.0),
        ("TOC 2", 12.0, 1.0),
        (_(CELL_STYLE), 10.0, 0.0),
        (_(NOTE_STYLE), 10.5, 6.0),
    ):
        made = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        made.base_style = document.styles["Normal"]
        _style(made, size, bold=False, after=after)
    for name, left in (("TOC 1", 0), ("TOC 2", 6)):
        shape = document.styles[name].paragraph_format
        shape.left_indent = Mm(left)
        shape.tab_stops.add_tab_stop(Mm(TEXT_MM), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS)
    document.styles[_(NOTE_STYLE)].font.italic = True
    for name in ("Title", "Subtitle", "Caption"):
        document.styles[name].paragraph_format.alignment = CENTRE
    document.styles["Normal"].paragraph_format.line_spacing = 1.15
    document.styles[_(CELL_STYLE)].paragraph_format.line_spacing = 1.0
    document.styles["Heading 1"].paragraph_format.space_before = Pt(16)
    border = document.styles["Title"].element.get_or_add_pPr().find(qn("w:pBdr"))
    if border is not None:  # the template underlines its titles
        border.getparent().remove(border)


def _style(style: ParagraphStyle, size: float, bold: bool, after: float) -> None:
    style.font.name, style.font.size, style.font.bold, style.font.italic = FONT, Pt(size), bold, False
    style.font.color.rgb = BLACK
    shape = style.element.get_or_add_rPr()
    fonts = shape.get_or_add_rFonts()
    for spaced in shape.findall(qn("w:spacing")):  # the template spaces the letters of its subtitle
        shape.remove(spaced)
    for name in ("ascii", "hAnsi", "cs", "eastAsia"):
        fonts.set(qn(f"w:{name}"), FONT)
    for name in ("asciiTheme", "hAnsiTheme", "cstheme", "eastAsiaTheme"):
        fonts.attrib.pop(qn(f"w:{name}"), None)
    style.paragraph_format.space_after = Pt(after)
    style.paragraph_format.space_before = Pt(0)


def _header_and_footer(section: Section, report: Report) -> None:
    """The page number stands above in the middle, and not on the first page; the label on every page."""
    section.different_first_page_header_footer = True
    above = section.header.paragraphs[0]
    above.alignment = CENTRE
    _field(above, "PAGE", "")
    for header in (section.header, section.first_page_header):
        if report.warning:
            line = header.paragraphs[0] if header is section.first_page_header else header.add_paragraph()
            line.alignment = CENTRE
            said = line.add_run(clean(report.warning))
            said.font.size, said.font.bold, said.font.color.rgb = Pt(9.5), True, RED
    for footer in (section.footer, section.first_page_footer):
        footer.paragraphs[0].text = clean(f"{report.program}. {report.subject}")


def _head(document: Docx, report: Report) -> None:
    """Agency to the left, national heading to the right, then the title."""
    table = document.add_table(rows=1, cols=2)
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    _set_widths(table, [72, 100])  # a little into the margins: neither name may be torn
    for cell, lines in zip(table.rows[0].cells, (report.agency, report.nation), strict=True):
        for number, line in enumerate(lines):
            paragraph = cell.paragraphs[0] if number == 0 else cell.add_paragraph()
            paragraph.alignment, paragraph.paragraph_format.space_after = CENTRE, Pt(0)
            run = paragraph.add_run(clean(line))
            run.font.size = Pt(12)
            run.bold, run.italic = number < 2, number == 2 and lines is report.nation
    document.add_paragraph(clean(report.title), style="Title").paragraph_format.space_before = Pt(24)
    document.add_paragraph(clean(report.subject), style="Subtitle")


def _contents(document: Docx, headings: list[Heading]) -> None:
    """A field that Word renews, with page numbers, when it opens the file; until then a list of links."""
    title = document.add_paragraph()
    title.alignment = CENTRE
    title.add_run(_(CONTENTS)).bold = True
    for number, heading in enumerate(headings, start=1):
        line = document.add_paragraph(style=f"TOC {heading.level}")
        if number == 1:
            _mark(line, "begin")
            _instruction(line, r'TOC \o "1-2" \h \z \u')
            _mark(line, "separate")
        link = _element("w:hyperlink", anchor=f"muc_{number}", history="1")
        link.append(line.add_run(clean(heading.text))._r)
        line._p.append(link)
        if number == len(headings):
            _mark(line, "end")


def _add(document: Docx, block: Block, word: str, number: int, *, bookmark: int) -> None:
    match block:
        case Heading(level, text):
            heading = document.add_paragraph(style=f"Heading {level}")
            heading.paragraph_format.keep_with_next = True
            _bookmarked(heading, clean(text), bookmark)
        case Paragraph(text):
            paragraph = document.add_paragraph(clean(text))
            paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
            paragraph.paragraph_format.first_line_indent = Cm(1)
        case Bullets(items):
            for item in items:
                document.add_paragraph(clean(item), style="List Bullet")
        case Table():
            _caption(document, word, number, block.caption, stays=True)
            _table(document, block)
        case Figure(caption, png, alt):
            picture = document.add_paragraph()
            picture.alignment, picture.paragraph_format.keep_with_next = CENTRE, True
            shape = picture.add_run().add_picture(io.BytesIO(png))
            shape._inline.docPr.set("descr", clean(alt))
            _caption(document, word, number, caption, stays=False)


def _caption(document: Docx, word: str, number: int, text: str, *, stays: bool) -> None:
    paragraph = document.add_paragraph(word, style="Caption")
    _field(paragraph, rf"SEQ {word.strip()} \* ARABIC", str(number))
    paragraph.add_run(f". {clean(text)}")
    paragraph.paragraph_format.keep_with_next = stays
    paragraph.paragraph_format.space_before = Pt(8 if stays else 0)


def _table(document: Docx, block: Table) -> None:
    rows = block.rows or ((_(NOTHING), *[""] * (len(block.heads) - 1)),)
    table = document.add_table(rows=1 + len(rows), cols=len(block.heads), style="Table Grid")
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    _set_widths(table, [TEXT_MM * share for share in block.shares()])
    _repeat_first_row(table)
    small = document.styles[_(CELL_STYLE)].style_id  # by name it would be looked up among all styles, cell by cell
    for cells, texts, head in zip((row.cells for row in table.rows), (block.heads, *rows), [True, *[False] * len(rows)],
                                  strict=True):  # fmt: skip
        last = block.total and not head and texts is rows[-1]
        for number, (cell, text) in enumerate(zip(cells, texts, strict=True)):
            _write_cell(cell, text, small, bold=head or last)
            cell.paragraphs[0].paragraph_format.keep_with_next = len(rows) <= ON_ONE_PAGE and texts is not rows[-1]
            if head:
                cell.paragraphs[0].alignment = CENTRE
                _fill(cell)
            elif number >= block.figures_from:
                cell.paragraphs[0].alignment = RIGHT
    if block.note:
        document.add_paragraph(clean(block.note), style=_(NOTE_STYLE)).paragraph_format.space_before = Pt(3)
    else:
        document.add_paragraph().paragraph_format.space_after = Pt(0)


def _write_cell(cell: _Cell, text: str, style_id: str, *, bold: bool) -> None:
    paragraph = cell.paragraphs[0]
    paragraph._p.style = style_id
    run = paragraph.add_run(clean(text))
    run.bold = bold


def _set_widths(table: DocxTable, widths_mm: Sequence[float]) -> None:
    """In the grid for LibreOffice, in the cells for Word."""
    table.autofit = False
    for column, width in zip(table.columns, widths_mm, strict=True):
        column.width = Mm(width)
    for row in table.rows:
        for cell, width in zip(row.cells, widths_mm, strict=True):
            cell.width = Mm(width)


def _repeat_first_row(table: DocxTable) -> None:
    table.rows[0]._tr.get_or_add_trPr().append(_element("w:tblHeader", val="true"))
    for row in table.rows:
        row._tr.get_or_add_trPr().append(_element("w:cantSplit", val="true"))


def _fill(cell: _Cell) -> None:
    cell._tc.get_or_add_tcPr().append(_element("w:shd", val="clear", color="auto", fill=HEAD_FILL))


def _signature(document: Docx) -> None:
    table = document.add_table(rows=1, cols=2)
    receivers, signer = table.rows[0].cells
    receivers.paragraphs[0].add_run(_("To:")).bold = True
    for line in (_("- As above;"), _("- File: Office.")):
        receivers.add_paragraph(line).paragraph_format.space_after = Pt(0)
    signer.paragraphs[0].alignment = CENTRE
    signer.paragraphs[0].add_run(_("DIRECTOR")).bold = True
    signed = signer.add_paragraph()
    signed.alignment = CENTRE
    signed.add_run(_("(Signature, full name, seal)")).italic = True


def _bookmarked(paragraph: DocxParagraph, text: str, number: int) -> None:
    paragraph._p.append(_element("w:bookmarkStart", id=str(number), name=f"muc_{number}"))
    paragraph.add_run(text)
    paragraph._p.append(_element("w:bookmarkEnd", id=str(number)))


def _field(paragraph: DocxParagraph, instruction: str, shown: str) -> None:
    _mark(paragraph, "begin")
    _instruction(paragraph, instruction)
    _mark(paragraph, "separate")
    paragraph.add_run(shown)
    _mark(paragraph, "end")


def _mark(paragraph: DocxParagraph, kind: str) -> None:
    paragraph.add_run()._r.append(_element("w:fldChar", fldCharType=kind))


def _instruction(paragraph: DocxParagraph, text: str) -> None:
    code = OxmlElement("w:instrText")
    code.set(qn("xml:space"), "preserve")
    code.text = f" {text} "
    paragraph.add_run()._r.append(code)


def _element(tag: str, **attributes: str) -> BaseOxmlElement:
    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(f"w:{name}"), value)
    return made
