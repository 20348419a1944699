"""What the propagation models a study has chosen do not describe, and what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from covplan.pipeline.workspace import workspace_of
from covplan.radio.coverage import sector_table
from covplan.radio.link_budget import band
from covplan.radio.models import antenna_limits, check_model, distance_limits
from covplan.study.findings import finding
from covplan.study.language import LANGUAGES, speaking
from covplan.study.models import P1812, model_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from covplan.pipeline.workspace import Workspace
    from covplan.study.findings import Finding
    from covplan.study.folder import Study
    from covplan.study.models import ModelName


def model_findings(study: Study | Workspace, technologies: Sequence[str] = ()) -> list[Finding]:
    """Stations that a chosen model does not describe, and distances it was not made for; nothing under P.1812.

    Raises
    ------
    OutsideValidity
        A model does not hold for a band in use at all.
    """
    workspace = workspace_of(study)
    propagation = workspace.settings.propagation
    place = {"file": "bts_sites.csv", "layer": "stations"}
    if not workspace.computes_signal:
        return []
    found = [
        finding(
            "offsets_of_other_model", "study.toml", column="offsets_db", value=code, band=code,
            fitted=_title(fitted), model=_title(propagation.model_of(code)),
        )
        for code, fitted in propagation.offsets_of.items()
        if code in propagation.offsets_db and fitted != propagation.model_of(code)
    ]  # fmt: skip
    if {propagation.model, *propagation.band_models.values()} == {P1812}:
        return found
    for technology in technologies or tuple(workspace.settings.radio):
        table = sector_table(workspace.transmitting(technology), workspace.study.cells, technology)
        for code, rows in table.groupby("band", sort=True):
            model = propagation.model_of(str(code))
            if model == P1812:
                continue
            check_model(model, str(code), band(str(code)).downlink_mhz, propagation)
            low, high = antenna_limits(model)
            said: dict[str, Any] = {"model": _title(model), "band": code}
            outside = rows[~rows["antenna_height_m"].between(low, high)].drop_duplicates("station_id")
            found += [
                finding(
                    "antenna_outside_model", **place, id=one.station_id, column="antenna_height_m",
                    value=f"{one.antenna_height_m:g}", operator=one.operator, low=f"{low:g}", high=f"{high:g}", **said,
                )
                for one in outside.itertuples()
            ]  # fmt: skip
            near_m, far_m = distance_limits(model)
            if near_m > workspace.settings.grid.cell_m or propagation.radius_km * 1000.0 > far_m:
                found.append(
                    finding(
                        "distance_outside_model", "study.toml", column="radius_km", value=f"{propagation.radius_km:g}",
                        near_km=f"{near_m / 1000:g}", far_km=f"{far_m / 1000:g}", **said,
                    )
                )  # fmt: skip
    return found


def _title(model: ModelName) -> dict[str, str]:
    """What a model is called, in every language."""
    titles: dict[str, str] = {}
    for language in LANGUAGES:
        with speaking(language):
            titles[language] = model_title(model)
    return titles
