"""One name for one thing: how the publishers' words map to ours. Data, not `if` statements."""

from __future__ import annotations

REGIONS = (
    "North East",
    "North West",
    "Yorkshire and The Humber",
    "East Midlands",
    "West Midlands",
    "East of England",
    "London",
    "South East",
    "South West",
)

# Lower-cased published name -> our name. Only spellings that differ by more than case are listed beside the
# nine.
REGION_NAMES = {name.lower(): name for name in REGIONS} | {
    "yorkshire & the humber": "Yorkshire and The Humber",
    "yorkshire & humber": "Yorkshire and The Humber",
    "east": "East of England",
    "inner london": "London",
    "outer london": "London",
    "london (inner)": "London",
    "london (outer)": "London",
}

# School type of the census (both publications) -> our phase. None: independent, not covered.
CENSUS_PHASES = {
    "state-funded primary": "primary",
    "state-funded secondary": "secondary",
    "state-funded special school": "special",
    "non-maintained special school": "special",
    "special school": "special",
    "state-funded nursery": "nursery",
    "state-funded ap school": "ap",
    "pupil referral unit": "ap",
    "independent school": None,
}

# Phase of education of the register (GIAS) -> our phase; all-through counts as secondary.
REGISTER_PHASES = {
    "nursery": "nursery",
    "primary": "primary",
    "middle deemed primary": "primary",
    "secondary": "secondary",
    "middle deemed secondary": "secondary",
    "16 plus": "secondary",
    "all-through": "secondary",
}

# Where the register says "not applicable", the type of establishment decides: the first word found wins.
REGISTER_TYPES = (
    ("alternative provision", "ap"),
    ("pupil referral unit", "ap"),
    ("special", "special"),
    ("nursery", "nursery"),
)

DENOMINATIONS = {
    "Islam": "Muslim",
    "Does not apply": "No religious character",
    "None": "No religious character",
    "Catholic": "Roman Catholic",
}

# Words that a publisher writes in a text column when it has nothing to say.
NO_TEXT = {"", "null", "unknown", "not recorded"}


def region(name: str) -> str | None:
    """Our name of a region or of a part of London; None when it is neither."""
    return REGION_NAMES.get(name.strip().lower())


def register_phase(phase: str, school_type: str) -> str | None:
    """Our phase of a school in the register; None when neither its phase nor its type tells."""
    by_phase = REGISTER_PHASES.get(phase.strip().lower())
    if by_phase:
        return by_phase
    return next((ours for words, ours in REGISTER_TYPES if words in school_type.lower()), None)
