"""The annexes: one workbook with the forms of the passive-infrastructure plan and the lists others can check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from covplan.publish.addresses import system_of
from covplan.publish.annexes import existing
from covplan.publish.annexes.annex import Annex, Field
from covplan.publish.annexes.planned import planned
from covplan.publish.annexes.workbook import add_sheet, new_workbook
from covplan.publish.office import SYNTHETIC, fix_dates, province_title
from covplan.publish.tables import document_tables
from covplan.publish.words import program
from covplan.study.files import written_whole

if TYPE_CHECKING:
    from pathlib import Path

    from covplan.study.plan import Plan

CONTENTS = "Danh mục"
DRAFT = "(Kèm theo Văn bản số ……/…… ngày …… tháng …… năm …… của ……)"


def write_annexes(plan: Plan, path: Path, *, include_restricted: bool = False) -> Path:
    """Write Mẫu 1 to 4 and the lists of locations, proposals, routes, hamlets and indicators into one workbook.

    Same plan, same bytes; whole or not at all. A list without rows is a sheet that says so.

    Parameters
    ----------
    path : Path
        The workbook, such as ``out/phu_luc.xlsx``.
    include_restricted : bool
        Put restricted stations, and what is proposed for them, into the lists too.
    """
    study = plan.study
    province = study.settings.province
    warning = SYNTHETIC if province.synthetic else ""
    sheets = _annexes(plan, include_restricted=include_restricted)
    source = f"Nguồn: {_provenance(plan)} X (Bắc), Y (Đông) theo {system_of(study)}; kinh độ, vĩ độ WGS 84."
    book = new_workbook(program(), f"Phụ lục quy hoạch, {province.name}")
    for number, annex in enumerate([_contents(sheets), *sheets]):
        name = f"PHỤ LỤC {number}" if number else "DANH MỤC PHỤ LỤC"
        heading = (f"{name} – {province_title(province.name)}".upper(), annex.title.upper(), DRAFT)
        add_sheet(book, annex, heading, (*annex.notes, source), warning)
    with written_whole(path) as part:
        book.save(part)
        fix_dates(part)
    return path


def _annexes(plan: Plan, *, include_restricted: bool) -> tuple[Annex, ...]:
    study = plan.study
    tables = document_tables(plan, include_restricted=include_restricted)
    return (
        existing.critical_works(tables["stations"], study, include_restricted=include_restricted),
        existing.service_points(tables["service_points"], study),
        existing.cable_works(tables["routes"], study),
        existing.masts(tables["locations"], study),
        *planned(tables["proposals"], study),
        existing.fiber_routes(tables["routes"], study),
        existing.hamlets(tables["hamlets"], study),
        existing.indicators(tables["indicators"]),
    )


def _contents(sheets: tuple[Annex, ...]) -> Annex:
    table = pd.DataFrame(
        {"tab": [one.tab for one in sheets], "title": [one.title for one in sheets],
         "rows": [len(one.table) for one in sheets]}
    )  # fmt: skip
    fields = (Field("tab", "Tờ", width=20), Field("title", "Nội dung", width=80), Field("rows", "Số dòng", "count", 12))
    note = "Dấu phân cách: chấm hàng nghìn, phẩy thập phân (Excel hiển thị theo vùng miền của máy)."
    return Annex(CONTENTS, "Phụ lục quy hoạch hạ tầng viễn thông", table, fields, (note,))


def _provenance(plan: Plan) -> str:
    settings = plan.study.settings
    kind = "dữ liệu mô phỏng do chương trình sinh ra" if settings.province.synthetic else "dữ liệu của nghiên cứu"
    return (
        f"{kind} «{settings.province.name}»; lập bằng {program()}; địa giới dùng để tính chỉ tiêu: "
        f"{settings.province.boundaries}."
    )
