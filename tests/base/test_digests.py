"""Digests of texts and files, JSON with a digest, and versions of libraries."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.files import checked, digest, file_digest, version_of, with_digest

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])))
CONTENT = {"size": 12, "seconds": 0.1, "name": "Björk\n", "tracks": [{"a": None}, {}]}


@given(one=TEXTS, other=TEXTS)
def test_texts_are_kept_apart(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_digest_is_the_same_in_every_process() -> None:
    """`printf "('ab', 'c')" | sha256sum`, as caches go by it."""
    assert digest("ab", "c") == ("86292f5ef1a2396d59880b3d9b2606b0fe9d46dd989f90dc2a63e6dce1d69e3a")


@pytest.mark.parametrize(
    ("package", "distributions"),
    [
        ("numpy", ["numpy"]),
        ("sklearn", ["scikit-learn"]),
        ("yaml", ["PyYAML"]),
        ("cv2", ["opencv-python-headless"]),
    ],
)
def test_the_version_of_a_library_goes_by_the_name_of_its_package(
    package: str, distributions: list[str]
) -> None:
    assert all(version(name) in version_of(package) for name in distributions)


def test_a_library_that_is_not_installed_has_no_version() -> None:
    assert version_of("no_such_library") == ""


def test_a_file_has_the_digest_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()


def test_content_with_a_digest_comes_back() -> None:
    assert checked(with_digest(CONTENT)) == CONTENT


def test_no_changed_byte_of_content_with_a_digest_goes_unnoticed() -> None:
    whole = with_digest(CONTENT).encode()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(ValueError, match="damaged"):
            checked(changed.decode())


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"sha256": 3}', "[" * 100_000], ids=range(6)
)
def test_what_has_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="damaged"):
        checked(text)
