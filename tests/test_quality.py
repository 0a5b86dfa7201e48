"""The gate on published data as it is, and on figures that have been changed."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import ingest
from helpers.base.faults import DataRefused, Fault
from helpers.base.params import ENGLAND, REGIONS
from helpers.ingest.quality.gate import Quality
from helpers.ingest.quality.plausibility import HIGHEST, MOST_FACTOR, SMALL_ROLL, outside_definition
from helpers.ingest.quality.reconciliation import RECONCILIATION, TOLERANCES
from helpers.ingest.register import STATUSES, register_urns
from tests.support import gate_data
from tests.support.gate_data import RELEASE, YEARS, naming, show

country = gate_data.country
MAINSTREAM = ["primary", "secondary"]


def _one_la(register, phases=MAINSTREAM):
    """An LA of middling size with schools of every phase, away from the first and last of the file."""
    sizes = (
        register[register["absence_pct"].notna()].groupby(["la_code", "phase"]).size().unstack(fill_value=0)
    )
    sizes = sizes[(sizes[phases] >= 3).all(axis=1)].sum(axis=1).sort_values()
    return sizes.index[len(sizes) // 2]


def _typical(register, absence, phase="primary"):
    """A school of middling size with both rates and an ordinary rate."""
    known = register[
        (register["status"] == "assessed") & (register["phase"] == phase) & register["persistent_pct"].notna()
    ]
    known = known[(known["pre_pandemic_kind"] == "own") & known["other_year_pct"].notna()]
    away = (known["absence_pct"] - known["absence_pct"].median()).abs()
    return known.iloc[
        away.argsort(kind="stable").iloc[0]
    ]  # many are equally near: the first on every machine


def test_the_gate_passes_both_years_as_published(country):
    assert country.quality.verdict == "pass", show(country.quality.hard)
    country.quality.stop_if_hard()
    assert set(country.quality.reconciliation["year"]) == set(YEARS)


def test_every_area_with_a_published_rate_is_reconciled(country):
    table = country.quality.reconciliation
    assert list(table.columns) == RECONCILIATION
    judged = table[table["verdict"].isin(["pass", "look"])]
    for year in YEARS:
        rates = country.readings.area_rates
        rates = rates[
            (rates["year"] == year)
            & rates["measure"].isin(["absence", "persistent"])
            & rates["phase"].isin([*MAINSTREAM, "special"])
        ]
        published = rates[rates["geography"].isin(["england", "region", "la"]) & rates["rate_pct"].notna()]
        assert (judged["year"] == year).sum() == len(published)
        assert {"england", "region", "la"} == set(judged.loc[judged["year"] == year, "geography"])


def test_tolerances_are_stated_once_for_every_cell_and_hold_the_measured_maximum(country):
    keys = ["measure", "phase", "weights", "geography"]
    assert not TOLERANCES.duplicated(keys).any() and (TOLERANCES["reason"].str.len() > 20).all()
    if country.name == "open data":
        worst = (
            country.quality.reconciliation.assign(size=lambda t: t["difference_pp"].abs())
            .groupby(keys)["size"]
            .max()
        )
        stated = TOLERANCES.set_index(keys)["measured_pp"].reindex(worst.index)
        pd.testing.assert_series_equal(worst, stated, check_names=False, atol=0.0006, rtol=0)


def test_statuses_add_up_to_the_census_and_the_published_schools(country):
    for year, register in country.registers.items():
        counts = country.quality.status_by_year[year]
        assert list(counts) == STATUSES and register["status"].isin(STATUSES).all()
        assert (
            sum(counts.values())
            == len(register)
            == len(register_urns(country.readings, year))
            == register["urn"].nunique()
        )
    assert country.quality.status_counts == country.quality.status_by_year[RELEASE]
    assert sum(sum(c.values()) for c in country.quality.status_by_region.values()) == len(country.register)


def test_a_school_without_a_status_is_a_hard_fault(country):
    from helpers.ingest.quality.gate import run_gate

    register = country.register.copy()
    urn = register.loc[5, "urn"]
    register.loc[5, "status"] = "forgotten"
    found = run_gate(country.readings, {RELEASE: register}, RELEASE).hard
    assert naming(found, "no_status", str(urn)) and naming(found, "counts_do_not_add_up"), show(found)


def test_quality_survives_json_and_files(country, tmp_path):
    path = tmp_path / "quality.json"
    country.quality.write(path)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert Quality.from_json(record).to_json() == record == json.loads(json.dumps(country.quality.to_json()))
    assert record["verdict"] == "pass" and record["reconciliation"] and record["tolerances"]


def test_slices_of_the_regions_hold_all_schools_and_only_their_own_areas(country):
    slices = {region: country.quality.slice(region) for region in REGIONS}
    assert sum(sum(s.status_counts.values()) for s in slices.values()) == len(country.register)
    for region, part in slices.items():
        la = part.reconciliation[part.reconciliation["geography"] == "la"]
        assert len(la) and set(la["region_name"]) == {region}
        assert {"England", region} == set(
            part.reconciliation.loc[part.reconciliation["geography"] != "la", "area_name"]
        )
    everywhere = [f for f in country.quality.faults if not getattr(f, "region_name", "")]
    assert sum(len(s.faults) - len(everywhere) for s in slices.values()) == len(country.quality.faults) - len(
        everywhere
    )


def test_flags_are_few_enough_to_be_read(country):
    jumps = [f for f in country.quality.flags if f.code == "rate_jumped"]
    assert len(jumps) <= 0.003 * len(country.register)
    assert all(f.urn and f.file and f.row and "times" in f.message or "divided" in f.message for f in jumps)


@pytest.mark.parametrize("year", YEARS)
def test_an_la_shifted_by_one_point_fails_and_is_named(country, year):
    la_code = _one_la(country.registers[year])
    name = country.registers[year].set_index("la_code").loc[la_code, "la_name"].iloc[0]
    urns = country.registers[year].loc[country.registers[year]["la_code"] == la_code, "urn"]

    def shifted(absence):
        here = (
            (absence["year"] == year)
            & absence["urn"].isin(urns)
            & (absence["publication"] == "performance_tables")
        )
        absence.loc[here, "absence_pct"] += 1
        return absence

    result = country.with_absence(shifted, (year,))
    found = result.hard
    named = naming(found, "rate_differs", f"{name} (LA {la_code})", "performance-tables", "absence_pct")
    assert {phase for phase in MAINSTREAM for f in named if phase in f.message} == set(MAINSTREAM), show(
        found
    )
    with pytest.raises(DataRefused, match=la_code):
        result.stop_if_hard()


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_shift_of_one_point_would_be_seen_in_every_la(country, shift):
    """The tolerances, in every LA with a published rate, for its primary and for its secondary schools alone."""
    table = country.quality.reconciliation
    table = table[
        (table["geography"] == "la")
        & (table["measure"] == "absence")
        & table["phase"].isin(MAINSTREAM)
        & table["published_pct"].notna()
    ]
    seen = (table["difference_pp"] + shift).abs() > table["tolerance_pp"]
    assert len(table) > 2 * 60 and seen.all(), table[~seen][
        ["year", "area_name", "phase", "difference_pp", "tolerance_pp"]
    ].to_string()


def test_a_shift_of_special_schools_alone_is_mostly_flagged(country):
    """Tolerances of special schools must be wide; a smaller difference than the tolerance is still shown to a
    person.
    """
    if country.name != "open data":
        pytest.skip("the sample has session counts: its special schools reconcile exactly")
    table = country.quality.reconciliation
    table = table[
        (table["geography"] == "la")
        & (table["measure"] == "absence")
        & (table["phase"] == "special")
        & (table["year"] == RELEASE)
    ]
    look = TOLERANCES.set_index(["measure", "phase", "weights", "geography"]).loc[
        ("absence", "special", "pupils_r_to_11", "la"), "look_pp"
    ]
    table = table[table["published_pct"].notna()]
    assert ((table["difference_pp"] + 1).abs() > look).mean() > 0.9
    assert (table["verdict"] == "look").sum() < 15


@pytest.mark.parametrize("phase", [*MAINSTREAM, "special"])
def test_a_rate_times_ten_fails_and_names_the_row(country, phase):
    register = country.register
    known = register[
        (register["phase"] == phase) & register["persistent_pct"].notna() & (register["absence_pct"] < 9.9)
    ]
    urn = int(known["urn"].iloc[len(known) // 2])

    def times_ten(absence):
        here = (
            (absence["year"] == RELEASE)
            & (absence["urn"] == urn)
            & (absence["publication"] == "performance_tables")
        )
        absence.loc[here, "absence_pct"] *= 10
        return absence

    found = country.with_absence(times_ten).hard
    rows = country.readings.absence
    row = rows.loc[
        (rows["year"] == RELEASE) & (rows["urn"] == urn) & (rows["publication"] == "performance_tables"),
        "row",
    ].iloc[0]
    assert naming(found, "impossible_value", str(urn), f"row {row}", "england_abs.csv", "absence_pct"), show(
        found
    )


def test_no_published_rate_survives_a_multiplication_by_ten(country):
    """Beside the published share of persistent absentees, or alone above 100 %: true of every published row
    with both rates.
    """
    rows = country.readings.absence.dropna(subset=["absence_pct", "persistent_pct"])
    assert not outside_definition(rows["absence_pct"], rows["persistent_pct"]).any()
    caught = outside_definition(10 * rows["absence_pct"], rows["persistent_pct"]) | (
        10 * rows["absence_pct"] > 100
    )
    assert len(rows) > 4000 and caught.all()


@pytest.mark.parametrize("year", YEARS)
def test_both_rates_times_ten_are_caught_by_history_or_size(country, year):
    """Where persistent absence is multiplied too, or suppressed, only what is plausible for the school is
    left.
    """
    register = country.registers[year].set_index("urn")
    known = register[register["absence_pct"].notna() & (10 * register["absence_pct"] <= 100)]
    change = np.log((known["absence_pct"] + 0.1) / (known["other_year_pct"] + 0.1))
    moved = change - change.groupby([known["phase"], known["other_year"]]).transform("median")
    by_history = (moved + np.log(10)).abs() > np.log(MOST_FACTOR)
    size = np.where(known["roll"] < SMALL_ROLL, "small", "other")
    by_level = 10 * known["absence_pct"] > [
        HIGHEST.get(key, 100) for key in zip(known["phase"], size, strict=True)
    ]
    assert (moved.abs() < np.log(MOST_FACTOR)).loc[moved.notna()].all()
    assert (by_history | by_level).mean() > 0.97


def test_both_rates_of_one_school_times_ten_fail_and_name_it(country):
    school = _typical(country.register, country.readings.absence)

    def times_ten(absence):
        here = (absence["year"] == RELEASE) & (absence["urn"] == school["urn"])
        absence.loc[here, ["absence_pct", "persistent_pct"]] = [46.0, 93.0]
        return absence

    found = country.with_absence(times_ten).hard
    assert naming(found, "implausible_rate", str(school["urn"]), "england_abs.csv"), show(found)


def test_a_rate_that_jumps_is_flagged_with_its_numbers(country):
    school = _typical(country.register, country.readings.absence, "secondary")
    before = school["other_year_pct"]
    now = round(3 * max(before, school["absence_pct"]), 1)

    def jumped(absence):
        here = (absence["year"] == RELEASE) & (absence["urn"] == school["urn"])
        absence.loc[here, ["absence_pct", "persistent_pct"]] = [now, 75.0]
        return absence

    result = country.with_absence(jumped)
    flagged = [f for f in result.flags if f.code == "rate_jumped" and f.urn == school["urn"]]
    assert flagged and f"{now:.1f} %" in flagged[0].message and f"{before:.1f} %" in flagged[0].message
    assert school["school_name"] in flagged[0].message and flagged[0].region_name == school["region_name"]
    assert not naming(result.hard, "implausible_rate")


def test_publications_that_disagree_are_named_by_school(country):
    rows = country.readings.absence
    both = rows[(rows["year"] == RELEASE) & (rows["publication"] == "ees")]
    urn = int(both["urn"].iloc[len(both) // 2])

    def apart(absence):
        absence.loc[
            (absence["urn"] == urn) & (absence["year"] == RELEASE) & (absence["publication"] == "ees"),
            "absence_pct",
        ] += 0.2
        return absence

    found = country.with_absence(apart).hard
    assert naming(found, "publications_disagree", str(urn), "absence_pct", "row"), show(found)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400)), min_size=1, max_size=60))
def test_true_rates_never_break_the_definition_of_persistent_absence(pupils):
    """Any class of pupils: possible sessions and sessions missed, rates rounded to one decimal as published."""
    possible = np.array([p for p, _ in pupils], dtype=float)
    missed = np.minimum([m for _, m in pupils], possible)
    equal = np.full_like(possible, possible.max())  # the bound assumes that pupils could attend equally often
    missed = missed / possible * equal
    absence = round(100 * missed.sum() / equal.sum(), 1)
    persistent = round(100 * (missed / equal >= 0.1).mean(), 1)
    assert not outside_definition(pd.Series([absence]), pd.Series([persistent])).any()


def test_symbols_are_counted_by_file_over_their_columns():
    met = [
        {"file": "a.csv", "column": "PERCTOT", "symbol": "SUPP", "times": 3},
        {"file": "a.csv", "column": "PPERSABS10", "symbol": "SUPP", "times": 4},
        {"file": "b.csv", "column": "PERCTOT", "symbol": "c", "times": 1},
    ]
    counted = ingest.suppressed(Quality(RELEASE, suppressed=met))
    assert counted.to_dict("split")["data"] == [["a.csv", "SUPP", 2, 7], ["b.csv", "c", 1, 1]]
    assert ingest.suppressed(Quality(RELEASE)).empty, "a folder without symbols is no fault"


def test_schools_by_status_and_phase_add_up_to_the_register(country):
    counted = ingest.by_status(country.register).set_index("status")
    assert counted.at["all", "all"] == len(country.register)
    assert (counted.drop(columns="all").sum(axis=1) == counted["all"]).all()
    assert (counted.drop(index="all").sum() == counted.loc["all"]).all()


def test_a_region_is_compared_beside_england_and_england_alone(country):
    region = country.register["region_name"].iloc[0]
    checks = country.quality.slice(region).reconciliation
    both, alone = ingest.large_areas(checks, region), ingest.large_areas(checks, ENGLAND)
    assert set(both["area_name"]) == {ENGLAND, region} and set(alone["area_name"]) == {ENGLAND}
    assert list(both) == list(ingest.COMPARED)


def test_only_flags_are_listed_for_a_person_and_no_hard_fault():
    faults = [
        Fault("hard", "stops", "stops the run"),
        Fault("flag", "look", "odd", what_to_do="Ask the school."),
    ]
    listed = ingest.flags(Quality(RELEASE, faults=faults))
    assert listed.to_dict("records") == [{"code": "look", "message": "odd", "what_to_do": "Ask the school."}]
    assert list(ingest.flags(Quality(RELEASE))) == ["code", "message", "what_to_do"]
