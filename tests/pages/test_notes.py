"""What a reader must know: each cause has its sentence, and none is said without a cause."""

from typing import Any

import pytest

from pipeline.pages.figures import notes

CLEAN: dict[str, Any] = {
    "protocol": "artist",
    "judged": "all",
    "known_artist_share": 1.0,
    "artists_kept": True,
    "genres_absent": 0,
    "genres_untrained": 0,
    "replica_groups": 0,
    "replicas_left_out": 0,
    "left_out": 0,
}


def test_nothing_is_said_of_a_clean_run_or_of_what_is_unknown() -> None:
    files = {"files": 10, "rejected": 0, "truncated": 0}
    assert notes(files, {"pairs_across_genres": 0}, CLEAN) == []
    assert [note.grave for note in notes({}, {}, {})] == [True]  # no artist is known


@pytest.mark.parametrize(
    ("change", "said", "grave"),
    [
        ({"protocol": "clip"}, "say nothing about other music", True),
        ({"known_artist_share": 0.0}, "No artist is known", True),
        ({"artists_kept": False}, "Songs by one artist are on both sides", True),
        ({"known_artist_share": 0.25}, "known of 25% of the tracks", False),
        ({"genres_untrained": 1}, "In one case, a genre is tested that the fold never", True),
        ({"genres_absent": 3}, "In 3 cases, a fold tests no track", False),
        ({"judged": "valid"}, "One part is judged, valid", False),
        ({"replica_groups": 1}, "1 recording is in the dataset more than once", False),
        ({"replica_groups": 2}, "2 recordings are in the dataset", False),
        ({"replicas_left_out": 4}, "4 tracks are left out of training", False),
        ({"left_out": 1}, "1 labelled track is left out by the protocol", False),
    ],
)
def test_folds_that_are_less_than_they_seem(change: Any, said: str, grave: bool) -> None:
    [note] = notes({}, {}, {**CLEAN, **change})
    assert said in note.text
    assert note.grave == grave


def test_files_and_replicas_that_are_not_what_they_should_be() -> None:
    files = {"files": 10, "rejected": 2, "truncated": 1}
    grave, *others = notes(files, {"pairs_across_genres": 1}, CLEAN)
    assert grave.grave
    assert grave.text.startswith("1 pair is the same recording under two genres")
    assert [note.text.partition(";")[0] for note in others] == [
        "2 of 10 files cannot be used",
        "1 file is shorter than its header says.",
    ]
