"""The gate on mutated input: what `benchmarks/mutations.py` tries at length, two dozen of them, and the limits."""

import re

import pandas as pd
import pytest

from benchmarks.mutations import Sample, mutations
from helpers.ingest.quality import circumstances, years
from helpers.ingest.quality.words import VOCABULARY

ABS = "performance-tables/{}/england_abs.csv"
BOTH = "PERCTOT+PPERSABS10"
# kind, what, column -> outcome, and words that the finding must hold
TRIED = [
    ("absence, 2024/25", "shifted by a row", BOTH, "stopped", "figures_of_other_schools"),
    ("absence, 2024/25", "shifted in an authority", BOTH, "stopped", "figures_of_other_schools"),
    ("absence, 2023/24", "sorted", BOTH, "stopped", "figures_of_other_schools|column_constant"),
    ("absence, 2023/24", "attendance instead", "PERCTOT", "stopped", "PERCTOT|absence_pct"),
    ("absence, 2024/25", "blank", BOTH, "stopped", "column_blank"),
    ("absence, 2024/25", "rows dropped", "40 %", "flagged", "partial_publication"),
    ("absence, 2023/24", "rows dropped", "an authority", "flagged", "partial_publication"),
    ("absence, 2024/25", "rows dropped", "a phase", "flagged", "partial_publication"),
    (
        "absence, 2016/17 (other publication)",
        "times 0.01",
        "sess_overall_percent",
        "stopped",
        "unit_or_level",
    ),
    (
        "absence, 2017/18 (other publication)",
        "times 0.01",
        "sess_overall_percent",
        "stopped",
        "unit_or_level",
    ),
    (
        "absence, 2021/22 (other publication)",
        "shifted by a row",
        "sess_overall_percent",
        "stopped",
        "by one row",
    ),
    (
        "absence, 2021/22 (other publication)",
        "times 0.01 in an authority",
        "sess_overall_percent",
        "stopped",
        "LA ",
    ),
    ("census, 2022/23", "shifted in an authority", "FSM6", "stopped", "fsm6_pct"),
    ("census, 2022/23", "times 3", "EAL", "stopped", "eal_pct|PNUMEAL"),
    ("census, 2022/23", "columns exchanged", "EAL, FSM6", "stopped", "fsm6_pct|eal_pct"),
    ("detailed census", "shifted by a row", "FSM", "stopped", "fsm_pct"),
    ("detailed census", "suppressed", "FSM", "stopped", "column_blank"),
    ("detailed census", "suppressed", "Pakistani", "stopped", "pakistani_pct"),
    ("detailed census", "shifted by a row", "ethnic groups", "stopped", "white_british_pct"),
    ("detailed census", "blank", "urban_rural", "stopped", "column_blank"),
    ("detailed census", "word renamed", "denomination: Roman Catholic -> RC", "stopped", "unknown_word"),
    ("detailed census", "word renamed", "sex_of_school_description: Girls -> F", "stopped", "unknown_word"),
    (
        "detailed census",
        "word renamed",
        "admissions_policy: Selective -> Non-selective",
        "stopped",
        "words_at_odds",
    ),
    ("deprivation", "reversed", "idaci_rank", "stopped", "idaci_rank|imd_rank"),
    ("deprivation", "shifted by a row", "both and codes", "stopped", "figures_of_other_schools"),
    ("points", "shifted in an authority", "both", "stopped", "coordinates_shifted"),
]


@pytest.fixture(scope="module")
def sample(sample_data):
    if not (sample_data / "performance-tables").is_dir():
        pytest.skip("the embedded sample has not been generated")
    return Sample(sample_data)


@pytest.mark.parametrize("kind, what, column, outcome, words", TRIED)
def test_a_fault_of_the_input_is_seen_and_its_place_named(sample, kind, what, column, outcome, words):
    named = [m for m in mutations(sample) if (m.kind, m.what, m.column) == (kind, what, column)]
    told = sample.tried(named[0], seed=1, exact=False)
    assert told["outcome"] == outcome, told
    assert re.search(words, told["words"]) and (
        named[0].file in told["words"] or "points" in named[0].file
    ), told


def test_one_cell_of_float_noise_is_no_disagreement(sample):
    from benchmarks.mutations import Mutation

    def noise(table: pd.DataFrame, rng) -> pd.DataFrame:
        at = table.index[table["URN"] == "900001"][0]
        table.loc[at, "PERCTOT"] = "6.0999999999999996"
        return table

    file = ABS.format("2022-2023")
    assert (
        sample.tried(Mutation("absence, 2022/23", file, "noise", "PERCTOT", noise), 1)["outcome"]
        == "harmless"
    )


def test_a_year_after_the_next_two_is_flagged_and_never_stops():
    assert years.rests_on("2016-17", "2022-23") and years.rests_on("2024-25", "2022-23")
    assert not years.rests_on("2025-26", "2022-23") and not years.rests_on("2020-21", "2022-23")


def test_every_limit_of_a_bond_is_stated_once_and_with_what_was_measured():
    keys = [(b.frame, b.own, b.other_frame, b.other, b.past) for b in circumstances.BONDS]
    assert len(keys) == len(set(keys)) and all(b.measured for b in circumstances.BONDS)
    for words in VOCABULARY.values():
        assert len(words.known) == len(set(words.known))
        assert words.most_blank is None or words.most_blank > words.blank
