"""One school's report. `school_facts` gathers every figure and sentence once; page, PDF and spreadsheet only
lay them out.
"""

from __future__ import annotations

from collections.abc import Collection

from helpers.base import text
from helpers.base.text import as_published_decimals, known, number, pct, points, signed
from helpers.base.years import SESSIONS, year_after, year_words, years_between
from helpers.records import agreed
from helpers.report import advice, caveats, charts
from helpers.report.inputs import PackInputs
from helpers.report.pages import environment

TOP_DRIVERS = 7
DRIVER_WORDS = {"ethnicity": "Ethnic background of pupils", "size": "Size of school"}


def school_facts(inputs: PackInputs, urn: int) -> dict:
    """Everything a report says about one school, formatted: plain dicts, lists, text and numbers, nothing
    missing and nothing computed later.

    `marks` holds the figures that are read back from the page (name -> unrounded value). Absence and
    attendance are per cent, asks are percentage points. Raises KeyError for a URN that the region does not
    hold.
    """
    school = inputs.school[urn]
    baseline, expectation = inputs.base.get(urn), inputs.expectation.get(urn)
    if baseline is None or school["status"] != "assessed":
        expectation = None
    next_year = year_after(inputs.release)
    facts = {
        "urn": urn,
        "name": school["school_name"] if known(school["school_name"]) else f"School {urn}",
        "release": year_words(inputs.release),
        "next_year": year_words(next_year),
        "region": inputs.region_name,
        "sample": inputs.sample,
        "status": school["status"],
        "about": _about(school),
        "marks": {"urn": urn},
        "last": None,
        "ask": None,
    }
    if known(school["absence_pct"]):
        facts["last"] = _last(school["absence_pct"])
        facts["marks"]["absence_pct"] = school["absence_pct"]
    if known(school["persistent_pct"]):
        facts["marks"]["persistent_pct"] = school["persistent_pct"]
    if expectation:
        facts["ask"] = _ask(expectation, baseline, school)
        for name in ("target_absence_pct", "ask_pp", "minimum_attendance_shown_pct"):
            facts["marks"][name] = expectation[name]
    else:
        facts["reason"] = text.reason_sentence(school["status"], inputs.release, school["status_note"])
    facts |= {
        "range": _special_range(inputs.special.get(urn), next_year),
        "history": _history(inputs, urn, school, baseline, expectation, next_year),
        "parts": _parts(school, baseline, expectation, inputs.parameters) if expectation else None,
        "chances": _chances(expectation) if expectation else None,
        "ladder": _ladder(school, expectation, inputs.release) if expectation else None,
        "peers": _peers(inputs, urn, school) if expectation else None,
        "drivers": _drivers(inputs, urn, baseline) if baseline else None,
        "persistent": _persistent(inputs, school),
        "transitions": advice.transitions(school),
        "recorded": _recorded(inputs, urn),
        "notice": advice.notice(inputs, urn, school) if expectation else None,
        "caveats": caveats.for_school(inputs, urn, school, baseline, expectation),
        "flags": caveats.flagged(inputs, urn),
        "sources": inputs.source_lines,
    }
    return facts


def render(facts: dict, marking: str = text.MARKING, within: Collection[int] | None = None) -> str:
    """The school's page as HTML, under a marking.

    A page in a pack links to all schools of it. `within` are the URNs whose pages go out together with this
    one, where there is no pack: only they are linked.
    """
    return (
        environment().get_template("school.html").render(f=facts, words=text, MARKING=marking, within=within)
    )


def _about(school: dict) -> list[tuple[str, str]]:
    """Identity in label and value, only what is known."""
    rows = [
        ("Local authority", school["la_name"]),
        ("Phase", text.phase_words(school["phase"])),
        ("Type", school["school_type"]),
        ("Pupils", number(school["roll"]) if known(school["roll"]) else None),
        ("Trust", school["trust_name"]),
    ]
    return [(label, str(value)) for label, value in rows if known(value)]


def _la(school: dict) -> str:
    return school["la_name"] if known(school["la_name"]) else "your local authority"


def _last(absence_pct: float) -> dict:
    decimals = as_published_decimals(absence_pct)
    return {
        "absence": pct(absence_pct, decimals),
        "attendance": pct(100 - absence_pct, decimals),
        "attendance_pct": 100 - absence_pct,
    }


def _ask(e: dict, baseline: dict, school: dict) -> dict:
    shown = e["minimum_attendance_shown_pct"]
    shown_ask = shown - (100 - school["absence_pct"])
    pupils = school["weight_r_to_11"] if known(school["weight_r_to_11"]) else school["roll"]
    days = text.days(shown_ask)
    exact = e["minimum_attendance_pct"]
    if abs(shown - exact) < 0.005:
        rounding = f"shown as {pct(shown, 1)}"
    elif shown < exact:
        rounding = f"rounded down in your favour to {pct(shown, 1)}"
    else:
        rounding = f"shown as {pct(shown, 1)} because rounding down would ask for less than the least"
    ask = {
        "minimum": pct(shown, 1),
        "rounding": rounding,
        "shown_ask": points(shown_ask),
        "target_absence": pct(e["target_absence_pct"], 2),
        "typical": pct(100 - baseline["context_expected_pct"], 1),
        "days": f"{number(days, 1)} school day{'' if number(days, 1) == '1.0' else 's'}",
        "sessions": number(shown_ask / 100 * SESSIONS, 1),
        "pupils": None,
    }
    if known(pupils) and pupils > 0:
        more = shown_ask / 100 * pupils
        ask |= {
            "pupils": number(pupils),
            "pupil_days": number(days * pupils),
            "each_day": (
                f"{number(more, 0 if more >= 9.5 else 1)} more pupil{'' if number(more, 1) == '1.0' else 's'}"
            ),
        }
    return ask


def _recorded(inputs: PackInputs, urn: int) -> list[str]:
    """What people recorded for the school, in sentences: the newest agreed ambition, then the challenges."""
    told = agreed.for_school(inputs.agreed, urn)
    lines, aim = [], told["ambition"]
    if aim:
        why = text.sentence(aim["reason"])
        lines.append(
            f"Agreed on {text.day(aim['date'])}: an ambition of {pct(aim['attendance_pct'], 1)} "
            f"attendance. {why} This is your own aim beyond the "
            "minimum: not to reach it is not to miss the minimum."
        )
    for row in told["challenges"]:
        held = (
            f" It holds attendance to be {pct(row['attendance_pct'], 1)}."
            if known(row["attendance_pct"])
            else ""
        )
        lines.append(
            f"A challenge was recorded on {text.day(row['date'])}.{held} {text.sentence(row['reason'])}"
        )
    return lines


def _special_range(row: dict | None, next_year: str) -> dict | None:
    if not row or not (known(row["lower_pct"]) and known(row["upper_pct"])):
        return None
    low, high = 100 - row["upper_pct"], 100 - row["lower_pct"]
    return {
        "words": text.sentence(row["words"]) if known(row["words"]) else "",
        "sentence": (
            f"As attendance in {year_words(next_year)}, the range is between {pct(low, 1)} and "
            f"{pct(high, 1)}."
        ),
    }


def _history(
    inputs: PackInputs,
    urn: int,
    school: dict,
    baseline: dict | None,
    expectation: dict | None,
    next_year: str,
) -> dict | None:
    """Attendance by year, as a chart and a table, with notes on years published for an earlier school."""
    rows = [row for row in inputs.history.rows(urn) if known(row["absence_pct"])]
    if not rows and known(school["absence_pct"]):
        rows = [
            {
                "year": inputs.release,
                "absence_pct": school["absence_pct"],
                "persistent_pct": school["persistent_pct"],
                "published_urns": str(urn),
            }
        ]
    if not rows:
        return None
    table = []
    for row in rows:
        earlier = caveats.earlier_urns(row, urn)
        table.append(
            {
                "year": year_words(row["year"]),
                "attendance": pct(100 - row["absence_pct"], as_published_decimals(row["absence_pct"])),
                "absence": pct(row["absence_pct"], as_published_decimals(row["absence_pct"])),
                "persistent": pct(row["persistent_pct"]) if known(row["persistent_pct"]) else "Not published",
                "earlier_school": text.listed([f"URN {other}" for other in earlier]),
            }
        )
    years = [(row["year"], 100 - row["absence_pct"]) for row in rows]
    told = "; ".join(f"{row['year']}: {row['attendance']}" for row in table)
    typical = interval = minimum = None
    if baseline:
        typical = 100 - baseline["context_expected_pct"]
        interval = (100 - baseline["upper80_pct"], 100 - baseline["lower80_pct"])
        told += (
            f". Typical in these circumstances: {pct(typical, 1)}. Likely in {year_words(next_year)} "
            "if nothing changes nationally: "
        )
        told += f"{pct(interval[0], 1)} to {pct(interval[1], 1)}"
    if expectation:
        minimum = expectation["minimum_attendance_shown_pct"]
        told += f". Minimum asked: {pct(minimum, 1)}"
    return {
        "chart": charts.history("history", years, next_year, typical, interval, minimum, told + "."),
        "rows": table,
        "earlier": any(row["earlier_school"] for row in table),
        "interval": f"{pct(interval[0], 1)} and {pct(interval[1], 1)}" if interval else "",
        "gap": any(years_between(a[0], b[0]) > 1 for a, b in zip(years, years[1:], strict=False)),
    }


def _parts(school: dict, baseline: dict, e: dict, parameters: dict) -> dict:
    """How the number is made: rows to add up by hand, each with the sum behind it."""
    y, b, c = school["absence_pct"], baseline["baseline_pct"], baseline["context_expected_pct"]
    own_weight = (b - c) / (y - c) if abs(y - c) > 0.05 else None
    back = (
        f"{number(y, as_published_decimals(y))} − {number(b, 2)}: last year’s absence less the absence "
        "we expect next year if nothing changes."
    )
    if y - b <= -0.005:
        back += " Last year was better than usual for a school like yours, so some slipping back is expected."
    if own_weight is not None and 0 < own_weight < 1:
        back += (
            f" That forecast lies {number(100 * own_weight)}% of the way from what is typical here "
            f"({number(c, 2)}) to last year’s figure."
        )
    context = (
        f"Similar schools’ best quarter is {number(e['gap_pp'], 2)} points ahead of our forecast for you. "
        f"One year asks for {number(100 * parameters['slope'])}% of that gap."
    )
    if e["gap_pp"] <= 1e-9:
        context = (
            "Our forecast for you is level with, or better than, the best quarter of similar "
            "schools, so nothing is added."
        )
    rows = [
        ("Return to normal", e["return_to_normal_pp"], back),
        (
            "National part",
            e["national_part_pp"],
            f"The same for every {school['phase']} school, set so that all schools together, before "
            "rounding in their favour, improve as planned "
            "for England.",
        ),
        ("Context part", e["context_part_pp"], context),
        ("Limits", e["limits_part_pp"], _limits(e, parameters)),
    ]
    total = sum((text.rounded(value, 2) for _, value, _ in rows), start=text.rounded(0, 2))
    ask = text.rounded(e["ask_pp"], 2)
    last, end = 100 - y, e["minimum_attendance_pct"]
    told = (
        f"Last year {pct(last, 2)}; "
        + "; ".join(f"{name.lower()} {signed(value)}" for name, value, _ in rows)
        + f"; minimum {pct(end, 2)}."
    )
    return {
        "rows": [{"name": name, "value": signed(value), "why": why} for name, value, why in rows],
        "ask": signed(e["ask_pp"]),
        "rounding": ""
        if total == ask
        else (
            f"The four parts shown add up to {signed(float(total))}; the difference of "
            f"{number(abs(float(total - ask)), 2)} is rounding."
        ),
        "exact_minimum": pct(end, 2),
        "last": pct(last, 2),
        "gap": number(e["gap_pp"], 2),
        "chart": charts.waterfall(
            "parts", ("Last year", last), [(name, value) for name, value, _ in rows], ("Minimum", end), told
        ),
        "weak": school["phase"] == "primary",
    }


def _limits(e: dict, parameters: dict) -> str:
    """Which limit changed the number, in the order in which they are applied, so that the sum can be redone."""
    if abs(e["limits_part_pp"]) < 0.005:
        return "No limit changed the number."
    floor, cap, least, most = (
        parameters[name] for name in ("floor_pp", "cap_pp", "min_ask_pp", "max_ask_pp")
    )
    improvement = e["national_part_pp"] + e["context_part_pp"]
    told = []
    if improvement < floor:
        told.append(
            f"The national and context parts together may not be less than {number(floor, 1)}, so they "
            f"count as {number(floor, 1)}."
        )
    elif improvement > cap:
        told.append(
            f"The national and context parts together may not be more than {number(cap, 1)}, so they "
            "count "
            f"as {number(cap, 1)}."
        )
    whole = e["return_to_normal_pp"] + min(max(improvement, floor), cap)
    if whole < least:
        told.append(f"No school is asked for less than {number(least, 1)} in all.")
    elif whole > most:
        told.append(f"No school is asked for more than {number(most, 1)} in all.")
    return " ".join(told) or "A limit changed the number."


def _chances(e: dict) -> dict:
    rows = [
        ("If nothing really changes at the school", e["chance_unaided"]),
        ("If you gain the improvement asked", e["chance_if_real"]),
    ]
    told = "; ".join(f"{name}: {text.chance(value)}" for name, value in rows) + "."
    return {
        "unaided": text.chance(e["chance_unaided"]),
        "real": text.chance(e["chance_if_real"]),
        "chart": charts.chances("chances", rows, told),
    }


def _ladder(school: dict, e: dict, release: str) -> dict:
    """The rungs in a fixed order; a rung that is not known is named with the reason."""
    last = 100 - school["absence_pct"]
    rungs = [
        (f"Your school, {year_words(release)}", last, "own"),
        ("Your minimum", e["minimum_attendance_shown_pct"], "minimum"),
        (
            f"{text.phase_words(school['phase'])} schools in {_la(school)}, {year_words(release)}",
            e["la_attendance_pct"],
            "la",
        ),
        ("Best quarter of similar schools", e["peers_best_quartile_attendance_pct"], "peers"),
        ("Your school before the pandemic, 2018/19", e["pre_pandemic_attendance_pct"], "before"),
    ]
    there = [(name, value, kind == "minimum") for name, value, kind in rungs if known(value)]
    rows = []
    for name, value, kind in rungs:
        if not known(value):
            rows.append({"name": name, "value": "Not known", "step": "", "kind": kind})
            continue
        step = text.rounded(value - last, 1)
        rows.append(
            {
                "name": name,
                "value": pct(value, 1),
                "step": signed(float(step), 1) if kind != "own" else "",
                "kind": kind,
            }
        )
    told = "; ".join(f"{name}: {pct(value, 1)}" for name, value, _ in there) + "."
    above = [name for name, value, kind in rungs if known(value) and kind != "own" and value > last]
    return {
        "rows": rows,
        "chart": charts.dots("ladder", "The ladder: attendance, per cent", there, told),
        "leads": not above[1:],
    }


def _peers(inputs: PackInputs, urn: int, school: dict) -> dict:
    """Similar schools by rank, and those named as doing better. A name is a link only when its page is in the
    same pack.
    """
    rows = []
    for row in inputs.peer_rows.rows(urn):
        peer = int(row["peer_urn"])
        other = inputs.elsewhere[peer]
        rows.append(
            {
                "rank": int(row["rank"]),
                "urn": peer,
                "name": other["school_name"],
                "link": f"{peer}.html" if peer in inputs.school else "",
                "la": other["la_name"] if known(other["la_name"]) else "Not known",
                "km": number(row["km"]) if known(row["km"]) else "Not known",
                "closeness": text.CLOSENESS[row["closeness"]],
                "baseline": pct(100 - other["baseline_pct"], 1),
                "named": bool(row["named"]),
                **_traits(other),
            }
        )
    own = {"baseline": pct(100 - inputs.base[urn]["baseline_pct"], 1), **_traits(school)}
    summary = inputs.peer_summary[urn]
    most = summary["n_peers"]
    beyond = sum(row["rank"] > most for row in rows)
    return {
        "rows": rows,
        "named": [row for row in rows if row["named"]],
        "own": own,
        "no_close": summary["no_close_peers"],
        "widened": bool(summary["code"]),
        "near": (
            f"Ranks after {most} are almost as close as rank {most} and are listed because they do better."
        )
        if beyond
        else "",
    }


def _traits(school: dict) -> dict:
    return {
        "roll": number(school["roll"]) if known(school["roll"]) else "Not known",
        "fsm": pct(school["fsm_pct"], 0) if known(school["fsm_pct"]) else "Not known",
        "last": pct(100 - school["absence_pct"], 1) if known(school["absence_pct"]) else "Not known",
        "persistent": pct(school["persistent_pct"], 0) if known(school["persistent_pct"]) else "Not known",
    }


def _drivers(inputs: PackInputs, urn: int, baseline: dict) -> dict | None:
    """What the estimate of typical attendance rests on, largest first; effects on attendance, so the sign of
    absence is turned round.
    """
    rows = [(row["driver"], -row["contribution_pp"]) for row in inputs.driver_rows.rows(urn)]
    if not rows:
        return None
    rows.sort(key=lambda row: (-abs(row[1]), row[0]))
    shown, rest = rows[:TOP_DRIVERS], rows[TOP_DRIVERS:]
    typical = 100 - baseline["context_expected_pct"]
    table = [
        {"name": DRIVER_WORDS.get(name, name[0].upper() + name[1:]), "value": signed(value)}
        for name, value in shown
    ]
    if rest:
        table.append(
            {
                "name": f"{text.plural(len(rest), 'other feature')} together",
                "value": signed(sum(v for _, v in rest)),
            }
        )
    return {
        "phase": baseline["phase"],
        "start": pct(typical - sum(v for _, v in rows), 2),
        "rows": table,
        "typical": pct(typical, 2),
    }


def _persistent(inputs: PackInputs, school: dict) -> dict | None:
    """Persistent and severe absence as background: the school's own where it is published, else the area's."""
    if not known(school["persistent_pct"]):
        return None
    area = inputs.la_rates.get(("la", school["la_code"], school["phase"], "persistent"))
    schools = f"{school['phase']} schools in {_la(school)}"
    place = f"Across {schools} it was {pct(area, 1)}." if area is not None else ""
    own = [row["severe_pct"] for row in inputs.history.rows(school["urn"]) if row["year"] == inputs.release]
    severe = inputs.la_rates.get(("la", school["la_code"], school["phase"], "severe"))
    if own and known(own[-1]):
        place += (
            " Severely absent (half of their sessions or more) were "
            f"{pct(own[-1], as_published_decimals(own[-1]))}."
        )
    elif severe is not None:
        across = schools if area is None else "those schools"
        place += (
            " Severe absence (half of their sessions or more) is not published by school; across "
            f"{across} it was {pct(severe, 1)}."
        )
    return {
        "shown": pct(school["persistent_pct"], as_published_decimals(school["persistent_pct"])),
        "area": place.strip(),
    }
