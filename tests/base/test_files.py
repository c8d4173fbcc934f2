"""CSV and JSON files, which are read back as they were written, or not at all; and digests."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.base.errors import PipelineError
from pipeline.base.files import (
    checked,
    digest,
    file_digest,
    locked,
    natural,
    read_csv,
    read_json,
    read_rows,
    version_of,
    with_digest,
    write_csv,
    write_json,
)

COLUMNS = ["track_id", "artist"]
ROWS = [
    {"track_id": "rock/a,b", "artist": 'The "Quoted", Ltd.'},
    {"track_id": "pop/Björk, Jóga", "artist": "小沢健二"},
    {"track_id": "pop/two\nlines", "artist": ""},
    {"track_id": "pop/a lone\rreturn", "artist": "\r\n"},
]
# A CSV row of one empty field is an empty line.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])))
CONTENT = {"size": 12, "seconds": 0.1, "name": "Björk\n", "tracks": [{"a": None}, {}]}


@example(rows=ROWS)
@given(rows=st.lists(st.fixed_dictionaries({"track_id": TEXT, "artist": TEXT}), max_size=5))
def test_any_text_comes_back(
    rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    write_csv(path, COLUMNS, rows)
    assert read_csv(path, COLUMNS) == rows


def test_columns_and_line_ends_are_as_asked(tmp_path: Path) -> None:
    write_csv(tmp_path / "new" / "a.csv", COLUMNS, [{"artist": "A", "track_id": 1}])
    assert (tmp_path / "new" / "a.csv").read_bytes() == b"track_id,artist\n1,A\n"


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="genre"):
        write_csv(tmp_path / "a.csv", COLUMNS, [{"genre": "pop"}])


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    def failing() -> Iterator[dict[str, str]]:
        yield ROWS[0]
        assert path.read_text() == "old"
        raise KeyboardInterrupt

    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_csv(path, COLUMNS, failing())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_place_of_a_file_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.csv" / "kept").mkdir(parents=True)
    with pytest.raises(OSError, match=r"a\.csv"):
        write_csv(tmp_path / "a.csv", COLUMNS, ROWS)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.csv"]


def test_a_byte_order_mark_line_ends_and_surplus_fields_are_ignored(tmp_path: Path) -> None:
    text = "\ufefftrack_id,artist\r\na,A,surplus\r\nb\r\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    rows = [{"track_id": "a", "artist": "A"}, {"track_id": "b", "artist": ""}]
    assert read_csv(tmp_path / "a.csv", COLUMNS) == rows


def test_short_rows_take_no_more_memory_than_their_file(tmp_path: Path) -> None:
    header = ",".join(["track_id", *map(str, range(10_000))])
    (tmp_path / "a.csv").write_text(f"{header}\n" + "a\n" * 1000, encoding="utf-8")
    rows = read_csv(tmp_path / "a.csv", ["track_id", "9999"])
    assert rows == 1000 * [{"track_id": "a", "9999": ""}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column 'track_id'; its columns are none"),
        (b"a,b\n", "has no column 'track_id'; its columns are a, b"),
        (b",".join(map(b"%d".__mod__, range(30))), r"its columns are 0, 1, .*, 19, \.\.\."),
        (20_000 * b"a," + b"a", "has 20001 columns; 20000 are the most"),
        (b"track_id\n\xff\n", "is not a CSV file in UTF-8: .*"),
    ],
    ids=["empty", "missing column", "many columns", "too many columns", "not UTF-8"],
)
def test_a_file_that_is_not_the_table_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(PipelineError, match=rf"a\.csv.*{message}$"):
        read_csv(tmp_path / "a.csv", COLUMNS)


@pytest.mark.parametrize("read", [read_csv, read_json], ids=["CSV", "JSON"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "is not a regular file"),
        (os.mkdir, "is not a regular file"),
        (str, "is missing; run `dvc repro`"),
    ],
    ids=["pipe", "folder", "nothing"],
)
def test_what_is_not_a_regular_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], object], message: str, read: Callable[[Path], object]
) -> None:
    make(tmp_path / "a")
    with pytest.raises(PipelineError, match=f"/a {message}$"):
        read(tmp_path / "a")


def test_json_that_is_nested_too_deeply_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(PipelineError, match=r"a\.json is not JSON in UTF-8: "):
        read_json(tmp_path / "a.json")


def test_rows_are_parsed_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["n"], [{"n": 1}, {"n": 22}])
    assert read_rows(tmp_path / "a.csv", ["n"], lambda row: natural(row["n"])) == [1, 22]
    for damaged in ("-1", "two"):
        write_csv(tmp_path / "a.csv", ["n", "m"], [{"n": 1}, {"n": damaged, "m": 0}])
        with pytest.raises(PipelineError, match=r"a\.csv, line 3 is damaged; run `dvc repro`"):
            read_rows(tmp_path / "a.csv", ["n"], lambda row: natural(row["n"]))


def test_json_keeps_its_order_and_refuses_what_json_has_not(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": 0.5})
    assert list(json.loads(path.read_text()).items()) == [("b", 1), ("a", 0.5)]
    with pytest.raises(ValueError, match="nan"):
        write_json(path, {"b": float("nan")})
    assert json.loads(path.read_text()) == {"b": 1, "a": 0.5}


@given(one=TEXTS, other=TEXTS)
def test_texts_are_kept_apart(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_digest_is_the_same_in_every_process() -> None:
    """`printf "('ab', 'c')" | sha256sum`, as caches go by it."""
    assert digest("ab", "c") == ("86292f5ef1a2396d59880b3d9b2606b0fe9d46dd989f90dc2a63e6dce1d69e3a")


@pytest.mark.parametrize(
    ("package", "distributions"),
    [("numpy", ["numpy"]), ("sklearn", ["scikit-learn"]), ("no_such_library", [])],
)
def test_the_version_of_a_library_goes_by_the_name_of_its_package(
    package: str, distributions: list[str]
) -> None:
    known = version_of(package)
    assert all(version(name) in known for name in distributions)
    assert bool(known) == bool(distributions)


def test_the_version_of_a_library_is_the_same_whichever_distribution_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = version_of("numpy")
    monkeypatch.setattr("pipeline.base.files._distributions", lambda: {"as_numpy": ["numpy"]})
    assert version_of("as_numpy") == known


def test_a_file_has_the_digest_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()


def test_content_with_a_digest_comes_back_and_no_changed_byte_goes_unnoticed() -> None:
    whole = with_digest(CONTENT).encode()
    assert checked(whole.decode()) == CONTENT
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(ValueError, match="damaged"):
            checked(changed.decode())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": 3}', "[" * 100_000], ids=range(5))
def test_what_has_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="damaged"):
        checked(text)


def test_content_cannot_have_the_key_of_its_digest() -> None:
    with pytest.raises(ValueError, match="'sha256' is the key of the digest"):
        with_digest({"sha256": "ab"})


def test_a_lock_that_is_held_names_its_process(tmp_path: Path) -> None:
    lock, written = tmp_path / "lock", tmp_path / "folder"
    with locked(lock, written):
        refusal = f"folder is being written by process {os.getpid()}; wait until it ends, or stop"
        with pytest.raises(PipelineError, match=refusal), locked(lock, written):
            pass
        lock.write_text("")
        with pytest.raises(PipelineError, match="by another process;"), locked(lock, written):
            pass
    with locked(lock, written):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
@pytest.mark.parametrize("waits", [True, False])
def test_a_file_system_that_refuses_locks_is_not_another_process(
    number: int,
    waits: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    lock, done = tmp_path / "lock", []
    for _ in range(2):
        with locked(lock, None if waits else tmp_path / "folder"):
            done.append(True)
    warning = f"warning: {lock} cannot be locked ({os.strerror(number)}), as on some network"
    assert [line.startswith(warning) for line in capsys.readouterr().err.splitlines()] == done
    with pytest.raises(OSError, match=re.escape(str(lock))), locked(lock / "below a file"):
        pass  # not for want of locks
