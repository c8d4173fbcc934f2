"""Stages and libraries of the genre pipeline; `dvc.yaml` runs each stage as `python -m`."""
