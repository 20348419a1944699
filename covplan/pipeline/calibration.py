"""The coverage model held against measurements: offsets that fit them, and how far its word can be relied on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from covplan.assess.demand import centres
from covplan.assess.reliability import compare as compare_with_tests
from covplan.assess.reliability import observed_hamlets
from covplan.pipeline.workspace import workspace_of
from covplan.radio.calibration import NO_TESTS, calibrate_tests, predicted_tests
from covplan.radio.coverage import is_covered, strongest
from covplan.radio.model_choice import NO_MODELS, compare_models, model_errors
from covplan.study.errors import TooLittleData
from covplan.study.language import _

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from covplan.assess.reliability import Reliability
    from covplan.pipeline.workspace import Workspace
    from covplan.radio.calibration import Calibration
    from covplan.study.folder import Study
    from covplan.study.models import ModelName
    from covplan.study.settings import Propagation


def calibrate(
    study: Study | Workspace, *, technologies: Sequence[str] = (), band_models: Mapping[str, ModelName] | None = None
) -> Calibration:
    """Offsets by band and land cover from the study's measurements, of all technologies unless some are named.

    Offsets already in study.toml are put aside: what is fitted takes their place. `band_models`: path loss models of
    bands instead of the study's.
    """
    workspace = workspace_of(study)
    technologies = technologies or tuple(workspace.settings.radio)
    propagation = workspace.settings.propagation
    models = {**propagation.band_models, **(band_models or {})}
    propagation = propagation.model_copy(update={"offsets_db": {}, "band_models": models})
    return calibrate_tests(_tested(workspace, technologies, propagation), technologies)


def study_models(study: Study | Workspace, *, technologies: Sequence[str] = ()) -> pd.DataFrame:
    """Every path loss model on the study's measurements, band by band: `radio.model_choice.compare_models`."""
    workspace = workspace_of(study)
    measured, propagation = workspace.study.measurements, workspace.settings.propagation
    parts = [
        model_errors(
            measured[measured["technology"] == one],
            workspace.transmitting(one),
            workspace.study.cells,
            workspace.ground,
            one,
            propagation,
            cache=workspace.loss_cache,
            antennas=workspace.antennas,
        )
        for one in technologies or tuple(workspace.settings.radio)
        if (measured["technology"] == one).any()
    ]
    found = [part for part in parts if len(part)]
    return compare_models(pd.concat(found), propagation) if found else NO_MODELS


def reliability(study: Study | Workspace, *, dark: Path | None = None) -> Reliability:
    """What the coverage model says, held against measurements and against the hamlets known to be dark.

    Parameters
    ----------
    dark : Path, optional
        CSV of an official list: the column village_id names the hamlets without signal, all others count as covered.
        Without it, the hamlets as the study declares them (weak counts as covered: there is signal at the centre).
    """
    workspace = workspace_of(study)
    study = workspace.study
    tests = _tested(workspace, tuple(study.settings.radio), study.settings.propagation)
    observed = observed_hamlets(study.villages, dark)
    if tests.empty and observed.isna().all():
        raise TooLittleData(
            _(
                "Nothing to compare with: no measurements.csv, no declared_mobile of any hamlet, "
                "no list of dark hamlets."
            )
        )
    points = centres(study.villages)
    points = points.where(np.isfinite(points.x), study.villages.representative_point())
    best = strongest(workspace.receptions("4G", points.x.to_numpy(), points.y.to_numpy()))
    covered = is_covered(best, workspace.radio("4G"))
    predicted = pd.Series(covered, dtype="object").mask(np.isnan(best.probability))
    return compare_with_tests(tests, predicted, observed)


def _tested(workspace: Workspace, technologies: Sequence[str], propagation: Propagation) -> pd.DataFrame:
    """The study's measurements with what the model says of each; no row without measurements."""
    measured = workspace.study.measurements
    if measured.empty:
        return NO_TESTS
    parts = [
        predicted_tests(
            measured[measured["technology"] == one],
            workspace.transmitting(one),
            workspace.study.cells,
            workspace.ground,
            one,
            workspace.radio(one),
            propagation,
            cache=workspace.loss_cache,
            antennas=workspace.antennas,
        )
        for one in technologies
    ]
    return pd.concat([part for part in parts if len(part)] or [NO_TESTS])
