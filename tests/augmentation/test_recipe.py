"""The recipe: each sample follows from its own name, and from nothing else."""

from typing import Any

import numpy as np
import pytest
from helpers import small_experiment

from pipeline.augmentation.kind import chain_of
from pipeline.augmentation.target import AugmentTrack, Parent, Pick, Target
from pipeline.base.errors import PipelineError

KINDS = small_experiment().augment.ranges
TARGET = Target(None, 0, (20,), "float32")
PICKS = [(clip, copy) for clip in range(3) for copy in range(2)]
ROWS = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)


def states_of(
    track_id: str = "a/0",
    picks: Any = PICKS,
    chain: str = "stretch",
    seed: int = 1,
    rows: Any = ROWS,
) -> dict[Pick, Any]:
    made = AugmentTrack(chain_of(chain, KINDS), TARGET, seed)(Parent(track_id, rows, None, picks))
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
    recipe = AugmentTrack(chain_of(chain, KINDS), TARGET, 3)
    made = recipe(Parent("a/0", ROWS, None, PICKS))
    assert made.rows is not None
    assert (made.rows.shape, made.rows.dtype.name) == ((len(PICKS), 20), "float32")
    for row, (clip, copy, states) in zip(made.rows, made.facts["samples"], strict=True):
        assert [state["kind"] for state in states] == chain.split("+")
        np.testing.assert_array_equal(
            row, TARGET.make_sample(recipe.chain.kinds, states, ROWS[clip], None)
        )
        assert not np.array_equal(row, ROWS[clip]), (clip, copy)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_parent_with_a_value_that_is_not_finite_is_named(value: float) -> None:
    rows = ROWS.copy()
    rows[1, 3] = value
    states_of(picks=PICKS[:2], rows=rows)
    expected = r"^the feature of clip 1 of a/0 has values that are not finite; compute it again$"
    with pytest.raises(PipelineError, match=expected):
        states_of(chain="mirror", rows=rows)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_sample_with_a_value_that_is_not_finite_is_named(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "make_sample", lambda *_: np.full(20, value, np.float32))
    expected = r"^mirror makes values that are not finite of clip 0 of a/0; narrow the ranges of"
    with pytest.raises(PipelineError, match=expected):
        states_of(chain="mirror")
