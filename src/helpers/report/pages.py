"""The template environment, compiled once, shared by all pages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from helpers.base import text

HERE = Path(__file__).parent
ASSETS = HERE / "assets"


@cache
def environment() -> Environment:
    """Autoescaping, and strict: a template that asks for something that is not there fails instead of
    printing nothing.
    """
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["mark"] = mark
    env.globals.update(MARKING=text.MARKING, FORMULA=text.FORMULA, INVENTED=text.INVENTED)
    return env


def mark(shown: str, marks: dict, name: str) -> Markup:
    """A figure that can be read back from the page: `<data id="ask_pp" value="0.47743">0.48</data>`."""
    value = marks[name]
    return Markup('<data id="{}" value="{}">{}</data>').format(
        name, value if isinstance(value, (int, str)) else repr(float(value)), escape(shown)
    )
