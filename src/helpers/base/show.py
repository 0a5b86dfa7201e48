"""What a notebook shows: tables whose headings come from the contract, charts with one look, and sentences."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Mapping
from html import escape
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd

from helpers.base import contract
from helpers.base.stages import Stage

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from IPython.display import Markdown

PHASE_COLOURS = {
    "primary": "#1d70b8",
    "secondary": "#b35c00",
    "special": "#4c2c92",
    "ap": "#505a5f",
    "nursery": "#28856c",
}

BY_PHASE = {"color": "phase", "color_discrete_map": PHASE_COLOURS}


def chart(
    figure: go.Figure, title: str, source: str, x: str | None = None, y: str | None = None, height: int = 380
) -> go.Figure:
    """Give a figure its title (what it shows), axis titles with units and a source line."""
    legend = {"title_text": "", "orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}  # above the plot
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 16}},
        template="plotly_white",
        height=height,
        margin={"l": 60, "r": 20, "t": 80, "b": 90},
        legend=legend,
        font={"family": "Arial, sans-serif", "size": 13, "color": "#0b0c0c"},
    )
    at_foot = {"xref": "paper", "yref": "paper", "x": 0, "y": 0, "yshift": -72, "showarrow": False}
    figure.add_annotation(text=f"Source: {source}", font={"size": 11, "color": "#505a5f"}, **at_foot)
    if x:
        figure.update_xaxes(title_text=x)
    if y:
        figure.update_yaxes(title_text=y)
    return figure


class Table:
    """A table for a reader: HTML where that can be shown, else aligned text. Both say the same."""

    def __init__(self, caption: str, heads: list[str], rows: list[list[str]], right: list[bool], more: int):
        self.caption, self.heads, self.rows, self.right, self.more = caption, heads, rows, right, more

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}

    def html(self) -> str:
        """The table as HTML, escaped."""
        heads = "".join(map(_tag, ["th"] * len(self.heads), self.heads, self.right))
        body = "".join(
            "<tr>" + "".join(map(_tag, ["td"] * len(row), row, self.right)) + "</tr>" for row in self.rows
        )
        below = f"<p>{self.more:,} more rows.</p>" if self.more else ""
        top = f"<table><caption>{escape(self.caption)}</caption><thead><tr>{heads}</tr></thead>"
        return f"{top}<tbody>{body}</tbody></table>{below}"

    def text(self) -> str:
        """The table as text, columns aligned."""
        columns = list(zip(self.heads, *self.rows, strict=True))
        wide = [max(map(len, column)) for column in columns]
        lines = [
            "  ".join(
                cell.rjust(n) if number else cell.ljust(n)
                for cell, n, number in zip(row, wide, self.right, strict=True)
            ).rstrip()
            for row in [self.heads, *self.rows]
        ]
        return "\n".join([self.caption, *lines, *([f"{self.more:,} more rows."] if self.more else [])])


def table(
    frame: pd.DataFrame,
    caption: str,
    of: str | Iterable[str] = (),
    headings: Mapping[str, str] | None = None,
    decimals: Mapping[str, int] | int | None = None,
    rows: int = 25,
) -> Table:
    """A frame as a plain table: labels and decimals from the contract, an en dash for what is missing.

    `of`: the result, or results, whose columns these are; without it a column's label must mean the same in
    every result that has it. `headings`: of columns made here. `decimals`: for all, or by column. Raises
    ValueError for a column that has no label: nobody should read a raw name.
    """
    sources, given = [of] if isinstance(of, str) else list(of), headings or {}
    shown = frame.head(rows)
    named = [str(name) for name in shown.columns]
    heads = [given.get(name) or _heading(name, sources, caption) for name in named]
    known = decimals if isinstance(decimals, Mapping) else {}
    usual = decimals if isinstance(decimals, int) else None
    digits = [known.get(name, _decimals(name, sources) if usual is None else usual) for name in named]
    columns = [
        [_cell(value, name, places) for value in shown[column].tolist()]
        for column, name, places in zip(shown.columns, named, digits, strict=True)
    ]
    right = [
        pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in shown.dtypes
    ]
    cells = [list(row) for row in zip(*columns, strict=True)]
    return Table(caption, heads, cells, right, max(0, len(frame) - rows))


def _heading(name: str, sources: list[str], caption: str) -> str:
    """A column's label; a word that is in no table, such as a phase or a year, stands for itself."""
    try:
        return contract.heading(name, sources)
    except KeyError as error:
        if "_" in name or name in set(contract.dictionary()["name"]):
            raise ValueError(f"table {caption!r}: no heading for {name!r}: {error.args[0]}") from None
    return name[:1].upper() + name[1:]


def _decimals(name: str, sources: list[str]) -> int:
    """Decimals of a column as the dictionary gives them; two where it says nothing."""
    frame = contract.dictionary()
    found = contract.column_of(name, sources)
    places = frame.loc[frame["name"] == name, "decimals"].dropna() if found is None else [found["decimals"]]
    return int(places[0]) if len(places := list(places)) and pd.notna(places[0]) else 2


def _cell(value: object, name: str, digits: int) -> str:
    """A value as a reader sees it."""
    if value is None or value is pd.NaT or value is pd.NA or value == "" or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        told = f"{value:,.{digits}f}"
        told = told.removeprefix("-") if float(told.replace(",", "")) == 0 else told  # never minus nothing
        return told if "urn" not in name else f"{value:.0f}"
    return f"{value:,}" if isinstance(value, int) and "urn" not in name else str(value)


def _tag(tag: str, text: str, number: bool) -> str:
    """A table cell: text to the left, numbers to the right."""
    return f'<{tag} style="text-align:{"right" if number else "left"}">{escape(text)}</{tag}>'


def say(*lines: str) -> Markdown:
    """Sentences computed from facts, as a list."""
    from IPython.display import Markdown

    return Markdown("\n".join(f"- {line}" for line in lines))


def recipe(room: ModuleType) -> Markdown:
    """The lines that build a room's stage, as they stand in its source: what is fitted, from what, with which
    parameters. Raises AttributeError for a room without a stage.
    """
    from IPython.display import Markdown

    stage: Stage = room.STAGE
    function = stage.builder()
    lines = textwrap.dedent(inspect.getsource(function))
    stands = ", ".join(below.name for below in stage.after) or "the official files"
    read = ", ".join(f"`{name}`" for name in stage.parameters) or "none"
    about = f"Stage `{stage.name}`, in `{stage.build}`. It stands on {stands}. Its parameters: {read}."
    return Markdown(f"{about}\n\n```python\n{lines}```")
