"""Schools as extreme as the register may hold, as a Hypothesis strategy, and the invented region with one of
them put into it.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from helpers.report.inputs import PackInputs

URN = 900004
LONG = "Ysgol Llŷn O’Brien’s & St Mary-le-Marsh Church of England (VA) Juniorŵ School, Llanfairpwll"[:90]
UNBROKEN = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" + "ŵŷâê’" * 6 + "ab"
WITHOUT = ("no_published_absence", "not_in_census", "new", "tiny", "incomplete_data", "a_new_code")


def maybe(low: float, high: float):
    """A figure, or none."""
    return st.one_of(st.none(), st.floats(low, high))


def names():
    """Any printable text, and names as Wales and the Church write them, up to 90 characters."""
    anything = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=90)
    words = st.lists(
        st.sampled_from(
            ["Ysgol", "Sant", "Ŵyn’s", "O'Brien", "Llŷn", "&", "<Primary>", "St", "(VA)", "CofE", "Ffôn"]
        ),
        min_size=1,
        max_size=15,
    )
    return st.one_of(
        anything, words.map(lambda parts: " ".join(parts)[:90].strip()), st.sampled_from([LONG, UNBROKEN])
    )


CASES = st.fixed_dictionaries(
    {
        "name": names(),
        "status": st.one_of(st.just("assessed"), st.just("assessed"), st.sampled_from(WITHOUT)),
        "absence": st.floats(0.2, 60),
        "forecast": st.floats(0.1, 60),
        "context": st.floats(0.1, 40),
        "sd": st.floats(0.05, 6),
        "gap": st.floats(0, 40),
        "national": st.floats(-1, 1),
        "roll": st.one_of(st.none(), st.sampled_from([11.0, 3000.0]), st.integers(11, 3000).map(float)),
        "chances": st.tuples(st.floats(0, 1), st.floats(0, 1)),
        "rungs": st.tuples(
            maybe(40, 99.9), maybe(40, 99.9), maybe(40, 99.9)
        ),  # the LA's, the peers', before the pandemic
        "shares": st.tuples(
            maybe(0, 100), maybe(0, 100), maybe(0, 100)
        ),  # persistent absence, free school meals, Years 6 to 8
        "history": st.booleans(),
        "peers": st.booleans(),
        "place": st.booleans(),
    }
)

WORST = {
    "name": LONG,
    "status": "assessed",
    "absence": 59.96,
    "forecast": 0.14,
    "context": 39.95,
    "sd": 5.99,
    "gap": 40.0,
    "national": -1.0,
    "roll": 11.0,
    "chances": (0.0, 1.0),
    "rungs": (None, None, None),
    "shares": (None, None, None),
    "history": False,
    "peers": False,
    "place": False,
}
EXAMPLES = [
    WORST,
    WORST
    | {
        "name": UNBROKEN,
        "roll": 3000.0,
        "peers": True,
        "history": True,
        "absence": 0.2,
        "forecast": 60.0,
        "chances": (1.0, 0.0),
    },
    WORST | {"status": "tiny"},
    WORST | {"status": "no_published_absence", "roll": None},
]


def with_school(inputs: PackInputs, case: dict) -> PackInputs:
    """The region with school `URN` as the case says: what is none is missing, as if all of it had been
    suppressed.
    """
    absence, forecast, gap, national = (case[name] for name in ("absence", "forecast", "gap", "national"))
    target = min(max(forecast - min(max(national + 0.2 * gap, 0.1), 0.8), absence - 1.2), absence - 0.1)
    found = replace(
        inputs,
        panel=inputs.panel if case["history"] else inputs.panel[inputs.panel["urn"] != URN],
        peers=inputs.peers if case["peers"] else inputs.peers[inputs.peers["urn"] != URN],
    )
    persistent, fsm, transition = case["shares"]
    found.school[URN] |= {
        "school_name": case["name"],
        "status": case["status"],
        "roll": case["roll"],
        "weight_r_to_11": case["roll"],
    }
    found.school[URN] |= {"absence_pct": None if case["status"] == "no_published_absence" else absence}
    found.school[URN] |= {"persistent_pct": persistent, "fsm_pct": fsm, "years_6_to_8_pct": transition}
    if not case["place"]:
        found.school[URN] |= {"easting": None, "northing": None}
        found.school[URN] |= (
            {"la_name": None} if "la_name" in found.school[URN] and case["status"] != "assessed" else {}
        )
    found.base[URN] |= {
        "context_expected_pct": case["context"],
        "baseline_pct": forecast,
        "sd_pp": case["sd"],
    }
    found.base[URN] |= {
        "lower80_pct": max(0.0, forecast - 1.28 * case["sd"]),
        "upper80_pct": forecast + 1.28 * case["sd"],
    }
    found.expectation[URN] |= {
        "gap_pp": gap,
        "return_to_normal_pp": absence - forecast,
        "national_part_pp": national,
        "context_part_pp": 0.2 * gap,
        "limits_part_pp": forecast - target - national - 0.2 * gap,
        "ask_pp": absence - target,
        "target_absence_pct": target,
        "minimum_attendance_pct": 100 - target,
        "minimum_attendance_shown_pct": round(100 - target, 1),
        "chance_unaided": case["chances"][0],
        "chance_if_real": case["chances"][1],
        "one_pupil_moves_pp": 0.03,
        "rounding_moves_pp": 0.05,
        "la_attendance_pct": case["rungs"][0],
        "peers_best_quartile_attendance_pct": case["rungs"][1],
        "pre_pandemic_attendance_pct": case["rungs"][2],
    }
    return found
