"""Command: are several revisions better together than the best of them alone?

`python -m pipeline.combine main ann` takes the mean of the probabilities that the revisions gave to
each track, and judges it as if one run had predicted it. A revision is a branch, a commit, a tag, a
DVC experiment, or the word `workspace`. All must have the same folds, so that each fold's test
tracks are new to all of them. The command reads what they recorded, and computes nothing again.
"""

import json
from collections.abc import Iterator

from pipeline.base.cli import clean, command_line, output_file, percent, run_stage
from pipeline.base.files import write_csv
from pipeline.pages.tables import (
    Table,
    differences_table,
    genres_table,
    heading,
    notes,
    parameters_table,
    sides_table,
)
from pipeline.pages.terminal import shown
from pipeline.runs.combination import (
    NAME,
    WITHIN,
    Choice,
    Combination,
    as_json,
    choose,
    combine,
    require_combinable,
)
from pipeline.runs.comparison import Difference
from pipeline.runs.revisions import add_revisions, differing, read_revision, with_probabilities

VOTED = "combined: the genre with the highest mean probability; single revisions: their own vote."
BEST = "The best single revision was picked on the test tracks, so its accuracy is optimistic."


def text(combination: Combination, choice: Choice | None = None) -> str:
    """The combination for a terminal: all sides, the gains, then that over the best by genre."""
    return "\n\n".join(_parts(combination, choice))


def _parts(combination: Combination, choice: Choice | None) -> Iterator[str]:
    comparison, best = combination.comparison, combination.parts[combination.best].name
    yield f"{clean(heading(comparison))}; the mean of {len(combination.parts)} revisions"
    if choice:
        yield shown(choice_table(choice))
    yield shown(sides_table(comparison.sides))
    parameters = [part.parameters for part in combination.parts]
    if differing(parameters):
        yield shown(parameters_table(comparison.others, differing(parameters)))
    yield shown(differences_table(_named_gains(combination)))
    yield "\n".join(map(clean, [*notes(comparison), VOTED, BEST]))
    gain = combination.gains[combination.best]
    yield f"right tracks by genre\n{shown(genres_table(best, NAME, gain))}"
    if combination.clips:
        yield shown(clips_table(combination))
    else:
        yield clean(f"per track only: {combination.no_clips}")


def _named_gains(combination: Combination) -> list[tuple[str, Difference]]:
    names = [f"{NAME} minus {part.name}" for part in combination.parts]
    names[combination.best] += ", the best"
    return list(zip(names, combination.gains, strict=True))


def clips_table(combination: Combination) -> Table:
    """Accuracy per clip of each side."""
    rows = [
        [
            row["revision"],
            percent(row["accuracy"]),
            f"{percent(row['low'])} to {percent(row['high'])}",
        ]
        for row in combination.clips
    ]
    return Table(["clips", "accuracy %", "95% interval"], rows, labels=1)


def choice_table(choice: Choice) -> Table:
    """The inner validation of each revision, and whether it is combined."""
    rows = [
        [name, "yes" if name in choice.chosen else "no", percent(accuracy)]
        for name, accuracy in choice.accuracies.items()
    ]
    return Table(["revision", "combined", "inner validation %"], rows, labels=2)


def main() -> None:
    """Combine the revisions of the command line."""
    parser = command_line(__doc__)
    add_revisions(parser, "at least two")
    parser.add_argument(
        "--choose",
        nargs="?",
        type=float,
        const=WITHIN,
        metavar="POINTS",
        help="combine only those whose inner validation is at most POINTS percentage points below "
        f"the best (default: {WITHIN:g}); the test tracks play no part in the choice",
    )
    parser.add_argument(
        "--csv", type=output_file, metavar="FILE", help="write the combined table of tracks"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    arguments = parser.parse_args()
    parts = [with_probabilities(read_revision(name)) for name in arguments.revisions]
    require_combinable(parts)
    choice = None
    if arguments.choose is not None:
        choice = choose([part.revision for part in parts], arguments.choose)
        parts = [part for part in parts if part.revision.name in choice.chosen]
    combination = combine(parts)
    if arguments.csv:
        write_csv(arguments.csv, list(combination.rows[0]), combination.rows)
    if arguments.json:
        found = as_json(combination)
        found["inner_validation"] = choice.accuracies if choice else {}
        print(json.dumps(found, indent=2))
    else:
        print(text(combination, choice))


if __name__ == "__main__":
    run_stage(main, kept="")
