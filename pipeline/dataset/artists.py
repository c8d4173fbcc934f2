"""Which credits belong to the same artist, despite spelling and joint credits."""

import re
from collections.abc import Iterable

JOINT = re.compile(r",| and | & | feat\.? | featuring | with | vs\.? ", re.IGNORECASE)


def normalise(name: str) -> str:
    """Remove case, spaces and punctuation from a name, unless it has nothing else."""
    return "".join(filter(str.isalnum, name.casefold())) or name


def artists_by_credit(names: Iterable[str]) -> dict[str, set[str]]:
    """Normalised names of the artists behind each of the credits `names`; empty ones are left out.

    Every credit counts as one artist. `A and B`, `A, B & C` or `A feat. B` also counts for those
    of its parts that occur as a credit by themselves, which leaves bands with such names alone.
    """
    known = {name: normalise(name) for name in names if name}
    single = set(known.values())
    return {
        name: {artist} | {normalise(part) for part in JOINT.split(name)} & single
        for name, artist in known.items()
    }
