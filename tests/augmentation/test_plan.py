"""Which samples there are: as many of every clip, by one chain after another."""

from helpers import small_experiment
from hypothesis import given
from hypothesis import strategies as st

from pipeline.augmentation.kind import chain_of
from pipeline.augmentation.offline import picks_of
from pipeline.augmentation.target import Pick

KINDS = small_experiment().augment.ranges
CHAINS = [chain_of(name, KINDS) for name in ("stretch", "time_mask+blur", "mirror", "noise")]


def chains_by_pick(
    track_id: str, clips: int, copies: int, chains: int = 4, seed: int = 1
) -> dict[Pick, str]:
    """The chain that makes each sample."""
    picks = picks_of(track_id, clips, CHAINS[:chains], copies, seed)
    return {pick: name for name, some in picks.items() for pick in some}


@given(clips=st.integers(1, 5), copies=st.integers(1, 9), chains=st.integers(1, 4))
def test_every_clip_has_its_copies_which_take_the_chains_in_turn(
    clips: int, copies: int, chains: int
) -> None:
    picks = picks_of("a/0", clips, CHAINS[:chains], copies, 1)
    assert sum(map(len, picks.values())) == clips * copies
    found = chains_by_pick("a/0", clips, copies, chains)
    assert sorted(found) == [(clip, copy) for clip in range(clips) for copy in range(copies)]
    for clip in range(clips):
        order = [found[clip, copy] for copy in range(copies)]
        assert len(set(order)) == min(copies, chains)
        assert order[chains:] == order[:-chains]  # then they start over


def test_all_chains_have_the_same_share_and_the_order_follows_the_seed() -> None:
    found = [chains_by_pick(f"a/{n}", 5, 1)[clip, 0] for n in range(200) for clip in range(5)]
    assert {found.count(chain.name) for chain in CHAINS} <= set(range(200, 300))
    assert chains_by_pick("a/0", 20, 1, seed=1) != chains_by_pick("a/0", 20, 1, seed=2)
    assert chains_by_pick("a/0", 20, 1) != chains_by_pick("a/1", 20, 1)


def test_picks_of_a_clip_do_not_depend_on_how_many_clips_there_are() -> None:
    """Nor do copies: a longer track, or one more copy, keeps the samples that there were."""
    more = chains_by_pick("a/0", 5, 3)
    assert chains_by_pick("a/0", 2, 1).items() <= more.items()
