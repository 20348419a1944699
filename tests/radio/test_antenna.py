"""Patterns, tilts and MSI Planet files: against 3GPP's formulas, geometry, and files as they are found."""

from __future__ import annotations

import csv
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covplan.radio.antenna import (
    antenna_names,
    find_antenna,
    gain_towards,
    named_antenna,
    omni_antenna,
    pattern_loss,
    read_msi,
    sector_antenna,
    split_downtilt,
)
from covplan.radio.pattern import combined_loss
from covplan.study.errors import LayerError
from covplan.study.language import speaking
from covplan.study.resources import resource_text

ANGLES = np.arange(360)


def measured_cuts(tilt_deg=0, *, front_to_back_db=28):
    """Cuts as a maker measures them: a lobe in front, a lesser one behind."""
    off = (ANGLES + 180) % 360 - 180
    horizontal_db = np.minimum(12 * (off / 65) ** 2, front_to_back_db)
    below = (ANGLES - tilt_deg + 180) % 360 - 180
    behind = (180 - ANGLES - tilt_deg + 180) % 360 - 180
    front_db = np.minimum(12 * (below / 8) ** 2, 33)
    back_db = front_to_back_db + np.minimum(12 * (behind / 20) ** 2, 8)
    return horizontal_db, np.minimum(front_db, back_db)


def msi_text(horizontal_db, vertical_db, *, gain="17.5 dBi", tilt="TILT 0", rows=None):
    rows = rows or (lambda angle, loss: f"{angle} {loss:.3f}")
    return "\n".join(
        [
            "NAME Panel 65",
            "MAKE A maker",
            "FREQUENCY 1842.5",
            "H_WIDTH 65",
            f"GAIN {gain}",
            tilt,
            "COMMENT measured",
            f"HORIZONTAL {len(horizontal_db)}",
            *[rows(angle, loss) for angle, loss in enumerate(horizontal_db)],
            f"VERTICAL {len(vertical_db)}",
            *[rows(angle, loss) for angle, loss in enumerate(vertical_db)],
        ]
    )


def written(folder, text, name="panel.msi", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def measured(tmp_path):
    return read_msi(written(tmp_path, msi_text(*measured_cuts())))


def test_a_sector_is_three_decibels_down_at_half_its_beamwidths():
    antenna = sector_antenna("s", 17, horizontal_beamwidth_deg=64, vertical_beamwidth_deg=8)
    at = {"azimuth_deg": 100}
    assert gain_towards(antenna, **at, bearing_deg=100, elevation_deg=0) == 17
    assert gain_towards(antenna, **at, bearing_deg=[68, 132], elevation_deg=0) == pytest.approx([14, 14])
    assert gain_towards(antenna, **at, bearing_deg=100, elevation_deg=[-4, 4]) == pytest.approx([14, 14])
    assert gain_towards(antenna, **at, bearing_deg=280, elevation_deg=0) == 17 - 30


@given(
    bearing=st.integers(0, 359), elevation=st.integers(-90, 90), azimuth=st.integers(0, 359), tilt=st.integers(-5, 15)
)
def test_a_sector_follows_tr_38901_table_7_3_1_everywhere(bearing, elevation, azimuth, tilt):
    antenna = sector_antenna("s", 8, horizontal_beamwidth_deg=65, vertical_beamwidth_deg=65)
    off = (bearing - azimuth + 180) % 360 - 180
    loss_db = min(12 * (off / 65) ** 2, 30) + min(12 * ((-elevation - tilt) / 65) ** 2, 30)
    found = pattern_loss(
        antenna, azimuth_deg=azimuth, bearing_deg=bearing, elevation_deg=elevation, electrical_tilt_deg=tilt
    )
    assert found == pytest.approx(min(loss_db, 30), abs=1e-9)


def test_tr_36942_is_the_horizontal_pattern_alone():
    antenna = named_antenna("tr36942_65")
    bearings = np.array([0, 30, 60, 83, 84, 180])
    for elevation in (-60, 0, 10):
        found = pattern_loss(antenna, azimuth_deg=0, bearing_deg=bearings, elevation_deg=elevation)
        assert found == pytest.approx(np.minimum(12 * (bearings / 65) ** 2, 20))


def test_an_omni_antenna_is_alike_all_round_and_tilts_as_a_cone():
    antenna = omni_antenna("o", 8.5, vertical_beamwidth_deg=10)
    found = pattern_loss(antenna, azimuth_deg=0, bearing_deg=ANGLES, elevation_deg=-5, electrical_tilt_deg=5)
    assert (found == 0).all()
    assert named_antenna("isotropic").floor_db == 0


def test_the_antennas_of_the_cells_layer_exist():
    assert {"sector_65", "omni"} <= set(antenna_names())
    for name in antenna_names():
        antenna = named_antenna(name)
        assert antenna.horizontal_loss_db.min() == antenna.vertical_loss_db.min() == 0
    titles = [row["title_vi"] for row in csv.DictReader(resource_text("antennas", "antennas.csv").splitlines())]
    assert all(titles)


@speaking("en")
def test_an_unknown_antenna_is_named_with_those_that_exist():
    with pytest.raises(LayerError, match=r"'sektor_65' is not known.*Did you mean sector_65\?.*sektor_65\.msi"):
        find_antenna("sektor_65")


def test_mechanical_tilt_turns_the_antenna_as_one_piece(measured):
    down = {"azimuth_deg": 30, "mechanical_tilt_deg": 6}
    assert pattern_loss(measured, **down, bearing_deg=30, elevation_deg=-6) == pytest.approx(0, abs=1e-9)
    behind = pattern_loss(measured, **down, bearing_deg=210, elevation_deg=6)  # the back goes up
    assert behind == pytest.approx(measured.horizontal_loss_db[180])
    sideways = pattern_loss(measured, **down, bearing_deg=120, elevation_deg=0)  # the axis of the turn stays
    assert sideways == pytest.approx(pattern_loss(measured, azimuth_deg=30, bearing_deg=120, elevation_deg=0))


def test_electrical_tilt_lowers_the_beam_all_round(measured):
    down = {"azimuth_deg": 30, "electrical_tilt_deg": 6}
    assert pattern_loss(measured, **down, bearing_deg=30, elevation_deg=-6) == pytest.approx(0, abs=1e-9)
    behind = pattern_loss(measured, **down, bearing_deg=210, elevation_deg=-6)
    assert behind == pytest.approx(measured.horizontal_loss_db[180])


def test_projected_cuts_meet_both_cuts(measured):
    around = pattern_loss(measured, azimuth_deg=0, bearing_deg=ANGLES, elevation_deg=0)
    assert around == pytest.approx(measured.horizontal_loss_db, abs=1e-9)
    below = np.arange(-90, 91)
    front = pattern_loss(measured, azimuth_deg=0, bearing_deg=0, elevation_deg=-below)
    assert front == pytest.approx(measured.vertical_loss_db[below % 360], abs=1e-9)
    back = pattern_loss(measured, azimuth_deg=0, bearing_deg=180, elevation_deg=-below)
    assert back == pytest.approx(measured.vertical_loss_db[180 - below], abs=1e-9)


@pytest.mark.parametrize("name", [*antenna_names(), "measured"])
def test_the_kernel_equals_its_definition(name, measured):
    antenna = measured if name == "measured" else named_antenna(name)
    rng = np.random.default_rng(7)
    count = 3000
    azimuth, bearing = rng.uniform(-10, 370, (2, count))
    elevation = rng.uniform(-90, 90, count)
    electrical, mechanical = rng.uniform(-5, 15, (2, count))
    mechanical[: count // 2] = 0
    bearing[0], azimuth[0] = 77.0, 77.0 + 1e-15
    expected = pattern_loss(
        antenna,
        azimuth_deg=azimuth,
        bearing_deg=bearing,
        elevation_deg=elevation,
        electrical_tilt_deg=electrical,
        mechanical_tilt_deg=mechanical,
    )
    cuts = (antenna.horizontal_loss_db, antenna.vertical_loss_db, antenna.floor_db, antenna.projected)
    directions = zip(azimuth, electrical, mechanical, bearing, elevation, strict=True)
    found = [combined_loss(*cuts, *direction) for direction in directions]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert 0 <= expected.min() <= expected.max() <= antenna.floor_db
    assert np.isnan(combined_loss(*cuts, np.nan, 0, 0, 10, 0))


def test_no_direction_gets_more_than_the_gain_and_a_missing_angle_stays_missing(measured):
    bearing, elevation = np.meshgrid(ANGLES, np.arange(-90, 91))
    towards = {"azimuth_deg": 12, "mechanical_tilt_deg": 3, "feeder_loss_db": 2}
    gain = gain_towards(measured, **towards, bearing_deg=bearing, elevation_deg=elevation)
    assert gain.shape == bearing.shape
    assert gain.max() <= 17.5 - 2
    assert np.isnan(gain_towards(measured, **towards, bearing_deg=0, elevation_deg=[0, np.nan])).tolist() == [0, 1]


def test_the_downtilt_of_a_cell_goes_to_the_beam_or_to_the_bracket(tmp_path):
    electrical, mechanical = split_downtilt(named_antenna("sector_65"), [0, 6])
    assert (electrical.tolist(), mechanical.tolist()) == ([0, 6], [0, 0])
    tilted = read_msi(written(tmp_path, msi_text(*measured_cuts(4), tilt="TILT 4")))
    electrical, mechanical = split_downtilt(tilted, [4, 7])
    assert (electrical.tolist(), mechanical.tolist()) == ([0, 0], [0, 3])


def test_a_cut_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="360 finite values"):
        type(omni_antenna("o", 0))("short", 0, np.zeros(361), np.zeros(360), floor_db=0)
    with pytest.raises(ValueError, match="read-only"):
        named_antenna("omni").vertical_loss_db[0] = 3


def test_an_msi_file_is_read_as_written(tmp_path):
    horizontal_db, vertical_db = measured_cuts(5)
    antenna = read_msi(written(tmp_path, msi_text(horizontal_db, vertical_db, tilt="TILT ELECTRICAL 5")))
    assert (antenna.name, antenna.gain_dbi, antenna.frequency_mhz) == ("Panel 65", 17.5, 1842.5)
    assert antenna.electrical_tilt_deg == 5
    np.testing.assert_allclose(antenna.horizontal_loss_db, horizontal_db, atol=5e-4)
    np.testing.assert_allclose(antenna.vertical_loss_db, vertical_db, atol=5e-4)
    assert antenna.floor_db == pytest.approx(33)


@pytest.mark.parametrize(
    ("gain", "dbi"),
    [
        ("15.35", 17.5),
        ("15.35 dBd", 17.5),
        ("17,5 dBi", 17.5),
        ("17.5dBi", 17.5),
        ("17.5 (dBi)", 17.5),
        ("15 DB", 17.15),
    ],
)
def test_gain_is_over_a_dipole_unless_it_says_dbi(tmp_path, gain, dbi):
    antenna = read_msi(written(tmp_path, msi_text(*measured_cuts(), gain=gain)))
    assert antenna.gain_dbi == pytest.approx(dbi)


@pytest.mark.parametrize(
    ("frequency", "mhz"),
    [("1842.5", 1842.5), ("1842,5 MHz", 1842.5), ("1.8425 GHz", 1842.5), ("1805-1880", 1842.5), ("", np.nan)],
)
def test_frequency_is_read_in_any_unit_or_as_a_range(tmp_path, frequency, mhz):
    text = msi_text(*measured_cuts()).replace("FREQUENCY 1842.5", f"FREQUENCY {frequency}")
    assert read_msi(written(tmp_path, text)).frequency_mhz == pytest.approx(mhz, nan_ok=True)


def reordered(text):
    """Vertical cut first, header last, angles from -180 to 179 and shuffled, as some exporters write."""
    lines = text.splitlines()
    at_h = next(i for i, line in enumerate(lines) if line.startswith("HORIZONTAL"))
    at_v = next(i for i, line in enumerate(lines) if line.startswith("VERTICAL"))
    header, horizontal, vertical = lines[:at_h], lines[at_h:at_v], lines[at_v:]

    def shuffled(section):
        pairs = [line.split() for line in section[1:]]
        turned = [f"{(int(angle) + 180) % 360 - 180} {loss}" for angle, loss in pairs]
        return [section[0], *np.random.default_rng(1).permutation(turned)]

    return "\n".join([*shuffled(vertical), "", *shuffled(horizontal), *header])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("NAME Panel 65", "Panel 65"),
        lambda text: "# made by a tool\r\n" + text.replace("\n", "\r\n") + "\r\n\x1a",
        lambda text: "\ufeff" + text,
        lambda text: text.lower(),
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace("H_WIDTH 65", "X_VENDOR_KEY abc def\nH_WIDTH=65\n; a comment"),
        lambda text: text.replace("HORIZONTAL 360", "HORIZONTAL").replace("VERTICAL 360", "VERTICAL"),
        reordered,
    ],
    ids=["bare name", "crlf", "bom", "lower case", "tabs", "vendor keys", "no counts", "reordered"],
)
def test_files_as_makers_write_them_read_the_same(tmp_path, change):
    plain = read_msi(written(tmp_path, msi_text(*measured_cuts(3))))
    changed = read_msi(written(tmp_path, change(msi_text(*measured_cuts(3))), "changed.pln"))
    assert changed.name.casefold().replace("\t", " ") == "panel 65"
    assert changed.gain_dbi == plain.gain_dbi
    np.testing.assert_array_equal(changed.horizontal_loss_db, plain.horizontal_loss_db)
    np.testing.assert_array_equal(changed.vertical_loss_db, plain.vertical_loss_db)


@pytest.mark.parametrize(
    "rows",
    [
        lambda angle, loss: f"{angle},0 {loss:.3f}".replace(".", ","),
        lambda angle, loss: f"{angle};{loss:.3f}",
        lambda angle, loss: f"  {angle}.00\t{loss:.3f}  ",
        lambda angle, loss: f"{angle},{loss:.3f}",
        lambda angle, loss: f"{angle} {-loss:.3f}",
    ],
    ids=["decimal commas", "semicolons", "blanks", "comma between", "negative gains"],
)
def test_rows_are_read_however_numbers_are_written(tmp_path, rows):
    horizontal_db, vertical_db = measured_cuts()
    antenna = read_msi(written(tmp_path, msi_text(horizontal_db, vertical_db, rows=rows)))
    np.testing.assert_allclose(antenna.horizontal_loss_db, horizontal_db, atol=5e-4)
    np.testing.assert_allclose(antenna.vertical_loss_db, vertical_db, atol=5e-4)


def test_a_name_in_an_old_encoding_does_not_stop_the_file(tmp_path):
    text = msi_text(*measured_cuts()).replace("A maker", "Hersteller Münster")
    assert read_msi(written(tmp_path, text, encoding="latin-1")).gain_dbi == 17.5


def test_other_samplings_of_a_cut_are_read_between_degrees(tmp_path):
    horizontal_db, vertical_db = measured_cuts()
    every_fifth = [f"{angle} {horizontal_db[angle]:.4f}" for angle in range(0, 360, 5)]
    and_again = [f"{angle} {vertical_db[angle % 360]:.4f}" for angle in range(361)]
    text = "\n".join(["NAME p", "GAIN 10 dBi", "HORIZONTAL 72", *every_fifth, "VERTICAL 361", *and_again])
    antenna = read_msi(written(tmp_path, text))
    np.testing.assert_allclose(antenna.horizontal_loss_db[::5], horizontal_db[::5], atol=1e-4)
    assert antenna.horizontal_loss_db[2] == pytest.approx(0.4 * horizontal_db[5], abs=1e-4)
    np.testing.assert_allclose(antenna.vertical_loss_db, vertical_db, atol=1e-4)


def test_a_vertical_cut_counted_upwards_is_turned_by_its_declared_tilt(tmp_path):
    horizontal_db, vertical_db = measured_cuts(6)
    upwards_db = vertical_db[(-ANGLES) % 360]
    antenna = read_msi(written(tmp_path, msi_text(horizontal_db, upwards_db, tilt="TILT 6")))
    np.testing.assert_allclose(antenna.vertical_loss_db, vertical_db, atol=5e-4)
    assert antenna.electrical_tilt_deg == 6


def faulty(change):
    return change(msi_text(*measured_cuts()))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"panel\.msi: the file is empty"),
        (faulty(lambda t: t.replace("GAIN 17.5 dBi\n", "")), r"panel\.msi: no line GAIN"),
        (faulty(lambda t: t.replace("17.5 dBi", "high")), r"panel\.msi line 5: GAIN 'high'"),
        (faulty(lambda t: t.replace("17.5 dBi", "17.5 dBm")), r"panel\.msi line 5: GAIN '17\.5 dBm'"),
        (faulty(lambda t: t.replace("1842.5", "high")), r"panel\.msi line 3: FREQUENCY 'high'"),
        (faulty(lambda t: t[: t.index("VERTICAL")]), r"panel\.msi: no section VERTICAL"),
        (faulty(lambda t: t[: t.rindex("\n")]), r"panel\.msi line 728: VERTICAL announces 360 values, 359 follow"),
        (faulty(lambda t: t.replace("\n90 ", "\n90 x", 1)), r"panel\.msi line 99: '90 x23\.006' is not an angle"),
        (faulty(lambda t: t.replace("\n90 ", "\n900 ", 1)), r"panel\.msi line 99: the angle 900 is not"),
        (faulty(lambda t: t.replace("\n90 ", "\n91 ", 1)), r"panel\.msi line 100: 91° loses .* on line 99"),
        (faulty(lambda t: t.replace("\n90 ", "\n90 -", 1)), r"panel\.msi line 99: HORIZONTAL loses -23\.006 dB"),
        (faulty(lambda t: t + "\nHORIZONTAL 0"), r"panel\.msi line 730: a second HORIZONTAL"),
        (faulty(lambda t: t.replace("TILT 0", "TILT 9")), r"panel\.msi line 6: the tilt is given as 9°"),
        (
            "NAME p\nGAIN 1 dBi\nHORIZONTAL\n0 0\n90 3\nVERTICAL\n0 0",
            r"line 5: HORIZONTAL has no value between 90° and 0°",
        ),
    ],
)
@speaking("en")
def test_a_fault_in_a_file_is_named_with_its_line(tmp_path, text, says):
    with pytest.raises(LayerError, match=says):
        read_msi(written(tmp_path, text))


@speaking("en")
def test_a_file_in_the_study_comes_before_the_table(tmp_path):
    written(tmp_path, msi_text(*measured_cuts()), "SECTOR_65.MSI")
    assert find_antenna("sector_65", tmp_path).projected
    (tmp_path / unicodedata.normalize("NFD", "Quạt đông.MSI")).write_bytes(next(tmp_path.iterdir()).read_bytes())
    assert find_antenna(unicodedata.normalize("NFC", "quạt Đông"), tmp_path).projected
    assert not find_antenna("sector_65", tmp_path / "missing").projected
    assert find_antenna("omni", tmp_path).gain_dbi == named_antenna("omni").gain_dbi
    with pytest.raises(LayerError, match="cannot be read"):
        read_msi(tmp_path / "missing.msi")
