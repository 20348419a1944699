"""Titles and reasons of sharing proposals, in both languages, from the figures of the move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.propose.common.costs import Range
from covplan.study.numbers import number_vi

if TYPE_CHECKING:
    from covplan.study.settings import Settings

MILLION = 1e6


def titles(move: pd.Series) -> dict[str, str]:
    """One line each: who moves where."""
    operator, host = move["operator"], move["location_id"]
    if move["action"] == "add_tenant":
        return {
            "title_vi": f"{operator} lắp trạm mới trên cột {host} của {move['owner']}",
            "title_en": f"{operator} comes new to {host} of {move['owner']}",
        }
    return {
        "title_vi": f"{operator} bỏ cột {move['from_location_id']}, dùng chung cột {host}",
        "title_en": f"{operator} leaves {move['from_location_id']} and shares {host}",
    }


def reasons(move: pd.Series, outlay: Range, running: Range, spacing_m: float, settings: Settings) -> dict[str, str]:
    """What it gains and costs, what the next best would cost, what happens without it."""
    vi, en = _what(move, spacing_m)
    rent = Range(*(float(move[name]) for name in ("rent_low_vnd", "rent_vnd", "rent_high_vnd")))
    money = (
        f"Chi {_range_vi(outlay)} triệu đồng"
        + (" (gồm kiểm định: " + _certificate_vi(move) + ")" if move["survey"] else "")
        + f"; chi phí hằng năm {_signed_vi(running.base)} triệu đồng. "
        + f"Giá thuê theo mô hình: {_range_vi(rent, 1)} triệu đồng/tháng (giữa doanh nghiệp, không phải chi phí).",
        f"Outlay {_range(outlay)} million VND"
        + (" (with a survey: " + _certificate_en(move) + ")" if move["survey"] else "")
        + f"; running cost {_signed(running.base)} million VND a year. "
        + f"Rent by the model: {_range(rent, 1)} million VND a month (between firms, not counted as cost).",
    )
    other = _other(move, settings)
    return {
        "reason_vi": " ".join([*vi, money[0], other[0]]),
        "reason_en": " ".join([*en, money[1], other[1]]),
    }


def _what(move: pd.Series, spacing_m: float) -> tuple[list[str], list[str]]:
    won = len(move["gains"].split(";")) if move["gains"] else 0
    tenants = f"{move['tenants_before']} → {move['tenants_after']}"
    if move["action"] == "add_tenant":
        return (
            [f"Cột còn chỗ ở độ cao {number_vi(move['antenna_height_m'], 1)} m; số nhà mạng {tenants}.",
             f"{move['operator']} phủ thêm {won} thôn chưa có sóng của mình." if won
             else "Tính vào tỷ lệ dùng chung; không xét thôn phủ thêm."],
            [f"The structure has room at {move['antenna_height_m']:g} m; operators {tenants}.",
             f"{move['operator']} reaches {won} hamlets it does not cover today." if won
             else "It counts for the ratio; hamlets it may reach are not counted."],
        )  # fmt: skip
    kept = move["households_kept"] / move["households_before"] if move["households_before"] > 0 else np.nan
    near = move["distance_m"] < spacing_m
    share = "không có hộ nào để giữ" if np.isnan(kept) else f"giữ {number_vi(100 * kept)} % số hộ trạm đang phủ"
    share_en = "it covers no household today" if np.isnan(kept) else f"it keeps {100 * kept:.0f} % of its households"
    lost = move["operator_hamlets_lost"]
    vi = [
        f"Hai cột của {move['from_owner']} và {move['owner']} cách nhau {number_vi(move['distance_m'])} m"
        + (f" (dưới khoảng cách tối thiểu {number_vi(spacing_m)} m của quy định địa phương)" if near else "") + ".",
        f"Ở độ cao {number_vi(move['antenna_height_m'], 1)} m, {share}; số nhà mạng trên cột {tenants}.",
        f"Cả phương án: {move['operator']} mất {lost} thôn"
        + (f", trạm này phủ thêm {won} thôn." if won else "."),
    ]  # fmt: skip
    en = [
        f"The structures of {move['from_owner']} and {move['owner']} stand {move['distance_m']:.0f} m apart"
        + (f" (nearer than the local spacing of {spacing_m:g} m)" if near else "") + ".",
        f"From {move['antenna_height_m']:g} m {share_en}; operators on the structure {tenants}.",
        f"With the whole plan {move['operator']} loses {lost} hamlets"
        + (f"; this station wins {won}." if won else "."),
    ]  # fmt: skip
    return vi, en


def _other(move: pd.Series, settings: Settings) -> tuple[str, str]:
    """The honest counterfactual: the best plan without this move, and what stays as it is."""
    more = move["next_best_vnd"]
    goal_vi = "chi ban đầu" if settings.sharing.goal == "target" else "chi phí quy về hiện tại"
    goal_en = "outlay" if settings.sharing.goal == "target" else "present cost"
    if pd.isna(more):
        return (
            "Không có đề xuất này thì không phương án nào khác đạt yêu cầu.",
            "Without it no other plan meets the demands.",
        )
    if more < 0.5 * MILLION:
        return (
            f"Có phương án khác không có đề xuất này mà {goal_vi} bằng nhau: có thể thay thế.",
            f"Another plan without it has the same {goal_en}: it can be replaced.",
        )
    return (
        f"Không có đề xuất này, phương án tốt nhất còn lại tốn thêm {number_vi(more / MILLION)} triệu đồng {goal_vi}.",
        f"Without it the best other plan costs {more / MILLION:.0f} million VND more ({goal_en}).",
    )


def _range(cost: Range, decimals: int = 0) -> str:
    base, low, high = (f"{vnd / MILLION:,.{decimals}f}" for vnd in (cost.base, cost.low, cost.high))
    return f"{base} ({low}–{high})"


def _range_vi(cost: Range, decimals: int = 0) -> str:
    base, low, high = (number_vi(vnd / MILLION, decimals) for vnd in (cost.base, cost.low, cost.high))
    return f"{base} ({low}–{high})"


def _signed(amount_vnd: float) -> str:
    return f"{amount_vnd / MILLION:+,.0f}".replace("-", "−")


def _signed_vi(amount_vnd: float) -> str:
    return ("−" if amount_vnd < 0 else "+") + number_vi(abs(amount_vnd) / MILLION)


def _certificate_vi(move: pd.Series) -> str:
    year = move["certificate_year"]
    return "không có giấy kiểm định" if pd.isna(year) else f"kiểm định gần nhất năm {int(year)}"


def _certificate_en(move: pd.Series) -> str:
    year = move["certificate_year"]
    return "no certificate" if pd.isna(year) else f"last certificate of {int(year)}"
