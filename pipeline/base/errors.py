"""The errors that a user can cause and mend, and the reason for which a file is rejected."""


class PipelineError(Exception):
    """Root of all errors that a user can cause and mend; the text is one line that says how."""


class ParamsError(PipelineError):
    """A parameter is missing, misspelt, of the wrong type or out of range."""


class Rejection(Exception):  # noqa: N818
    """A file cannot be used; the text is the reason that tracks.csv gives.

    The name does not end in Error, because the text is part of a result: unlike the wording of
    an error, it belongs to the content address.
    """


class FoldError(PipelineError):
    """Tracks cannot be assigned to folds, or a part of a fold would be empty."""


class LeakError(PipelineError):
    """Two parts of a fold have something in common."""
