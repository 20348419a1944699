"""The long run: `python -m tests.fuzz --count 100000 --seed 1 [--kind csv_cells] [--minutes 60]`."""

from __future__ import annotations

import argparse
import faulthandler
import shutil
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import click

from tests.fuzz.mutate import KINDS
from tests.fuzz.run import fuzz

BATCH = 100


def main() -> int:
    """Run, print how many of each kind ended how, and every failure once with its first seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=list(KINDS), action="append")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--plan", action="store_true", help="plan each study that can be read, too: slow")
    asked = parser.parse_args()
    faulthandler.enable()  # a library that crashes says where; the seed is between the last two lines
    ended: dict[tuple[str, str], int] = {}
    failures: dict[str, tuple[str, int, str]] = {}
    slowest_s, most_bytes, began = 0.0, 0, time.monotonic()
    seeds = iter(range(asked.seed, asked.seed + asked.count))
    with tempfile.TemporaryDirectory() as folder:
        while (part := list(islice(seeds, BATCH))) and time.monotonic() - began < 60 * asked.minutes:
            study = Path(folder) / str(part[0])
            tried = fuzz(study, part, asked.kind or tuple(KINDS), plan=asked.plan)
            shutil.rmtree(study)
            for key, count in tried.ended.items():
                ended[key] = ended.get(key, 0) + count
            for kind, seed, what in tried.failures:
                failures.setdefault(_where(what), (kind, seed, what))
            slowest_s, most_bytes = max(slowest_s, tried.slowest_s), max(most_bytes, tried.most_bytes)
            click.echo(f"up to seed {part[-1]}: {sum(ended.values())} tried, {len(failures)} different failures")
    for (kind, how), count in sorted(ended.items()):
        click.echo(f"{kind:14} {how:24} {count:7}")
    click.echo(f"slowest {slowest_s:.1f} s, memory {most_bytes / 1e6:.0f} MB")
    for kind, seed, what in failures.values():
        click.echo(f"\n{kind} --seed {seed}\n{what}")
    return 1 if failures else 0


def _where(what: str) -> str:
    """Failures at one place of the code are one."""
    return "\n".join([line for line in what.splitlines() if "covplan/" in line or "fuzz/" in line][-1:] or [what])


if __name__ == "__main__":
    sys.exit(main())
