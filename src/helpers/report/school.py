"""One school's report. `school_facts` gathers every figure and sentence once; page, PDF and spreadsheet only
lay them out.
"""

from __future__ import annotations

from collections.abc import Collection

from helpers.base import text
from helpers.base.text import as_published_decimals, known, number, pct, signed
from helpers.base.years import year_after, year_words, years_between
from helpers.records import agreed
from helpers.report import advice, caveats, charts, school_number, school_peers
from helpers.report.inputs import PackInputs
from helpers.report.pages import environment

TOP_DRIVERS = 7
DRIVER_WORDS = {"ethnicity": "Ethnic background of pupils", "size": "Size of school"}


def school_facts(inputs: PackInputs, urn: int) -> dict:
    """Everything a report says about one school, formatted: plain dicts, lists, text and numbers, nothing
    missing and nothing computed later.

    `marks` holds the figures that are read back from the page (name -> unrounded value). Absence and
    attendance are per cent, improvements are percentage points. Raises KeyError for a URN that the region does not
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
        "la": school["la_name"] if known(school["la_name"]) else "",
        "sample": inputs.sample,
        "status": school["status"],
        "about": _about(school, expectation),
        "marks": {"urn": urn},
        "last": None,
        "ask": None,
        "since": _since(inputs, urn),
    }
    if known(school["absence_pct"]):
        facts["last"] = _last(school["absence_pct"])
        facts["marks"]["absence_pct"] = school["absence_pct"]
    if known(school["persistent_pct"]):
        facts["marks"]["persistent_pct"] = school["persistent_pct"]
    peers = school_peers.similar(inputs, urn, school) if expectation else None
    if expectation:
        facts["ask"] = {
            **school_number.ask(expectation, baseline, school),
            "standing": school_number.standing(expectation, inputs.parameters),
            "why": school_number.why(school["phase"], expectation, inputs.parameters, peers["no_close"]),
            "expected": pct(100 - baseline["baseline_pct"], 1),
            "typical": pct(100 - baseline["context_expected_pct"], 1),
        }
        for name in ("target_absence_pct", "ask_pp", "minimum_attendance_shown_pct"):
            facts["marks"][name] = expectation[name]
    else:
        facts["reason"] = text.reason_sentence(school["status"], inputs.release, school["status_note"])
    facts |= {
        "range": _special_range(inputs.special.get(urn), next_year),
        "pictures": _pictures(inputs, school, baseline, expectation, peers) if expectation else None,
        "sure": school_number.sure(expectation, baseline) if expectation else None,
        "next": _next_steps(school, peers) if expectation else None,
        "history": _history(inputs, urn, school, baseline, expectation, next_year),
        "parts": school_number.parts(school, baseline, expectation, inputs.parameters)
        if expectation
        else None,
        "further": _further(school, expectation, inputs.release) if expectation else None,
        "peers": peers,
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


def render(
    facts: dict, marking: str = text.MARKING, within: Collection[int] | None = None, pdf: bool = False
) -> str:
    """The school's page as HTML, under a marking.

    A page in a pack links to all schools of it. `within` are the URNs whose pages go out together with this
    one, where there is no pack: only they are linked. `pdf`: whether its PDF lies beside it.
    """
    return (
        environment()
        .get_template("school.html")
        .render(f=facts, words=text, MARKING=marking, within=within, pdf=pdf)
    )


def _about(school: dict, expectation: dict | None) -> str:
    """The school in a line: phase, type, pupils, trust; only what is known."""
    told = [text.phase_words(school["phase"])]
    if known(school["school_type"]):
        told.append(school["school_type"][0].lower() + school["school_type"][1:])
    if known(school["roll"]):
        pupils, count = text.plural(school["roll"], "pupil"), school["weight_r_to_11"]
        if expectation and known(count) and number(count) != number(school["roll"]):
            pupils += f" ({number(count)} of them in Reception to Year 11, who count here)"
        told.append(pupils)
    if known(school["trust_name"]):
        told.append(school["trust_name"])
    return ", ".join(told)


def _since(inputs: PackInputs, urn: int) -> str:
    """Attendance published after the year that the report is made from, in words; empty where there is none."""
    later = [row for row in inputs.years_after.rows(urn) if known(row["absence_pct"])]
    told = [f"{pct(100 - row['absence_pct'], 1)} in {year_words(row['year'])}" for row in later]
    if not told:
        return ""
    return f"Since then: {text.listed(told)}. The progress page says whether the minimum was reached."


def _la(school: dict) -> str:
    return school["la_name"] if known(school["la_name"]) else "your local authority"


def _last(absence_pct: float) -> dict:
    decimals = as_published_decimals(absence_pct)
    return {
        "absence": pct(absence_pct, decimals),
        "attendance": pct(100 - absence_pct, decimals),
        "attendance_pct": 100 - absence_pct,
    }


def _pictures(inputs: PackInputs, school: dict, baseline: dict, e: dict, peers: dict) -> dict:
    """The same picture for a wide screen, a narrow one, and paper."""
    wide, narrow, paper = (
        school_peers.picture(inputs, school, baseline, e, peers, width, name)
        for width, name in ((930, "picture"), (400, "picture-narrow"), (640, "picture-paper"))
    )
    count = text.plural(len(peers["rows"]), "similar school")
    return {
        "chart": wide,
        "narrow": narrow,
        "paper": paper,
        "key": f"Grey dots: the {count}, in {year_words(inputs.release)}.",
    }


def _next_steps(school: dict, peers: dict) -> dict:
    """What to do next: the figures to check, and whom to ask."""
    used = [f"absence {pct(school['absence_pct'], as_published_decimals(school['absence_pct']))}"]
    if known(school["roll"]):
        used.append(text.plural(school["roll"], "pupil"))
    if known(school["fsm_pct"]):
        used.append(f"{pct(school['fsm_pct'], 0)} eligible for free school meals")
    if peers["no_close"]:
        call = "No school is close to yours in its circumstances, so we suggest none to call."
    elif peers["suggested"]:
        call = "Ring one or two of the schools above, and ask what they do about attendance."
    elif peers["better"]:
        call = "No school that does better is near enough to suggest. The list of similar schools shows who does."
    else:
        call = "No similar school does clearly better than you. Others may ask you what works."
    return {"check": f"Check the figures used: {text.listed(used)}.", "call": call}


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


def _further(school: dict, e: dict, release: str) -> dict | None:
    """How far a school could go beyond its minimum: other figures above it, lowest first; None where it is
    past all.
    """
    minimum, last = e["minimum_attendance_shown_pct"], 100 - school["absence_pct"]
    rungs = [
        (
            f"{text.phase_words(school['phase'])} schools in {_la(school)}, {year_words(release)}",
            e["la_attendance_pct"],
        ),
        ("Best quarter of similar schools", e["peers_best_quartile_attendance_pct"]),
        ("Your school before the pandemic, 2018/19", e["pre_pandemic_attendance_pct"]),
    ]
    above = sorted(
        (value, name) for name, value in rungs if known(value) and text.rounded(value - minimum, 1) > 0
    )
    past = [name[0].lower() + name[1:] for name, value in rungs if known(value) and value <= minimum]
    return {
        "rows": [
            {"name": name, "value": pct(value, 1), "step": signed(value - last, 1)} for value, name in above
        ],
        "past": f"With your minimum you would be past: {text.listed(past)}." if past else "",
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
        "shown": pct(typical, 1),
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
