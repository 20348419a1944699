"""Published optima, met through the program layer that the proposals use."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from benchmarks import optima
from tests.real_province import REFERENCE

INSTANCES = REFERENCE / "instances"
FAST = [f"pmed{n}.txt" for n in (1, 2, 3, 4, 5)] + ["SJC324.txt", "SJC402.txt"]


@pytest.mark.needs("reference")
def test_public_instances_are_solved_to_the_published_value():
    found = optima.main([str(INSTANCES), "--only", *FAST])
    assert len(found) == 5 + 6 + 7
    assert {name: value for name, (value, *_) in found.items()} == pytest.approx(
        {name: published for name, (_, published, *_) in found.items()}
    )
    assert all(gap == 0 for _, _, gap, _ in found.values())


def test_a_small_p_median_equals_trying_every_pair():
    chance = np.random.default_rng(3)
    distance = chance.integers(0, 20, (9, 7)).astype(float)
    best = min(distance[:, [a, b]].min(axis=1).sum() for a in range(7) for b in range(a))
    program = optima.p_median(distance, 2)
    assert program.solved().objective + distance.min(axis=1).sum() == best


def test_covering_programs_on_a_line_of_five():
    reach = csr_array(np.array([[1.0, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]))
    assert optima.cover_all(reach).solved().objective == 2
    assert optima.most_covered(reach, np.array([5.0, 1, 1, 1, 1]), 1).solved().objective == 3


def test_an_instance_file_is_read_with_its_last_edge_and_reported(tmp_path, capsys):
    (tmp_path / "pmed").mkdir()
    (tmp_path / "pmed" / "tiny.txt").write_text(" 3 3 1\n 1 2 9\n 2 3 4\n 1 2 2\n", encoding="ascii")
    (tmp_path / "optima.csv").write_text("set,file,objective,optimum\npmed,tiny.txt,p-median,6\n", encoding="utf-8")
    assert optima.main([str(tmp_path)])["tiny.txt"][:3] == (6, 6, 0)
    assert "published" in capsys.readouterr().out
