"""Which samples there are, and that each follows from its own name and nothing else."""

from typing import Any

import numpy as np
import pytest
from helpers import small_experiment
from hypothesis import given
from hypothesis import strategies as st

from pipeline.augmentation.chains import chain_of
from pipeline.augmentation.recipe import AugmentTrack, Parent, Pick
from pipeline.augmentation.offline import picks_of
from pipeline.base.errors import PipelineError
from pipeline.augmentation.target import Target

KINDS = small_experiment().augment.ranges
CHAINS = [chain_of(name, KINDS) for name in ("stretch", "time_mask+blur", "mirror", "noise")]
MEDIUM = Target(None, 0, (20,), "float32")
PICKS = [(clip, copy) for clip in range(3) for copy in range(2)]
ROWS = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)


def turns(
    track_id: str, clips: int, copies: int, chains: int = 4, seed: int = 1
) -> dict[Pick, str]:
    """The chain of every sample."""
    picks = picks_of(track_id, clips, CHAINS[:chains], copies, seed)
    return {pick: name for name, some in picks.items() for pick in some}


@given(clips=st.integers(1, 5), copies=st.integers(1, 9), chains=st.integers(1, 4))
def test_every_clip_has_its_copies_and_takes_the_chains_by_turns(
    clips: int, copies: int, chains: int
) -> None:
    picks = picks_of("a/0", clips, CHAINS[:chains], copies, 1)
    assert sum(map(len, picks.values())) == clips * copies
    found = turns("a/0", clips, copies, chains)
    assert sorted(found) == [(clip, copy) for clip in range(clips) for copy in range(copies)]
    for clip in range(clips):
        order = [found[clip, copy] for copy in range(copies)]
        assert len(set(order)) == min(copies, chains)
        assert order[chains:] == order[:-chains]  # then they begin again


def test_all_chains_have_their_share_and_the_seed_decides() -> None:
    found = [turns(f"a/{n}", 5, 1)[clip, 0] for n in range(200) for clip in range(5)]
    assert {found.count(chain.name) for chain in CHAINS} <= set(range(200, 300))
    assert turns("a/0", 20, 1, seed=1) != turns("a/0", 20, 1, seed=2)
    assert turns("a/0", 20, 1) != turns("a/1", 20, 1)


def test_clips_do_not_depend_on_how_many_there_are() -> None:
    """Nor do copies; so a longer track, or one copy more, keeps the samples that there were."""
    more = turns("a/0", 5, 3)
    assert turns("a/0", 2, 1).items() <= more.items()


def states_of(
    track_id: str = "a/0",
    picks: Any = PICKS,
    chain: str = "stretch",
    seed: int = 1,
    rows: Any = ROWS,
) -> dict[Pick, Any]:
    made = AugmentTrack(chain_of(chain, KINDS), MEDIUM, seed)(Parent(track_id, rows, None, picks))
    return {(clip, copy): states for clip, copy, states in made.facts["samples"]}


def test_draws_follow_from_seed_track_clip_copy_and_chain() -> None:
    first = states_of()
    assert len({str(states) for states in first.values()}) == len(PICKS)
    assert states_of(picks=PICKS[::-1]) == first
    assert states_of(picks=PICKS[2:3]) == {PICKS[2]: first[PICKS[2]]}
    assert states_of(rows=ROWS + 1) == first
    longer = states_of(chain="stretch+mirror")
    others = [states_of("a/1"), states_of(seed=2)]
    for pick in PICKS:
        assert all(other[pick] != first[pick] for other in others)
        assert longer[pick][0] != first[pick][0]


@pytest.mark.parametrize("chain", ["stretch", "mirror+time_mask"])
def test_rows_are_what_their_states_make_of_the_parent(chain: str) -> None:
    recipe = AugmentTrack(chain_of(chain, KINDS), MEDIUM, 3)
    made = recipe(Parent("a/0", ROWS, None, PICKS))
    assert made.rows is not None
    assert (made.rows.shape, made.rows.dtype.name) == ((len(PICKS), 20), "float32")
    for row, (clip, copy, states) in zip(made.rows, made.facts["samples"], strict=True):
        assert [state["kind"] for state in states] == chain.split("+")
        np.testing.assert_array_equal(row, MEDIUM.make(states, ROWS[clip], None))
        assert not np.array_equal(row, ROWS[clip]), (clip, copy)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_parent_that_is_no_number_is_refused_with_its_clip(value: float) -> None:
    rows = ROWS.copy()
    rows[1, 3] = value
    states_of(picks=PICKS[:2], rows=rows)
    expected = r"^the feature of clip 1 of a/0 has values that are not finite; compute it anew$"
    with pytest.raises(PipelineError, match=expected):
        states_of(chain="mirror", rows=rows)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_sample_that_is_no_number_is_refused_with_its_clip(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "make", lambda *_: np.full(20, value, np.float32))
    expected = r"^mirror makes values that are not finite of clip 0 of a/0; narrow the ranges of"
    with pytest.raises(PipelineError, match=expected):
        states_of(chain="mirror")
