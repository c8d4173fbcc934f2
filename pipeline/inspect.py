"""Command: what is in a folder of music, and what can be done with it, before anything runs.

Every file is decoded, on all cores, and nothing is kept. Clip length, folds and features come from
params.yaml. Each protocol is tried, without regard to copies of a recording.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pipeline.audio.clips import SegmentParams
from pipeline.audio.decode import CutTrack
from pipeline.base.cli import command_line, run_stage
from pipeline.base.errors import PipelineError
from pipeline.base.params import lookup, read_section, read_seed
from pipeline.dataset.folder import find_tracks, read_metadata
from pipeline.dataset.gtzan import gtzan_facts, with_gtzan_artists
from pipeline.dataset.survey import Surveyed, summarise, survey, usable_tracks
from pipeline.dataset.tracks import DatasetParams, Track
from pipeline.features.shared.feature import parse_extract
from pipeline.folds.assignment import require_folds
from pipeline.folds.table import FoldedTrack, ProtocolName, SplitParams, folds_of, sides
from pipeline.pages.terminal import inspection_text
from pipeline.recordings.fingerprint import fingerprint
from pipeline.recordings.matching import exact_rows, find_replicas, same_samples
from pipeline.trials.inspection import estimate_stage_seconds

Folded = list[FoldedTrack] | PipelineError  # of a protocol: the tracks, or why it cannot be used


def inspect(folder: Path, by_sound: bool) -> dict[str, Any]:
    """Everything that is found out about a dataset, as JSON has it.

    Parameters
    ----------
    folder : Path
    by_sound : bool
        Whether copies of a recording are looked for by their sound, or by equal samples alone.

    Raises
    ------
    PipelineError
        The folder has no files, its metadata do not fit, or params.yaml is wrong.
    """
    params = read_section(SegmentParams, "segment")
    split = read_section(SplitParams, "split")
    features = parse_extract(lookup("extract"))
    for name, feature in features.items():
        feature.check(f"extract.{name}", params.clip_samples, params.sample_rate)
    files = find_tracks(folder)
    metadata = read_metadata(files, folder)
    cut = CutTrack(params.sample_rate, params.clip_samples)
    listen = partial(fingerprint, sample_rate=params.sample_rate) if by_sound else None
    found = survey(files, cut, listen)
    labelled = [each.file.track_id for each in found if each.is_usable and each.file.genre]
    tracks = usable_tracks(found, with_gtzan_artists(metadata, gtzan_facts(labelled)))
    pairs = find_pairs(found, by_sound)
    protocols = try_protocols(tracks, split)
    trained = training_clips(protocols[split.protocol], tracks)
    return {
        "folder": str(folder),
        "sample_rate": params.sample_rate,
        "clip_seconds": params.seconds,
        **summarise(found, tracks),
        "replicas": {"by_sound": by_sound, "pairs": [[a["track_id"], a["same_as"]] for a in pairs]},
        "protocols": {name: _answer(folded) for name, folded in protocols.items()},
        "seconds_needed": estimate_stage_seconds(found, tracks, params, features, trained),
    }


def find_pairs(found: Sequence[Surveyed], by_sound: bool) -> list[dict[str, Any]]:
    """Pairs of usable tracks that are the same recording."""
    usable = {each.file.track_id: each for each in found if each.is_usable}
    digests = {track_id: each.digest for track_id, each in usable.items()}
    if not by_sound:
        return list(exact_rows(same_samples(digests)))
    prints = {track_id: each.fingerprint for track_id, each in usable.items()}
    return find_replicas(digests, lambda track_id: np.asarray(prints[track_id], np.uint32))


def try_protocols(tracks: Sequence[Track], params: SplitParams) -> dict[str, Folded]:
    """For each protocol the tracks in its folds, or why it cannot be used."""
    seed = read_seed()
    folded: dict[str, Folded] = {}
    for name in get_args(ProtocolName):
        try:
            folded[name] = require_folds(tracks, replace(params, protocol=name), seed)
        except PipelineError as error:
            folded[name] = error
    return folded


def _answer(folded: Folded) -> dict[str, Any]:
    if isinstance(folded, PipelineError):
        return {"problem": str(folded)}
    tested = {track.track_id for track in folded if track.tested_in}
    return {"folds": len(folds_of(folded)), "tested_tracks": len(tested)}


def training_clips(folded: Folded, tracks: Sequence[Track]) -> list[int]:
    """Number of clips that each fold does not test, those of its inner validation among them."""
    if isinstance(folded, PipelineError):
        return []
    clips = {track.track_id: track.clips for track in tracks}
    return [
        sum(clips[track.track_id] if track.clip is None else 1 for track in sides(folded, fold)[0])
        for fold in folds_of(folded)
    ]


def main() -> None:
    """Inspect the folder that the command line names, or else the dataset of params.yaml."""
    parser = command_line(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="default: dataset.path of params.yaml")
    parser.add_argument("--replicas", action="store_true", help="find copies by their sound, too")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    arguments = parser.parse_args()
    folder = arguments.folder or read_section(DatasetParams, "dataset").folder
    content = inspect(folder, arguments.replicas)
    print(json.dumps(content, indent=2) if arguments.json else inspection_text(content))


if __name__ == "__main__":
    run_stage(main, kept="")
