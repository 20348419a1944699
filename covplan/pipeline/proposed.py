"""All that is proposed for a plan, put together, given its years, and kept with the study."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.pipeline.proposals import (
    confirm_places_5g,
    confirm_white_spots,
    phase_proposals,
    propose_places_5g,
    propose_sharing,
    propose_white_spots,
)
from covplan.propose.decided import marked
from covplan.propose.white_spots import supply_curve
from covplan.study.errors import NoSolution
from covplan.study.plan import proposed_folder, read_proposed, result_table, save_proposed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd

    from covplan.study.plan import Plan

KINDS = ("white_spot", "supply_curve", "place_5g", "share")


def propose(
    plan: Plan,
    *,
    kinds: Sequence[str] = KINDS,
    phased: bool = True,
    progress: Callable[[str], None] = lambda _step: None,
) -> tuple[Plan, list[str]]:
    """The plan with its proposals, methods side by side and supply curve; and what there is to say of them.

    Parameters
    ----------
    kinds : sequence of {"white_spot", "supply_curve", "place_5g", "share"}
    phased : bool
        Give every proposal its year, under the budgets and yearly targets of the study.
    """
    study = plan.study
    proposals: list[gpd.GeoDataFrame] = []
    compared: list[pd.DataFrame] = []
    curve, said = pd.DataFrame(), []
    if {"white_spot", "supply_curve"} & set(kinds):
        spots = propose_white_spots(study, progress=progress)
        if "supply_curve" in kinds:
            progress("đường cung (supply curve)")
            curve = supply_curve(spots, spots.hamlets, study.settings.costs, study.settings.propose)
        if "white_spot" in kinds:
            proposals.append(spots.proposals)
            compared.append(_compared("white_spot", spots.comparison, "hamlets"))
            seen = confirm_white_spots(study, spots)["covered"]
            said.append(f"thôn (hamlets): {int(seen.sum())}/{len(seen)} được tính lại và xác nhận (confirmed)")
    if "place_5g" in kinds:
        placed = propose_places_5g(study, progress=progress)
        proposals.append(placed.proposals)
        compared.append(_compared("place_5g", placed.comparison, "places"))
        state = confirm_places_5g(study, placed)["state_5g"]
        lit = int((state == "covered").sum())
        said.append(f"địa điểm (places): {lit}/{len(state)} có 5G khi tính lại (confirmed)")
    if "share" in kinds:
        progress("dùng chung vị trí (sharing)")
        shared = propose_sharing(study)
        proposals.append(shared.proposals)
        compared.append(_compared("share", shared.comparison, "moves"))
        lost = int(shared.coverage["hamlets_lost"].sum())
        said.append(f"dùng chung (sharing): {lost} thôn mất sóng của một nhà mạng khi tính lại (hamlets lost)")
    if not proposals:
        return replace(plan, supply_curve=result_table("supply_curve", curve)), said
    together = pd.concat(proposals, ignore_index=True)
    if phased:
        together["year"] = pd.NA
    taken = study.decisions[study.decisions["kind"].isin([*kinds, "fibre"])]
    together, unmet = marked(together, taken)
    said += [f"quyết định {one} không còn phương án tương ứng (decision without a candidate)" for one in unmet]
    if phased:
        progress("phân kỳ (phasing)")
        try:
            together = phase_proposals(study, together, today=plan)[0]
        except NoSolution as error:  # the proposals are worth having without their years
            said.append(f"không phân kỳ được (no years): {error}")
    made = replace(
        plan,
        proposals=together,
        comparison=pd.concat(compared, ignore_index=True),
        supply_curve=result_table("supply_curve", curve),
    )
    kept = proposed_folder(study.path)
    if kept and set(kinds) == set(KINDS) and phased:
        save_proposed(made, kept)
    return made, said


def with_kept_proposals(plan: Plan) -> Plan | None:
    """The plan with the proposals that `propose` kept for exactly this study; None when it kept none."""
    folder = proposed_folder(plan.study.path)
    tables = read_proposed(folder, plan.study.settings.province.epsg) if folder else None
    return replace(plan, **tables) if tables else None


def _compared(kind: str, comparison: pd.DataFrame, served: str) -> pd.DataFrame:
    counted = comparison[served] if served in comparison else pd.Series(np.nan, index=comparison.index)
    return comparison.assign(kind=kind, served=counted, year=comparison.get("year", np.nan))
