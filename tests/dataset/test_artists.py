"""One artist in several spellings, and credits that several artists share."""

import pytest

from pipeline.dataset.artists import credited, letters
from pipeline.dataset.gtzan import read_facts


@pytest.mark.parametrize("name", ["Miles Davis", "miles davis", " Miles  Davis", "MILES-DAVIS."])
def test_spellings_of_one_artist_are_one(name: str) -> None:
    assert letters(name) == "milesdavis"


@pytest.mark.parametrize("name", ["!!!", "+/-"])
def test_a_name_of_signs_alone_is_a_name(name: str) -> None:
    assert letters(name) == name


@pytest.mark.parametrize("joint", ["A and B", "a & C, B", "B feat. A", "B Featuring A", "A vs. B"])
def test_a_joint_credit_is_of_those_who_have_one_of_their_own(joint: str) -> None:
    found = credited(["A", "B", joint, ""])
    assert found["A"] == {"a"}
    assert found["B"] == {"b"}
    assert found[joint] == {"a", "b", letters(joint)}
    assert "" not in found


def test_bands_with_joint_names_stay_alone() -> None:
    names = ["Earth, Wind & Fire", "KC and The Sunshine Band", "Count and His Band", "His Band X"]
    assert credited(names) == {name: {letters(name)} for name in names}


def test_joint_credits_of_gtzan() -> None:
    facts = read_facts()
    joint = {
        name: found - {letters(name)}
        for name, found in credited(fact.artist for fact in facts.values()).items()
        if len(found) > 1
    }
    assert joint == {
        "Barbra Streisand and Donna Summer": {"donnasummer"},
        "Aretha Franklin, Celine Dion, Mariah Carey, Shania Twain & Gloria Estefan": {
            "celinedion",
            "mariahcarey",
            "shaniatwain",
        },
        "Lauryn Hill and Bob Marley": {"laurynhill", "bobmarley"},
        "Peter Tosh and Mick Jagger": {"petertosh"},
    }
