"""Tables and numbers as text for a terminal."""

import sys
from collections.abc import Sequence

# How a line ends that tells of work which was stopped.
RESUMES = "what was finished is kept: the next `dvc repro`, or the same command, goes on from there"


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Lay out rows in columns that are two spaces apart; every cell is made `clean`.

    Parameters
    ----------
    rows : sequence of sequences of str
        At least one, all of the same length.
    right : sequence of int
        Indices of the columns that are flush right; the others are flush left.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def padded(text: str, index: int) -> str:
        return text.rjust(widths[index]) if index in right else text.ljust(widths[index])

    return "\n".join("  ".join(map(padded, row, range(len(row)))).rstrip() for row in cells)


def points(share: float) -> str:
    """A signed difference of shares in percentage points: +3.2."""
    return f"{100 * share:+z.1f}"


def percent(share: float) -> str:
    """A share in percent: 53.2."""
    return f"{100 * share:.1f}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it: 5 s, 12 min, 3.4 h."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def about(seconds: float) -> str:
    """A rough time: about 12 min, or under 1 s."""
    return f"about {duration(seconds)}" if seconds >= 1 else duration(seconds)


def p_text(p_value: float) -> str:
    """A p-value with three decimals: 0.034, or < 0.001."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def clean(text: str) -> str:
    """`text` on one line and without control characters, which could steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def warn(text: str) -> None:
    """Print a line that the user should see, whatever becomes of the output."""
    print(f"warning: {clean(text)}", file=sys.stderr)
