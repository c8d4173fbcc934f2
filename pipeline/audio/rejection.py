"""Why a file cannot be used."""


class Rejection(Exception):  # noqa: N818
    """A file cannot be used; the text is the reason that tracks.csv gives.

    The name does not end in Error, because the text is part of a result: unlike the wording of
    an error, it belongs to the content address.
    """
