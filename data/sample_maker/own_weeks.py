"""Two invented schools' own weeks in 2023/24, in the two shapes that systems export, with things planted to
be found.

Gorreldun Upper School (a row per week) had an outbreak of illness in late January, two days closed in
November, and lost an eighth of its roll at Easter. Lorrimfell High School (a row per week and code) sent its
weeks up to February, and nothing unusual is in them.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from .attendance import HOLIDAYS, WEEKS, make_year
from .register import urn_in
from .text import write_csv
from .world import World

END = 2024
OUTBREAK, ILL_PP = (
    (19, 20),
    (0.055, 0.075),
)  # school weeks since September's first, and the share of sessions more that was ill
CLOSED_WEEK, CLOSED_DAYS = 12, 2
STEP_WEEK, STEP = 29, 0.875
SENT_UNTIL = 21
ILL, MEDICAL, HOLIDAY = 0.68, 0.07, 0.07  # shares of authorised absence, and of unauthorised


def own_weeks(world: World, folder: Path) -> list[Path]:
    """Write both extracts below `folder`; returns the paths."""
    wide, long = (
        _weeks(world, 900108, world.rng(41), planted=True),
        _weeks(world, 900041, world.rng(42), planted=False),
    )
    head = [
        "urn",
        "week_commencing",
        "possible_sessions",
        "attended_sessions",
        "authorised_sessions",
        "unauthorised_sessions",
        "pupils",
    ]
    head += ["code_I", "code_M", "code_R", "code_E", "code_G", "code_Y"]
    rows = [
        [
            900108,
            monday.isoformat(),
            possible,
            possible - authorised - other,
            authorised,
            other,
            pupils,
            ill,
            medical,
            0,
            0,
            holiday,
            closed,
        ]
        for monday, possible, authorised, other, pupils, ill, medical, holiday, closed, _ in wide
    ]
    first = write_csv(folder / "own-extracts" / "gorreldun-upper-2023-24.csv", head, rows)
    marks = []
    for monday, possible, authorised, other, _, ill, medical, holiday, _, week in long:
        if week <= SENT_UNTIL:
            present = possible - authorised - other
            by_code = {
                "/": (present + 1) // 2,
                "\\": present // 2,
                "I": ill,
                "M": medical,
                "C": authorised - ill - medical,
            }
            by_code |= {"G": holiday, "O": other - holiday}
            marks += [[900041, monday.strftime("%d/%m/%Y"), code, count] for code, count in by_code.items()]
    return [
        first,
        write_csv(
            folder / "own-extracts" / "lorrimfell-high-autumn-2023.csv",
            ["URN", "Week commencing", "Mark", "Count"],
            marks,
        ),
    ]


def _weeks(world: World, urn: int, rng: np.random.Generator, planted: bool) -> list[tuple]:
    """Weeks of one school: Monday, possible, authorised, unauthorised, pupils, ill, medical, holiday, closed,
    number of the week. The authority's course of the year at the school's own level; what is planted comes on
    top and is inside the published rate."""
    i = int(np.flatnonzero(urn_in(world.register, 2023) == urn)[0])
    sessions, la = world.sessions[END], int(world.register["la"][i])
    area = make_year(world, END, world.rng(END)).weekly[:, la, 1]
    weeks = [w for w in range(46) if w not in HOLIDAYS][:WEEKS]
    pupils = np.array(
        [round(int(world.now["roll"][i]) * (STEP if planted and w >= STEP_WEEK else 1)) for w in weeks]
    )
    days = np.where(area[:, 0] < 0.8 * area[:, 0].max(), 3, 5)
    closed_days = np.array([CLOSED_DAYS if planted and w == CLOSED_WEEK else 0 for w in weeks])
    possible = 2 * pupils * (days - closed_days)
    extra = np.array([ILL_PP[OUTBREAK.index(w)] if planted and w in OUTBREAK else 0.0 for w in weeks])
    shape = area[:, 1] / area[:, 0] * np.exp(0.02 * rng.standard_normal(len(weeks)))
    published = sessions.missed[i] / sessions.possible[i]
    rest = published * possible.sum() - (extra * possible).sum()
    base = np.rint(shape * possible * rest / (shape * possible).sum()).astype(int)
    more = np.rint(extra * possible).astype(int)
    other = np.rint(base * sessions.unauthorised[i] / sessions.missed[i]).astype(int)
    start = dt.date(END - 1, 9, 4)
    out = []
    for k, w in enumerate(weeks):
        usual = base[k] - other[k]
        ill, medical, authorised = round(ILL * usual) + more[k], round(MEDICAL * usual), usual + more[k]
        holiday, closed = round(HOLIDAY * other[k]), int(2 * pupils[k] * closed_days[k])
        monday = start + dt.timedelta(days=7 * w)
        out.append(
            (
                monday,
                int(possible[k]),
                int(authorised),
                int(other[k]),
                int(pupils[k]),
                int(ill),
                int(medical),
                int(holiday),
                closed,
                w,
            )
        )
    return out
