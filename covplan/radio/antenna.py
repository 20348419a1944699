"""Antennas: named ones from `resources/antennas`, MSI Planet files, and what each loses in a direction.

Feeds `coverage` (through the kernel in `pattern`), `link_budget`, `emf` and `explain`.

Not used by a command yet: `gain_towards`.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from covplan.study.errors import LayerError
from covplan.study.language import _
from covplan.study.resources import resource_text
from covplan.study.settings import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

DIPOLE_DBI = 2.15  # 0 dBd
PATTERN_SUFFIXES = (".msi", ".pln")
LARGEST_GAP_DEG = 10.0  # between two samples of a cut; wider, and a lobe could hide in it
STEEPEST_TILT_DEG = 20.0  # where the main lobe of a cellular antenna is looked for
SAME_DB = 0.5  # two values for one angle may differ by this: 0 and 360 measured twice

_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"([A-Za-z_]\w*)(?:[\s:=]+(.*))?")
_COMMENT = ("#", "//", ";", "!")
_KEYS = frozenset(
    {
        "NAME",
        "MAKE",
        "FREQUENCY",
        "H_WIDTH",
        "V_WIDTH",
        "FRONT_TO_BACK",
        "GAIN",
        "TILT",
        "ELECTRICAL_TILT",
        "ELECTRICALTILT",
        "POLARIZATION",
        "POLARISATION",
        "COMMENT",
        "HORIZONTAL",
        "VERTICAL",
    }
)


@dataclass(frozen=True, eq=False)
class Antenna:
    """A pattern as two cuts through the main lobe, each sampled at 0, 1 … 359 degrees."""

    name: str
    gain_dbi: float
    """Gain in the direction where the cuts lose 0 dB."""
    horizontal_loss_db: NDArray[np.float64]
    """By degrees clockwise from the antenna's azimuth; positive is less."""
    vertical_loss_db: NDArray[np.float64]
    """By degrees below the horizon in front: 90 the ground, 180 behind, 270 the sky."""
    floor_db: float
    """The most it loses in any direction."""
    projected: bool = False
    """How the cuts combine: projected (measured patterns) or added (3GPP's parametric ones); see `pattern_loss`."""
    electrical_tilt_deg: float = 0.0
    """Tilt already in the vertical cut, of a file made for one tilt."""
    frequency_mhz: float = field(default=float("nan"))
    """Frequency the cuts were measured at; NaN: any."""

    def __post_init__(self) -> None:
        """Keep the cuts from being changed: antennas are shared."""
        for cut in (self.horizontal_loss_db, self.vertical_loss_db):
            if cut.shape != (360,) or not np.isfinite(cut).all():
                raise ValueError(f"antenna {self.name!r}: a cut needs 360 finite values, one per degree.")
            cut.setflags(write=False)


def omni_antenna(
    name: str, gain_dbi: float, *, vertical_beamwidth_deg: float | None = None, side_lobe_db: float = 20.0
) -> Antenna:
    """An antenna alike all round, with 3GPP's vertical pattern or (beamwidth None) none at all."""
    vertical_db = _parabola(vertical_beamwidth_deg, side_lobe_db)
    return Antenna(name, gain_dbi, np.zeros(360), vertical_db, floor_db=float(vertical_db.max()))


def sector_antenna(
    name: str,
    gain_dbi: float,
    *,
    horizontal_beamwidth_deg: float = 65.0,
    vertical_beamwidth_deg: float | None = 7.0,
    front_to_back_db: float = 30.0,
    side_lobe_db: float = 30.0,
) -> Antenna:
    """3GPP's parametric sector (TR 36.942 §4.2.1 with vertical beamwidth None, TR 38.901 Table 7.3-1 otherwise).

    A_H(φ) = min(12 (φ/φ3dB)², A_m), A_V(θ) = min(12 (θ/θ3dB)², SLA_v), together min(A_H + A_V, A_m): A_m is
    `front_to_back_db`, SLA_v `side_lobe_db`.
    """
    return Antenna(
        name,
        gain_dbi,
        _parabola(horizontal_beamwidth_deg, front_to_back_db),
        _parabola(vertical_beamwidth_deg, side_lobe_db),
        floor_db=front_to_back_db,
    )


def named_antenna(name: str) -> Antenna:
    """An antenna of resources/antennas/antennas.csv; LayerError says which names exist."""
    rows = _antenna_rows()
    if name not in rows:
        raise LayerError(
            _(
                "antenna {name!r} is not known (known: {known}).{hint} Put {name}.msi into the study's folder"
                " antennas/, or correct cells.csv."
            ).format(name=name, known=", ".join(rows), hint=did_you_mean(name, rows))
        )
    row = rows[name]
    gain_dbi, beamwidth = float(row["gain_dbi"]), row["vertical_beamwidth_deg"]
    vertical_beamwidth_deg = float(beamwidth) if beamwidth else None
    side_lobe_db = float(row["side_lobe_db"] or 0)
    if row["kind"] == "omni":
        return omni_antenna(name, gain_dbi, vertical_beamwidth_deg=vertical_beamwidth_deg, side_lobe_db=side_lobe_db)
    return sector_antenna(
        name,
        gain_dbi,
        horizontal_beamwidth_deg=float(row["horizontal_beamwidth_deg"]),
        vertical_beamwidth_deg=vertical_beamwidth_deg,
        front_to_back_db=float(row["front_to_back_db"]),
        side_lobe_db=side_lobe_db,
    )


def antenna_names() -> tuple[str, ...]:
    """Names `named_antenna` knows."""
    return tuple(_antenna_rows())


def _alike(name: str) -> str:
    """What names that some file system takes for the same have in common: macOS may give letters back taken apart."""
    return unicodedata.normalize("NFC", name).casefold()


def find_antenna(name: str, folder: Path | None = None) -> Antenna:
    """The file `name`.msi or .pln in the folder, whatever the case and composition of letters; else that antenna."""
    if folder is not None and folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in PATTERN_SUFFIXES and _alike(path.stem) == _alike(name):
                return read_msi(path)
    return named_antenna(name)


def split_downtilt(antenna: Antenna, downtilt_deg: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A cell's whole downtilt as electrical and mechanical tilt to set, degrees.

    A parametric antenna is steered electrically. A measured pattern holds its electrical tilt already; what is left
    is done by the bracket.
    """
    downtilt = np.asarray(downtilt_deg, float)
    if antenna.projected:
        return np.zeros_like(downtilt), downtilt - antenna.electrical_tilt_deg
    return downtilt, np.zeros_like(downtilt)


def pattern_loss(
    antenna: Antenna,
    *,
    azimuth_deg: ArrayLike,
    bearing_deg: ArrayLike,
    elevation_deg: ArrayLike,
    electrical_tilt_deg: ArrayLike = 0.0,
    mechanical_tilt_deg: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """How much less than its gain an antenna sends in a direction.

    With φ the angle from the azimuth (−180…180°) and θ the angle below the horizon, both after the antenna is turned
    down by the mechanical tilt as a rigid body, θ less the electrical tilt, and H and V the cuts::

        added      H(φ) + V(θ)                                                              TR 38.901 Table 7.3-1
        projected  H(φ) + (1 − |φ|/180) (V(θ) − H(0)) + (|φ|/180) (V(180 − θ) − H(180))      horizontal projection

    both kept between 0 and the antenna's floor. The second (Gil et al., IEEE Trans. Antennas Propag. 47, 1999) meets
    the vertical cut in front and behind, and the horizontal cut where the vertical one equals it.

    Parameters
    ----------
    antenna : Antenna
        The pattern.
    azimuth_deg, bearing_deg : array_like, degrees clockwise from north
        Where the antenna looks; where the receiver is.
    elevation_deg : array_like, degrees
        Of the receiver above the antenna's horizon; negative is below.
    electrical_tilt_deg, mechanical_tilt_deg : array_like, degrees
        Positive is down. Electrical tilt lowers the beam all round, mechanical tilt lowers the front, lifts the back.

    Returns
    -------
    ndarray, dB, in the broadcast shape
        0 or more; NaN where an angle is NaN.
    """
    elevation = np.asarray(elevation_deg, float)
    off, below = _turned_down(
        (np.asarray(bearing_deg, float) - np.asarray(azimuth_deg, float) + 180) % 360 - 180,
        elevation,
        np.asarray(mechanical_tilt_deg, float),
    )
    below = below - np.asarray(electrical_tilt_deg, float)
    horizontal_db, front_db = _at(antenna.horizontal_loss_db, off), _at(antenna.vertical_loss_db, below)
    if antenna.projected:
        behind = np.abs(off) / 180
        back_db = _at(antenna.vertical_loss_db, 180 - below)
        at_front, at_back = antenna.horizontal_loss_db[0], antenna.horizontal_loss_db[180]
        loss_db = horizontal_db + (1 - behind) * (front_db - at_front) + behind * (back_db - at_back)
    else:
        loss_db = horizontal_db + front_db
    kept_db: NDArray[np.float64] = np.clip(loss_db, 0, antenna.floor_db)
    return kept_db


def gain_towards(
    antenna: Antenna,
    *,
    azimuth_deg: ArrayLike,
    bearing_deg: ArrayLike,
    elevation_deg: ArrayLike,
    electrical_tilt_deg: ArrayLike = 0.0,
    mechanical_tilt_deg: ArrayLike = 0.0,
    feeder_loss_db: float = 0.0,
) -> NDArray[np.float64]:
    """Gain in a direction after the feeder, dBi; arguments and shape as in `pattern_loss`."""
    loss_db = pattern_loss(
        antenna,
        azimuth_deg=azimuth_deg,
        bearing_deg=bearing_deg,
        elevation_deg=elevation_deg,
        electrical_tilt_deg=electrical_tilt_deg,
        mechanical_tilt_deg=mechanical_tilt_deg,
    )
    return antenna.gain_dbi - feeder_loss_db - loss_db


def read_msi(path: Path) -> Antenna:
    """An antenna from an MSI Planet file (.msi, .pln): gain in dBd unless it says dBi, one or more samples per 10°.

    Read as files are found: any order of lines and angles, comments, decimal commas, tabs, more or fewer than 360
    samples, angles −180…180 or 0…360, losses written as negative gains. A fault raises LayerError with file and line.
    The vertical cut counts downwards from the horizon; a cut counted upwards is recognised by its declared tilt.
    """
    lines = _msi_lines(path)
    header: dict[str, tuple[int, str]] = {}
    first, key, value = lines[0]
    if key not in _KEYS:
        header["NAME"] = (first, f"{key} {value}".strip())  # some makers write the name alone
    cuts: dict[str, NDArray[np.float64]] = {}
    for number, key, value in lines:
        if key in {"HORIZONTAL", "VERTICAL"}:
            if key in cuts:
                raise LayerError(
                    _("{file} line {number}: a second {key} section.").format(file=path.name, number=number, key=key)
                )
            cuts[key] = _read_cut(path, lines, key, number, value)
        elif key not in header:
            header[key] = (number, value)
    for key in ("HORIZONTAL", "VERTICAL"):
        if key not in cuts:
            raise LayerError(
                _("{file}: no section {key}. An MSI Planet file holds HORIZONTAL 360 and VERTICAL 360.").format(
                    file=path.name, key=key
                )
            )
    horizontal_db, vertical_db = cuts["HORIZONTAL"], cuts["VERTICAL"]
    vertical_db, tilt_deg = _tilt(path, header, vertical_db)
    return Antenna(
        header.get("NAME", (0, path.stem))[1] or path.stem,
        _gain_dbi(path, header),
        horizontal_db,
        vertical_db,
        floor_db=float(max(horizontal_db.max(), vertical_db.max())),
        projected=True,
        electrical_tilt_deg=tilt_deg,
        frequency_mhz=_frequency_mhz(path, header),
    )


@cache
def _antenna_rows() -> dict[str, dict[str, str]]:
    rows = csv.DictReader(resource_text("antennas", "antennas.csv").splitlines())
    return {row["name"]: row for row in rows}


def _parabola(beamwidth_deg: float | None, most_db: float) -> NDArray[np.float64]:
    """3GPP's cut: 3 dB down at half the beamwidth, never more than `most_db`."""
    if beamwidth_deg is None:
        return np.zeros(360)
    off_deg = (np.arange(360.0) + 180) % 360 - 180
    return np.minimum(12 * (off_deg / beamwidth_deg) ** 2, most_db)


def _turned_down(
    off_deg: NDArray[np.float64], elevation_deg: NDArray[np.float64], tilt_deg: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Direction as the antenna on its tilted bracket sees it: degrees off its azimuth, degrees below its horizon."""
    off, up, tilt = np.radians(off_deg), np.radians(elevation_deg), np.radians(tilt_deg)
    ahead, side, high = np.cos(up) * np.cos(off), np.cos(up) * np.sin(off), np.sin(up)
    turned, raised = ahead * np.cos(tilt) - high * np.sin(tilt), ahead * np.sin(tilt) + high * np.cos(tilt)
    upright = tilt == 0  # exact, and free of the rounding of the turn
    return (
        np.where(upright, off_deg, np.degrees(np.arctan2(side, turned))),
        np.where(upright, -elevation_deg, -np.degrees(np.arcsin(np.clip(raised, -1, 1)))),
    )


def _at(cut_db: NDArray[np.float64], angle_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    loss_db: NDArray[np.float64] = np.interp(angle_deg % 360, np.arange(361.0), np.append(cut_db, cut_db[0]))
    return loss_db


def _msi_lines(path: Path) -> list[tuple[int, str, str]]:
    """Line number, first word in capitals (none in a row of numbers), the rest; no comments, no empty lines."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LayerError(_("{path}: cannot be read: {reason}.").format(path=path, reason=error.strerror)) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # makers' names; the numbers are the same bytes
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip().strip("\x00\x1a").strip()
        if not words or words.startswith(_COMMENT):
            continue
        word = _WORD.fullmatch(words)
        lines.append((number, word[1].upper(), (word[2] or "").strip()) if word else (number, "", words))
    if not lines:
        raise LayerError(_("{file}: the file is empty.").format(file=path.name))
    return lines


def _read_cut(
    path: Path, lines: list[tuple[int, str, str]], section: str, start: int, announced: str
) -> NDArray[np.float64]:
    """Loss at 0…359° from the rows after a section's title, dB."""
    rows = list(_rows_of(lines, start))
    count = _number(announced)
    if count is not None and count != len(rows):
        last = rows[-1][0] if rows else start
        raise LayerError(
            _("{file} line {last}: {section} announces {count:g} values, {found} follow. Is the file cut off?").format(
                file=path.name, last=last, section=section, count=count, found=len(rows)
            )
        )
    by_angle: dict[float, tuple[float, int]] = {}
    for number, text in rows:
        pair = _pair(text)
        if pair is None:
            raise LayerError(
                _("{file} line {number}: {text!r} is not an angle and a loss.").format(
                    file=path.name, number=number, text=text
                )
            )
        angle_deg, loss_db = pair
        if not -360 <= angle_deg <= 360:
            raise LayerError(
                _("{file} line {number}: the angle {angle_deg:g} is not between -360 and 360 degrees.").format(
                    file=path.name, number=number, angle_deg=angle_deg
                )
            )
        known = by_angle.get(angle_deg % 360)
        if known is not None and abs(known[0] - loss_db) > SAME_DB:
            raise LayerError(
                _(
                    "{file} line {number}: {angle_deg:g}° loses {loss_db:g} dB, on line {other_line} {other_db:g} dB."
                ).format(
                    file=path.name,
                    number=number,
                    angle_deg=angle_deg,
                    loss_db=loss_db,
                    other_line=known[1],
                    other_db=known[0],
                )
            )
        by_angle.setdefault(angle_deg % 360, (loss_db, number))
    return _resampled(path, section, by_angle, start)


def _rows_of(lines: list[tuple[int, str, str]], start: int) -> Iterator[tuple[int, str]]:
    """Rows of numbers after the line `start`, up to the next word."""
    for number, key, rest in lines:
        if number > start:
            if key:
                return
            yield number, rest


def _resampled(path: Path, section: str, by_angle: dict[float, tuple[float, int]], start: int) -> NDArray[np.float64]:
    angles = np.array(sorted(by_angle))
    if not angles.size:
        raise LayerError(
            _("{file} line {start}: {section} has no values.").format(file=path.name, start=start, section=section)
        )
    gaps = np.diff(np.append(angles, angles[0] + 360))
    if gaps.max() > LARGEST_GAP_DEG:
        where = angles[gaps.argmax()]
        raise LayerError(
            _(
                "{file} line {line}: {section} has no value between {from_deg:g}° and {to_deg:g}°; a cut goes"
                " all round."
            ).format(
                file=path.name,
                line=by_angle[where][1],
                section=section,
                from_deg=where,
                to_deg=(where + gaps.max()) % 360,
            )
        )
    losses_db = np.array([by_angle[angle][0] for angle in angles])
    if losses_db.max() <= 0:
        losses_db = -losses_db  # written as gain relative to the best direction
    elif losses_db.min() < 0:
        worst = angles[losses_db.argmin()]
        raise LayerError(
            _(
                "{file} line {line}: {section} loses {least_db:g} dB at {angle:g}° and up to {most_db:g} dB "
                "elsewhere: losses have one sign."
            ).format(
                file=path.name,
                line=by_angle[worst][1],
                section=section,
                least_db=losses_db.min(),
                angle=worst,
                most_db=losses_db.max(),
            )
        )
    cut_db: NDArray[np.float64] = np.interp(np.arange(360.0), angles, losses_db, period=360)
    return cut_db


def _pair(text: str) -> tuple[float, float] | None:
    """Angle and loss of a row; a comma between two whole tokens separates, inside one it is the decimal sign."""
    words = [word for word in re.split(r"[\s;]+", text) if word]
    if len(words) == 1:
        words = words[0].split(",")
    if len(words) != 2:
        return None
    angle, loss = (_number(word.rstrip(",")) for word in words)
    return None if angle is None or loss is None else (angle, loss)


def _number(text: str) -> float | None:
    found = _NUMBER.fullmatch(text.strip())
    return float(found[0].replace(",", ".")) if found else None


def _gain_dbi(path: Path, header: dict[str, tuple[int, str]]) -> float:
    if "GAIN" not in header:
        raise LayerError(_("{file}: no line GAIN. Add it, such as GAIN 15.5 dBi.").format(file=path.name))
    number, text = header["GAIN"]
    found = _NUMBER.match(text)
    unit = text[found.end() :].strip(" \t()").lower() if found else ""
    if found is None or unit not in {"", "dbi", "dbd", "db"}:
        raise LayerError(
            _("{file} line {number}: GAIN {text!r} is not a number with dBi or dBd.").format(
                file=path.name, number=number, text=text
            )
        )
    gain = float(found[0].replace(",", "."))
    return gain if unit == "dbi" else gain + DIPOLE_DBI


def _frequency_mhz(path: Path, header: dict[str, tuple[int, str]]) -> float:
    """The frequency, or the middle of a range such as 1710-1880; NaN when the file gives none."""
    number, text = header.get("FREQUENCY", (0, ""))
    if not text:
        return float("nan")
    found = [float(one.replace(",", ".")) for one in re.findall(r"\d+(?:[.,]\d+)?", text)]
    if not 1 <= len(found) <= 2:
        raise LayerError(
            _("{file} line {number}: FREQUENCY {text!r} is not a frequency in MHz.").format(
                file=path.name, number=number, text=text
            )
        )
    return sum(found) / len(found) * (1000.0 if "ghz" in text.lower() else 1.0)


def _tilt(
    path: Path, header: dict[str, tuple[int, str]], vertical_db: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The vertical cut counted downwards, and the electrical tilt in it, degrees."""
    declared = None
    for key in ("ELECTRICAL_TILT", "ELECTRICALTILT", "TILT"):
        number, text = header.get(key, (0, ""))
        found = _NUMBER.search(text)
        if found and "MECH" not in text.upper():
            declared = float(found[0].replace(",", "."))
            break
    main_lobe_deg = _main_lobe(vertical_db)
    if not declared:  # "TILT 0" is also written by tools that do not know the tilt
        return vertical_db, main_lobe_deg
    if abs(declared - main_lobe_deg) <= max(2.0, 0.5 * abs(declared)):
        return vertical_db, main_lobe_deg
    if abs(declared + main_lobe_deg) <= max(2.0, 0.5 * abs(declared)):
        return np.roll(vertical_db[::-1], 1), -main_lobe_deg  # counted upwards: 90 is the sky
    raise LayerError(
        _(
            "{file} line {number}: the tilt is given as {declared:g}°, the vertical cut has its main lobe"
            " at {main_lobe_deg:g}° below the horizon. Correct the one that is wrong."
        ).format(file=path.name, number=number, declared=declared, main_lobe_deg=main_lobe_deg)
    )


def _main_lobe(vertical_db: NDArray[np.float64]) -> float:
    """Middle of the top of the vertical cut near the horizon, degrees below it."""
    span = np.arange(-STEEPEST_TILT_DEG, STEEPEST_TILT_DEG + 1)
    near_db = vertical_db[span.astype(int) % 360]
    top = span[near_db <= near_db.min() + 1e-9]
    return float(top.mean())
