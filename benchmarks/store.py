"""Reading a feature store, beside other ways to keep the same rows.

In order: all rows of `mel`, beside `np.load` of the same bytes from one file. At random: batches
of 32 clips, beside one HDF5 dataset a clip, one .npy a clip, and zarr (a chunk a clip). All from
the page cache, in turns; a figure is the fastest of several runs. Then what codecs would do.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr

sys.path.insert(0, str(Path(__file__).parent.parent))

from pipeline.audio.clips import to_pcm
from pipeline.features.shared.feature import ExtractFeature, read_feature
from pipeline.store.store import Store, write_store
from pipeline.synthesis.music import piece
from pipeline.synthesis.styles import GENRES, artist_sound

TRACKS, RATE, SECONDS = 1000, 22050, 30
BATCHES = np.random.default_rng(0).integers(0, TRACKS * 10, (50, 32))

Reader = Callable[[], Any]


def mel_rows() -> dict[str, Any]:
    """Rows of `mel` of a few synthetic tracks, resampled to a thousand."""
    recipe = ExtractFeature(read_feature("mel"), RATE)
    tracks = []
    for number, genre in enumerate(GENRES):
        rng = np.random.default_rng(number)
        sound = piece(GENRES[genre], artist_sound(rng), SECONDS, RATE, rng)
        tracks.append(recipe(to_pcm(sound[: RATE * SECONDS]).reshape(10, -1)).rows)
    return {f"g/{number:05d}": tracks[number % len(tracks)] for number in range(TRACKS)}


def fastest(readers: dict[str, Reader], repeats: int) -> dict[str, float]:
    """Seconds of each reader's fastest run, in turns."""
    best = dict.fromkeys(readers, float("inf"))
    for _ in range(repeats):
        for name, read in readers.items():
            start = time.perf_counter()
            read()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def in_order(folder: Path, rows: Any) -> None:
    """All rows, once."""

    def ours() -> None:
        with Store(folder / "mel") as store:
            store[:]

    best = fastest({"np.load": lambda: np.load(folder / "mel.npy"), "store": ours}, 9)
    for name, seconds in best.items():
        print(f"in order   {name:14} {rows.nbytes / seconds / 1e6:8.0f} MB/s")
    print(f"in order   store at {best['np.load'] / best['store']:.2f} times np.load's speed")


def at_random(folder: Path, rows: Any) -> None:
    """Fifty batches of 32 clips."""
    with h5py.File(folder / "clips.h5", "w") as file:
        for number, row in enumerate(rows):
            file.create_dataset(str(number), data=row)
    (folder / "npy").mkdir()
    for number, row in enumerate(rows):
        np.save(folder / "npy" / f"{number}.npy", row)
    zarr.create_array(folder / "mel.zarr", data=rows, chunks=(1, *rows.shape[1:]))
    file = h5py.File(folder / "clips.h5")
    array: Any = zarr.open_array(folder / "mel.zarr", mode="r")
    store = Store(folder / "mel")
    readers: dict[str, Reader] = {
        "store": lambda: [store[batch] for batch in BATCHES],
        "dataset a clip": lambda: [np.stack([file[str(i)][()] for i in b]) for b in BATCHES],
        ".npy a clip": lambda: [
            np.stack([np.load(folder / "npy" / f"{i}.npy") for i in b]) for b in BATCHES
        ],
        "zarr": lambda: [array.oindex[batch] for batch in BATCHES],
    }
    best = fastest(readers, 3)
    for name, seconds in best.items():
        each = seconds / len(BATCHES)
        print(f"at random  {name:14} {each * 1e3:8.2f} ms a batch, {seconds / best['store']:.0f}x")


def codecs(folder: Path, rows: Any) -> None:
    """Size and speed of HDF5's own codecs, which `mel` does without."""
    chunks = (32, *rows.shape[1:])
    options: dict[str, dict[str, Any]] = {
        "none": {},
        "lzf, shuffled": {"chunks": chunks, "compression": "lzf", "shuffle": True},
        "gzip, shuffled": {"chunks": chunks, "compression": "gzip", "shuffle": True},
    }
    for name, option in options.items():
        path = folder / "codec.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("rows", data=rows, **option)
        with h5py.File(path) as file:
            data = file["rows"]
            seconds = fastest({name: lambda data=data: data[:]}, 3)[name]
        share = path.stat().st_size / rows.nbytes
        print(f"codec      {name:14} {share:8.2f} of raw, {rows.nbytes / seconds / 1e6:.0f} MB/s")


def main() -> None:
    """Write the rows in every way, then read them."""
    tracks = mel_rows()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_store(folder / "mel", {"name": "mel"}, tracks)
        with Store(folder / "mel") as store:
            rows = np.array(store[:])
        np.save(folder / "mel.npy", rows)
        size = sum(path.stat().st_size for path in (folder / "mel").iterdir())
        print(
            f"{len(rows)} clips of {rows.shape[1:]} {rows.dtype}, {rows.nbytes / 1e6:.0f} MB raw;"
        )
        print(f"the store takes {size / rows.nbytes:.3f} of that, without a codec")
        in_order(folder, rows)
        at_random(folder, rows)
        codecs(folder, rows)


if __name__ == "__main__":
    main()
