"""From views to HTML: the templates of this package, everything escaped, and a name that nobody gave is an error.

Pure: values in, text out.
"""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wire.units import format_size

FOLDER = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """A template of this folder with these values; base.html wants `person`, `token` and `place`."""
    return _environment().get_template(template).render(**values)


def render_part(template: str, **values: Any) -> str:
    """A piece of a page, by the file of that name among the parts."""
    return _environment().get_template(f"parts/{template}.html").render(**values).strip()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["size"] = format_size
    return environment
