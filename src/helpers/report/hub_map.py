"""A map of hubs and the schools near them, as inline SVG: layers differ in shape and size, not in colour
alone.
"""

from __future__ import annotations

from html import escape

import geopandas as gpd
import numpy as np
import pandas as pd

from helpers.report.charts import svg, text
from helpers.report.maps import Sheet

WIDTH, MOST_HEIGHT = 560, 760
NEAR, NEW_ONLY, FAR = "school near a hub that is open", "school near a new hub only", "school near no hub"
OPEN, NEW = "hub open now", "new hub"
LAYERS = {  # in the order of drawing: size of a dot among the others, colour
    NEAR: (1.0, "#7a858d"),
    NEW_ONLY: (1.2, "#1d70b8"),
    FAR: (1.6, "#b35c00"),
}


def hub_map(
    chart_id: str, title: str, boundaries: gpd.GeoDataFrame, points: pd.DataFrame, described: str
) -> str:
    """Map of authorities (`boundaries` in EPSG:27700: those drawn) with `points` (layer of
    `siting.map_points`, school_name, easting_km, northing_km). Empty text without boundaries."""
    shapes = boundaries.reset_index(drop=True)
    if shapes.empty:
        return ""
    sheet = Sheet(shapes, WIDTH, MOST_HEIGHT)
    paths = [
        f'<path d="{sheet.path(s)}"><title>{escape(n)}</title></path>'
        for s, n in zip(sheet.simplified(), shapes["la_name"], strict=True)
    ]
    body = [f'<g fill="#f6f7f8" stroke="#b1b4b6" stroke-width="0.7">{"".join(paths)}</g>']
    scale = float(
        np.clip(70 / max(len(points), 1) ** 0.5, 1.3, 4.5)
    )  # many dots are drawn small, or they would hide the map
    for layer, (size, colour) in LAYERS.items():
        some = sheet.to_picture(_metres(points[points["layer"] == layer]))
        dots = "".join(f"M{x:g} {y:g}h0" for x, y in some)
        body.append(
            f'<path d="{dots}" fill="none" stroke="{colour}" stroke-width="{size * scale:.1f}" '
            'stroke-linecap="round"/>'
        )
    for layer in (OPEN, NEW):
        some = points[points["layer"] == layer]
        for (x, y), name in zip(sheet.to_picture(_metres(some)), some["school_name"], strict=True):
            body.append(_sign(layer, x, y, f"{layer}: {name}"))
    picture = svg(
        chart_id,
        WIDTH,
        sheet.height + 96,
        title,
        described,
        body + _legend(points, sheet.height + 20),
        "chart map",
    )
    return picture.replace("<svg ", '<svg style="max-width:44rem" ', 1)


def _metres(points: pd.DataFrame) -> np.ndarray:
    return 1000 * points[["easting_km", "northing_km"]].to_numpy("float64")


def _sign(layer: str, x: float, y: float, told: str = "") -> str:
    """A black square for a hub that is open, a white triangle for a new one."""
    title = f"<title>{escape(told)}</title>" if told else ""
    if layer == OPEN:
        return (
            f'<rect x="{x - 5:g}" y="{y - 5:g}" width="10" height="10" fill="#0b0c0c" stroke="#fff" '
            f'stroke-width="1">{title}</rect>'
        )
    corners = f"{x:g},{y - 7:g} {x + 6.5:g},{y + 5:g} {x - 6.5:g},{y + 5:g}"
    return f'<polygon points="{corners}" fill="#fff" stroke="#0b0c0c" stroke-width="2">{title}</polygon>'


def _legend(points: pd.DataFrame, top: float) -> list[str]:
    counts, out = points["layer"].value_counts(), []
    for i, layer in enumerate((OPEN, NEW, *LAYERS)):
        x, y = 12 + (i % 2) * 280, top + (i // 2) * 26
        if layer in LAYERS:
            size, colour = LAYERS[layer]
            out.append(f'<circle cx="{x}" cy="{y}" r="{2 + 1.5 * size:g}" fill="{colour}"/>')
        else:
            out.append(_sign(layer, x, y))
        out.append(text(x + 14, y + 5, f"{layer} ({int(counts.get(layer, 0)):,})"))
    return out
