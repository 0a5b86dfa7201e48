"""One school, many years: register, statuses and the panel with predecessors joined."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.contract import columns
from helpers.base.faults import DataRefused
from helpers.base.params import REGIONS
from helpers.ingest import age_ranges
from helpers.ingest.panel import PANEL, build_panel, one_figure_each
from helpers.ingest.readers import Readings
from helpers.ingest.readers.readings import conform
from helpers.ingest.register import STATUSES, build_register, register_urns, status_counts
from tests.support import gate_data
from tests.support.school_links import links

country = gate_data.country
A, B, C, D = 100001, 100002, 100003, 100004
OLD, NEW = "2018-19", "2022-23"


def readings(census, absence, link_rows=(), detail=()):
    """Small readings: census rows (urn, year, phase, roll), absence rows (urn, year, rate[, publication])."""
    c = pd.DataFrame(census, columns=["urn", "year", "phase", "roll"]).assign(
        la_code="201", file="census.csv", row=2
    )
    a = pd.DataFrame(
        [(*row, "performance_tables")[:4] for row in absence],
        columns=["urn", "year", "absence_pct", "publication"],
    )
    a = a.assign(
        persistent_pct=a["absence_pct"] * 3,
        decimals=1,
        la_code="201",
        file="abs.csv",
        row=range(2, 2 + len(a)),
    )
    d = pd.DataFrame(detail, columns=["urn", "year", "phase", "roll", "open_date"])
    d = d.assign(
        la_code="201", la_name="Camden", region_name="London", school_name="A school", row=2, file="spc.csv"
    )
    d = d.assign(all_through=False, open_date=pd.to_datetime(d["open_date"]))
    rates = pd.DataFrame(
        {"year": [NEW], "geography": "la", "area_code": "201", "area_name": "Camden", "region_name": "London"}
    )
    return Readings(
        census=conform(c, "census"),
        absence=conform(a, "absence"),
        links=links(*link_rows),
        census_detail=conform(d, "census_detail"),
        area_rates=conform(
            rates.assign(phase="primary", measure="absence", rate_pct=5.0, file="rates.csv"), "area_rates"
        ),
    )


def panel_of(r, release=NEW):
    return build_panel(r, r.links, release).set_index(["urn", "year"])


def test_an_academy_carries_the_figure_of_the_school_it_was():
    r = readings(
        [(A, OLD, "primary", 200), (B, NEW, "primary", 210)],
        [(A, OLD, 4.0), (B, NEW, 6.0)],
        [(B, A, "Predecessor")],
    )
    panel = panel_of(r)
    assert panel.loc[(B, OLD), ["published_urn", "link_kind", "absence_pct"]].tolist() == [
        A,
        "same_school",
        4.0,
    ]
    assert panel.loc[(B, NEW), ["published_urn", "link_kind", "absence_pct"]].tolist() == [B, "own", 6.0]
    assert A not in panel.index.get_level_values(0)


def test_a_merged_school_has_the_mean_of_its_predecessors_weighted_by_roll():
    census = [(A, OLD, "primary", 300), (B, OLD, "primary", 100), (C, NEW, "primary", 400)]
    both = [(C, A, "Predecessor - amalgamated"), (C, B, "Predecessor - amalgamated")]
    panel = panel_of(readings(census, [(A, OLD, 4.0), (B, OLD, 8.0), (C, NEW, 6.0)], both))
    row = panel.loc[(C, OLD)]
    assert row["absence_pct"] == 5.0 and row["link_kind"] == "merged" and row["roll"] == 400
    assert row["published_urns"] == f"{A}+{B}" and pd.isna(row["published_urn"])


def test_a_merger_without_all_its_figures_is_missing_and_coded():
    census = [(A, OLD, "primary", 300), (B, OLD, "primary", 100), (C, NEW, "primary", 400)]
    both = [(C, A, "Predecessor"), (C, B, "Predecessor")]
    row = panel_of(readings(census, [(A, OLD, 4.0), (C, NEW, 6.0)], both)).loc[(C, OLD)]
    assert row["link_kind"] == "merged_incomplete" and np.isnan(row["absence_pct"])


def test_a_school_that_took_another_in_is_compared_with_both():
    """An infant school that became a primary by taking in the juniors: its own old figure is of other
    children.
    """
    census = [(A, OLD, "primary", 100), (B, OLD, "primary", 300), (A, NEW, "primary", 400)]
    row = panel_of(
        readings(census, [(A, OLD, 4.0), (B, OLD, 8.0), (A, NEW, 6.0)], [(A, B, "Predecessor - merged")])
    ).loc[(A, OLD)]
    assert row["absence_pct"] == 7.0 and row["link_kind"] == "merged" and row["published_urns"] == f"{A}+{B}"


def test_a_nursery_school_taken_in_has_no_figure_and_no_weight():
    census = [(A, OLD, "primary", 100), (B, OLD, "nursery", 60), (A, NEW, "primary", 160)]
    row = panel_of(readings(census, [(A, OLD, 4.0), (A, NEW, 6.0)], [(A, B, "Predecessor - merged")])).loc[
        (A, OLD)
    ]
    assert row["absence_pct"] == 4.0 and row["link_kind"] == "own"


def test_a_merger_after_the_release_changes_nothing_yet():
    census = [
        (A, OLD, "primary", 100),
        (B, OLD, "primary", 300),
        (A, NEW, "primary", 100),
        (B, NEW, "primary", 300),
    ]
    absence = [(u, y, rate) for u, rate in ((A, 4.0), (B, 8.0)) for y in (OLD, NEW)]
    panel = panel_of(readings(census, absence, [(A, B, "Predecessor - merged", "2024-08-31")]))
    assert panel.loc[(A, OLD), "absence_pct"] == 4.0 and (panel["link_kind"] == "own").all()


def test_parts_of_a_split_school_show_the_figure_of_the_whole():
    census = [(A, OLD, "secondary", 900), (A, NEW, "secondary", 500), (B, NEW, "secondary", 400)]
    row = panel_of(
        readings(
            census, [(A, OLD, 5.0), (A, NEW, 8.0), (B, NEW, 9.0)], [(B, A, "Predecessor - Split School")]
        )
    )
    assert row.loc[(B, OLD), ["absence_pct", "link_kind", "published_urn"]].tolist() == [5.0, "split", A]
    assert row.loc[(A, OLD), "link_kind"] == "own"


def test_a_chain_stops_at_the_school_that_had_the_figure():
    census = [(B, OLD, "primary", 200), (C, NEW, "primary", 210)]
    chain = [(B, A, "Predecessor"), (C, B, "Predecessor")]
    panel = panel_of(readings(census, [(A, "2016-17", 3.0), (B, OLD, 4.0), (C, NEW, 6.0)], chain))
    assert panel.loc[(C, OLD), "published_urn"] == B and panel.loc[(C, "2016-17"), "published_urn"] == A


def test_a_figure_after_the_release_is_found_under_the_only_successor():
    census = [(A, NEW, "primary", 200)]
    panel = panel_of(
        readings(census, [(A, NEW, 6.0), (B, "2023-24", 5.5, "ees")], [(B, A, "Predecessor", "2023-09-01")])
    )
    assert panel.loc[(A, "2023-24"), ["published_urn", "link_kind"]].tolist() == [B, "same_school"]
    merged = [(B, A, "Predecessor"), (B, C, "Predecessor")]
    panel = panel_of(
        readings([*census, (C, NEW, "primary", 90)], [(A, NEW, 6.0), (B, "2023-24", 5.5, "ees")], merged)
    )
    assert (A, "2023-24") not in panel.index


def test_the_performance_tables_win_over_the_other_publication():
    r = readings([(A, NEW, "primary", 200)], [(A, NEW, 6.04, "ees"), (A, NEW, 6.0)])
    assert one_figure_each(r.absence)["publication"].tolist() == ["performance_tables"]
    assert panel_of(r).loc[(A, NEW), "absence_pct"] == 6.0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 2000), st.floats(0.5, 40)), min_size=2, max_size=6))
def test_a_merged_figure_lies_between_those_of_its_parts(parts):
    urns = range(100001, 100001 + len(parts))
    census = [(u, OLD, "primary", roll) for u, (roll, _) in zip(urns, parts, strict=True)] + [
        (D + 500, NEW, "primary", 50)
    ]
    absence = [(u, OLD, rate) for u, (_, rate) in zip(urns, parts, strict=True)]
    r = readings(census, absence, [(D + 500, u, "Predecessor") for u in urns])
    row = panel_of(r).loc[(D + 500, OLD)]
    rates = [rate for _, rate in parts]
    assert min(rates) - 1e-9 <= row["absence_pct"] <= max(rates) + 1e-9 and row["roll"] == sum(
        roll for roll, _ in parts
    )


def test_statuses_follow_their_order():
    census = [
        (A, NEW, "primary", 200),
        (B, NEW, "ap", 40),
        (C, NEW, "nursery", 60),
        (D, NEW, "special", 90),
        (100005, NEW, "primary", 20),
        (100006, NEW, "primary", 250),
        (100007, NEW, "primary", 150),
        (100008, NEW, "primary", 150),
    ]
    detail = [(100007, NEW, "primary", 150, "2023-01-01"), (100008, NEW, "primary", 150, "2023-01-01")]
    absence = [(u, NEW, 6.0) for u in (A, D, 100005, 100007, 100008, 100009)]
    register = build_register(
        readings(census, absence, [(100008, 100010, "Predecessor")], detail), NEW
    ).set_index("urn")
    expected = {
        A: "assessed",
        B: "alternative_provision",
        C: "nursery",
        D: "special_range_only",
        100005: "tiny",
        100006: "no_published_absence",
        100007: "new",
        100008: "assessed",
        100009: "not_in_census",
    }
    got = register["status"].to_dict()
    # the small census of this test lacks most features, so schools with a detailed row are judged by what
    # that row holds
    assert {u: s for u, s in got.items() if s != "incomplete_data"} == {
        u: s for u, s in expected.items() if got[u] != "incomplete_data"
    }
    assert (register.loc[register["status"] != "assessed", "status_note"] != "").all()
    assert sum(status_counts(register).values()) == len(register) == len(expected)


def test_a_year_without_a_census_is_refused_with_what_to_do():
    with pytest.raises(DataRefused, match="no school census for 2016-17"):
        build_register(readings([(A, NEW, "primary", 200)], [(A, NEW, 6.0)]), "2016-17")


def test_the_register_has_the_dictionary_columns_and_one_row_per_school(country):
    for year, register in country.registers.items():
        assert set(columns("schools")) <= set(register.columns)
        assert register["urn"].is_unique and len(register) == len(register_urns(country.readings, year))
        assert (
            set(register["region_name"]) == set(REGIONS)
            and register["school_name"].notna().all()
            and register["phase"].notna().all()
        )
        assert list(status_counts(register)) == STATUSES
    here = country.register
    assert here["easting"].notna().mean() > 0.97 and here["idaci_rank"].notna().mean() > 0.98
    shares = here.loc[
        here["status"] == "assessed",
        ["fsm_pct", "sixth_form_pct", "nursery_pct", "years_6_to_8_pct", "girls_pct"],
    ]
    assert shares.notna().all().all() and ((shares >= 0) & (shares <= 100)).all().all()


def test_every_published_figure_is_in_the_register_unchanged(country):
    rows = country.readings.absence
    rows = rows[(rows["year"] == NEW) & (rows["publication"] == "performance_tables")].set_index("urn")
    register = country.register.set_index("urn")
    assert rows.index.isin(register.index).all()
    pd.testing.assert_series_equal(register.loc[rows.index, "absence_pct"], rows["absence_pct"])
    assert register["absence_pct"].notna().sum() == rows["absence_pct"].notna().sum()


def test_most_schools_reach_back_to_before_the_pandemic(country):
    panel = build_panel(country.readings, country.readings.links, NEW)
    assert list(panel.columns) == PANEL and not panel.duplicated(["urn", "year"]).any()
    kinds = panel.loc[panel["year"] == OLD, "link_kind"].value_counts()
    assert kinds["own"] > 5 * kinds["same_school"] > 25 * kinds["merged"] > 0 and kinds["split"] > 0
    assessed = country.register[country.register["status"] == "assessed"]
    assert assessed["pre_pandemic_absence_pct"].notna().mean() > 0.95
    single = panel[panel["link_kind"].isin(["own", "same_school", "split"])]
    published = one_figure_each(country.readings.absence).set_index(["urn", "year"])["absence_pct"]
    theirs = published.reindex(
        pd.MultiIndex.from_arrays([single["published_urn"].astype("int64"), single["year"]])
    )
    np.testing.assert_array_equal(single["absence_pct"].to_numpy(), theirs.to_numpy())


def test_the_register_of_2022_23_has_the_counts_of_the_published_files(open_data):
    country = gate_data._read("open data", open_data)
    assert country.register["in_census"].sum() == 22_034 and (~country.register["in_census"]).sum() == 33
    gone = set(country.registers[OLD]["urn"]) - set(country.register["urn"])
    assert len(gone) > 1_800
    merged = country.register["pre_pandemic_kind"].value_counts()
    assert merged["same_school"] > 1_600 and merged["merged"] > 60


def detail_row(**pupils):
    row = {c: 0.0 for c in [*age_ranges.YEARS_R_TO_11, *age_ranges.SIXTH_FORM, "pupils_nursery"]} | pupils
    row["pupils_r_to_11"] = sum(row[c] for c in age_ranges.YEARS_R_TO_11)
    return row | {
        "roll": row["pupils_r_to_11"] + row["pupils_nursery"] + sum(row[c] for c in age_ranges.SIXTH_FORM)
    }


def years(first, last, each=30.0):
    names = [*age_ranges.YEARS_R_TO_11, *age_ranges.SIXTH_FORM]
    return detail_row(**{c: each for c in names[first : last + 1]})


@pytest.mark.parametrize(
    ("phase", "first", "last", "more", "block"),
    [
        ("primary", 0, 6, {}, "primary"),
        ("primary", 0, 2, {}, "infant"),
        ("primary", 3, 6, {}, "junior"),
        ("primary", 0, 4, {}, "first"),
        ("primary", 3, 7, {}, "middle"),
        ("secondary", 7, 11, {}, "secondary"),
        ("secondary", 7, 13, {}, "secondary"),
        ("secondary", 7, 13, {"admissions_policy": "Selective"}, "secondary_selective"),
        ("secondary", 5, 8, {}, "middle"),
        ("secondary", 0, 11, {}, "all_through"),
        ("secondary", 9, 13, {}, "upper"),
        ("secondary", 10, 13, {}, "fourteen_plus"),
        ("secondary", 12, 13, {}, "sixteen_plus"),
        ("special", 0, 13, {}, "special"),
        ("ap", 7, 11, {}, "ap"),
    ],
)
def test_blocks_follow_age_range_and_selection(phase, first, last, more, block):
    row = (
        years(first, last)
        | {"phase": phase, "admissions_policy": "Non-selective", "middle_school": None}
        | more
    )
    assert age_ranges.blocks(pd.DataFrame([row])).tolist() == [block]


def test_a_stray_pupil_does_not_change_the_block():
    row = years(7, 11) | {
        "pupils_year_6": 1.0,
        "phase": "secondary",
        "admissions_policy": "Non-selective",
        "middle_school": None,
    }
    assert age_ranges.blocks(pd.DataFrame([row])).tolist() == ["secondary"]


def test_year_shares_and_mean_year_group():
    out = age_ranges.year_shares(pd.DataFrame([years(0, 6), years(12, 13), detail_row()]))
    assert out["mean_year_group"].iloc[0] == 3 and np.isnan(out["mean_year_group"].iloc[1])
    assert out["sixth_form_pct"].tolist()[:2] == [0, 100] and np.isnan(out["sixth_form_pct"].iloc[2])
    assert out["years_6_to_8_pct"].iloc[0] == pytest.approx(100 / 7)


def test_grammar_area_is_the_share_of_pupils_in_selective_schools():
    rows = [years(7, 11, each) for each in (10.0, 30.0, 50.0)]
    frame = pd.DataFrame(rows).assign(phase="secondary", la_code=["201", "201", "202"])
    frame["admissions_policy"] = ["Selective", "Non-selective", "Unknown"]
    assert age_ranges.grammar_area(frame).tolist() == [25, 25, 0]
