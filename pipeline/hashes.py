"""SHA-256 of many files; a file that did not change since is not read again."""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.parallel import map_tracks
from pipeline.tables import replacing

# A change in the same tick of the file system's clock as the look at it would go unseen.
SETTLED_SECONDS = 2.0


def hash_file(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unchanged(path: Path, sha256: str) -> Path:
    """`path`, whose content must still have that hash.

    Raises
    ------
    PipelineError
        It changed, so what is read of it would be kept under a wrong name.
    """
    if hash_file(path) != sha256:
        raise PipelineError(f"{path} changed while the stage ran; run it again")
    return path


def hash_files(paths: Sequence[Path], memory: Path) -> list[str | OSError]:
    """SHA-256 of each file, as hex, or the error that reading it gave.

    Parameters
    ----------
    paths : sequence of Path
    memory : Path
        JSON file that remembers hashes by path, device, inode, size, and the times of the last
        change of content and of status; the last of these no program can set back.
    """
    looked_at = time.time()
    stamps = {str(path): _stamp(path) for path in paths}
    known = _recall(memory)
    remembered = {
        name: sha256
        for name, (stamp, sha256) in known.items()
        if stamp and stamps.get(name) == stamp
    }
    new = [path for path in paths if str(path) not in remembered]
    read = map_tracks(_try_hash, new, total=len(new), label="hash", light=True)
    found = remembered | dict(zip(map(str, new), read, strict=True))
    if new:
        settled = {
            name: (stamps[name], found[name])
            for name in stamps
            if isinstance(found[name], str) and _is_settled(stamps[name], looked_at)
        }
        with suppress(OSError), replacing(memory) as file:  # it only saves time
            json.dump(settled, file)
    return [found[str(path)] for path in paths]


def _try_hash(path: Path) -> str | OSError:
    try:
        return hash_file(path)
    except OSError as error:
        return error


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return ""
    numbers = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    return " ".join(map(str, numbers))


def _is_settled(stamp: str, looked_at: float) -> bool:
    return int(stamp.split()[-1]) / 1e9 < looked_at - SETTLED_SECONDS


def _recall(memory: Path) -> dict[str, list[str]]:
    """By path, stamp and hash; nothing where there is no memory, or a damaged one."""
    try:
        return dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
