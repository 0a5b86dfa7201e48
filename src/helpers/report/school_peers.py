"""The schools like one school: who does better, who is suggested for a call, and the picture among them. Of other
schools only published figures are shown; what we expect of them is confidential.
"""

from __future__ import annotations

from helpers.base import text
from helpers.base.text import as_published_decimals, known, number, pct
from helpers.base.years import year_words
from helpers.peers.naming import does_better
from helpers.report import charts
from helpers.report.inputs import PackInputs

REGISTER = "https://www.get-information-schools.service.gov.uk/Establishments/Establishment/Details/"


def similar(inputs: PackInputs, urn: int, school: dict) -> dict:
    """Similar schools by rank, and those suggested for a call. A name is a link only when its page is in the same
    pack.
    """
    own, summary, z = inputs.base[urn], inputs.peer_summary[urn], inputs.parameters["named_z"]
    rows = []
    for row in inputs.peer_rows.rows(urn):
        peer = int(row["peer_urn"])
        other = inputs.elsewhere[peer]
        better = does_better((own["baseline_pct"], own["sd_pp"]), (other["baseline_pct"], other["sd_pp"]), z)
        rows.append(
            {
                "rank": int(row["rank"]),
                "urn": peer,
                "name": other["school_name"],
                "link": f"{peer}.html" if peer in inputs.school else "",
                "register": "" if inputs.sample else f"{REGISTER}{peer}",
                "la": other["la_name"] if known(other["la_name"]) else "Not known",
                "km": number(row["km"]) if known(row["km"]) else "–",
                "closeness": text.CLOSENESS[row["closeness"]],
                "attendance_pct": 100 - other["absence_pct"],
                "better": better,
                "suggested": bool(row["named"]),
                **_traits(other),
            }
        )
    most, cap = summary["n_peers"], inputs.parameters["named_cap"]
    beyond = any(row["rank"] > most for row in rows)
    no_close = bool(summary["no_close_peers"])
    suggested = [row for row in rows if row["suggested"]]
    unlisted = sum(row["better"] and not row["suggested"] for row in rows)
    notes = [
        "Similar means alike in pupils, size and surroundings, not in attendance.",
        "“Does better”: expected to do better than you by more than chance would explain.",
    ]
    if unlisted:
        notes.append(
            f"We suggest at most {number(inputs.parameters['named_max'])} schools, none further away than "
            f"{number(inputs.parameters['named_within_km'])} km, and no school to more than {number(cap)} others."
        )
    if summary["code"]:
        notes.append("Too few schools share your age range and admissions, so we looked more widely.")
    if beyond:
        notes.append(f"Ranks after {most} are almost as close, and are listed because they do better.")
    return {
        "rows": rows,
        "suggested": suggested,
        "better": any(row["better"] for row in rows),
        "own": _traits(school),
        "no_close": no_close,
        "notes": notes,
    }


def picture(
    inputs: PackInputs, school: dict, baseline: dict, e: dict, peers: dict, width: int, chart_id: str
) -> str:
    """The school among the similar ones, with its minimum and where it is likely to be, as a chart."""
    last, minimum = 100 - school["absence_pct"], e["minimum_attendance_shown_pct"]
    band = (100 - baseline["upper80_pct"], 100 - baseline["lower80_pct"])
    best, before = e["peers_best_quartile_attendance_pct"], e["pre_pandemic_attendance_pct"]
    above = [(best, f"best quarter of similar schools {number(best, 1)}")] if known(best) else []
    above += [(before, f"you in 2018/19: {number(before, 1)}")] if known(before) else []
    dots = [row["attendance_pct"] for row in peers["rows"]]
    words = [
        f"Your attendance in {year_words(inputs.release)}: {pct(last, 1)}",
        f"your minimum: {pct(minimum, 1)}",
        f"likely next year with no change: {pct(band[0], 1)} to {pct(band[1], 1)}",
        *(name[0].lower() + name[1:] + "%" for _, name in above),
    ]
    if dots:
        words.append(
            f"the {len(dots)} similar schools in {year_words(inputs.release)}: {pct(min(dots), 1)} to "
            f"{pct(max(dots), 1)}"
        )
    title = "You, your minimum and similar schools: attendance, per cent"
    return charts.strip(
        chart_id,
        title,
        dots,
        band,
        f"likely with no change: {number(band[0], 1)} to {number(band[1], 1)}",
        above,
        (last, f"you {number(last, as_published_decimals(school['absence_pct']))}"),
        (minimum, f"minimum {number(minimum, 1)}"),
        "; ".join(words) + ".",
        width,
    )


def _traits(school: dict) -> dict:
    return {
        "last": pct(100 - school["absence_pct"], 1),
        "roll": number(school["roll"]) if known(school["roll"]) else "Not known",
        "fsm": pct(school["fsm_pct"], 0) if known(school["fsm_pct"]) else "Not known",
        "eal": pct(school["eal_pct"], 0) if known(school["eal_pct"]) else "Not known",
        "sen": pct(school["sen_support_pct"], 0) if known(school["sen_support_pct"]) else "Not known",
    }
