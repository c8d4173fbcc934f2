"""Pages from the templates in templates/: every value is escaped, and a page loads nothing."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

# Each script, and the files of templates/ that it is joined from.
SCRIPTS = {
    "browser": [
        f"browser/{part}.js"
        for part in ("tools", "filters", "list", "track", "sound", "keys", "matrix", "begin")
    ],
    "sounds": ["sounds.js"],
}


def render(template: str, **values: Any) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        File name in templates/; it extends base.html.j2, which needs a `title`.
    **values
        The values that the template names. All text is escaped except charts, which are SVG.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.globals |= {"script": script, "policy": content_security_policy()}
    return environment


@cache
def script(name: str) -> Markup:
    """A script as it stands in a page, whose names are its own."""
    folder = files("pipeline.pages") / "templates"
    parts = [(folder / path).read_text(encoding="utf-8") for path in SCRIPTS[name]]
    return Markup('"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n")


def content_security_policy() -> str:
    """The policy that lets a page show the files beside it and run our scripts, but nothing else.

    Whatever a name may smuggle in, no other script runs and no address is asked.
    """
    hashes = (hashlib.sha256(script(name).encode()).digest() for name in SCRIPTS)
    allowed = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
    own = "'self' file: data:"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        f"img-src {own}; media-src {own}; base-uri 'none'; form-action 'none'"
    )
