"""Proposals that were kept with a study, kind by kind: the plan with them, and what is to be said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from covplan.propose.common.decisions import marked
from covplan.study.cache import is_kept
from covplan.study.columns import split_list
from covplan.study.kinds import (
    FIBER,
    IN_ONE_TRENCH,
    KINDS,
    PLACE_5G,
    SHARE,
    SUPPLY_CURVE,
    TRENCH,
    WHITE_SPOT,
    kind_title,
)
from covplan.study.language import _
from covplan.study.plan import (
    PROPOSED,
    Kept,
    no_proposals,
    part_files,
    proposed_folder,
    read_kept,
    read_run,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from covplan.study.folder import Study
    from covplan.study.plan import Plan

    Tables = dict[str, pd.DataFrame]

PARTS = (SUPPLY_CURVE, TRENCH, FIBER, WHITE_SPOT, PLACE_5G, SHARE)
"""What is kept in a file of its own, in the order of the tables."""


def decided_in(done: Plan, *, years_open: bool) -> tuple[Plan, list[str]]:
    """The plan with what was decided of its proposals, and accepted decisions on what is not among them."""
    table = done.proposals
    if years_open:
        table = table.assign(year=pd.array([pd.NA] * len(table), dtype="Int64"))
    decisions = done.study.decisions
    table, unmet = marked(table, decisions[decisions["kind"].isin(list(done.proposed_kinds))])
    return replace(done, proposals=table), unmet


def together(plan: Plan, parts: Mapping[str, Tables]) -> Plan:
    """The plan with all parts; proposals stay empty where no kind could be done."""
    used = [one for one in PARTS if one in parts and not (TRENCH in parts and one in IN_ONE_TRENCH)]
    tables = no_proposals(plan.study.settings.province.epsg)
    for name in PROPOSED:
        filled = [parts[one][name] for one in used if len(parts[one][name])]
        if filled:
            tables[name] = rows_of(filled)
    tables["proposals"] = first_things_first(tables["proposals"])
    kinds = {kind for part in used for kind in kinds_of(part)}
    return replace(plan, **tables, proposed_kinds=tuple(one for one in KINDS if one in kinds))  # type: ignore[arg-type]


def rows_of(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables below each other; empty ones would change the types of columns."""
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def kinds_of(part: str) -> tuple[str, ...]:
    """Kinds whose proposals stand in a part."""
    return IN_ONE_TRENCH if part == TRENCH else (part,)


def kept_folder(study: Study) -> Path | None:
    """Where the proposals of a study are kept; nowhere for one that is not what its folder holds."""
    return proposed_folder(study.path) if study.as_read else None


def with_kept_proposals(plan: Plan) -> Plan | None:
    """The plan with the proposals that `propose` kept for exactly this study; None when it kept none.

    `proposed_kinds` says which; `said_of_kept` what is to be said of them.
    """
    kept = read_kept(kept_folder(plan.study), plan.study.settings.province.epsg)
    if not kept.parts:
        return None
    done, _unmet = decided_in(together(plan, kept.parts), years_open=kept.years is not None)
    if kept.years is None:
        return done
    year = done.proposals["proposal_id"].map(kept.years).astype("Int64")
    return replace(done, proposals=done.proposals.assign(year=year))


def said_of_kept(plan: Plan) -> list[str]:
    """What a reader of a plan with kept proposals must know: kinds that are missing, files that are damaged.

    And where none are kept for the study as it stands, whether some were for what it was before.
    """
    folder = kept_folder(plan.study)
    kept = read_kept(folder, plan.study.settings.province.epsg)
    said = [*said_damaged(kept), *said_stopped(folder, plan.study.path)]
    if folder is None:
        return said
    if not kept.parts:
        older = folder.parent.is_dir() and any(one.is_dir() and one != folder for one in folder.parent.iterdir())
        text = _(
            "Proposals are kept for this study as it was before it, or covplan, was changed; they are not shown. "
            "Propose again: covplan propose {study}"
        )
        return [*said, text.format(study=plan.study.path)] if older else said
    there = {kind for part in kept.parts for kind in kinds_of(part)}
    missing = [one for one in KINDS if one not in there]
    if missing:
        text = _("Not proposed yet: {kinds} (covplan propose {study} {options})")
        titles, options = ", ".join(map(kind_title, missing)), " ".join(f"-k {one}" for one in missing)
        said.append(text.format(kinds=titles, study=plan.study.path, options=options))
    if kept.years is None and any(len(tables["proposals"]) for tables in kept.parts.values()):
        said.append(_("The years of the proposals are those of each kind by itself, not yet under the budgets."))
    return said


def said_of_folder(study: Path) -> list[str]:
    """What is wrong with the proposals kept with a study folder, as far as their files tell: damage, a stopped run."""
    folder = proposed_folder(study)
    damaged = tuple(part for part, file in part_files(folder).items() if not is_kept(file))
    return [*said_damaged(Kept({}, damaged)), *said_stopped(folder, study)]


def said_stopped(folder: Path | None, study: Path) -> list[str]:
    """A line where the latest run of `propose` did not come to its end."""
    run = read_run(folder)
    if run is None or run.finished:
        return []
    options = " ".join(
        [*(f"-k {one}" for one in run.kinds if set(run.kinds) != set(KINDS)), *["--no-years"][run.phased :]]
    )
    titles = ", ".join(map(kind_title, run.open_kinds)) or _("the years")
    text = _("The last run of propose was stopped; still to be done: {what}. To go on: {command}")
    return [text.format(what=titles, command=f"covplan propose {study} {options}".strip())]


def said_damaged(kept: Kept) -> list[str]:
    """A line for each part whose file cannot be read."""
    text = _("what was kept of it cannot be read; propose it again")
    return [said_of(part, text) for part in kept.damaged]


def first_things_first(proposals: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What another proposal depends on is done no later than it: kinds that were planned apart may say otherwise."""
    year = dict(zip(proposals["proposal_id"], proposals["year"], strict=True))
    needs = [
        (later, first)
        for later, text in zip(proposals["proposal_id"], proposals["depends_on"], strict=True)
        for first in split_list(text)
        if pd.notna(year.get(first)) and pd.notna(year[later])
    ]
    moved = True
    while moved:
        moved = False
        for later, first in needs:
            if year[later] < year[first]:
                year[first], moved = year[later], True
    return proposals.assign(year=proposals["proposal_id"].map(year).astype("Int64"))


def said_of(kind: str, text: str) -> str:
    """A line about a kind."""
    return f"{kind_title(kind)}: {text}"
