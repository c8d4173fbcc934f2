"""What addresses are made of: digests of texts, and versions of libraries."""

from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.digests import digest, version_of

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])))


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
