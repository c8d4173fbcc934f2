"""The report of 1000 tracks of 30 s: its size, and how fast a browser opens and filters it.

`python benchmarks/report.py [TRACKS]`. The sound is noise with three sines, which takes Vorbis as
much time and space as music. Without Chromium and its driver, only sizes are measured.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from browser import CHROMIUM, DRIVER, Browser, chromium
from outcomes import clips_of, write_outcome

from pipeline.augmentation.samples import COLUMNS as SAMPLE_COLUMNS
from pipeline.base.files import CLIPS, FEATURE_STORES, write_csv
from pipeline.dataset.tracks import COLUMNS
from pipeline.extract import extract
from pipeline.features.mel import Mel
from pipeline.pages.media import beside, open_media
from pipeline.pages.report_page import page, read_run
from pipeline.store.shard import HashedRows, write_shard
from pipeline.store.store import SHARDS, shard_name, shard_of

TRACKS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SAMPLE_RATE, SECONDS, CLIPS_OF_TRACK = 22050, 3, 10
GENRES = [f"genre {number}" for number in range(10)]
MEL = Mel(2048, 1024, 64, 0.0, 11025.0, 80.0, 1, "viridis")
FILTERS = {
    "wrong alone": "select[aria-label='Verdict']=wrong",
    "one genre": "select[aria-label='Actual genre']=3",
    "most turns first": "select[aria-label='Order']=turns",
    "search": "#search=track 09",
}


def sound(number: int) -> np.ndarray:
    """Clips of a track, all different; int16."""
    rng = np.random.default_rng(number)
    time_axis = np.arange(SAMPLE_RATE * SECONDS) / SAMPLE_RATE
    clips = []
    for _ in range(CLIPS_OF_TRACK):
        pitches = rng.uniform(80, 2000, 3)
        waves = np.sin(2 * np.pi * np.outer(pitches, time_axis)).sum(axis=0)
        clips.append(3000 * waves + rng.normal(0, 1500, len(time_axis)))
    return np.rint(clips).astype(np.int16)


def write_run() -> None:
    """All that the report reads of a run of TRACKS tracks, in the working directory."""
    names = {f"track {number:05d}": number for number in range(TRACKS)}
    description = {"name": "pcm", "sample_rate": SAMPLE_RATE, "seconds": SECONDS}
    CLIPS.mkdir(parents=True)
    template = np.empty((0, SAMPLE_RATE * SECONDS), np.int16)
    for number in range(SHARDS):
        here = sorted(name for name in names if shard_of(name) == number)
        rows = (HashedRows.of(sound(names[name])) for name in here)
        counts = dict.fromkeys(here, CLIPS_OF_TRACK)
        write_shard(CLIPS / shard_name(number), description, template, counts, rows)
    extract(CLIPS, "mel", MEL, FEATURE_STORES / "mel")
    rng = np.random.default_rng(0)
    chances = {
        name: rng.dirichlet(0.3 + 2 * np.eye(10)[number % 10], CLIPS_OF_TRACK).tolist()
        for name, number in names.items()
    }
    actual = {name: GENRES[number % 10] for name, number in names.items()}
    write_outcome(clips_of(GENRES, chances, actual))
    write_csv(Path("data/tracks.csv"), COLUMNS, [{"track_id": name} for name in names])
    write_csv(Path("data/augmented/samples.csv"), SAMPLE_COLUMNS, [])


def measure(browser: Browser, index: Path) -> None:
    """Print how long a browser takes to open the page and to filter it."""
    opened = []
    for _ in range(5):
        start = time.perf_counter()
        browser.open(index)
        browser.wait("document.querySelectorAll('#list .row').length > 0")
        opened.append(time.perf_counter() - start)
    print(f"opened, until the list is drawn: {np.median(opened):.2f} s")
    for name, step in FILTERS.items():
        selector, _, value = step.rpartition("=")
        taken = browser.run(
            """(([selector, value]) => {
              const field = document.querySelector(selector), times = [];
              for (let turn = 0; turn < 20; turn++) {
                field.value = turn % 2 ? value : field.options ? field.options[0].value : "";
                const start = performance.now();
                field.dispatchEvent(new Event(field.options ? "change" : "input"));
                document.getElementById("list").getBoundingClientRect();
                times.push(performance.now() - start);
              }
              return Math.max(...times);
            })(arguments[0])""",
            [selector, value],
        )
        print(f"{name}: at most {taken:.1f} ms")


def main() -> None:
    """Make the page and measure it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with mock.patch.dict(os.environ, PIPELINE_CACHE=f"{folder}/cache"):
            write_run()
            out = Path("report").absolute()
            out.mkdir()
            run = read_run("generated")
            for state in ("nothing", "the sound"):
                start, busy = time.perf_counter(), time.process_time()
                with open_media(CLIPS, FEATURE_STORES / "mel", beside(out)) as media:
                    content = page(run, "all", media)
                (out / "index.html").write_text(content, encoding="utf-8")
                took, busy = time.perf_counter() - start, time.process_time() - busy
                print(f"made in {took:.1f} s, {busy:.1f} of one core, with {state} in the cache")
        for part in ("", "audio", "image", "index.html"):
            files = [each for each in (out / part).rglob("*") if each.is_file()] or [out / part]
            size = sum(each.stat().st_size for each in files)
            print(f"{part or 'all'}: {size / 1e6:.1f} MB in {len(files)} files")
        if CHROMIUM and DRIVER:
            with chromium(Path(folder, "profile")) as browser:
                measure(browser, out / "index.html")


if __name__ == "__main__":
    main()
