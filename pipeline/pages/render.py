"""Pages from the templates in templates/: every value is escaped, and a page loads nothing."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """The page that a template makes of `values`.

    Parameters
    ----------
    template : str
        File name in templates/; it extends base.html.j2, which needs a `title`.
    **values
        What the template names. All text is escaped except charts, which are SVG.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pipeline.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
