"""Artists in several spellings, and joint credits."""

import pytest

from pipeline.dataset.gtzan import read_facts
from pipeline.dataset.tracks import artists_by_credit, normalise


@pytest.mark.parametrize("name", ["Miles Davis", "miles davis", " Miles  Davis", "MILES-DAVIS."])
def test_spellings_of_an_artist_are_the_same(name: str) -> None:
    assert normalise(name) == "milesdavis"


@pytest.mark.parametrize("name", ["!!!", "+/-"])
def test_a_name_of_punctuation_alone_is_kept(name: str) -> None:
    assert normalise(name) == name


@pytest.mark.parametrize("joint", ["A and B", "a & C, B", "B feat. A", "B Featuring A", "A vs. B"])
def test_a_joint_credit_is_of_those_who_are_credited_alone_elsewhere(joint: str) -> None:
    found = artists_by_credit(["A", "B", joint, ""])
    assert found["A"] == {"a"}
    assert found["B"] == {"b"}
    assert found[joint] == {"a", "b", normalise(joint)}
    assert "" not in found


def test_bands_with_names_like_joint_credits_are_left_alone() -> None:
    names = ["Earth, Wind & Fire", "KC and The Sunshine Band", "Count and His Band", "His Band X"]
    assert artists_by_credit(names) == {name: {normalise(name)} for name in names}


def test_joint_credits_of_gtzan() -> None:
    facts = read_facts()
    joint = {
        name: found - {normalise(name)}
        for name, found in artists_by_credit(fact.artist for fact in facts.values()).items()
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
