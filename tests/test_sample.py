"""The embedded sample: it can be made again, is like the real thing where it should be, and is nobody's."""

from __future__ import annotations

import csv
import gzip
import importlib
import re
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import pandas as pd
import pytest

from helpers.base.paths import ROOT, SAMPLE
from helpers.ingest.readers import read_folder

LARGEST_FILE, LARGEST_TOTAL = 4_000_000, 6_000_000
REGIONS = {
    "North East",
    "North West",
    "Yorkshire and The Humber",
    "East Midlands",
    "West Midlands",
    "East of England",
    "London",
    "South East",
    "South West",
}


@pytest.fixture(scope="module")
def maker() -> SimpleNamespace:
    """The generator's modules: they lie beside the data, outside the installed helpers."""
    sys.path.insert(0, str(ROOT / "data"))
    try:
        names = (
            "make_sample",
            "sample_maker.bands",
            "sample_maker.measure",
            "sample_maker.moments",
            "sample_maker.world",
            "sample_maker.write",
        )
        return SimpleNamespace(**{n.split(".")[-1]: importlib.import_module(n) for n in names})
    finally:
        sys.path.remove(str(ROOT / "data"))


@pytest.fixture(scope="module")
def readings():
    return read_folder(SAMPLE)


@pytest.fixture(scope="module")
def measured(maker) -> dict[str, float]:
    return maker.measure.moments(SAMPLE)


def table(path: str) -> list[dict]:
    """Rows of a sample file with nothing but the csv module."""
    with (SAMPLE / path).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def files_in(folder: Path) -> dict[str, Path]:
    return {
        p.relative_to(folder).as_posix(): p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.suffix != ".md"
    }


def test_making_the_sample_again_gives_the_same_content(maker, tmp_path):
    maker.write.write_all(maker.world.make_world(maker.make_sample.SEED), tmp_path)
    committed, again = files_in(SAMPLE), files_in(tmp_path)
    assert committed.keys() == again.keys()
    for name, path in committed.items():
        if name.endswith(".gpkg"):  # the container differs between library versions, its content must not
            old, new = (gpd.read_file(p) for p in (path, again[name]))
            assert old.drop(columns="geometry").equals(new.drop(columns="geometry")) and old.crs == new.crs
            assert old.geometry.geom_equals(new.geometry).all()
        elif name.endswith(".gz"):
            assert gzip.decompress(path.read_bytes()) == gzip.decompress(again[name].read_bytes()), name
        else:
            assert path.read_bytes() == again[name].read_bytes(), name


def test_another_seed_gives_another_country(maker):
    one, two = (maker.world.make_world(seed) for seed in (maker.make_sample.SEED, maker.make_sample.SEED + 1))
    assert not one.now["roll"].equals(two.now["roll"])


def test_the_sample_is_small():
    sizes = {name: path.stat().st_size for name, path in files_in(SAMPLE).items()}
    assert max(sizes.values()) < LARGEST_FILE and sum(sizes.values()) < LARGEST_TOTAL, sizes


def test_the_readers_find_no_fault_and_recognise_every_file(readings):
    assert [str(f) for f in readings.faults] == []
    unknown = readings.files.loc[readings.files["taken_for"] == "not used", "path"]
    # The real folder holds such files too: a read-me and descriptions of columns, which the workbook does not
    # use.
    assert sorted(Path(p).name for p in unknown) == ["README.md", "abs_meta.csv", "census_meta.csv"]


def test_moments_lie_in_the_stated_bands(maker, measured):
    bands = maker.bands.BANDS
    assert measured.keys() == bands.keys()
    outside = {k: (round(v, 3), bands[k]) for k, v in measured.items() if not bands[k][0] <= v <= bands[k][1]}
    assert outside == {}


def test_national_rates_it_was_not_built_from_come_out_near_the_published_ones(maker):
    code = {
        (r["moment"], r["phase"]): r["note"]
        for r in maker.moments.Moments().rows
        if r["moment"].endswith("_pct")
    }
    england = {
        (r["Short Desc"], r["Years"]): r["Values"]
        for r in table(rates_file())
        if r["LA and Regions"] == "England"
    }
    held_out = {
        k: v for k, v in maker.moments.Moments().held_out().items() if k[2] in maker.bands.HELD_OUT_YEARS
    }
    assert len(held_out) > 40
    for (moment, phase, year), published in held_out.items():
        difference = float(england[code[moment, phase], year]) - published
        assert abs(difference) <= maker.bands.HELD_OUT[moment, phase], (moment, phase, year, difference)


def test_the_generator_is_refused_a_held_out_moment(maker):
    moments = maker.moments.Moments()
    with pytest.raises(KeyError, match="persistent_pct / primary / 2022"):
        moments.get("persistent_pct", "primary", 2022)


def rates_file() -> str:
    return "published-rates/la_region_england_absence_2016_2025.csv"


def test_published_rates_are_the_sums_of_the_schools():
    rows = table("school-absence/absence_3term_school_202223.csv")
    published = {
        (r["Short Desc"], r["LA Number"]): r["Values"] for r in table(rates_file()) if r["Years"] == "2023"
    }
    codes = {
        "State-funded primary": ("PriTotAbs", "SFPriPerAbNew"),
        "State-funded secondary": ("SecTotAbs", "SFSecPerAbNew"),
    }
    for phase, (overall, persistent) in codes.items():
        for la in sorted({r["old_la_code"] for r in rows}) + ["970"]:
            mine = [
                r for r in rows if r["education_phase"] == phase and (la == "970" or r["old_la_code"] == la)
            ]
            for code, part, whole in (
                (overall, "sess_overall", "sess_possible"),
                (persistent, "enrolments_pa_10_exact", "enrolments"),
            ):
                rate = 100 * sum(int(r[part]) for r in mine) / sum(int(r[whole]) for r in mine)
                assert abs(rate - float(published[code, f"{la}.0"])) <= 0.00501, (phase, la, code)


def test_the_rates_file_is_a_complete_grid_with_a_blank_year():
    rows = table(rates_file())
    areas = Counter((r["Short Desc"], r["Years"]) for r in rows)
    assert len(areas) == 18 * 10 and set(areas.values()) == {36 + 12}
    assert {r["Values"] for r in rows if r["Years"] == "2020"} == {"-"}


def test_the_school_census_agrees_with_itself_and_with_the_performance_tables(readings):
    detail = readings.census_detail.set_index("urn")
    census = readings.census[readings.census["year"] == "2022-23"].set_index("urn").reindex(detail.index)
    assert detail["roll"].equals(census["roll"]) and detail["girls_roll"].equals(census["girls_roll"])
    assert (detail["eal_pct"] - census["eal_pct"]).abs().max() < 1e-9
    groups = [c for c in detail if re.fullmatch(r"pupils_(nursery|year_(r|\d+))", c)]
    assert detail[groups].sum(axis=1).equals(detail["roll"])
    groups = (
        "white_",
        "gypsy_",
        "mixed_",
        "indian_",
        "pakistani_",
        "bangladeshi_",
        "other_",
        "black_",
        "chinese_",
        "ethnicity_",
    )
    ethnic = [c for c in detail if c.startswith(groups)]
    assert (detail[ethnic].sum(axis=1) - 100).abs().max() < 1e-6


def test_a_share_of_pupils_missing_a_tenth_is_possible_given_overall_absence(readings):
    both = readings.absence.dropna(subset=["persistent_pct"])
    low, high = 0.1 * both["persistent_pct"], both["persistent_pct"] + 0.1 * (100 - both["persistent_pct"])
    assert (both["absence_pct"] >= low - 0.06).all() and (both["absence_pct"] <= high + 0.06).all()


def test_every_region_has_schools_enough_and_its_blocks_have_peers(readings):
    detail = readings.census_detail
    assert set(detail["region_name"]) == REGIONS and detail.groupby("region_name").size().min() >= 150
    assert (detail["admissions_policy"] == "Selective").sum() > 21 and detail["all_through"].sum() > 21
    assert (detail["middle_school"] == "Middle deemed secondary").sum() > 21


def test_authorities_and_regions_are_each_in_one_piece_and_hold_their_schools(readings):
    shapes = readings.la_boundaries.set_index("la_ons_code")
    assert (
        len(shapes) == 36
        and (shapes.geometry.geom_type == "Polygon").all()
        and shapes.geometry.is_valid.all()
    )
    region = readings.census_detail.drop_duplicates("la_ons_code").set_index("la_ons_code")["region_name"]
    whole = shapes.assign(region_name=region).dissolve("region_name")
    assert (whole.geometry.geom_type == "Polygon").all()
    schools = readings.census_detail.merge(
        readings.points[["urn", "easting", "northing"]], on="urn", how="inner", validate="one_to_one"
    )
    points = gpd.GeoSeries.from_xy(schools["easting"], schools["northing"], crs=shapes.crs)
    assert points.within(
        gpd.GeoSeries(
            shapes.geometry.reindex(schools["la_ons_code"]).values, index=points.index, crs=shapes.crs
        )
    ).all()


def test_the_flaws_of_real_files_are_there(readings):
    suppressed = sum(r["PPERSABS10"] == "SUPP" for r in table("performance-tables/2018-2019/england_abs.csv"))
    assert 0.02 < suppressed / 2300 < 0.10  # 4 % in the real file
    kinds = Counter(readings.links["link_type"])
    assert {
        "Predecessor - merged",
        "Predecessor - amalgamated",
        "Successor - Split School",
        "Sixth Form Centre Link",
    } <= kinds.keys()
    now, then = (
        set(readings.absence.loc[readings.absence["year"] == y, "urn"]) for y in ("2022-23", "2018-19")
    )
    census = set(readings.census.loc[readings.census["year"] == "2022-23", "urn"])
    assert (
        len(now - census) == 2 and len(census - now) > 75
    )  # published without a census row; and nurseries, AP and a few others without absence
    gone = then - now
    linked = gone & set(readings.links.loc[readings.links["link_type"].str.startswith("Successor"), "urn"])
    assert (
        0.04 < len(gone) / len(then) < 0.14 and 0 < len(gone - linked) <= 20
    )  # 9 % in the real files, 4 % of those without a successor
    assert set(readings.deprivation["point_source"]) == {"gias_point", "postcode", "none"}
    assert readings.hubs["urn"].isna().sum() == 1
    symbols = {s for by_column in readings.files["symbols"] for counts in by_column.values() for s in counts}
    assert {"SUPP", "NA", "c", "-", "blank"} <= symbols
    assert (readings.census_detail["roll"] < 30).sum() > 4


def test_formats_keep_their_quirks():
    old, new = (SAMPLE / "performance-tables" / y / "england_census.csv" for y in ("2018-2019", "2022-2023"))
    assert old.read_bytes().startswith(b"\xef\xbb\xbfURN,LA,ESTAB,") and new.read_bytes().startswith(
        b"\xef\xbb\xbfURN,LA,Estab,"
    )
    assert old.read_bytes().endswith(b"\n") and not new.read_bytes().endswith(b"\n")
    assert b"%" in new.read_bytes() and b"%" not in old.read_bytes()
    links = (SAMPLE / "gias" / "links_edubasealldata20250422.csv").read_bytes()
    assert links.startswith(b'"URN","LinkURN"') and b"\r\n9" in links and b"\xb0" in links
    assert any(
        re.fullmatch(r"\d+\.\d{10,}", r["Values"]) for r in table(rates_file())
    )  # 4.0599999999999996, as a spreadsheet exports it


def test_attendance_snapshots_mostly_rise_and_a_few_do_not(readings):
    ytd = readings.attendance.query("kind == 'ytd' and geography == 'la' and phase != 'all'").sort_values(
        "published"
    )
    step = ytd.groupby(["year", "la_ons_code", "phase"])["possible_sessions"].diff().dropna()
    by_date = ytd[ytd["year"] == "2022-23"].groupby("published")["possible_sessions"].sum()
    assert (
        by_date.iloc[0] > 5 * by_date.iloc[-1]
    )  # the first file of 2022/23 was published many times too large
    assert 0.005 < (step < 0).mean() < 0.08  # 4 % in the real files


def test_nothing_in_it_can_be_taken_for_a_real_school_or_place(readings, open_data):
    real_names, real_urns, real_la = set(), set(), set()
    with gzip.open(
        open_data / "school-census" / "spc_school_level_underlying_data_202223.csv.gz",
        "rt",
        encoding="utf-8-sig",
        newline="",
    ) as handle:
        for r in csv.DictReader(handle):
            real_names.add(r["school_name"].casefold())
            real_urns.add(int(r["urn"]))
            real_la |= {r["old_la_code"], r["new_la_code"], r["la_name"].casefold()}
            real_names.add(r["trust"].casefold())
    for path, name in (
        ("gias/school_points_202601.csv", "EstablishmentName"),
        ("gias/links_edubasealldata20250422.csv", "LinkName"),
    ):
        with (open_data / path).open(encoding="latin-1", newline="") as handle:
            for r in csv.DictReader(handle):
                real_urns.add(int(r["URN"]))
                real_names.add(r[name].casefold())
    detail = readings.census_detail
    ours = {n.casefold() for n in detail["school_name"]} | {
        n.casefold() for n in detail["trust_name"].dropna()
    }
    assert not ours & (real_names - {""})
    urns = set(readings.links["link_urn"]).union(
        *(set(f["urn"]) for f in (detail, readings.absence, readings.links, readings.points))
    )
    assert min(urns) >= 900000 and not urns & real_urns
    codes = {
        "old": set(detail["la_code"]),
        "new": set(detail["la_ons_code"]),
        "name": {n.casefold() for n in detail["la_name"]},
    }
    assert all(not c & real_la for c in codes.values())
    assert detail["postcode"].dropna().str.fullmatch(r"ZZ\d+ \d[A-Z]{2}|NULL").all()
    real = gpd.read_file(open_data / "boundaries" / "utla_2021_england.gpkg")
    assert not readings.la_boundaries.union_all().intersects(real.union_all())


def test_the_bands_state_the_values_of_the_real_data(maker, open_data):
    real = maker.measure.moments(open_data)
    assert {k: round(v, 3) for k, v in real.items()} == pytest.approx(
        {k: v[2] for k, v in maker.bands.BANDS.items()}, abs=0.006
    )
    assert pd.Series({k: v[0] <= v[2] <= v[1] for k, v in maker.bands.BANDS.items()}).all()
