"""Plotly figures of the notebooks: one look, a title that says what is shown, a source line."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
from IPython.display import HTML, Markdown

from helpers.base.contract import plain_label as label

pio.renderers.default = "plotly_mimetype"
PHASE_COLOURS = {
    "primary": "#1d70b8",
    "secondary": "#b35c00",
    "special": "#4c2c92",
    "ap": "#505a5f",
    "nursery": "#28856c",
}


def finish(
    figure: go.Figure, title: str, source: str, x: str | None = None, y: str | None = None, height: int = 380
) -> go.Figure:
    """Give a figure its title (what it shows), axis titles with units and a source line."""
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 16}},
        template="plotly_white",
        height=height,
        margin={"l": 60, "r": 20, "t": 80, "b": 90},
        legend={
            "title_text": "",
            "orientation": "h",
            "y": 1.0,
            "yanchor": "bottom",
            "x": 0,
        },  # above the plot, never over its lines
        font={"family": "Arial, sans-serif", "size": 13, "color": "#0b0c0c"},
    )
    figure.add_annotation(
        text=f"Source: {source}",
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        yshift=-72,
        showarrow=False,
        font={"size": 11, "color": "#505a5f"},
    )
    if x:
        figure.update_xaxes(title_text=x)
    if y:
        figure.update_yaxes(title_text=y)
    return figure


def table(frame: pd.DataFrame, caption: str, decimals: dict[str, int] | int = 2, rows: int = 25) -> HTML:
    """A frame as a plain table for a reader: labels from the dictionary, rounded numbers, an en dash for what
    is missing.
    """
    shown = frame.head(rows)
    text = {}
    for name in shown.columns:
        digits = decimals.get(name, 2) if isinstance(decimals, dict) else decimals
        text[name] = [_cell(value, name, digits) for value in shown[name].tolist()]
    numeric = [
        n
        for n in shown.columns
        if pd.api.types.is_numeric_dtype(shown[n]) and not pd.api.types.is_bool_dtype(shown[n])
    ]
    heads = "".join(_tag("th", label(str(n)).replace("_", " "), n in numeric) for n in shown.columns)
    rows_of_text = zip(*text.values(), strict=True)
    body = "".join(
        "<tr>" + "".join(_tag("td", v, n in numeric) for n, v in zip(text, row, strict=True)) + "</tr>"
        for row in rows_of_text
    )
    more = f"<p>{len(frame) - rows:,} more rows.</p>" if len(frame) > rows else ""
    return HTML(
        f"<table><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{more}"
    )


def _cell(value: object, name: str, digits: int) -> str:
    """A value as a reader sees it."""
    if value is None or value is pd.NaT or value is pd.NA or value == "" or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) and "urn" not in str(name) else str(value)


def _tag(tag: str, text: str, number: bool) -> str:
    """A table cell: text to the left, numbers to the right."""
    return f'<{tag} style="text-align:{"right" if number else "left"}">{escape(text)}</{tag}>'


def say(*lines: str) -> Markdown:
    """Sentences computed from facts, as a list."""
    return Markdown("\n".join(f"- {line}" for line in lines))
