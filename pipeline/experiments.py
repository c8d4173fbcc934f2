"""Command: which of the runs is best, and what was different?

`python -m pipeline.experiments` lists the workspace, all branches and all DVC experiments with
their accuracy, what they cost, and the parameters in which they differ: the best first, and each
paired with the best. It reads what they recorded in metrics/, and computes nothing again.
"""

import json
from collections.abc import Iterator, Sequence

from pipeline.base.cli import aligned, clean, command_line, p_text, percent, points, run_stage
from pipeline.base.errors import PipelineError
from pipeline.pages.tables import heading
from pipeline.runs.comparison import Difference, Side
from pipeline.runs.ranking import Group, Ranking, as_json, rank_runs
from pipeline.runs.revisions import value_of

WIDTH = 100  # characters of a line
LONGEST_VALUE = 30
COLUMNS = [
    *("#", "accuracy %", "95% interval"),
    *("minus best", "95% interval", "Holm p", "seconds"),
]
RIGHT = (0, *range(2, 8))  # indices of the columns that are numbers; the name is between them
NOTE = (
    "seconds: what all folds took to train. Holm p: McNemar's test against the best, corrected\n"
    "for the number of runs. The best of many is flattered, as it was chosen on the tracks that\n"
    "test it; the validation curves in metrics/curves.csv are there to choose by."
)
SEVERAL = (
    "Runs under different headings were tested on other tracks, or with other folds: their\n"
    "accuracies do not say which is better."
)


def text(ranking: Ranking) -> str:
    """The whole ranking for a terminal, in lines of at most `WIDTH` characters."""
    return "\n\n".join(_parts(ranking))


def _parts(ranking: Ranking) -> Iterator[str]:
    number = 1
    for group in ranking.groups:
        yield group_text(group, number)
        number += len(group.comparison.sides)
    if ranking.differing:
        yield "\n\n".join(["parameters that differ", *parameters_tables(ranking)])
    if len(ranking.sides) > 1:
        yield NOTE
    if len(ranking.groups) > 1:
        yield SEVERAL
    if ranking.left_out:
        reasons = (_cut(f"{name}: {why}", WIDTH) for name, why in ranking.left_out.items())
        yield "\n".join(["left out", *reasons])


def group_text(group: Group, first: int) -> str:
    """One line for each run of a group; their numbers begin with `first`."""
    comparison = group.comparison
    pairs = enumerate([(comparison.reference, None), *comparison.pairs], first)
    figures = [COLUMNS, *([str(number), *_cells(*pair)] for number, pair in pairs)]
    room = WIDTH - _width(list(zip(*figures, strict=True))) - 2
    names = ["run", *(_cut(side.name, room) for side in comparison.sides)]
    rows = [[row[0], name, *row[1:]] for row, name in zip(figures, names, strict=True)]
    title = f"{heading(comparison)} ({group.split['folds']} folds)"
    return f"{clean(title)}\n{aligned(rows, right=RIGHT)}"


def _cells(side: Side, found: Difference | None) -> list[str]:
    cells = [percent(side.accuracy), f"{percent(side.low)} to {percent(side.high)}"]
    if found is None:
        cells += ["-"] * 3
    else:
        interval = f"{points(found.low)} to {points(found.high)}"
        cells += [points(found.difference), interval, p_text(found.p_holm)]
    return [*cells, f"{side.seconds:.0f}"]


def parameters_tables(ranking: Ranking) -> list[str]:
    """The parameters that differ, a column for each, in as many tables as the width needs."""
    sides = ranking.sides
    numbers = ["#", *(str(number + 1) for number, _ in enumerate(sides))]
    columns = [
        [key, *(_cut(value_of(side.parameters, key), LONGEST_VALUE) for side in sides)]
        for key in ranking.differing
    ]
    tables: list[list[Sequence[str]]] = [[numbers]]
    for column in columns:
        if _width([*tables[-1], column]) > WIDTH and len(tables[-1]) > 1:
            tables.append([numbers])
        tables[-1].append(column)
    return [aligned(list(zip(*table, strict=True)), right=[0]) for table in tables]


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _cut(value: str, longest: int) -> str:
    return value if len(value) <= longest else f"{value[: longest - 3]}..."


def main() -> None:
    """Print the ranking of all runs."""
    parser = command_line(__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    asked = parser.parse_args()
    ranking = rank_runs()
    if not ranking.groups and not asked.json:
        first = next(iter(ranking.left_out.values()))
        raise PipelineError(f"there is no run to list; {first}")
    print(json.dumps(as_json(ranking), indent=2) if asked.json else text(ranking))


if __name__ == "__main__":
    run_stage(main, kept="")
