"""The report as one HTML file: nothing fetched, pictures inside, every text escaped by the template."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import jinja2

from covplan.publish.office import clean
from covplan.publish.report.content import CONTENTS, NOTHING, Bullets, Figure, Heading, Paragraph, Table, captioned
from covplan.study.language import _
from covplan.study.resources import resource_text

if TYPE_CHECKING:
    from covplan.publish.report.content import Block, Report


def html_of(report: Report) -> str:
    """The page."""
    blocks = [_shown(block, word, number) for block, word, number in captioned(report.blocks)]
    headings = [block for block in report.blocks if isinstance(block, Heading)]
    for block, number in zip((one for one in blocks if one["kind"] == "heading"), range(len(headings)), strict=True):
        block["anchor"] = f"muc-{number + 1}"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(resource_text("web", "report.html"))
    words = {"contents": _(CONTENTS), "nothing": _(NOTHING)}
    listed = [block for block in blocks if block["kind"] == "heading"]
    return template.render(report=report, blocks=blocks, contents=listed, words=words)


def _shown(block: Block, word: str, number: int) -> dict[str, Any]:
    caption = f"{word} {number}. {clean(getattr(block, 'caption', ''))}"
    match block:
        case Heading(level, text):
            return {"kind": "heading", "level": level + 1, "text": clean(text)}
        case Paragraph(text):
            return {"kind": "paragraph", "text": clean(text)}
        case Bullets(items):
            return {"kind": "bullets", "items": [clean(item) for item in items]}
        case Table():
            rows = [[clean(cell) for cell in row] for row in block.rows]
            return {"kind": "table", "caption": caption, "table": block, "rows": rows,
                    "empty": not rows, "note": clean(block.note)}  # fmt: skip
        case Figure(_, png, alt):
            return {"kind": "figure", "caption": caption, "alt": clean(alt),
                    "data": base64.b64encode(png).decode("ascii")}  # fmt: skip
