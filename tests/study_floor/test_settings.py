"""study.toml: what is written is what is in force, and what cannot be meant is named with its place."""

from __future__ import annotations

import csv
import tomllib

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from covplan.study.errors import SettingsError
from covplan.study.language import speaking
from covplan.study.resources import resource_text
from covplan.study.settings import Radio, Settings, radio_under
from covplan.study.settings_file import load_settings, settings_reference, settings_toml
from covplan.study.synthetic import synthetic_mark, synthetic_notice

PROVINCE = '[province]\nname = "Tỉnh thử"\n'
CHANGED = {
    "operators": ["MBF", "VTL"],
    "province": {"name": "Tuyên Quang", "crs": "EPSG:9209", "boundaries": "2025-07", "synthetic": True},
    "grid": {"cell_m": 50, "margin_m": 0},
    "radio": {"4G": {"rsrp_threshold_dbm": -105.5, "confidence": 0.9}},
    "coverage": {"count_weak_as_covered": False},
    "sharing": {"period_years": [2023, 2024]},
    "phases": {"years": [2026, 2027], "budget_vnd": [1.5e9, 2e9]},
    "checks": {"strict": ["twin_locations", "broken_text"]},
    "targets": {"FTTH_HH": {"baseline": 54.83, "target_2025": 56, "target_2030": 90}},
    "rules": [{"rule": "min_spacing", "area": "rural", "value": 500, "unit": "m", "source": "QĐ thử"}],
}


def loaded(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            PROVINCE + "[radio.4G]\nrsrp_treshold_dbm = -105",
            "study.toml [radio.4G] rsrp_treshold_dbm: unknown setting. Did you mean rsrp_threshold_dbm?",
        ),
        (PROVINCE + "[grid]\ncel_m = 30", "study.toml [grid] cel_m: unknown setting. Did you mean cell_m?"),
        (PROVINCE + "[fibre]\nreach_m = 1", "study.toml fibre: unknown setting. Did you mean fiber?"),
        (
            PROVINCE + '[costs.mast_guyed_42m]\nlow=1\nbase=2\nhigh=3\nunit="VND"\nyear=2025\nsorce="x"\nsource="x"',
            "study.toml [costs.mast_guyed_42m] sorce: unknown setting. Did you mean source?",
        ),
        ("[grid]\ncell_m = 30", "study.toml province: missing; add it."),
        ('operators = ["VTT"]\n' + PROVINCE, "study.toml operators: unknown operator 'VTT'; known: VTL, VNPT, MBF"),
        (PROVINCE + "[targets.FTTH_HHS]\nbaseline = 1", "unknown indicator 'FTTH_HHS'. Did you mean FTTH_HH?"),
        (PROVINCE + 'crs = "EPSG:4326"', "[province] crs: EPSG:4326 (WGS 84) is not a metric projection"),
        (PROVINCE + 'crs = "EPSG:4756"', "is not a metric projection"),
        (PROVINCE + 'crs = "+proj=tmerc +lon_0=106 +ellps=WGS84"', "only EPSG codes are accepted"),
        (PROVINCE + 'crs = "EPSG:1"', "no such coordinate system: EPSG:1"),
        (PROVINCE + "[radio.4G]\nconfidence = 95", "study.toml [radio.4G] confidence: "),
        (PROVINCE + "[grid]\ncell_m = 5", "study.toml [grid] cell_m: "),
        (
            PROVINCE + '[costs.x]\nlow = 3\nbase = 2\nhigh = 4\nunit = "VND"\nyear = 2025\nsource = "x"',
            "study.toml [costs] x: low ≤ base ≤ high does not hold: 3, 2, 4",
        ),
        ("[province\nname = 1", "study.toml: not valid TOML"),
        (PROVINCE + PROVINCE, "study.toml: not valid TOML"),
    ],
)
@speaking("en")
def test_what_study_toml_cannot_mean_is_named_with_its_place(tmp_path, text, said):
    with pytest.raises(SettingsError) as stopped:
        loaded(tmp_path, text)
    assert said in str(stopped.value)


@pytest.mark.parametrize("line", ["costs = 3", 'radio = "4G"', "targets = 3", "rules = 3", "operators = 3"])
def test_a_value_where_a_table_belongs_is_named_not_a_traceback(tmp_path, line):
    with pytest.raises(SettingsError, match=f"study.toml {line.split()[0]}: "):
        loaded(tmp_path, f"{line}\n{PROVINCE}")


def test_a_web_projection_is_no_metric_system_for_a_province(tmp_path):
    # A metre of EPSG:3857 is 0.93 m on the ground at 22° N.
    with pytest.raises(SettingsError, match="EPSG:3857"):
        loaded(tmp_path, PROVINCE + 'crs = "EPSG:3857"')


def test_a_system_with_a_height_datum_is_refused_as_it_has_no_single_code(tmp_path):
    with pytest.raises(SettingsError, match="EPSG:9211\\+5773"):
        loaded(tmp_path, PROVINCE + 'crs = "EPSG:9211+5773"')


def test_a_misspelt_strict_check_is_named_not_ignored(tmp_path):
    with pytest.raises(SettingsError, match="twin_locations"):
        loaded(tmp_path, PROVINCE + '[checks]\nstrict = ["twin_location"]')


def test_every_fault_of_the_file_is_told_at_once(tmp_path):
    with pytest.raises(SettingsError) as stopped:
        loaded(tmp_path, PROVINCE + "[grid]\ncel_m = 30\n[fiber]\nreach = 1\n[checks]\ntwin = 3")
    assert [line.split(":")[0] for line in str(stopped.value).splitlines()] == [
        "study.toml [grid] cel_m",
        "study.toml [fiber] reach",
        "study.toml [checks] twin",
    ]


@speaking("en")
def test_a_file_that_is_not_utf8_is_said_to_be_so(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(PROVINCE.encode("utf-16"))
    with pytest.raises(SettingsError, match="Save it as UTF-8"):
        load_settings(path)


def test_a_study_written_by_notepad_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(PROVINCE, encoding="utf-8-sig")
    assert load_settings(path).province.name == "Tỉnh thử"


def test_settings_written_and_read_are_the_same_settings(tmp_path):
    for given_settings in ({"province": {"name": "Tỉnh thử"}}, CHANGED):
        settings = Settings.model_validate(given_settings)
        assert loaded(tmp_path, settings_toml(settings)) == settings


@run(max_examples=25)
@given(name=st.text(), source=st.text(), base=st.floats(0, 1e15))
def test_any_text_and_any_cost_survive_study_toml(tmp_path_factory, name, source, base):
    cost = {"low": 0, "base": base, "high": 1e15, "unit": "VND", "year": 2025, "source": source}
    settings = Settings.model_validate({"province": {"name": name}, "costs": {"mast_guyed_42m": cost}})
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(settings_toml(settings), encoding="utf-8", newline="\n")
    assert load_settings(path) == settings


def test_a_study_overrides_one_cost_and_keeps_the_others(tmp_path):
    row = 'low = 1e8\nbase = 2e8\nhigh = 3e8\nunit = "VND/structure"\nyear = 2026\nsource = "báo giá"'
    settings = loaded(tmp_path, f"{PROVINCE}[costs.mast_guyed_42m]\n{row}")
    published = {one["item"]: one for one in csv.DictReader(resource_text("costs.csv").splitlines())}
    assert settings.costs["mast_guyed_42m"].base == 2e8
    assert set(settings.costs) == set(published)
    others = set(published) - {"mast_guyed_42m"}
    assert {name: settings.costs[name].base for name in others} == {n: float(published[n]["base"]) for n in others}


def test_every_cost_in_force_has_a_range_a_year_and_a_source():
    for name, cost in Settings.model_validate({"province": {"name": "T"}}).costs.items():
        assert cost.low <= cost.base <= cost.high, name
        assert cost.source, name
        assert cost.year >= 2015, name


def test_what_the_study_leaves_out_is_as_the_plan_publishes_it():
    settings = Settings.model_validate({"province": {"name": "T"}, "targets": {"FTTH_HH": {"target_2030": 90}}})
    target = settings.targets["VILLAGE_MBB_COV"]
    assert (target.baseline, target.target_2025, target.target_2030) == (97.8, 98, 100)
    assert settings.targets["FTTH_HH"].target_2030 == 90
    assert len(settings.targets) == 18


@pytest.mark.parametrize(("given", "of"), [
    ({}, "2025-02"),  # the plan's, written before the merger
    ({"baseline": 97.8, "target_2025": 98}, "2025-02"),  # its baseline, written out
    ({"target_2030": 99}, "2025-02"),  # another target over its baseline
    ({"baseline": 96.1}, "2025-07"),  # one of the study's own
    ({"baseline": 96.1, "boundaries": "2025-02"}, "2025-02"),
    ({"boundaries": "2025-07"}, "2025-07"),
])  # fmt: skip
def test_a_target_is_of_the_province_it_was_set_for(given, of):
    merged = {"province": {"name": "T", "boundaries": "2025-07"}, "targets": {"VILLAGE_MBB_COV": given}}
    settings = Settings.model_validate(merged)
    assert settings.targets["VILLAGE_MBB_COV"].boundaries == of
    assert settings.targets["VILLAGE_FTTH_COV"].boundaries == "2025-02"
    assert Settings.model_validate(tomllib.loads(settings_toml(settings))) == settings


def test_settings_cannot_be_changed_after_they_are_read():
    settings = Settings.model_validate({"province": {"name": "T"}})
    with pytest.raises(ValueError, match="frozen"):
        settings.grid.cell_m = 10


def test_the_reference_lists_every_setting_with_its_meaning():
    written = tomllib.loads(settings_toml(Settings.model_validate({"province": {"name": "T"}})))
    tables = {"targets", "rules", "costs", "definitions"}  # theirs are files of resources/, named as a whole
    written["radio"] = written["radio"]["4G"]
    keys = {(name, key) for name, part in written.items() if isinstance(part, dict) for key in part}
    wanted = {(section, key) for section, key in keys if section not in tables}
    wanted |= {("", name) for name in tables | {"operators"}}
    listed = {(section.split(".")[0], key): meaning for section, key, _, meaning in settings_reference()}
    assert set(listed) == wanted
    assert all(len(meaning) > 10 for meaning in listed.values())


def test_one_target_or_one_end_of_a_cost_changed_keeps_the_rest(tmp_path):
    own = "[targets.VILLAGE_MBB_COV]\ntarget_2030 = 99\n[costs.monopole_urban]\nhigh = 7e8\n"
    given, default = loaded(tmp_path, PROVINCE + own), loaded(tmp_path, PROVINCE)
    target, cost = given.targets["VILLAGE_MBB_COV"], given.costs["monopole_urban"]
    assert (target.baseline, target.target_2025, target.target_2030) == (97.8, 98, 99)
    assert (cost.base, cost.high) == (default.costs["monopole_urban"].base, 7e8)


@speaking("en")
def test_a_definition_that_does_not_exist_is_named_with_what_was_meant():
    with pytest.raises(ValueError, match=r"'ofcom4g' is no definition\. Did you mean ofcom_4g\?.*Known: province"):
        Settings.model_validate({"province": {"name": "T"}, "coverage": {"preset": "ofcom4g"}})


def test_a_study_has_its_own_definition_beside_the_known_ones():
    own = {"technology": "4G", "rsrp_threshold_dbm": -118, "throughput_mbps": 3, "source": "công văn của Sở"}
    given = {"province": {"name": "T"}, "coverage": {"preset": "so"}, "definitions": {"so": own}}
    settings = Settings.model_validate(given)
    radio = radio_under(settings.definition, settings.radio["4G"])
    assert (radio.rsrp_threshold_dbm, radio.throughput_mbps) == (-118.0, 3.0)
    assert (radio.confidence, radio.load) == (settings.radio["4G"].confidence, settings.radio["4G"].load)
    assert "fcc_bdc" in settings.definitions


def test_the_regulators_definitions_are_those_published():
    known = Settings.model_validate({"province": {"name": "T"}}).definitions
    fcc = known["fcc_bdc"]
    assert (fcc.throughput_mbps, fcc.uplink_mbps, fcc.confidence, fcc.load) == (5.0, 1.0, 0.9, 0.5)
    assert known["qcvn126"].throughput_mbps == 30.0
    indoors, outdoors = (radio_under(known[name], Radio()) for name in ("ofcom_4g_indoor", "ofcom_4g"))
    assert indoors.asked_dbm == outdoors.asked_dbm + 10 == -95.0
    assert indoors.indoor_loss_db == 10.0


def test_generated_data_say_so_in_one_language():
    assert synthetic_notice().startswith(synthetic_mark())
    with speaking("en"):
        assert synthetic_mark() == "SIMULATED DATA"
