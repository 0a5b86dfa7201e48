"""What may be wrong with a number for one school, and what the number rests on: sentences chosen by the
school's own data.
"""

from __future__ import annotations

from helpers.base import text
from helpers.base.text import known, number
from helpers.base.years import year_before, year_words
from helpers.report.inputs import PackInputs


def for_school(
    inputs: PackInputs, urn: int, school: dict, baseline: dict | None, expectation: dict | None
) -> list[str]:
    """Sentences on what may be wrong for this school, most particular first; never empty."""
    found = []
    if expectation and known(school["status_note"]):
        found.append(text.sentence(school["status_note"]))
    history = [row for row in inputs.history.rows(urn) if known(row["absence_pct"])]
    earlier = sorted({other for row in history for other in earlier_urns(row, urn)})
    if earlier:
        urns = text.listed([f"URN {other}" for other in earlier])
        found.append(
            f"Some earlier figures were published for {urns}, which this school came from. Its pupils may have "
            "been different."
        )
    pupils = school["weight_r_to_11"] if known(school["weight_r_to_11"]) else school["roll"]
    if known(pupils) and 0 < pupils < 300 and known(school["absence_pct"]):
        found.append(
            f"With {text.plural(pupils, 'pupil')}, one pupil who is away for the whole year changes the "
            f"rate by {number(100 / pupils, 2)} points."
        )
    if baseline and known(school["absence_pct"]):
        previous = [row for row in history if row["year"] < inputs.release]
        told = any(flag["code"] == "rate_jumped" for flag in inputs.flags.get(urn, []))
        if previous and previous[-1]["year"] == year_before(inputs.release) and not told:
            change = school["absence_pct"] - previous[-1]["absence_pct"]
            if abs(change) > inputs.parameters["jump_sd"] * baseline["sd_pp"]:
                way = "fell" if change > 0 else "rose"
                found.append(
                    f"Attendance {way} by {number(abs(change), 1)} points between "
                    f"{year_words(previous[-1]['year'])} and "
                    f"{year_words(inputs.release)}, more than is usual for a school like this. Something "
                    "out of the ordinary may lie behind it."
                )
        if not any(row["year"] < inputs.release for row in history):
            found.append(
                "No earlier year is published for this school, so one unusual year weighs more than it "
                "should."
            )
    if expectation:
        found += _expectation_caveats(inputs, urn, school, expectation)
    found.append(
        f"The figures describe {year_words(inputs.release)}. They do not know of illness, a closed building or a "
        "changed intake since then."
    )
    if expectation:
        found.append(
            "Features of pupils come from one day in January. Pupils who joined or left later are not counted."
        )
    return found


def flagged(inputs: PackInputs, urn: int) -> list[str]:
    """What the gate found about this school, without the name and number that begin each message."""
    found = []
    for flag in inputs.flags.get(urn, []):
        _, _, rest = flag["message"].partition("): ")
        found.append(text.sentence(rest or flag["message"]))
    return list(dict.fromkeys(found))


def earlier_urns(row: dict, urn: int) -> list[int]:
    """The other schools that a year's figure was published for: from `published_urns` (`1+2`)."""
    return [other for part in row["published_urns"].split("+") if (other := int(part)) != urn]


def _expectation_caveats(inputs: PackInputs, urn: int, school: dict, expectation: dict) -> list[str]:
    found = [_how_far_it_moves(expectation)]
    summary = inputs.peer_summary[urn]
    if summary["no_close_peers"]:
        found.append(
            "No school is really close to yours in its circumstances. Read the comparison with similar "
            "schools with care."
        )
    if summary["code"]:
        found.append(
            "Too few schools share your age range and admissions, so we looked more widely for similar ones."
        )
    if abs(expectation["limits_part_pp"]) >= 0.005:
        found.append(
            "A limit changed your number: the sum of the other parts alone would have been different."
        )
    if not (known(school["easting"]) and known(school["northing"])):
        found.append(
            "We do not know where your school is on the map, so distances to similar schools are missing."
        )
    if not known(expectation["la_attendance_pct"]):
        found.append(
            "No average is published for schools of this phase in your local authority, so that "
            "comparison is missing."
        )
    if school["phase"] == "primary":
        found.append(
            "For primary schools the range, the chance and the weight of last year’s figure rest on weaker "
            "evidence: the years before the pandemic that could test them are not used."
        )
    return found


def _how_far_it_moves(expectation: dict) -> str:
    """How much one miscounted pupil, or rounding, could have moved this number."""
    pupil, rounding = expectation["one_pupil_moves_pp"], expectation["rounding_moves_pp"]
    moved = f"at most {number(pupil, 2)} points" if pupil >= 0.005 else "less than 0.01 points"
    return (
        f"If one pupil had been counted differently in the census, the number would move by {moved}, "
        "with the same "
        f"similar schools. Last year’s rate is published rounded: that moves it by at most {number(rounding, 2)}."
    )
