"""Stage: cut the dataset's files into PCM clips, and list all files in data/tracks.csv."""

from pipeline.audio.clips import SegmentParams
from pipeline.audio.decode import MARKS
from pipeline.base.cli import command_line, run_stage, warn
from pipeline.base.errors import PipelineError
from pipeline.base.files import CLIPS, METRICS, TRACKS, write_csv, write_json
from pipeline.base.params import lookup, read_section
from pipeline.dataset.folder import ARTIST, read_dataset
from pipeline.dataset.survey import count_rows, labelled, segment
from pipeline.dataset.tracks import (
    COLUMNS,
    REJECTED,
    DatasetParams,
    foreign_tracks,
    gtzan_facts,
    with_gtzan_artists,
)
from pipeline.store.build import NoRowsError

COUNTS = METRICS / "segment.json"


def main() -> None:
    """Segment the dataset as params.yaml says."""
    command_line(__doc__).parse_args()
    folder = read_section(DatasetParams, "dataset").folder
    params = read_section(SegmentParams, "segment")
    group = str(lookup("split.group"))
    tracks, metadata = read_dataset(folder, group)
    for text in metadata.warnings:
        warn(text)
    if metadata.note:
        print(metadata.note)
    try:
        rows = segment(tracks, params, CLIPS)
    except NoRowsError:
        raise PipelineError(
            f"dataset.path = {str(folder)!r}: none of its files can be used"
        ) from None
    track_ids = [row["track_id"] for row in labelled(rows)]
    facts = gtzan_facts(track_ids) if group == ARTIST else {}
    known = with_gtzan_artists(metadata.cells, facts)
    rows = [row | known.get(row["track_id"], {}) for row in rows]
    counts = count_rows(rows)
    write_csv(TRACKS, COLUMNS, rows)
    write_json(COUNTS, counts)
    if found := [f"{counts[word]} {word}" for word in (REJECTED, *MARKS) if counts[word]]:
        warn(f"of {counts['files']} files: {', '.join(found)}; see the column status of {TRACKS}")
    if foreign := foreign_tracks(track_ids):
        warn(
            f"most labelled tracks are GTZAN's, but not {foreign[0]} (number of such tracks: "
            f"{len(foreign)}), so GTZAN's artists, replicas and split are not used"
        )


if __name__ == "__main__":
    run_stage(main)
