"""The errors that a user can cause and mend."""


class PipelineError(Exception):
    """Root of all errors that a user can cause and mend; the text is one line that says how."""


class ParamsError(PipelineError):
    """A parameter is missing, misspelt, of the wrong type or out of range."""
