"""The audit: every leak is named with its tracks, and nothing else is reported."""

from itertools import permutations

import pytest
from helpers import folded
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import LeakError
from pipeline.folds.audit import audit, audit_pairs, audit_samples
from pipeline.folds.table import FoldedTrack

NAMES = ("training", "validation", "test")
PLACES = list(permutations(range(3), 2))

Parts = list[list[FoldedTrack]]


def parts_of(sizes: tuple[int, ...]) -> Parts:
    """Parts without a leak, which share genres; artists and replicas are shared within a part."""
    return [
        [folded(f"{part}/{n}", "g", artist=f"of {part}", replica=f"{part}/0") for n in range(size)]
        for part, size in enumerate(sizes)
    ]


SIZES = st.tuples(*[st.integers(0, 5)] * 3).map(parts_of)


PLANTED: dict[str, dict[str, str]] = {
    "the same track": {},
    "by the same artist, {X}": {"artist": "{X}"},
    "replicas": {"replica": "x/0"},
}


@pytest.mark.parametrize("shared", PLANTED)
@given(parts=SIZES, places=st.sampled_from(PLACES))
def test_what_is_planted_in_two_parts_is_named(
    shared: str, parts: Parts, places: tuple[int, int]
) -> None:
    audit(*parts)
    names = {place: f"x/{place}" if PLANTED[shared] else "x" for place in places}
    for place in places:
        parts[place].append(folded(names[place], "g", **PLANTED[shared]))
    first, second = sorted(places)
    with pytest.raises(LeakError) as caught:
        audit(*parts)
    assert str(caught.value) == (
        f"leak: {names[first]} ({NAMES[first]}) and {names[second]} ({NAMES[second]}) are {shared}"
    )


def test_one_artist_in_two_spellings_or_in_a_joint_credit_is_found() -> None:
    miles, other = folded("a", "g", artist="Miles Davis"), folded("b", "g", artist="miles davis")
    with pytest.raises(LeakError, match=r"by the same artist, Miles Davis = miles davis$"):
        audit([miles], [], [other])
    duo = folded("c", "g", artist="John and Miles Davis")
    with pytest.raises(LeakError, match=r"^leak: a \(training\) and c \(test\) are by the same"):
        audit([miles], [], [duo])
    audit([folded("d", "g", artist="John")], [], [folded("c", "g", artist="Miles and Jo")])


def test_unknown_artists_are_not_shared_and_a_track_twice_in_one_part_is_no_leak() -> None:
    audit([folded("a", "g"), folded("a", "g")], [folded("b", "g")], [])
    audit([folded("a", "g")], [folded("b", "g")], [folded("c", "g")])


def test_clips_of_a_track_may_be_separated_but_no_clip_is_in_two_parts() -> None:
    clips = [folded("a", "g", clip=clip) for clip in range(3)]
    audit(clips[:1], clips[1:2], clips[2:])
    with pytest.raises(LeakError, match=r"a \(training\) and a \(test\) are the same track"):
        audit(clips[:1], clips[1:2], clips[:1])
    with pytest.raises(LeakError, match="by the same artist, X"):
        audit([folded("a", "g", clip=0, artist="X")], [folded("b", "g", clip=0, artist="X")], [])


@pytest.mark.parametrize("pair", [("a", "c"), ("c", "a")])
def test_separated_pair_is_named(pair: tuple[str, str]) -> None:
    training, test = [folded("a", "g"), folded("b", "g")], [folded("c", "g")]
    audit_pairs(training, test, [("a", "b"), ("c", "elsewhere"), ("elsewhere", "a")])
    with pytest.raises(LeakError, match=r"^leak: a \(training\) and c \(test\) are replicas$"):
        audit_pairs(training, test, [("a", "b"), pair])


TRAINING = [folded("a", "g"), folded("b", "g", clip=1)]


@pytest.mark.parametrize("planted", [("c", 0), ("b", 0), ("b", 2), ("", 1)])
def test_sample_of_another_clip_is_named_with_its_fold(planted: tuple[str, int]) -> None:
    expected = (
        rf"^leak: an augmented sample of {planted[0]} is in training in fold 3, where that track "
        "does not train$"
    )
    whole = [("b", 1), ("a", 7), ("a", 0), ("b", 1)]
    audit_samples(whole, TRAINING, 3)
    with pytest.raises(LeakError, match=expected):
        audit_samples([*whole, planted], TRAINING, 3)
