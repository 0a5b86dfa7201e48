"""Numbers and codes in plain English. Every figure a person reads is formatted here, so that page, PDF and
spreadsheet agree.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd

from helpers.base.years import SCHOOL_DAYS, year_words

FORMULA = "The formula is ours, not DfE’s."
MARKING = (
    "Confidential: for the school, its local authority or trust, and the support team. Not for "
    "publication, not for Ofsted."
)
INVENTED = "Invented data: no real school"

PHASES = {
    "primary": "Primary",
    "secondary": "Secondary",
    "special": "Special",
    "ap": "Alternative provision",
    "nursery": "Nursery",
}

# Why a school has no minimum improvement: a short name for tables, and the sentences for its own page.
REASONS = {
    "assessed": ("Has a minimum", ""),
    "no_published_absence": (
        "No absence figure published",
        (
            "No absence rate was published for this school in {year}. Without it there is no figure to "
            "improve on, so we set no minimum."
        ),
    ),
    "not_in_census": (
        "Not in the school census",
        "This school is not in the school census of {year}. We cannot describe its pupils, so we cannot "
        "compare it fairly with other "
        "schools, and we set no minimum.",
    ),
    "special_range_only": (
        "Special school: a range, no target",
        "This is a special school. Attendance in special schools moves a lot from one year to the next. A "
        "single target would mostly "
        "measure luck, so we give a range and set no minimum.",
    ),
    "alternative_provision": (
        "Alternative provision",
        "This is alternative provision. Pupils join and leave during the year and no comparable absence "
        "rates are published, so we set no "
        "minimum.",
    ),
    "nursery": (
        "Nursery school",
        (
            "This is a nursery school. Its pupils are below the age at which they must attend school, so we "
            "set no minimum."
        ),
    ),
    "new": (
        "New school",
        "This school is new and has no earlier school that its figures can be followed from. It does not "
        "yet have a full year to improve "
        "on, so we set no minimum.",
    ),
    "tiny": (
        "Too few pupils",
        "This school has very few pupils. One or two pupils can move its rate by several points, so "
        "a target would mostly measure "
        "luck. We set no minimum.",
    ),
    "incomplete_data": (
        "Data missing",
        "A figure that the method cannot do without is missing for this school, so we cannot compare it "
        "fairly with others. We set no "
        "minimum.",
    ),
}

# The words that pages use in a sense of their own.
GLOSSARY = [
    (
        "Attendance",
        "Sessions attended out of sessions possible, per cent. A session is a morning or an afternoon.",
    ),
    ("Minimum", "The least attendance that is asked of a school for the year."),
    ("Asked", "The minimum less last year’s attendance, in percentage points."),
    ("Typical", "The attendance of schools with such pupils and surroundings, in the same year."),
    ("Likely", "The range in which attendance falls 8 times in 10 if nothing changes nationally."),
    ("By luck", "In how many of 100 such schools the minimum would be reached with no real change."),
    (
        "Similar schools",
        "Schools alike in pupils, size and surroundings. Attendance is not used to find them.",
    ),
    ("Best quarter", "The attendance that a quarter of the similar schools are expected to reach or pass."),
    ("Does better", "Expected to have less absence than you, by more than chance would explain."),
    ("Persistent absence", "Missing 10% or more of the possible sessions. Severe: half or more."),
    ("Free meals (FSM)", "Pupils eligible for free school meals, per cent."),
    ("SEN support, EHCP", "Special educational needs, without and with an education, health and care plan."),
    ("EAL", "English as an additional language."),
    ("URN", "The school’s number in the public register of schools (GIAS)."),
]

CLOSENESS = {
    "very close": "Very close",
    "close": "Close",
    "fairly close": "Fairly close",
    "not close": "Not close",
}


def known(value: object) -> bool:
    """False for a missing value of any kind (None, NaN, NaT, NA) and for empty text."""
    if value is None or value is pd.NA or value is pd.NaT:
        return False
    return bool(value.strip()) if isinstance(value, str) else value == value


def rounded(value: float, decimals: int) -> Decimal:
    """Rounded half away from zero on the shortest decimal form of the float, as people do by hand; never
    minus zero.
    """
    result = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return result.copy_abs() if not result else result


def number(value: float, decimals: int = 0) -> str:
    """`1234.5` -> `1,235`; a real minus sign for negatives."""
    return f"{rounded(value, decimals):,}".replace("-", "−")


def signed(value: float, decimals: int = 2) -> str:
    """`0.3` -> `+0.30`, `-0.3` -> `−0.30`, zero without a sign."""
    result = rounded(value, decimals)
    return ("+" if result > 0 else "") + f"{result:,}".replace("-", "−")


def pct(value: float, decimals: int = 1) -> str:
    return f"{number(value, decimals)}%"


def as_published_decimals(value: float) -> int:
    """1 when the figure was published to one decimal place, else 2: what a reader needs to redo the sums."""
    return 1 if abs(float(value) * 10 - round(float(value) * 10)) < 1e-9 else 2


def points(value: float, decimals: int = 2) -> str:
    """Percentage points in words: `0.50 percentage points`."""
    return f"{number(value, decimals)} percentage point{'' if rounded(abs(value), decimals) == 1 else 's'}"


def chance(value: float) -> str:
    """A chance 0-1 as natural frequency: `about 23 in 100`."""
    if value < 0.01:
        return "less than 1 in 100"
    if value > 0.99:
        return "more than 99 in 100"
    return f"about {number(100 * value)} in 100"


def days(ask_pp: float) -> float:
    """School days per pupil and year that an ask in percentage points means, on 190 school days."""
    return ask_pp / 100 * SCHOOL_DAYS


_PARTS_OF_A_DAY = {0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 0.33: "a third", 0.5: "half"} | {
    0.67: "two thirds",
    0.75: "three quarters",
}


def school_days(days: float) -> str:
    """School days in words: `half a school day`, `1.3 school days`."""
    if days >= 0.9:
        return f"{number(days, 1)} school days" if number(days, 1) != "1.0" else "one school day"
    part = _PARTS_OF_A_DAY[min(_PARTS_OF_A_DAY, key=lambda share: abs(share - days))]
    return f"{part} a school day" if part == "half" else f"{part} of a school day"


def plural(count: float, one: str, many: str | None = None) -> str:
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listed(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


_WITH_ARTICLE = (
    "North East",
    "North West",
    "East Midlands",
    "West Midlands",
    "East of England",
    "South East",
    "South West",
)


def place(region: str, capital: bool = False) -> str:
    """A region as it stands in a sentence: `the North East`, `London`."""
    if region not in _WITH_ARTICLE:
        return region
    return f"{'The' if capital else 'the'} {region}"


def phase_words(phase: str) -> str:
    return PHASES.get(phase, str(phase).capitalize())


def reason_name(status: str) -> str:
    """Short name of a status code; the code in words when it is new to us."""
    return REASONS[status][0] if status in REASONS else str(status).replace("_", " ").capitalize()


def reason_sentence(status: str, year: str, note: object = None) -> str:
    """Why there is no minimum for this school, in sentences.

    The register's own note begins with the reason in short, which is already said here; what it says beyond
    that is added. Of incomplete data all is added, because the note names what is missing.
    """
    note = sentence(note) if known(note) else ""
    if status not in REASONS:
        return f"We set no minimum for this school. Reason: {reason_name(status).lower()}. {note}".strip()
    more = note if status == "incomplete_data" else note.partition(". ")[2]
    return f"{REASONS[status][1].format(year=year_words(year))} {more}".strip()


def day(date: Any) -> str:
    """A date as people write it: `20 November 2023`."""
    return f"{date.day} {date:%B %Y}"


def sentence(text: str) -> str:
    """Text as a sentence of ours: capital letter, full stop, no space before a per cent sign."""
    text = re.sub(r"(?<=\d) %", "%", text.strip())
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".!?" else ".")
