"""How a school's number is told: what is asked, why, how sure it is, and the sum to redo by hand."""

from __future__ import annotations

from helpers.base import text
from helpers.base.text import as_published_decimals, known, number, pct, signed
from helpers.base.years import SESSIONS
from helpers.report import charts

SHOWN = 0.005  # points: what is smaller is not seen in two decimals
EVEN = 0.05  # points: a need that one decimal does not show
FRACTIONS = {0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 0.5: "half"}


def ask(e: dict, baseline: dict, school: dict) -> dict:
    """The first answer: the minimum, how far it is from last year's figure, and what that comes to. Every
    figure is of the minimum as shown.
    """
    shown = e["minimum_attendance_shown_pct"]
    more = shown - (100 - school["absence_pct"])
    count = school["weight_r_to_11"] if known(school["weight_r_to_11"]) else school["roll"]
    days = text.days(more)
    told = {
        "minimum": pct(shown, 1),
        "more": f"{number(more, as_published_decimals(school['absence_pct']))} points",
        "target_absence": pct(e["target_absence_pct"], 2),
        "days": text.school_days(days),
        "each_day": "",
        "pupil_days": "",
    }
    if known(count) and count > 0:
        places = more / 100 * count
        if places >= 0.5:
            told["each_day"] = (
                f"{number(places, 0 if places >= 9.5 else 1)} more "
                f"{'pupil' if number(places, 1) == '1.0' else 'pupils'} in school on an average day"
            )
        told["pupil_days"] = (
            f"We count 190 school days ({SESSIONS} sessions) in a year. For {number(count)} pupils "
            "the improvement "
            f"comes to {number(days * count)} more pupil-days in school."
        )
    return told


def standing(e: dict, parameters: dict) -> str:
    """A sentence for the school's own case: asked for the least or the most, or already leading; else empty."""
    leads, least = e["gap_pp"] <= 1e-9, e["ask_pp"] <= parameters["min_ask_pp"] + 1e-6
    if leads and least:
        return (
            "You already do as well as the best quarter of similar schools. You are asked for the least that "
            "is asked of any school."
        )
    if least:
        return "This is the least that is asked of any school."
    if e["ask_pp"] >= parameters["max_ask_pp"] - 1e-6:
        most = number(parameters["max_ask_pp"], 1)
        return f"This is the most that is asked of any school: {most} points in a year."
    return "You already do as well as the best quarter of similar schools." if leads else ""


def why(phase: str, e: dict, parameters: dict, no_close: bool) -> str:
    """Why this number: its parts in a few short sentences."""
    national, context, back = e["national_part_pp"], e["context_part_pp"], e["return_to_normal_pp"]
    lines = []
    if national >= SHOWN:
        lines.append(f"Every {phase} school is asked for {number(national, 2)} points.")
    elif national <= -SHOWN:
        lines.append(
            f"{number(-national, 2)} points are taken off for every {phase} school: the other parts "
            "already ask for "
            "more than the national path."
        )
    if context >= SHOWN:
        share = FRACTIONS.get(parameters["slope"], f"{number(100 * parameters['slope'])}%")
        whom = "the nearest schools there are" if no_close else "similar schools"
        lines.append(
            f"You are asked for {number(context, 2)} more, {share} of your gap to the best quarter of {whom}."
        )
    if back >= SHOWN:
        lines.append(f"{number(back, 2)} should come back by itself, because last year was worse than usual.")
    elif back <= -SHOWN:
        lines.append(
            f"{number(-back, 2)} comes off first, because a lead like yours tends to shrink a little."
        )
    if abs(e["limits_part_pp"]) >= SHOWN:
        lines.append(_limits(e, parameters))
    return " ".join(lines)


def sure(e: dict, baseline: dict) -> dict:
    """How sure the number is: the chance with no change at the school, and what an even chance would need."""
    minimum, expected = e["minimum_attendance_shown_pct"], 100 - baseline["baseline_pct"]
    need = minimum - expected
    lines = [
        "Attendance moves by itself. With no change at your school, the chance of reaching "
        f"{pct(minimum, 1)} would still be {text.chance(e['chance_unaided'])}."
    ]
    if need >= EVEN:
        lines.append(
            f"For an even chance you would have to do {number(need, 1)} points better than we expect "
            f"({pct(expected, 1)})."
        )
    lines.append("So one year, met or missed, proves little.")
    return {"words": " ".join(lines), "unaided": text.chance(e["chance_unaided"])}


def parts(school: dict, baseline: dict, e: dict, parameters: dict) -> dict:
    """How the number is made: rows to add up by hand, each with the sum behind it."""
    y, b, c = school["absence_pct"], baseline["baseline_pct"], baseline["context_expected_pct"]
    rows = [
        ("Return to normal", e["return_to_normal_pp"], _back(y, b, c)),
        ("National part", e["national_part_pp"], _national(school["phase"], e)),
        ("Context part", e["context_part_pp"], _context(e, parameters)),
        ("Limits", e["limits_part_pp"], _limits(e, parameters)),
    ]
    total = sum((text.rounded(value, 2) for _, value, _ in rows), start=text.rounded(0, 2))
    whole = text.rounded(e["ask_pp"], 2)
    last, end = 100 - y, e["minimum_attendance_pct"]
    told = (
        f"Last year {pct(last, 2)}; "
        + "; ".join(f"{name.lower()} {signed(value)}" for name, value, _ in rows)
        + f"; minimum {pct(end, 2)}."
    )
    return {
        "rows": [{"name": name, "value": signed(value), "why": why} for name, value, why in rows],
        "ask": signed(e["ask_pp"]),
        "end": (
            f"Absence of at most {pct(e['target_absence_pct'], 2)}, so attendance of at least {pct(end, 2)}, "
            f"{_rounding(e['minimum_attendance_shown_pct'], end)}."
        ),
        "rounding": ""
        if total == whole
        else f"The parts shown add up to {signed(float(total))}. The rest is rounding.",
        "last": pct(last, 2),
        "chart": charts.waterfall(
            "parts", ("Last year", last), [(name, value) for name, value, _ in rows], ("Minimum", end), told
        ),
    }


def _rounding(shown: float, exact: float) -> str:
    if abs(shown - exact) < SHOWN:
        return f"shown as {pct(shown, 1)}"
    if shown < exact:
        return f"rounded down in your favour to {pct(shown, 1)}"
    return f"shown as {pct(shown, 1)} because rounding down would ask for less than the least"


def _back(y: float, b: float, c: float) -> str:
    """What comes back by itself, from last year's absence `y`, the forecast `b` and what is usual here `c`."""
    last = number(y, as_published_decimals(y))
    words = f"Last year’s absence of {last} less the {number(b, 2)} we expect next year."
    weight = (b - c) / (y - c) if abs(y - c) > 0.05 else None
    if weight is not None and 0 < weight < 1:
        words += (
            f" The forecast lies between last year’s figure and the {number(c, 2)} usual for schools like yours, "
            f"{number(100 * weight)}% of the way to last year’s."
        )
    return words


def _national(phase: str, e: dict) -> str:
    words = (
        f"The same for every {phase} school. It makes all schools together improve by the path set for "
        "England."
    )
    if e["national_part_pp"] <= -SHOWN:
        words += " It is below zero because the other parts already ask for more than that path."
    return words


def _context(e: dict, parameters: dict) -> str:
    if e["gap_pp"] <= 1e-9:
        return "We expect you to be level with the best quarter of similar schools, or ahead, so nothing is added."
    return (
        f"The best quarter of similar schools is {number(e['gap_pp'], 2)} points ahead of what we "
        "expect of you. One "
        f"year asks for {number(100 * parameters['slope'])}% of that gap."
    )


def _limits(e: dict, parameters: dict) -> str:
    """Which limit changed the number, in the order in which they are applied, so that the sum can be redone."""
    if abs(e["limits_part_pp"]) < SHOWN:
        return "No limit changed the number."
    floor, cap, least, most = (
        parameters[name] for name in ("floor_pp", "cap_pp", "min_ask_pp", "max_ask_pp")
    )
    improvement = e["national_part_pp"] + e["context_part_pp"]
    told = []
    if improvement < floor:
        told.append(f"The national and context parts together count as at least {number(floor, 1)}.")
    elif improvement > cap:
        told.append(f"The national and context parts together count as at most {number(cap, 1)}.")
    whole = e["return_to_normal_pp"] + min(max(improvement, floor), cap)
    if whole < least:
        told.append(f"No school is asked for less than {number(least, 1)} in all.")
    elif whole > most:
        told.append(f"No school is asked for more than {number(most, 1)} in all.")
    return " ".join(told) or "A limit changed the number."
