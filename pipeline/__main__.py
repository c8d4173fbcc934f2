"""`python -m pipeline` lists the stages in their order, and the commands."""

import ast
from pathlib import Path

STAGES = (
    "check",
    "demo",
    "segment",
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
    """One line for each stage and command, with the first line of its docstring."""
    files = {path.stem: path for path in Path(__file__).parent.glob("[!_]*.py")}
    commands = sorted(files.keys() - set(STAGES))
    width = max(map(len, files))
    lines = {name: f"  {name:<{width}}  {_summary(files[name])}" for name in (*STAGES, *commands)}
    return "\n".join(
        [
            "Stages, in the order in which `dvc repro` runs them:",
            *(lines[name] for name in STAGES),
            "Commands:",
            *(lines[name] for name in commands),
            "`python -m pipeline.<name> --help` says more.",
        ]
    )


def _summary(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    text = doc.splitlines()[0].removeprefix("Stage: ").removeprefix("Command: ")
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    print(listing())
