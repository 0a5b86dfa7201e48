"""Small inline SVG charts: a title and a description, everything labelled directly, readable in grey, no
script.

Each function takes plain numbers and returns markup. Colours are CSS classes, so that print and dark screens
can change them; shapes differ too, so that nothing rests on colour.
"""

from __future__ import annotations

from html import escape
from math import ceil, floor

from helpers.base.text import number, pct, signed
from helpers.base.years import first_of


def svg(
    chart_id: str, width: int, height: int, title: str, description: str, body: list[str], css: str = "chart"
) -> str:
    """The wrapper that makes a chart an image with a name and a description."""
    return (
        f'<svg class="{css}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{chart_id}-t '
        f'{chart_id}-d" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{chart_id}-t">{escape(title)}</title>'
        f'<desc id="{chart_id}-d">{escape(description)}</desc>{"".join(body)}</svg>'
    )


def scale(lowest: float, highest: float, start: float, end: float):
    """A straight map from data to picture, widened a little when all values are the same."""
    if highest - lowest < 1e-9:
        lowest, highest = lowest - 0.5, highest + 0.5
    factor = (end - start) / (highest - lowest)
    return lambda value: round(start + (value - lowest) * factor, 1)


def spread_labels(places: list[float], gap: float, lowest: float, highest: float) -> list[float]:
    """Vertical places of labels pushed apart to at least `gap`, in the same order, kept between the two ends
    where they fit.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, after in zip(order, order[1:], strict=False):
        moved[after] = max(moved[after], moved[before] + gap)
    if order and moved[order[-1]] > highest:
        moved[order[-1]] = highest
        for after, before in zip(order[::-1], order[-2::-1], strict=False):
            moved[before] = min(moved[before], moved[after] - gap)
    overflow = max(0.0, lowest - moved[order[0]]) if order else 0.0
    return [round(place + overflow, 1) for place in moved]


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" '
        f'text-anchor="{anchor}"{f" class={chr(34)}{css}{chr(34)}" if css else ""}>{escape(words)}</text>'
    )


def history(
    chart_id: str,
    years: list[tuple[str, float]],
    next_year: str,
    typical: float | None = None,
    interval: tuple[float, float] | None = None,
    minimum: float | None = None,
    described: str = "",
) -> str:
    """Attendance by year (per cent), with what is typical in these circumstances, where next year is likely
    to fall, and the minimum.

    `years` are (label, attendance) in order; years without a figure are simply absent and the line breaks at
    a gap of more than a year.
    """
    width, height, left, right, top, bottom = 400, 230, 30, 268, 24, 196
    values = [value for _, value in years] + [
        v for v in (typical, minimum, *(interval or ())) if v is not None
    ]
    y = scale(min(values), max(values), bottom - 8, top + 8)
    first = min([first_of(label) for label, _ in years] + [first_of(next_year) - 1])
    x = scale(first, first_of(next_year), left, right)
    body = [f'<line class="axis" x1="{left - 20}" y1="{bottom + 4}" x2="{right + 20}" y2="{bottom + 4}"/>']
    previous = None
    for label, value in years:
        here = (x(first_of(label)), y(value), first_of(label))
        if previous and here[2] - previous[2] == 1:
            body.append(
                f'<line class="line" x1="{previous[0]}" y1="{previous[1]}" x2="{here[0]}" y2="{here[1]}"/>'
            )
        elif previous:
            body.append(
                f'<line class="gap" x1="{previous[0]}" y1="{previous[1]}" x2="{here[0]}" y2="{here[1]}"/>'
            )
        previous = here
    for label, value in years:
        px, py = x(first_of(label)), y(value)
        body.append(f'<circle class="dot" cx="{px}" cy="{py}" r="4"/>')
        body.append(text(px, py - 9, number(value, 1), "value halo", "middle"))
    ahead = [next_year] if (interval or minimum is not None) else []
    shown_years = [label for label, _ in years] + ahead
    for label in dict.fromkeys(shown_years):
        body.append(text(x(first_of(label)), bottom + 19, f"{label[2:4]}/{label[5:7]}", "tick", "middle"))
    notes: list[tuple[float, str, str]] = []
    px = x(first_of(next_year))
    if interval is not None:
        low, high = interval
        body.append(f'<line class="interval" x1="{px}" y1="{y(low)}" x2="{px}" y2="{y(high)}"/>')
        notes.append((y(high), f"Likely: {number(low, 1)} to {number(high, 1)}", ""))
    if typical is not None:
        start = x(first_of(next_year) - 1) - 12
        body.append(
            f'<line class="typical" x1="{start}" y1="{y(typical)}" x2="{px + 12}" y2="{y(typical)}"/>'
        )
        notes.append((y(typical), f"Typical: {number(typical, 1)}", ""))
    if minimum is not None:
        py = y(minimum)
        body.append(f'<path class="minimum" d="M{px} {py - 6}l6 6l-6 6l-6 -6z"/>')
        notes.append((py, f"Minimum: {number(minimum, 1)}", "strong"))
    for place, (at, words, css) in zip(
        spread_labels([n[0] for n in notes], 16, top, bottom - 2), notes, strict=True
    ):
        body.append(f'<line class="leader" x1="{px + 9}" y1="{at}" x2="{right + 20}" y2="{place}"/>')
        body.append(text(right + 23, place + 4, words, css))
    return svg(chart_id, width, height, "Attendance by year, per cent", described, body)


def strip(
    chart_id: str,
    title: str,
    others: list[float],
    band: tuple[float, float],
    band_words: str,
    above: list[tuple[float, str]],
    own: tuple[float, str],
    minimum: tuple[float, str],
    described: str,
    width: int = 930,
) -> str:
    """One school among others on one line of attendance (per cent): a dot for each of the `others`, the band
    in which it is likely to be, lines for `above` (value, words), a ring for its `own` figure and a diamond
    for its `minimum`. Every label has a row of its own, so that none covers another.
    """
    row, edge = 17, 14
    values = [*others, *band, own[0], minimum[0], *(value for value, _ in above)]
    step = next(s for s in (0.2, 0.5, 1, 2, 5, 10, 20) if (max(values) - min(values)) / s <= width / 110)
    ticks = [step * n for n in range(floor(min(values) / step), ceil(max(values) / step) + 1)]
    x = scale(ticks[0], ticks[-1], edge + 8, width - edge - 8)
    top = row * len(above) + 22
    middle, bottom = top + 17, top + 50

    def label(value: float, y: float, words: str, css: str) -> str:
        at, long = x(value), 7.4 * len(words)  # about as wide as the words are drawn
        if at + 5 + long <= width:
            return text(at + 5, y, words, css)
        if at - 5 - long >= 0:
            return text(at - 5, y, words, css, "end")
        return text(min(max(at, long / 2), width - long / 2), y, words, css, "middle")

    body = [
        f'<rect class="band" x="{x(band[0])}" y="{top}" width="{max(x(band[1]) - x(band[0]), 1):.1f}" '
        'height="34"/>',
        f'<line class="axis" x1="{edge}" y1="{bottom}" x2="{width - edge}" y2="{bottom}"/>',
    ]
    for tick in ticks:
        body.append(f'<line class="axis" x1="{x(tick)}" y1="{bottom}" x2="{x(tick)}" y2="{bottom + 5}"/>')
        body.append(text(x(tick), bottom + 20, f"{number(tick, 0 if step >= 1 else 1)}%", "tick", "middle"))
    for i, (value, _) in enumerate(above):
        body.append(
            f'<line class="{"best" if i == 0 else "before"}" x1="{x(value)}" y1="{row * (i + 1) - 3}" '
            f'x2="{x(value)}" y2="{bottom}"/>'
        )
    for i, value in enumerate(others):
        body.append(
            f'<circle class="peer" cx="{x(value)}" cy="{middle + (0, -8, 8, -4, 4)[i % 5]}" r="4.5"/>'
        )
    under = bottom + 38
    body.append(
        f'<line class="leader" x1="{x(own[0])}" y1="{middle + 9}" x2="{x(own[0])}" y2="{under + 1}"/>'
    )
    body.append(f'<circle class="own" cx="{x(own[0])}" cy="{middle}" r="8"/>')
    at = x(minimum[0])
    body.append(f'<line class="leader" x1="{at}" y1="{middle + 10}" x2="{at}" y2="{under + row + 1}"/>')
    body.append(f'<path class="minimum" d="M{at} {middle - 9}l9 9l-9 9l-9 -9z"/>')
    for i, (value, words) in enumerate(above):
        body.append(label(value, row * (i + 1), words, "halo"))
    body.append(
        label(sum(band) / 2 if x(band[1]) - x(band[0]) < 30 else band[0], top - 6, band_words, "tick halo")
    )
    body.append(label(own[0], under, own[1], "strong halo"))
    body.append(label(minimum[0], under + row, minimum[1], "strong halo"))
    return svg(chart_id, width, under + row + 8, title, described, body, "chart strip")


def dots(
    chart_id: str, title: str, rows: list[tuple[str, float, bool]], described: str, decimals: int = 1
) -> str:
    """One dot per row on a shared scale, with its name above and its value beside it; a row with True is
    drawn as a solid diamond.
    """
    width, step, left, right = 400, 34, 12, 340
    x = scale(min(v for _, v, _ in rows), max(v for _, v, _ in rows), left + 6, right)
    body = []
    for i, (name, value, strong) in enumerate(rows):
        top = 14 + i * step
        at, px = top + 12, x(value)
        body.append(text(0, top, name, "strong" if strong else ""))
        body.append(f'<line class="rail" x1="0" y1="{at}" x2="{px}" y2="{at}"/>')
        if strong:
            body.append(f'<path class="minimum" d="M{px} {at - 6}l6 6l-6 6l-6 -6z"/>')
        else:
            body.append(f'<circle class="dot" cx="{px}" cy="{at}" r="4.5"/>')
        body.append(text(px + 11, at + 4, pct(value, decimals), "strong" if strong else "value"))
    return svg(chart_id, width, 14 + len(rows) * step, title, described, body)


def waterfall(
    chart_id: str,
    start: tuple[str, float],
    steps: list[tuple[str, float]],
    end: tuple[str, float],
    described: str,
) -> str:
    """From last year's attendance to the minimum in steps (percentage points), each bar starting where the
    last one ended.
    """
    width, step, left, right = 400, 30, 150, 330
    levels = [start[1]]
    for _, change in steps:
        levels.append(levels[-1] + change)
    x = scale(min(levels + [end[1]]), max(levels + [end[1]]), left + 10, right)
    body = []
    rows = (
        [(start[0], start[1], None)]
        + [(name, change, i) for i, (name, change) in enumerate(steps)]
        + [(end[0], end[1], None)]
    )
    for row, (name, value, i) in enumerate(rows):
        at = 16 + row * step
        body.append(text(0, at + 4, name, "strong" if i is None else ""))
        if i is None:
            px = x(value)
            body.append(f'<line class="level" x1="{px}" y1="{at - 11}" x2="{px}" y2="{at + 11}"/>')
            body.append(text(px + 8, at + 4, pct(value, 2), "strong"))
        else:
            a, b = x(levels[i]), x(levels[i + 1])
            body.append(
                f'<rect class="{"up" if value >= 0 else "down"}" x="{min(a, b)}" y="{at - 8}" '
                f'width="{max(abs(b - a), 1):.1f}" height="16"/>'
            )
            body.append(text(max(a, b) + 8, at + 4, signed(value), "value"))
        if row < len(rows) - 1:
            px = x(levels[min(row, len(levels) - 1)])
            body.append(f'<line class="leader" x1="{px}" y1="{at + 8}" x2="{px}" y2="{at + step - 8}"/>')
    return svg(chart_id, width, 8 + len(rows) * step, "From last year to the minimum", described, body)


def histogram(
    chart_id: str,
    title: str,
    bins: list[tuple[float, int]],
    width_of_bin: float,
    marks: list[tuple[float, str]],
    described: str,
    unit: str,
) -> str:
    """Counts in equal bins (left edge, count), with labelled marks above the bars."""
    width, height, top, bottom = 400, 220, 44, 184
    x = scale(bins[0][0], bins[-1][0] + width_of_bin, 6, 394)
    tallest = max(count for _, count in bins) or 1
    body = []
    for edge, count in bins:
        if count:
            tall = (bottom - top) * count / tallest
            body.append(
                f'<rect class="bar" x="{x(edge) + 0.5:.1f}" y="{bottom - tall:.1f}" '
                f'width="{x(edge + width_of_bin) - x(edge) - 1:.1f}" height="{tall:.1f}"/>'
            )
    body.append(f'<line class="axis" x1="0" y1="{bottom}" x2="400" y2="{bottom}"/>')
    last = -60.0
    for edge in [e for e, _ in bins] + [bins[-1][0] + width_of_bin]:
        if abs(edge - round(edge)) < 1e-6 and x(edge) - last >= 40:
            last = x(edge)
            body.append(text(min(max(last, 14), 384), bottom + 17, f"{number(edge)}{unit}", "tick", "middle"))
    for i, (value, words) in enumerate(marks):
        px = x(value)
        anchor = "start" if px < 260 else "end"
        body.append(f'<line class="mark" x1="{px}" y1="{18 + 16 * i}" x2="{px}" y2="{bottom}"/>')
        body.append(text(px + (5 if anchor == "start" else -5), 26 + 16 * i, words, "strong halo", anchor))
    return svg(chart_id, width, height, title, described, body)
