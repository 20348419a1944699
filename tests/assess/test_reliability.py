"""What a map is worth: tables counted by hand, Wilson's interval against published values."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from covplan.assess.reliability import compare, confusion, errors_by, observed_hamlets, success_rate, wilson_interval
from covplan.study.errors import LayerError
from covplan.study.language import speaking


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857–872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_that_of_newcombes_table(successes, trials, low, high):
    found = wilson_interval(successes, trials)
    assert found == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(trials - successes, trials) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_wilsons_limits_are_where_the_score_test_just_rejects():
    for successes, trials in ((3, 10), (95, 100), (1, 2)):
        for limit in wilson_interval(successes, trials):
            score = (successes / trials - limit) / math.sqrt(limit * (1 - limit) / trials)
            assert abs(score) == pytest.approx(1.959964, abs=1e-5)
    assert all(math.isnan(limit) for limit in wilson_interval(0, 0))
    assert wilson_interval(5, 10, 0.5)[0] > wilson_interval(5, 10)[0]


PREDICTED = [True, True, True, False, False, True, None, False]
OBSERVED = [True, True, False, False, True, np.nan, True, False]


def test_the_confusion_table_counts_what_is_known_on_both_sides():
    table = confusion(PREDICTED, OBSERVED)
    assert table.loc["covered"].tolist() == [2, 1, 3]
    assert table.loc["dark"].tolist() == [1, 2, 3]
    assert table.loc["all"].tolist() == [3, 3, 6]
    with pytest.raises(ValueError, match="differ in number: 2 and 1"):
        confusion([True, False], [True])


def test_success_is_counted_within_the_declared_area_only():
    rate = success_rate(PREDICTED, OBSERVED)
    assert (rate["n"], rate["met"]) == (3, 2)
    assert rate["share"] == pytest.approx(2 / 3)
    assert (rate["low"], rate["high"]) == wilson_interval(2, 3)
    assert math.isnan(success_rate([False], [True])["share"])


def test_bias_and_rmse_per_group_by_hand():
    errors = [2.0, -4.0, 6.0, np.nan]
    table = errors_by(errors, {"operator": ["A", "A", "B", "B"]}).set_index("group")
    assert table.loc["all", ["n", "bias_db"]].tolist() == [3, pytest.approx(4 / 3)]
    assert table.loc["A", "bias_db"] == -1.0
    assert table.loc["A", "rmse_db"] == pytest.approx(10**0.5)
    assert table.loc["A", "sigma_db"] == pytest.approx(18**0.5)
    assert table.loc["B", ["n", "rmse_db"]].tolist() == [1, 6.0]
    assert errors_by([], {}).loc[0, "n"] == 0


def test_all_tables_together():
    tests = pd.DataFrame(
        {
            "technology": ["4G"] * 4,
            "operator": ["VTL", "VTL", "VNPT", "VNPT"],
            "landcover": ["Rừng cây", "Đồng cỏ", "Rừng cây", "Rừng cây"],
            "error_db": [1.0, 3.0, -5.0, np.nan],
            "predicted": [True, True, True, False],
            "observed": [True, False, True, True],
        }
    )
    found = compare(tests, [True, False, None], [True, True, False])
    assert found.tests.loc["all", "all"] == 4
    assert found.hamlets.loc["covered", "covered"] == 1
    assert found.hamlets.loc["all", "all"] == 2
    rates = found.success.set_index("operator")
    assert rates.loc["all", ["n", "met"]].tolist() == [3, 2]
    assert rates.loc["VTL", "share"] == 0.5
    assert found.errors["group"].tolist() == ["all", "4G", "VNPT", "VTL", "Rừng cây", "Đồng cỏ"]
    assert found.not_received == 1


@speaking("en")
def test_hamlets_are_dark_as_declared_or_as_a_list_says(tmp_path):
    villages = pd.DataFrame(
        {"village_id": list("abcde"), "declared_mobile": ["covered", "weak", "none", "unknown", None]},
        index=range(5, 10),
    )
    declared = observed_hamlets(villages)
    assert declared.iloc[:3].tolist() == [True, True, False]
    assert declared.iloc[3:].isna().all()
    path = tmp_path / "trang.csv"
    path.write_text("\ufeffvillage_id\n b\ne\n", encoding="utf-8")
    assert observed_hamlets(villages, path).tolist() == [True, False, True, True, False]
    for text, said in (
        ("ma\nb\n", "no column village_id"),
        ("village_id\nb\nz\n", "row 3: 'z'"),
        ("", "cannot be read"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(LayerError, match=said):
            observed_hamlets(villages, path)
