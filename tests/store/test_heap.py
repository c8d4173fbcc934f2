"""The global heap of an HDF5 file: what HDF5 wrote is whole, and wrong sizes are refused."""

import io

import h5py
import pytest

from pipeline.store.heap import COLLECTION, require_whole_heaps


def written(texts: int) -> bytes:
    """A file with texts in one or several collections of the heap."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="earliest") as file:
        for number in range(texts):
            file.attrs[f"text {number}"] = (number + 1) * "x"
    return buffer.getvalue()


@pytest.mark.parametrize(("texts", "collections"), [(0, 0), (1, 1), (20, 1), (200, 6)])
def test_what_hdf5_wrote_is_whole(texts: int, collections: int) -> None:
    content = written(texts)
    assert len(COLLECTION.findall(content)) >= collections
    require_whole_heaps(content)


def test_a_changed_size_is_refused() -> None:
    content = bytearray(written(3))
    start = content.index(b"GCOL")
    for place in (8, 24, 48):  # of the collection, of its first text and of its second
        for bit in (1, 8, 128):
            changed = bytearray(content)
            changed[start + place] ^= bit
            if (changed[start + place] + 7) // 8 != (content[start + place] + 7) // 8:
                with pytest.raises(ValueError, match="global heap"):
                    require_whole_heaps(bytes(changed))


def test_a_heap_without_its_end_is_refused() -> None:
    content = written(1)
    with pytest.raises(ValueError, match="global heap"):
        require_whole_heaps(content[: content.index(b"GCOL") + 100])
