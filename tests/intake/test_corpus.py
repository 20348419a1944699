"""Every hostile file: coordinates to their precision or set aside for the right reason, none wrong in silence."""

from __future__ import annotations

import pytest
from pyproj import Transformer

from covplan.intake.ground import Ground
from covplan.intake.stations import Told, read_stations
from tests.intake.corpus import Case, cases, study_of, truths
from tests.study import EPSG

CASES = cases()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_of(tmp_path_factory.mktemp("corpus") / "study")


def outcome(case: Case, study, folder) -> dict[str, int]:
    """What came of a case's rows: right, aside for the right reason, aside for another, wrong."""
    path = folder / f"viettel{case.ends}"
    rows = truths()
    case.write(path, rows)
    intake = read_stations([path], Ground.of(study), Told())
    turn = Transformer.from_crs(4326, EPSG, always_xy=True)
    counted = {"right": 0, "aside": 0, "other_reason": 0, "wrong": 0, "lost": 0}
    by_code = {row["code"]: (n, row) for n, row in enumerate(rows)}
    stations = {one["station_id"]: one for one in intake.stations}
    assert len(intake.answers) == sum(intake.count(one) for one in ("taken", "merged", "set_aside"))
    assert {key for one in intake.answers for key in one.station_ids} == set(stations)
    for key, one in stations.items():
        row = by_code[key][1]
        x, y = turn.transform(float(one["lon"]), float(one["lat"]))
        away = ((x - row["x"]) ** 2 + (y - row["y"]) ** 2) ** 0.5
        counted["right" if away <= case.off_m else "wrong"] += 1
    visible = [one for one in intake.answers if not one.table.sheet.hidden]
    for answer in visible:
        if answer.outcome != "set_aside":
            continue
        said = [one.check for one in answer.findings]
        wanted = [*case.aside.values(), case.all_aside]
        counted["aside" if answer.reason in wanted else "other_reason"] += 1
        assert answer.reason in said
    counted["lost"] = len(rows) - counted["right"] - counted["wrong"] - counted["aside"] - counted["other_reason"]
    return counted


def test_the_corpus_is_large_and_has_the_faults_of_the_list():
    assert len(CASES) >= 80
    assert len({one.name for one in CASES}) == len(CASES)
    faults = {int(one.fault) for one in CASES if one.fault.isdigit()}
    assert {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22} <= faults


@pytest.mark.parametrize("case", CASES, ids=[one.name for one in CASES])
def test_no_coordinate_is_wrong_in_silence(case, study, tmp_path):
    counted = outcome(case, study, tmp_path)
    aside = len(case.aside) if not case.all_aside else 60
    assert (counted["wrong"], counted["other_reason"], counted["lost"]) == (0, 0, 0)
    assert (counted["right"], counted["aside"]) == (60 - aside, aside)
