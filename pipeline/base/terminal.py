"""Tables and numbers as text for a terminal."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns two spaces apart; those at the indices `right` are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def cell(text: str, index: int) -> str:
        return text.rjust(widths[index]) if index in right else text.ljust(widths[index])

    return "\n".join("  ".join(map(cell, row, range(len(row)))).rstrip() for row in rows)


def points(share: float) -> str:
    """A signed difference of shares in percentage points: +3.2."""
    return f"{100 * share:+.1f}"


def percent(share: float) -> str:
    """A share in percent: 53.2."""
    return f"{100 * share:.1f}"


def p_text(p_value: float) -> str:
    """A p-value to be read: 0.034, or < 0.001."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def clean(text: str) -> str:
    """`text` on one line and without control characters, which could steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
