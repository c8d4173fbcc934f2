"""What ffmpeg decodes: by the program itself where it is installed, and by a small stand-in."""

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from documents import write_params
from helpers import SMALL

from pipeline import segment
from pipeline.audio import readers as ffmpeg
from pipeline.audio.decode import converter_of, open_sound
from pipeline.base.errors import PipelineError, Rejection
from pipeline.base.files import TRACKS, read_csv
from pipeline.dataset.survey import load_path

RATE, SECONDS = 8000, 3
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE * SECONDS) / RATE)
FORMATS = {
    ".m4a": ["-c:a", "aac"],
    ".mp4": ["-c:a", "aac", "-movflags", "+faststart"],
    ".aac": ["-c:a", "aac"],
    ".wma": ["-c:a", "wmav2"],
    ".webm": ["-c:a", "libopus", "-ar", "48000"],
    ".mka": ["-c:a", "flac"],
    ".wv": ["-c:a", "wavpack"],
}
# Answers as ffmpeg does: sound of a file that begins with "sound", else what the file says.
STAND_IN = """#!{python}
import struct, sys, time
if sys.argv[1:] == ["-version"]:
    print("ffmpeg version {version} Copyright (c)")
    sys.exit()
path = sys.argv[sys.argv.index("-i") + 1].removeprefix("file:")
content = open(path, "rb").read()
kind, _, rest = content.partition(b" ")
out = sys.stdout.buffer
if kind in (b"sound", b"cut", b"stall"):
    out.write(struct.pack(">4s5I", b".snd", 32, 0xFFFFFFFF, 6, {rate}, 2) + bytes(8))
    out.write(rest)
    out.flush()
if kind == b"stall":
    time.sleep(600)
if kind == b"noisy":
    sys.stderr.write("[aac @ 0x55abbf77e880] complaint\\n" * 10**5)
if kind != b"sound":
    sys.stderr.write("[mov @ 0x7f00] file:" + path + ": moov atom not found.\\n")
sys.exit(kind not in (b"sound", b"cut"))
"""

needs_ffmpeg = pytest.mark.skipif(not ffmpeg.ffmpeg_version(), reason="ffmpeg is not installed")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "9.1")


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Put a stand-in on the PATH, alone there."""
    program = folder / f"bin-{version}" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable, version=version, rate=RATE))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))


def sound_of(kind: str = "sound", sign: float = 1) -> bytes:
    """A file that the stand-in decodes to a tone in two channels."""
    frames = np.stack([TONE, sign * TONE], axis=1).astype(">f4")
    return kind.encode() + b" " + frames.tobytes()


def decode(path: Path) -> tuple[Any, Any]:
    with open_sound(path) as sound:
        return np.concatenate(list(sound)), sound


@needs_ffmpeg
@pytest.mark.parametrize("suffix", FORMATS)
def test_what_libsndfile_cannot_read_is_read(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / "tone.wav", TONE, RATE)
    path = tmp_path / f"-i odd: name{suffix}"
    source, target = str(tmp_path / "tone.wav"), f"file:{path}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *FORMATS[suffix], target], check=True)
    samples, sound = decode(path)
    assert sound.channels == 1
    assert not sound.is_cut_off
    assert sound.seconds == pytest.approx(SECONDS, abs=0.6)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * sound.sample_rate / len(samples) == pytest.approx(440, abs=2)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if suffix in (".m4a", ".wv"):  # whose index is at the end, or that has a single block
        with pytest.raises(Rejection, match=r"^unreadable: (moov atom not found|Cannot determine)"):
            decode(path)
        return
    samples, sound = decode(path)
    assert sound.is_cut_off
    assert 0.2 < sound.seconds / SECONDS < 0.8


@needs_ffmpeg
def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "secret.wav", TONE, RATE)
    for text in ("ffconcat version 1.0\nfile secret.wav\n", "#EXTM3U\n#EXTINF:3,\nsecret.wav\n"):
        (tmp_path / "a.m4a").write_text(text)
        with pytest.raises(Rejection, match=r"^unreadable: "):
            decode(tmp_path / "a.m4a")


@pytest.mark.usefixtures("stand_in")
def test_channels_are_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(sound_of(sign=0.5))
    samples, sound = decode(tmp_path / "a.m4a")
    assert (sound.sample_rate, sound.channels, sound.frames) == (RATE, 2, len(TONE))
    np.testing.assert_allclose(samples, 0.75 * TONE, atol=1e-7)
    assert not sound.is_cut_off


@pytest.mark.usefixtures("stand_in")
def test_a_file_that_ffmpeg_complains_of_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(sound_of("cut")[:-3])
    samples, sound = decode(tmp_path / "a.m4a")
    assert sound.is_cut_off
    assert len(samples) == len(TONE) - 1


@pytest.mark.usefixtures("stand_in")
def test_what_ffmpeg_says_is_the_reason_without_addresses_and_paths(tmp_path: Path) -> None:
    """However much it says."""
    for content, reason in ((b"no", "moov atom not found"), (b"noisy", "complaint")):
        (tmp_path / "a.m4a").write_bytes(content)
        with pytest.raises(Rejection, match=rf"^unreadable: {reason}") as caught:
            decode(tmp_path / "a.m4a")
        assert "0x" not in str(caught.value)
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.usefixtures("stand_in")
def test_an_ffmpeg_that_gives_nothing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "STALL_SECONDS", 0.5)
    (tmp_path / "a.m4a").write_bytes(sound_of("stall"))
    with pytest.raises(Rejection, match=r"^unreadable: ffmpeg gave nothing for 0\.5 s$"):
        decode(tmp_path / "a.m4a")


def test_without_ffmpeg_the_reason_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(sound_of())
    with pytest.raises(Rejection, match=r"^needs ffmpeg, .* convert it to \.flac, or install"):
        decode(tmp_path / "a.m4a")


def test_the_version_is_part_of_the_address_of_what_it_decodes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A track that libsndfile reads is not computed again for another ffmpeg."""
    write_params(project, {**SMALL, "dataset.path": "music"})
    folder = project / "music" / "rock"
    folder.mkdir()
    (folder / "a.m4a").write_bytes(sound_of())
    soundfile.write(folder / "b.wav", TONE, RATE)

    def run() -> tuple[dict[str, str], str]:
        segment.main()
        said = capsys.readouterr().out
        return {row["track_id"]: row["status"] for row in read_csv(TRACKS)}, said

    monkeypatch.setenv("PATH", str(project))
    statuses, _ = run()
    assert statuses["rock/b"] == "ok"
    assert statuses["rock/a"] == f"rejected: {ffmpeg.MISSING}"
    for version in ("9.1", "9.2"):
        install(project, monkeypatch, version)
        assert converter_of(folder / "a.m4a") == f"ffmpeg {version}"
        statuses, said = run()
        assert statuses == {"rock/a": "ok", "rock/b": "ok"}
        assert "1 reused, 1 computed" in said
    assert "2 reused, 0 computed" in run()[1]


@pytest.mark.usefixtures("stand_in")
def test_a_worker_with_another_ffmpeg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(sound_of())
    with pytest.raises(PipelineError, match=r"decodes \.m4a with ffmpeg 9\.1 instead of ffmpeg 8"):
        load_path(path, "", "ffmpeg 8")
    with pytest.raises(PipelineError, match=r"with ffmpeg 9\.1 instead of nothing; have the same"):
        load_path(path, "", "")
