"""Numbers as published: what is a number, what is missing, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.ingest.readers.symbols import MISSING, parse_number, symbol_of, to_numbers

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(finite)
def test_a_number_written_by_a_computer_is_read_back_exactly(value):
    assert parse_number(repr(value))[0] == value


@given(
    st.decimals(min_value=-1000, max_value=1000, places=3),
    st.sampled_from(["{}", " {}", "{} ", "{}%", "{} %"]),
)
def test_spaces_and_per_cent_signs_change_neither_value_nor_decimals(value, form):
    assert parse_number(form.format(value)) == (float(value), 3)


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_thousands_commas_change_nothing(value):
    assert parse_number(f"{value:,}") == (float(value), 0)


@given(st.sampled_from(sorted(MISSING)), st.booleans(), st.sampled_from(["", " ", "  "]))
def test_a_known_symbol_is_missing_and_counted_and_never_a_number(symbol, upper, space):
    text = space + (symbol.upper() if upper else symbol) + space
    assert parse_number(text) is None
    parsed = to_numbers([text, "7"])
    assert np.isnan(parsed.values[0]) and parsed.values[1] == 7
    assert sum(parsed.symbols.values()) == 1 and not len(parsed.unreadable)


@given(
    st.lists(
        st.one_of(finite.map(repr), st.sampled_from([*MISSING, "SUPP", "NA"]), st.text(max_size=6)),
        max_size=30,
    )
)
def test_every_cell_is_a_number_or_a_counted_symbol_or_refused(cells):
    parsed = to_numbers(cells)
    numbers = int(np.isfinite(parsed.values).sum())
    assert numbers + sum(parsed.symbols.values()) + len(parsed.unreadable) == len(cells) == len(parsed.values)


@given(st.text())
def test_nothing_but_a_number_or_symbol_gets_a_value(text):
    parsed = parse_number(text)
    if parsed is not None:
        assert math.isfinite(parsed[0]) and parsed[1] >= 0
        assert symbol_of(text) is None
        assert any(c in "0123456789" for c in text)


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "inf",
        "1e999",
        "1_000",
        "12,34",
        "1,2345",
        "5..2",
        "5.2.1",
        "%",
        ".",
        "+",
        "e5",
        "५",
        "5 2",
        "<5",
        "SUP",
    ],
)
def test_what_looks_like_a_number_to_a_computer_only_is_refused(text):
    assert parse_number(text) is None
    assert list(to_numbers([text]).unreadable) == [0]


def test_symbols_are_counted_by_kind():
    parsed = to_numbers(["SUPP", "SUPP", "c", "", "-", "4.0"])
    assert parsed.symbols == {"SUPP": 2, "c": 1, "blank": 1, "-": 1}


@pytest.mark.parametrize(
    ("cells", "decimals"),
    [
        (["4", "11"], 0),
        (["4", "5.2"], 1),
        (["5.2", "4"], 1),
        (["5.92", "6.67743"], 5),
        (["7.0000000000000007E-2"], 18),
    ],
)
def test_decimals_are_those_of_the_most_precise_cell(cells, decimals):
    assert to_numbers(cells).decimals == decimals
