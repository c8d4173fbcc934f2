"""Errors about folds."""

from pipeline.base.errors import PipelineError


class FoldError(PipelineError):
    """Tracks cannot be assigned to folds, or a part of a fold would be empty."""


class LeakError(PipelineError):
    """Two parts of a fold have something in common."""
