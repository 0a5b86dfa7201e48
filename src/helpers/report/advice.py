"""What a report says beside the number: the notice to a school that is named, and guidance on the moves
between schools, each with its source.
"""

from __future__ import annotations

from statistics import median

from helpers.base import text as words
from helpers.base.text import known, number, pct
from helpers.report.inputs import PackInputs

SMALLEST_GROUP = 3  # a group of one or two schools can be guessed by those who know the area
FEWEST_FOR_DISTANCE = 5
SHARE_MOVING_PCT = 20.0  # an ordinary primary school has one seventh of its pupils in Year 6

LISTEN = (
    "DfE’s statutory guidance asks schools to listen to pupils and parents, to understand what keeps a "
    "pupil away, and to agree together "
    "what to do.",
    "DfE, Working together to improve school attendance, 2024",
)
THREE = (
    (
        "Three things to plan for at the move: lessons that carry on from what pupils know, new routines and "
        "expectations, and friendships."
    ),
    "EEF, School Transitions Tool, 2021",
)
DATA = (
    (
        "In 2025 DfE gave secondary schools the Year 6 attendance of the pupils about to join them, for the "
        "first time."
    ),
    "reported by FFT Education Datalab, July 2025",
)
LEAVING = [THREE, DATA]
RECEIVING = [DATA, THREE]
UNIVERSAL = [LISTEN]


def notice(inputs: PackInputs, urn: int, school: dict) -> dict | None:
    """The draft notice for a school that other reports name as doing better; None for a school that none
    names.

    It says how often, by schools where (groups of fewer than three are not told apart), what is asked, and
    that the answer may be no. It never says which schools: their reports are as confidential as this one.
    """
    times = inputs.peer_summary[urn]["times_named"]
    if not times:
        return None
    by = _by_whom(inputs, urn, school, times)
    reports = (
        f"The reports of {number(times)} other schools name"
        if times > 1
        else "The report of one other school names"
    )
    return {
        "times": times,
        "named": (
            f"{reports} your school as a similar school that does better, by more than chance would explain."
        )
        + (f" {by}" if by else "")
        + f" No school is named in more than {number(inputs.parameters['named_cap'])} reports.",
        "not_which": "We do not say which: their reports are as confidential as this one.",
        "asked": "If one of them calls, a conversation: what you do about attendance, and what you tried that did "
        "not help. No visit, no data and no paperwork.",
        "no": "You can say no, to one call or to all of them, and need give no reason. Tell your local authority, "
        "trust or regional team.",
    }


def _by_whom(inputs: PackInputs, urn: int, school: dict, times: int) -> str:
    """Where the naming schools are, in groups of at least three, and how far away half of them are. Empty
    where that cannot be told safely.
    """
    rows = inputs.named_by.get(urn, [])
    if len(rows) != times or times < SMALLEST_GROUP:
        return ""
    places = [inputs.elsewhere[int(row["urn"])] for row in rows]
    in_la = sum(known(school["la_name"]) and place["la_name"] == school["la_name"] for place in places)
    in_region = sum(place["region_name"] == school["region_name"] for place in places)
    groups = [
        (in_la, f"in {school['la_name']}"),
        (in_region - in_la, f"elsewhere in {school['region_name']}"),
        (times - in_region, "in other regions"),
    ]
    told = ""
    if all(count == 0 or count >= SMALLEST_GROUP for count, _ in groups):
        told = words.listed([f"{number(count)} {where}" for count, where in groups if count])
    else:
        groups = [(in_region, f"in {school['region_name']}"), (times - in_region, "in other regions")]
        if all(count == 0 or count >= SMALLEST_GROUP for count, _ in groups):
            told = words.listed([f"{number(count)} {where}" for count, where in groups if count])
    sentence = (
        f"Of these schools, {told}."
        if told and " and " in told
        else f"They are all {told.partition(' ')[2]}."
        if told
        else ""
    )
    distances = [row["km"] for row in rows if known(row["km"])]
    if len(distances) >= FEWEST_FOR_DISTANCE:
        sentence += (
            f" Half of them are within {words.plural(words.rounded(median(distances), 0), 'kilometre')}."
        )
    return sentence.strip()


def transitions(school: dict) -> dict | None:
    """The share of pupils in Years 6 to 8, and guidance with its source that fits the years this school
    teaches. None when the share is not known or there are no such pupils."""
    share = school["years_6_to_8_pct"]
    if not known(share) or share < SHARE_MOVING_PCT:
        return None
    return {
        "sentence": f"{pct(share, 0)} of this school’s pupils are in Years 6 to 8, around the move "
        "to secondary school.",
        "advice": [{"text": text, "source": source} for text, source in _fitting(school)],
    }


def _fitting(school: dict) -> list[tuple[str, str]]:
    if school["phase"] not in ("primary", "secondary"):
        return UNIVERSAL
    if school["block"] in ("middle", "all_through"):
        return LEAVING
    return LEAVING if school["phase"] == "primary" else RECEIVING
