"""`python -m pipeline` lists the stages in their order, and the commands."""

import ast
from pathlib import Path

from pipeline.base.cli import run_stage

STAGES = (
    "check",
    "demo",
    "segment",
    "check_tracks",
    "extract",
    "augment",
    "replicas",
    "split",
    "train",
    "evaluate",
    "predict",
    "report",
)


def listing() -> str:
    """List each stage and command on a line, with the first line of its docstring."""
    files = {path.stem: path for path in sorted(Path(__file__).parent.glob("[!_]*.py"))}
    width = max(map(len, files))
    lines = {name: f"  {name:<{width}}  {_summary(path)}" for name, path in files.items()}
    return "\n".join(
        [
            "Stages, in the order in which `dvc repro` runs them:",
            *(lines.pop(name) for name in STAGES),
            "Commands:",
            *lines.values(),
            "`python -m pipeline.<name> --help` says more.",
        ]
    )


def _summary(path: Path) -> str:
    """Return the text after "Stage: " or "Command: " in the docstring of a file."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    text = doc.splitlines()[0].partition(": ")[2]
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    run_stage(lambda: print(listing()), kept="")
