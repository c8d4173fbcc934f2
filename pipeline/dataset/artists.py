"""Who an artist is, however they are spelt, and who is behind a joint credit."""

import re
from collections.abc import Iterable

JOINT = re.compile(r",| and | & | feat\.? | featuring | with | vs\.? ", re.IGNORECASE)


def letters(name: str) -> str:
    """A name without case, spaces and signs; as it is where there is nothing else in it."""
    return "".join(filter(str.isalnum, name.casefold())) or name


def credited(names: Iterable[str]) -> dict[str, set[str]]:
    """Whom each of the credits `names` ties a track to, by their `letters`.

    A credit is an artist of its own. `A and B`, `A, B & C` or `A feat. B` is also of those of
    them who are a credit by themselves: that leaves bands with such names alone.
    """
    known = {name: letters(name) for name in names if name}
    alone = set(known.values())
    return {
        name: {key} | {letters(part) for part in JOINT.split(name)} & alone
        for name, key in known.items()
    }
