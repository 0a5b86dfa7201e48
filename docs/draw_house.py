"""Draw the rooms of `src/helpers` and which uses which, from the imports: docs/pictures/house.svg.

Only direct needs are drawn: an arrow that follows from others is left out. A test keeps the picture true; to
renew it:

    python docs/draw_house.py
"""

from __future__ import annotations

from collections import defaultdict
from html import escape
from pathlib import Path

from helpers.base.code import imports_of

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "helpers"
PICTURE = HERE / "pictures" / "house.svg"
WIDE, HIGH, GAP_X, GAP_Y, MARGIN = 132, 40, 26, 46, 20


def uses() -> dict[str, set[str]]:
    """Each room (a package or module right below `helpers`) and the rooms that its modules import."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        room = parts[0]
        if room == "__init__":
            continue
        for name in imports_of(path.read_text(encoding="utf-8")):
            other = name.split(".")[1]
            found[room] |= {other} - {room}
    return dict(found)


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph without the arrows that follow from others. Raises ValueError for a circle."""

    def below(room: str, seen: tuple[str, ...] = ()) -> set[str]:
        if room in seen:
            raise ValueError(f"rooms import each other in a circle: {' > '.join([*seen, room])}")
        return {low for other in graph.get(room, ()) for low in {other, *below(other, (*seen, room))}}

    return {
        room: {o for o in others if not any(o in below(other) for other in others)}
        for room, others in graph.items()
    }


def levels(graph: dict[str, set[str]]) -> dict[str, int]:
    """How high each room stands: one above the highest that it uses; 0 for one that uses none."""
    known: dict[str, int] = {}

    def level(room: str) -> int:
        if room not in known:
            known[room] = 1 + max((level(other) for other in graph.get(room, ())), default=-1)
        return known[room]

    for room in sorted(graph):
        level(room)
    return known


def draw(graph: dict[str, set[str]]) -> str:
    """The picture as SVG: users above what they use."""
    arrows, height = reduced(graph), levels(graph)
    top = max(height.values())
    rows = [sorted(room for room, at in height.items() if at == top - row) for row in range(top + 1)]
    most = max(map(len, rows))
    width = 2 * MARGIN + most * WIDE + (most - 1) * GAP_X
    place = {}
    for y, row in enumerate(rows):
        start = (width - len(row) * WIDE - (len(row) - 1) * GAP_X) / 2
        place |= {
            room: (start + x * (WIDE + GAP_X), MARGIN + y * (HIGH + GAP_Y)) for x, room in enumerate(row)
        }
    tall = 2 * MARGIN + len(rows) * HIGH + (len(rows) - 1) * GAP_Y
    title = "Rooms of the helper package; an arrow leads from a room to one that it uses"
    body = [f"<title>{escape(title)}</title>", f'<rect width="{width}" height="{tall}" fill="#ffffff"/>']
    body.append(
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#505a5f"/></marker>'
    )
    for room in sorted(arrows):
        for other in sorted(arrows[room]):
            (x1, y1), (x2, y2) = place[room], place[other]
            a, b, c, d = x1 + WIDE / 2, y1 + HIGH, x2 + WIDE / 2, y2 - 2
            bend = (d - b) / 2
            line = f"M{a:g} {b:g}C{a:g} {b + bend:g} {c:g} {d - bend:g} {c:g} {d:g}"
            body.append(f'<path d="{line}" fill="none" stroke="#505a5f" marker-end="url(#tip)"/>')
    for room, (x, y) in sorted(place.items()):
        body.append(
            f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="4" fill="#e8f1f8" stroke="#1d70b8"/>'
            f'<text x="{x + WIDE / 2:g}" y="{y + 26:g}" text-anchor="middle">{escape(room)}</text>'
        )
    style = 'font-family="Arial, sans-serif" font-size="16" fill="#0b0c0c" role="img"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {tall}" width="{width}" {style}>'
    return "\n".join([head, *body, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(uses()), encoding="utf-8")
    print(PICTURE.name)
