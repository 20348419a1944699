"""Rates of the corpus by fault: `python -m tests.intake.rates`."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

from tests.intake.corpus import cases, study_of
from tests.intake.test_corpus import outcome

COUNTED = ("right", "aside", "other_reason", "wrong", "lost")


def main() -> dict[str, dict[str, int]]:
    """Print, by fault, rows that came out right, were set aside for the right or another reason, or went wrong."""
    rates: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTED, 0))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = study_of(Path(folder) / "study")
        for case in cases():
            counted = outcome(case, study, Path(folder))
            for name in COUNTED:
                rates[case.fault][name] += counted[name]
    lines = [("fault", "rows", *COUNTED)]
    for fault, counted in sorted(rates.items(), key=lambda one: (not one[0].isdigit(), one[0].zfill(3))):
        lines.append((fault, str(sum(counted.values())), *(str(counted[name]) for name in COUNTED)))
    for line in lines:
        sys.stdout.write("".join(f"{cell:>14}" for cell in line) + "\n")
    return dict(rates)


if __name__ == "__main__":
    main()
