"""The invented island: nine regions, 36 local authorities, their outlines and where a school may lie.

Easting and northing are those of an empty part of the North Sea, so that no map can take the island for
England.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

CELL_M = 6000
WEST_M, SOUTH_M = 455_000, 595_000
COLUMNS, ROWS = 38, 46

# Region, official region code, number of the area-rates file, name there, centre (column, row of the
# lattice), reach in cells.
REGIONS = (
    ("North East", "E12000001", 980, "North East", 24, 40, -1.0),
    ("North West", "E12000002", 981, "North West", 9, 34, 1.5),
    ("Yorkshire and The Humber", "E12000003", 982, "Yorkshire and the Humber", 24, 31, 0.0),
    ("East Midlands", "E12000004", 983, "East Midlands", 25, 22, 0.0),
    ("West Midlands", "E12000005", 984, "West Midlands", 12, 23, 0.0),
    ("East of England", "E12000006", 985, "East of England", 33, 15, 1.0),
    ("London", "E12000007", 986, "London", 24, 13, -4.0),
    ("South East", "E12000008", 989, "South East", 22, 6, 2.0),
    ("South West", "E12000009", 990, "South West", 8, 10, 1.0),
)
# Invented authorities: name and kind. A city is urban and poorer, a county mostly rural, a borough between
# the two.
AUTHORITIES = {
    "North East": ("Aeldhaven", "Brannocshire", "Tavrelside", "Wexmar Fell"),
    "North West": ("Corvgate", "Lorrimshire", "Quillanport", "Zellan Vale"),
    "Yorkshire and The Humber": ("Gorrelfield", "Hathrim Wolds", "Jorvanby", "Morvadshire"),
    "East Midlands": ("Kelthorham", "Ormeskshire", "Pendraxby", "Vorstley"),
    "West Midlands": ("Dunvarrow", "Rosmershire", "Ilvaston", "Sarnoc Heath"),
    "East of England": ("Elvern Coast", "Fenlocshire", "Ulverdmarsh", "Yarrodwick"),
    "London": ("Orrery Dock", "Saltgate and Vane", "Thrale Hill", "Mirefield West"),
    "South East": ("Havrelmouth", "Pellandshire", "Querrin Downs", "Tressock"),
    "South West": ("Belverin Isle", "Cradockshire", "Ostramoor", "Wendlecombe"),
}
KINDS = ("city", "county", "borough", "county")
GRAMMAR = {"Pellandshire": 0.45, "Rosmershire": 0.30, "Cradockshire": 0.30, "Lorrimshire": 0.12}
MIDDLE_TIER = ("Brannocshire", "Fenlocshire")
INFANT_JUNIOR = (
    "Havrelmouth",
    "Ulverdmarsh",
    "Pendraxby",
    "Thrale Hill",
    "Querrin Downs",
    "Belverin Isle",
    "Quillanport",
    "Ilvaston",
)


@dataclass(frozen=True)
class Authority:
    """One invented local authority."""

    index: int
    name: str
    region: str
    region_code: str
    la_code: str
    ons_code: str
    kind: str
    weight: float


@dataclass(frozen=True)
class Country:
    """Authorities, the lattice cell each owns, and the corners of every cell (metres, British National Grid)."""

    authorities: tuple[Authority, ...]
    owner: np.ndarray  # rows x columns, index of the authority or -1 for sea
    corners: np.ndarray  # rows + 1 x columns + 1 x 2
    town_pull: np.ndarray  # rows x columns, how much a cell attracts urban schools

    def outline(self, index: int) -> shapely.Geometry:
        """Polygon of an authority: the union of its cells."""
        cells = [self._cell(r, c) for r, c in zip(*np.nonzero(self.owner == index), strict=True)]
        return shapely.normalize(shapely.set_precision(shapely.union_all(cells), 1.0))

    def _cell(self, row: int, column: int) -> shapely.Polygon:
        k = self.corners
        return shapely.Polygon(
            [k[row, column], k[row, column + 1], k[row + 1, column + 1], k[row + 1, column]]
        )

    def place(self, rng: np.random.Generator, index: int, urban: bool) -> tuple[int, int]:
        """A point inside the authority: near a town for urban schools, anywhere for the others."""
        rows, columns = np.nonzero(self.owner == index)
        pull = self.town_pull[rows, columns]
        weight = pull**2 if urban else 1.0 / (0.3 + pull)
        pick = int(np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random()))
        row, column = rows[min(pick, len(rows) - 1)], columns[min(pick, len(rows) - 1)]
        u, v = rng.uniform(0.12, 0.88, 2)
        k = self.corners
        south = k[row, column] * (1 - u) + k[row, column + 1] * u
        north = k[row + 1, column] * (1 - u) + k[row + 1, column + 1] * u
        point = south * (1 - v) + north * v
        return int(round(point[0])), int(round(point[1]))


def _authorities() -> tuple[Authority, ...]:
    out = []
    for region, region_code, *_ in REGIONS:
        for kind, name in zip(KINDS, AUTHORITIES[region], strict=True):
            index = len(out)
            kind = ("city" if kind == "county" else kind) if region == "London" else kind
            weight = (0.30, 0.30, 0.22, 0.18)[index % 4]
            out.append(
                Authority(
                    index,
                    name,
                    region,
                    region_code,
                    str(501 + index),
                    f"X{6000001 + index:08d}",
                    kind,
                    weight,
                )
            )
    return tuple(out)


def _land(rng: np.random.Generator) -> np.ndarray:
    """Which lattice cells are land: an oval with a ragged coast."""
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    x, y = (column - (COLUMNS - 1) / 2) / (COLUMNS / 2), (row - (ROWS - 1) / 2) / (ROWS / 2)
    angle = np.arctan2(y, x)
    phases = rng.uniform(0, 2 * np.pi, 5)
    coast = 0.90 + sum(0.035 * np.sin((k + 2) * angle + phases[k]) for k in range(5))
    return np.abs(x) ** 2.6 + np.abs(y) ** 2.6 < coast**2.6


def _nearest(points: np.ndarray, centres: np.ndarray, reach: np.ndarray) -> np.ndarray:
    gap = np.sqrt(((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)) - reach[None, :]
    return np.argmin(np.round(gap, 6), axis=1)


def _split(points: np.ndarray, parts: int) -> np.ndarray:
    """Divide the cells of a region into compact parts (k-means from evenly spread starting cells)."""
    order = np.lexsort((points[:, 0], points[:, 1]))
    centres = points[order[[int((k + 0.5) * len(points) / parts) for k in range(parts)]]].astype(float)
    for _ in range(12):
        label = _nearest(points, centres, np.zeros(parts))
        centres = np.array([points[label == k].mean(axis=0) for k in range(parts)])
    return _nearest(points, centres, np.zeros(parts))


def _mend(owner: np.ndarray) -> np.ndarray:
    """Give away cells that are cut off from the main body of their authority, so that every authority is in
    one piece.
    """
    for _ in range(6):
        for index in range(owner.max() + 1):
            todo = set(zip(*(a.tolist() for a in np.nonzero(owner == index)), strict=True))
            bodies = []
            while todo:
                stack, body = [min(todo)], set()
                while stack:
                    cell = stack.pop()
                    if cell in todo:
                        todo.discard(cell)
                        body.add(cell)
                        stack += [(cell[0] + a, cell[1] + b) for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))]
                bodies.append(body)
            for body in sorted(bodies, key=lambda b: (-len(b), min(b)))[1:]:
                for r, c in sorted(body):
                    around = [
                        owner[r + a, c + b]
                        for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))
                        if 0 <= r + a < ROWS and 0 <= c + b < COLUMNS
                    ]
                    others = sorted(k for k in around if k not in (-1, index))
                    owner[r, c] = max(others, key=others.count) if others else -1
    return owner


def make_country(rng: np.random.Generator) -> Country:
    """The island, drawn from `rng`: outlines, towns and authorities. Deterministic for a given generator
    state.
    """
    authorities = _authorities()
    rows, columns = np.nonzero(_land(rng))
    points = np.column_stack([columns, rows])
    centres = np.array([[r[4], r[5]] for r in REGIONS], float)
    region = _nearest(points, centres, np.array([r[6] for r in REGIONS]))
    owner = np.full((ROWS, COLUMNS), -1)
    for k in range(len(REGIONS)):
        mine = points[region == k]
        owner[mine[:, 1], mine[:, 0]] = 4 * k + _split(mine, 4)
    owner = _mend(owner)
    jitter = np.round(rng.uniform(-0.28, 0.28, (ROWS + 1, COLUMNS + 1, 2)) * CELL_M)
    grid_row, grid_column = np.mgrid[0 : ROWS + 1, 0 : COLUMNS + 1]
    corners = np.stack([WEST_M + grid_column * CELL_M, SOUTH_M + grid_row * CELL_M], axis=2) + jitter
    pull = np.full((ROWS, COLUMNS), 0.02)
    for authority in authorities:
        rows, columns = np.nonzero(owner == authority.index)
        towns = {"city": 2, "borough": 2, "county": 4}[authority.kind]
        reach = {"city": 2.2, "borough": 1.5, "county": 0.9}[authority.kind]
        for town in rng.integers(0, len(rows), towns):
            distance = (rows - rows[town]) ** 2 + (columns - columns[town]) ** 2
            pull[rows, columns] += np.exp(-distance / (2 * reach**2))
    return Country(authorities, owner, corners, pull)
