"""EMF distances of structures: of all cells on them, with what is assumed and missing; nothing of restricted ones."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pandas as pd
import pytest

from covplan.assess.locations import group_locations, on_air
from covplan.pipeline import make_plan
from covplan.pipeline.exposure import with_exposure
from covplan.publish.annexes.existing import masts
from covplan.publish.public import public_plan
from covplan.study.folder import open_study
from covplan.study.language import speaking
from tests.study import small_study


def exposed(folder, **layers):
    study = open_study(small_study(folder, **layers))
    stations = on_air(study.stations)
    return with_exposure(group_locations(stations), stations, study.cells).set_index("location_id")


def watts(dbm):
    return 10 ** (dbm / 10) / 1000


def test_cells_of_all_operators_on_a_structure_add_up_and_the_missing_ones_are_named(tmp_path):
    rows = exposed(tmp_path / "study")
    # S-1 and S-2 stand on L-1, each with one omni cell of 61 dBm: the limit of 2 W/m² (QCVN 8) is met by both together.
    assert rows.loc["L-1", "emf_m"] == pytest.approx(sqrt(2 * watts(61) / (4 * pi * 2)), abs=0.05)
    assert rows.loc["L-2", "emf_m"] == pytest.approx(sqrt(watts(61) / (4 * pi * 2)), abs=0.05)
    assert rows.loc["L-1", "emf_missing"] == "3G"  # S-1 has 3G on air, and no cell of it says its EIRP
    assert pd.isna(rows.loc["L-2", "emf_missing"])
    assert rows.loc["L-2", "emf_basis"] == "known"
    # S-5 has 5G without a cell: template sectors of N2600 are taken, and that is said.
    assert rows.loc["L-4", "emf_basis"] == "assumed"
    assert rows.loc["L-4", "emf_m"] > 2 * rows.loc["L-2", "emf_m"]


def test_an_eirp_that_is_not_given_is_assumed_and_3g_that_gives_it_counts(tmp_path):
    def cells(table):
        third = table.iloc[[0]].assign(cell_id="S-1-3-1", technology="3G", band="U900", eirp_dbm=64.0)
        return pd.concat([table.assign(eirp_dbm=table["eirp_dbm"].where(table["station_id"] != "S-3")), third])

    rows = exposed(tmp_path / "study", cells=cells)
    assert rows.loc["L-2", "emf_basis"] == "assumed"
    assert pd.isna(rows.loc["L-1", "emf_missing"])
    total_w = 2 * watts(61) + watts(64)
    assert rows.loc["L-1", "emf_m"] == pytest.approx(sqrt(total_w / (4 * pi * 2)), abs=0.05)


def test_a_structure_of_which_no_cell_is_known_has_no_distance(tmp_path):
    def stations(table):
        return table.assign(technologies=table["technologies"].where(table["station_id"] != "S-4", "2G;3G"))

    rows = exposed(tmp_path / "study", stations=stations, cells=lambda table: table[table["station_id"] != "S-4"])
    assert np.isnan(rows.loc["L-3", "emf_m"])
    assert pd.isna(rows.loc["L-3", "emf_basis"])
    assert rows.loc["L-3", "emf_missing"] == "2G;3G"


@speaking("en")
def test_the_annex_of_masts_tells_distance_basis_and_source_and_nothing_of_a_restricted_mast(tmp_path):
    folder = small_study(
        tmp_path / "study", stations=lambda table: table.assign(restricted=table["station_id"] == "S-5")
    )
    plan = make_plan(open_study(folder))
    assert "L-4" in set(plan.locations["location_id"])
    shown = public_plan(plan)
    annex = masts(shown.locations, shown.study)
    rows = annex.table.set_index("location_id")
    assert "L-4" not in rows.index
    assert rows.loc["L-1", "emf_m"] == pytest.approx(10.0, abs=0.1)
    assert rows.loc["L-1", "emf_said"] == "EIRP given of every cell counted; without 3G: EIRP not known"
    assert {"emf_m", "emf_said"} <= {one.name for one in annex.fields}
    assert any("QCVN 8:2022/BTTTT" in note and "not measured" in note for note in annex.notes)
