"""GTZAN: it is recognised by its file names, and its facts agree with each other."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.tracks import (
    EXCLUDED,
    Fact,
    foreign_tracks,
    gtzan_facts,
    read_facts,
    replica_pairs,
    same_piece_pairs,
)
from pipeline.synthesis.styles import GENRES

FACTS = read_facts()


def test_there_are_a_hundred_tracks_of_each_genre() -> None:
    assert list(FACTS) == [f"{genre}/{genre}.{n:05d}" for genre in GENRES for n in range(100)]


def test_the_filtered_split_has_its_published_sizes() -> None:
    sizes = Counter(fact.split for fact in FACTS.values())
    assert sizes == {"train": 443, "valid": 197, "test": 290, EXCLUDED: 70}


def test_no_artist_is_spelt_in_two_ways() -> None:
    artists = {fact.artist for fact in FACTS.values()}
    plain = Counter("".join(filter(str.isalnum, artist.casefold())) for artist in artists)
    assert {name for name, count in plain.items() if count > 1} == set()
    assert len(artists) > 240


def test_replicas_name_each_other_and_only_one_is_in_the_filtered_split() -> None:
    pairs = replica_pairs(FACTS)
    assert len(pairs) == 30
    for first, second in pairs:
        assert FACTS[second].replica_of == first != second
        assert EXCLUDED in (FACTS[first].split, FACTS[second].split)


@settings(max_examples=30)
@given(st.sets(st.sampled_from(sorted(FACTS)), min_size=1), st.text(max_size=9))
def test_any_part_of_it_is_recognised_and_nothing_else(names: set[str], other: str) -> None:
    assert gtzan_facts(names) == {name: FACTS[name] for name in names}
    assert gtzan_facts([]) == {}
    for foreign in (f"blues/{other}", "blues/blues.00100", "rock/blues.00000", "blues.00000"):
        assert gtzan_facts({*names, foreign}) == {}


def test_foreign_tracks_are_those_among_a_majority_of_gtzans() -> None:
    gtzan = ["blues/blues.00000", "rock/rock.00016", "rock/rock.00017"]
    assert foreign_tracks(gtzan) == []
    assert foreign_tracks([*gtzan, "rock/b", "rock/a"]) == ["rock/a", "rock/b"]
    assert foreign_tracks([*gtzan, "rock/c", "rock/b", "rock/a"]) == []  # a dataset of its own


def test_pairs_need_both_of_their_tracks() -> None:
    names = ["metal/metal.00058", "rock/rock.00016", "disco/disco.00098"]
    facts = gtzan_facts(names)
    assert set(replica_pairs(facts)) == {(names[0], names[1]), (names[1], names[0])}


def test_pieces_are_compared_by_normalised_artist_and_title() -> None:
    names = {
        "1": ("KC & Co.", "That's It (Live)"),
        "2": ("kc co", "thats it live!"),
        "3": ("KC Co", "That's It"),
        "4": ("Others", "That's It"),
        "5": ("KC Co", "?"),
        "6": ("KC Co", ""),
        "7": ("", "That's It"),
        "8": ("", "That's It"),
        "9": ("KC Co", "THAT'S  IT LIVE"),
    }
    facts = {track_id: Fact(*name, split="", replica_of="") for track_id, name in names.items()}
    assert same_piece_pairs(facts) == [("1", "2"), ("1", "9"), ("2", "9")]


def test_no_piece_is_in_two_parts_of_the_filtered_split() -> None:
    """And that the same recordings are the same pieces."""
    pairs = same_piece_pairs(FACTS)
    assert len(pairs) == len(set(pairs)) == 92
    assert {pair for pair in replica_pairs(FACTS) if pair[0] < pair[1]} < set(pairs)
    for pair in pairs:
        parts = {FACTS[track_id].split for track_id in pair}
        assert len(parts - {EXCLUDED}) <= 1
