"""A map of local authorities with schools as dots, as inline SVG from simplified geometry."""

from __future__ import annotations

from html import escape

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from helpers.base.text import number
from helpers.report.charts import svg, text

WIDTH = 400
CLASSES = 5
MOST_HEIGHT = 520
MOST_NUMBERED = 45


class Sheet:
    """The drawing of areas (`shapes` in EPSG:27700) on `width` pixels and at most about `most_height`: from the
    national grid to the picture, with `height` pixels.
    """

    def __init__(self, shapes: gpd.GeoDataFrame, width: int, most_height: int):
        self.shapes = shapes
        west, south, east, north = shapes.total_bounds
        self.metres = max((east - west) / width, (north - south) / most_height)  # per pixel
        self.height = round((north - south) / self.metres)
        self._west, self._north = west, north
        self._across = (width - (east - west) / self.metres) / 2

    def to_picture(self, xy: np.ndarray) -> np.ndarray:
        """Places in metres (n x 2) as pixels."""
        x, y = (xy[:, 0] - self._west) / self.metres + self._across, (self._north - xy[:, 1]) / self.metres
        return np.c_[x, y].round(1)

    def simplified(self) -> np.ndarray:
        """The shapes without detail smaller than a pixel; neighbours still touch."""
        return shapely.coverage_simplify(self.shapes.geometry.to_numpy(), 1.2 * self.metres)

    def path(self, shape: shapely.Geometry) -> str:
        """Path data of a polygon or several, without islands smaller than a few pixels when there are larger
        parts.
        """
        parts = sorted(shapely.get_parts(shape), key=lambda part: -part.area)
        parts = [part for i, part in enumerate(parts) if i == 0 or part.area > 4 * self.metres**2]
        rings = []
        for part in parts:
            for ring in [part.exterior, *part.interiors]:
                xy = self.to_picture(shapely.get_coordinates(ring))
                rings.append("M" + "L".join(f"{x:g} {y:g}" for x, y in xy[:-1]) + "Z")
        return "".join(rings)


def la_map(
    chart_id: str,
    title: str,
    boundaries: gpd.GeoDataFrame,
    values: pd.Series,
    numbers: dict[str, int],
    points: pd.DataFrame,
    described: str,
) -> str:
    """Map of the LAs in `boundaries` (la_ons_code, la_name, geometry in EPSG:27700), shaded by `values`
    (attendance in %, indexed by la_ons_code, the darker the lower), each with its number in the table, and
    one dot per row of `points` (easting, northing in metres).

    Points without a place are left out; LAs without a value are hatched.
    """
    shapes = boundaries[boundaries["la_ons_code"].isin(numbers)].reset_index(drop=True)
    if shapes.empty:
        return ""
    sheet = Sheet(shapes, WIDTH, MOST_HEIGHT)
    simple = sheet.simplified()
    edges = class_edges(values)
    hatch = '<path d="M0 6L6 0" class="hatch"/>'
    body = [
        (
            f'<defs><pattern id="{chart_id}-h" width="6" height="6" '
            f'patternUnits="userSpaceOnUse">{hatch}</pattern></defs>'
        )
    ]
    for row, shape in zip(shapes.itertuples(), simple, strict=True):
        value = values.get(row.la_ons_code, np.nan)
        shade = (
            f'class="la s{class_of(value, edges)}"'
            if pd.notna(value)
            else f'class="la" style="fill:url(#{chart_id}-h)"'
        )
        told = f"{row.la_name}: {number(value, 1)}%" if pd.notna(value) else f"{row.la_name}: no figure"
        body.append(f'<path {shade} d="{sheet.path(shape)}"><title>{escape(told)}</title></path>')
    there = points.dropna(subset=["easting", "northing"])
    if len(there):
        places = sheet.to_picture(there[["easting", "northing"]].to_numpy("float64"))
        size = round(
            min(4.0, max(1.2, 75 / len(there) ** 0.5)), 1
        )  # many dots are drawn small, or they would hide the map
        body.append(
            f'<path class="schools" stroke-width="{size}" '
            f'd="{"".join(f"M{x:g} {y:g}h0" for x, y in places)}"/>'
        )
    if len(shapes) <= MOST_NUMBERED:
        centres = apart(sheet.to_picture(shapely.get_coordinates(shapely.point_on_surface(simple))))
        for code, (x, y) in zip(shapes["la_ons_code"], centres, strict=True):
            body.append(text(x, round(y + 4, 1), str(numbers[code]), "strong halo", "middle"))
    body += _legend(edges, sheet.height + 22)
    return svg(chart_id, WIDTH, sheet.height + 52, title, described, body, "chart map")


def apart(places: np.ndarray, across: float = 19.0, down: float = 13.0) -> np.ndarray:
    """Places of labels (x, y) moved as little as needed for no two to overlap: pairs closer than `across` and
    `down` part, half each.
    """
    places = places.copy()
    for _ in range(60):
        moved = False
        for i in range(len(places)):
            for j in range(i):
                dx, dy = places[i] - places[j]
                x_lack, y_lack = across - abs(dx), down - abs(dy)
                if x_lack > 0.1 and y_lack > 0.1:
                    step = (
                        np.array([x_lack * (1 if dx >= 0 else -1), 0])
                        if x_lack < y_lack
                        else np.array([0, y_lack * (1 if dy >= 0 else -1)])
                    )
                    places[i] += step / 2
                    places[j] -= step / 2
                    moved = True
        if not moved:
            break
    return places.round(1)


def class_edges(values: pd.Series) -> list[float]:
    """Edges between shades, at quantiles of the values, to one decimal; fewer where values coincide."""
    known = values.dropna()
    if known.empty:
        return []
    inner = np.quantile(known, np.linspace(0, 1, CLASSES + 1)[1:-1]).round(1)
    return sorted(set(inner.tolist()) - {round(float(known.min()), 1)})


def class_of(value: float, edges: list[float]) -> int:
    """0 is the highest attendance (lightest), CLASSES - 1 the lowest (darkest)."""
    return CLASSES - 1 - int(np.searchsorted(edges, round(float(value), 1), side="right")) if edges else 2


def _legend(edges: list[float], top: float) -> list[str]:
    """Swatches from light to dark with their ranges."""
    if not edges:
        return []
    bounds = [None, *edges, None]
    names = [_range(low, high) for low, high in zip(bounds, bounds[1:], strict=False)]
    body, width = [], WIDTH / len(names)
    for i, name in enumerate(names):
        body.append(
            f'<rect class="la s{CLASSES - 1 - i}" x="{i * width:.0f}" y="{top}" width="{width - 3:.0f}" '
            'height="10"/>'
        )
        body.append(text(round(i * width), top + 24, name, "tick"))
    return body


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"under {number(high, 1)}" if low is None else f"{number(low, 1)} or more"
    last = number(high - 0.1, 1)
    return last if last == number(low, 1) else f"{number(low, 1)} to {last}"
