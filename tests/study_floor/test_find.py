"""A hamlet is found by what people call it, and by nothing it is not called."""

from __future__ import annotations

import numpy as np
import pytest

from covplan.study.errors import LayerError
from covplan.study.find import centre_of, find_village, plain_letters
from covplan.study.folder import open_study
from covplan.study.language import speaking
from tests.study import EPSG, small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    names = ["Thôn Tân Thành", "Thôn Tân Thanh", "Bản Bung", "Thôn Khuổi Phìn", "Tổ dân phố 1", "Tổ dân phố 1",
             "Thôn Cả", "Bản Khẻ"]  # fmt: skip
    folder = tmp_path_factory.mktemp("find")
    return open_study(small_study(folder, villages=lambda table: table.assign(name=names)))


def found(study, text):
    return find_village(study.villages, study.communes, text)["village_id"]


@pytest.mark.parametrize(
    ("text", "village_id"),
    [
        ("T-02203-1", "T-02203-1"),
        ("t-02203-1", "T-02203-1"),
        ("Thôn Tân Thành", "T-02200-1"),
        ("tân thanh", "T-02200-2"),
        ("khuoi phin", "T-02203-2"),
        ("  THÔN   KHUỔI PHÌN ", "T-02203-2"),
        ("bung", "T-02203-1"),
        ("Tha\u0300nh Ta\u0302n", None),
        ("Ta\u0302n Tha\u0300nh", "T-02200-1"),  # accents apart from their letters, as macOS writes them
    ],
)
@speaking("en")
def test_a_name_with_or_without_accents_finds_its_hamlet(study, text, village_id):
    if village_id is None:
        with pytest.raises(LayerError, match="no hamlet"):
            found(study, text)
    else:
        assert found(study, text) == village_id


@speaking("en")
def test_a_name_of_several_hamlets_lists_them_with_their_communes(study):
    with pytest.raises(LayerError) as said:
        found(study, "to dan pho 1")
    assert "2 hamlets are called 'to dan pho 1'" in str(said.value)
    assert "T-02206-1  Tổ dân phố 1, Phường Ba" in str(said.value)
    with pytest.raises(LayerError, match=r"T-02200-1  Thôn Tân Thành, Xã Một\n  T-02200-2  Thôn Tân Thanh"):
        found(study, "tan thanh")


@speaking("en")
def test_a_misspelt_name_is_answered_with_the_nearest(study):
    with pytest.raises(LayerError, match="Did you mean Thôn Khuổi Phìn"):
        found(study, "Khuối Phín A")
    with pytest.raises(LayerError, match=r"neither as id nor as name\.$"):
        found(study, "xyzzy qqq")


def test_the_centre_is_the_culture_house_and_without_one_a_point_within(study):
    village = study.villages.iloc[0]
    x, y = centre_of(village, EPSG)
    assert np.hypot(x - village.geometry.centroid.x, y - village.geometry.centroid.y) < 1
    bare = village.copy()
    bare["centre_lon"] = bare["centre_lat"] = np.nan
    x, y = centre_of(bare, EPSG)
    assert village.geometry.contains(village.geometry.representative_point())
    assert (x, y) == (village.geometry.representative_point().x, village.geometry.representative_point().y)


def test_plain_letters_are_those_of_a_keyboard_without_vietnamese():
    assert plain_letters("Ðồng Đa Rôm ƯỚC") in ("ðong da rom uoc", "dong da rom uoc")
    assert plain_letters("ĐẮK Lắk") == "dak lak"
