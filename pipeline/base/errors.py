"""The errors that a user can cause and mend."""

# How a line ends that tells of work which was stopped.
RESUMES = "what was finished is kept: the next `dvc repro`, or the same command, goes on from there"


class PipelineError(Exception):
    """Root of all errors that a user can cause and mend; the text is one line that says how."""


class ParamsError(PipelineError):
    """A parameter is missing, misspelt, of the wrong type or out of range."""
