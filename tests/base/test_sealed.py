"""Sealed JSON: what comes back is what was written, and nothing else does."""

import pytest

from pipeline.base.sealed import sealed, unsealed

CONTENT = {"size": 12, "seconds": 0.1, "name": "Björk\n", "tracks": [{"a": None}, {}]}


def test_content_comes_back() -> None:
    assert unsealed(sealed(CONTENT)) == CONTENT


def test_no_changed_byte_goes_unnoticed() -> None:
    whole = sealed(CONTENT).encode()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(ValueError, match="damaged"):
            unsealed(changed.decode())


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"sha256": 3}'])
def test_what_has_no_seal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="damaged"):
        unsealed(text)
