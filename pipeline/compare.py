"""Command: is one revision better than another, on which genres and tracks, or is it chance?

`python -m pipeline.compare main` compares main with the workspace; more revisions are each
compared with the first. A revision is a branch, a commit, a tag, a DVC experiment, or the word
`workspace`. The command reads what they recorded in metrics/, and computes nothing again.
"""

import json

from pipeline.base.cli import command_line, output_file, run_stage
from pipeline.base.files import replacing
from pipeline.pages.terminal import comparison_text
from pipeline.runs.comparison import as_json, compare_revisions
from pipeline.runs.revisions import (
    WORKSPACE,
    add_revisions,
    read_revision,
    require_comparable,
    whole_histories,
)


def main() -> None:
    """Compare the revisions of the command line."""
    parser = command_line(__doc__)
    add_revisions(parser, "the first is the reference; one alone is compared with the workspace")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write a page to FILE too")
    arguments = parser.parse_args()
    names = arguments.revisions
    if len(names) == 1:
        names.append(WORKSPACE)
    revisions = [read_revision(name) for name in names]
    require_comparable(revisions)
    comparison = compare_revisions(revisions)
    if arguments.html:
        from pipeline.pages.comparison_page import changed_sounds, page  # half a second

        sounds = changed_sounds(comparison, revisions[0].split["dataset_digest"])
        with replacing(arguments.html) as file:
            file.write(page(comparison, sounds, whole_histories(revisions)))
    if arguments.json:
        print(json.dumps(as_json(comparison), indent=2))
    else:
        print(comparison_text(comparison))


if __name__ == "__main__":
    run_stage(main, kept="")
