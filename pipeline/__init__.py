"""The genre pipeline: one file for each stage and command, and a package for each concept.

`python -m pipeline` lists the stages and commands.
"""

# The one import that a package has here: every stage passes through this file first, and a Python
# without the packages would end in a traceback between DVC's lines.
import importlib.util
import sys

if importlib.util.find_spec("pydantic") is None:
    sys.exit(
        f"error: {sys.executable} lacks the packages of this project; activate the environment "
        "that `make setup` makes: . .venv/bin/activate"
    )
