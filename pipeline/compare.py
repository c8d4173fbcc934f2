"""Command: is one revision better than another, on which genres and tracks, or is it chance?

`python -m pipeline.compare main` compares main with the workspace; more revisions are each
compared with the first. A revision is a branch, a commit, a tag, a DVC experiment, or the word
`workspace`. It reads what they recorded in metrics/, and in dvc.lock which run made that; nothing
is computed again.
"""

import argparse
import json
from pathlib import Path

from pipeline.compare_page import page
from pipeline.compare_text import text
from pipeline.errors import PipelineError, run_stage
from pipeline.report import as_json, build_report
from pipeline.revisions import WORKSPACE, read_revision, require_comparable
from pipeline.tables import replacing


def main() -> None:
    """Compare the revisions of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "revisions",
        nargs="+",
        metavar="REV",
        help="branch, commit, tag, experiment or `workspace`; the first is the reference; "
        "one alone is compared with the workspace",
    )
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to FILE too")
    arguments = parser.parse_args()
    if arguments.html and arguments.html.is_dir():
        raise PipelineError(f"--html {arguments.html}: is a folder; name a file in it")
    names = (
        arguments.revisions if len(arguments.revisions) > 1 else [*arguments.revisions, WORKSPACE]
    )
    revisions = [read_revision(name) for name in names]
    require_comparable(revisions)
    report = build_report(revisions)
    if arguments.html:
        with replacing(arguments.html) as file:
            file.write(page(report))
    print(json.dumps(as_json(report), indent=2) if arguments.json else text(report))


if __name__ == "__main__":
    run_stage(main)
