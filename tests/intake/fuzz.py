"""Random and mutated cells through everything that reads one: `python -m tests.intake.fuzz [CELLS]`."""

from __future__ import annotations

import datetime as dt
import random
import sys

from covplan.intake import meanings
from covplan.intake.letters import mended, name_key, plain_key
from covplan.intake.positions import readings
from covplan.intake.tables import field_of

SEEDS = [
    "105,34808/22,62924", "22°37'45.3\"N, 105°20'53.1\"E", "2.503.123,4", "10534808", "22-37-45", "45+3",
    "cột 15m/nhà 12m",
    "Quý IV/2022", "05/2021", "44270", "4G LTE", "2/3/4G", "L1800; n78", "VNPT-Vinaphone", "dự kiến", "Tuyªn Quang",
    "TuyÃªn Quang", "HuyeÄn Sôn Döông", "=1+1", "1e400", "-0", "NaN", "Kinh độ (WGS84)", "A2b", "x", "☃", "٣٤", "", " ",
    "22 độ 37 phút 45,3 giây Bắc - 105 độ 20 phút 53,1 giây Đông", "18535812", "105.348.08", "Tổng cộng",
]  # fmt: skip
ODD = (float("inf"), float("nan"), True, dt.date(2020, 1, 1), dt.time(1, 2), dt.timedelta(days=3), 1e308)
LETTERS = "0123456789.,;:/-+°'\" NEBĐxXaàáảđêôơưỹ²½٣\u0301\u00a0\u200b\ud7ff\x00\t\n%$#@()[]{}<>=&"


def cells(count: int, seed: int = 18) -> list[object]:
    """So many cells: texts of seeds cut, doubled and mixed, random letters, numbers, dates."""
    chance = random.Random(seed)  # noqa: S311 (a test's own)
    made: list[object] = []
    for n in range(count):
        match n % 5:
            case 0:
                made.append("".join(chance.choice(LETTERS) for _letter in range(chance.randrange(40))))
            case 1:
                made.append(chance.choice((chance.uniform(-1e9, 1e9), chance.randrange(10**9), *ODD)))
            case _:
                text = list(chance.choice(SEEDS))
                for _time in range(chance.randrange(1, 6)):
                    at = chance.randrange(len(text) + 1)
                    if text and chance.random() < 0.4:
                        del text[min(at, len(text) - 1)]
                    else:
                        text.insert(at, chance.choice(LETTERS))
                made.append("".join(text) + (chance.choice(SEEDS) if chance.random() < 0.2 else ""))
    return made


def read_all(cell: object, other: object) -> None:
    """Everything that is ever asked of a cell."""
    text = meanings.text_of(cell)  # type: ignore[arg-type]
    for one in readings(cell, other, cell):  # type: ignore[arg-type]
        assert 100 < one.x < 111 or one.metric
        assert one.precision_m > 0
    meanings.operators(text)
    meanings.bands(text, meanings.technologies(text))
    for on_roof in (True, False):
        meanings.height(text, on_roof=on_roof)
    meanings.number(cell)  # type: ignore[arg-type]
    meanings.date(cell)  # type: ignore[arg-type]
    meanings.status(text, text)
    meanings.restricted(text, text)
    meanings.truth(text)
    mended(text)
    name_key(text)
    plain_key(text)
    field_of(text)


def main(count: int) -> int:
    """Read so many cells; an exception is what is looked for."""
    made = cells(count)
    for cell, other in zip(made, made[1:] + made[:1], strict=True):
        try:
            read_all(cell, other)
        except Exception:
            sys.stderr.write(f"{cell!r} {other!r}\n")
            raise
    return len(made)


if __name__ == "__main__":
    sys.stdout.write(f"{main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)} cells, no exception\n")
