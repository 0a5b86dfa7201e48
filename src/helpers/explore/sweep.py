"""A grid of parameters, and what each choice trades: the analyst's own policy table.

Every combination is answered by the method's own functions on the finished run, as `what_if` does; the model
and the distances between schools stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base.fifths import fifths
from helpers.base.params import BadParameters, Parameters, make, slug
from helpers.base.sheet_safe import guarded_frame
from helpers.base.store import atomic_folder
from helpers.base.text import number, pct, signed
from helpers.base.years import year_after, year_words
from helpers.expectations import FORMULA
from helpers.explore import what_if
from helpers.report.pages import ASSETS, environment

MOVABLE = (*FORMULA, "peers_k", "region_penalty")
MOST = 400  # combinations in one sweep
SHOWN_MOVE_PP = 0.05

MEASURES = {
    "mean_ask_pp": "Asked on average (points)",
    "least_share_pct": "Asked the least (%)",
    "most_share_pct": "Asked the most (%)",
    "chance_pct": "Would reach it by luck (%)",
    "start_spread_pct": "By luck: spread over starting fifths (points)",
    "fsm_spread_pct": "By luck: spread over FSM fifths (points)",
    "fsm_ask_gap_pp": "Asked of the highest FSM fifth less the lowest (points)",
    "moved_share_pct": "Schools whose minimum moves (%)",
    "largest_move_pp": "Largest move of a minimum (points)",
}


def grid(settings: Iterable[str]) -> list[dict[str, float]]:
    """Every combination of settings like `slope=0.1,0.2,0.3`. Raises `BadParameters` naming what is wrong
    with one: a parameter that cannot be moved here, no value, a value that is no number, too many combinations.
    """
    lists: dict[str, list[float]] = {}
    for text in settings:
        name, equals, values = (part.strip() for part in text.partition("="))
        if name not in MOVABLE:
            raise BadParameters(
                f"{name!r} cannot be swept: it would need a new model. Sweep one of {', '.join(MOVABLE)}."
            )
        try:
            found = [float(value) for value in values.split(",") if value.strip()]
        except ValueError:
            raise BadParameters(
                f"--set {text}: write numbers with commas, like --set {name}=0.1,0.2"
            ) from None
        if not equals or not found:
            raise BadParameters(f"--set {text}: write NAME=VALUE,VALUE, like --set slope=0.1,0.2,0.3")
        kind = Parameters.model_fields[name].annotation
        lists[name] = list(dict.fromkeys(int(v) if kind is int and v == int(v) else v for v in found))
    if not lists:
        raise BadParameters("nothing to sweep: give at least one --set NAME=VALUE,VALUE")
    combinations = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    if len(combinations) > MOST:
        raise BadParameters(
            f"{len(combinations)} combinations are more than {MOST}: sweep fewer values at once"
        )
    for name, values in lists.items():
        for value in values:
            _in_range(name, value)  # a combination that cannot be is a row of the table
    return combinations


def _in_range(name: str, value: float) -> None:
    """Raises `BadParameters` for a value that the parameter may never have."""
    try:
        make(**{name: value})
    except BadParameters as error:
        if str(error).startswith(f"{name}:"):
            raise


def sweep(
    run: Parameters,
    combinations: list[dict[str, float]],
    jobs: int = 1,
    progress: Callable[[int], object] = lambda done: None,
) -> pd.DataFrame:
    """One row per combination: its parameters, the columns of `MEASURES` for the run's region, `note` (why
    there is no answer, else empty) and `now` (whether it is the run's own setting). `progress` is called
    with how many are done.
    """
    world = what_if.load(run)
    rows = []
    with ProcessPoolExecutor(jobs, initializer=_take, initargs=(world,)) as pool:
        for done, row in enumerate(pool.map(_answer, combinations), start=1):
            rows.append(row)
            progress(done)
    frame = pd.DataFrame(rows)
    own = [all(getattr(run, name) == value for name, value in values.items()) for values in combinations]
    return frame.assign(now=own)


_held: dict[str, what_if.World | what_if.WhatIf] = {}


def _take(world: what_if.World) -> None:
    """What every answer of this process stands on."""
    _held["world"], _held["before"] = world, what_if.what_if(world)


def _answer(values: dict[str, float]) -> dict:
    world, before = _held["world"], _held["before"]
    try:
        now = what_if.what_if(world, MOVABLE, **values)
    except (ValueError, BadParameters) as error:
        return {
            **values,
            "note": str(error).partition(" (given:")[0].removeprefix("parameters: Value error, "),
        }
    return {**values, **measures(world, before, now), "note": ""}


def measures(world: what_if.World, before: what_if.WhatIf, now: what_if.WhatIf) -> dict[str, float]:
    """The columns of `MEASURES` for the region of the run: means over schools, per cent and points."""
    rows = what_if.targets(world, before, now, world.run.region)
    info = world.register.set_index("urn")
    rows = rows.assign(start=rows["urn"].map(info["absence_pct"]), fsm=rows["urn"].map(info["fsm_pct"]))
    moved = rows["minimum_now_pct"] - rows["minimum_before_pct"]
    chance = 100 * rows["chance_now"]
    by_fsm = rows.groupby(fifths(rows["fsm"]))["ask_now_pp"].mean()
    return {
        "mean_ask_pp": float(rows["ask_now_pp"].mean()),
        "least_share_pct": 100 * float((rows["ask_now_pp"] <= now.run.min_ask_pp + 1e-6).mean()),
        "most_share_pct": 100 * float((rows["ask_now_pp"] >= now.run.max_ask_pp - 1e-6).mean()),
        "chance_pct": float(chance.mean()),
        "start_spread_pct": _spread(chance, rows["phase"], rows["start"]),
        "fsm_spread_pct": _spread(chance, rows["phase"], rows["fsm"]),
        "fsm_ask_gap_pp": float(by_fsm.iloc[-1] - by_fsm.iloc[0]),
        "moved_share_pct": 100 * float((moved.abs() >= SHOWN_MOVE_PP).mean()),
        "largest_move_pp": float(moved.iloc[int(np.argmax(moved.abs().to_numpy()))]),
    }


def _spread(values: pd.Series, phase: pd.Series, by: pd.Series) -> float:
    """Highest less lowest mean over the fifths of a measure, each phase apart, the wider of the two."""
    fifth = by.groupby(phase).transform(fifths)
    means = values.groupby([phase, fifth]).mean().unstack("phase")
    return float((means.max() - means.min()).max())


def write(run: Parameters, frame: pd.DataFrame) -> Path:
    """Write the table as a page and as CSV to `<release folder>/sweep-<region>/`, whole or not at all.
    Returns the page.
    """
    to = run.release_folder / f"sweep-{slug(run.region)}"
    names = [name for name in frame if name not in (*MEASURES, "note", "now")]
    about = {name: Parameters.model_fields[name].description or name for name in names}
    with atomic_folder(to) as folder:
        guarded_frame(frame).to_csv(
            folder / "sweep.csv", index=False, encoding="utf-8-sig", lineterminator="\n"
        )
        (folder / "assets").mkdir()
        (folder / "assets" / "pack.css").write_bytes((ASSETS / "pack.css").read_bytes())
        page = (
            environment()
            .get_template("sweep.html")
            .render(
                region=run.region,
                next_year=year_words(year_after(run.release)),
                sample=run.is_sample,
                names=[(name, about[name]) for name in names],
                measures=list(MEASURES.values()),
                rows=[_row(record, names) for record in frame.to_dict("records")],
                own=[(name, f"{getattr(run, name):g}") for name in names],
            )
        )
        (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")
    return to / "index.html"


def _row(record: dict, names: list[str]) -> dict:
    forms = {
        name: pct if name.endswith("share_pct") or name == "chance_pct" else number for name in MEASURES
    } | {"fsm_ask_gap_pp": signed, "largest_move_pp": signed}
    decimals = {name: 2 if name.endswith("_pp") else 1 for name in MEASURES} | {"largest_move_pp": 1}
    return {
        "values": [f"{record[name]:g}" for name in names],
        "figures": [] if record["note"] else [forms[name](record[name], decimals[name]) for name in MEASURES],
        "note": record["note"],
        "now": record["now"],
    }
