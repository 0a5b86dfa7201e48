"""Figures read back from the Parquet file and from pages, against the published files read a second time."""

import re

import pandas as pd
import pytest

from helpers import audit
from helpers.audit import readback
from helpers.audit.readback import figures_in_pages, published_figures, verify_against_published
from helpers.base.faults import DataRefused
from helpers.base.params import make
from helpers.base.years import PRE_PANDEMIC
from tests.support import gate_data

country = gate_data.country
RELEASE = gate_data.RELEASE


@pytest.fixture
def parquet(country, tmp_path):
    """schools.parquet of the country, and a way to change it first."""

    def write(change=None):
        frame = country.register.copy()
        if change:
            change(frame)
        path = tmp_path / "schools.parquet"
        frame.to_parquet(path)
        return path

    return write


def test_every_figure_of_the_register_is_the_published_one(country, parquet):
    assert verify_against_published(parquet(), country.folder, RELEASE, everyone=True) == []
    published = published_figures(country.folder, (RELEASE, PRE_PANDEMIC))
    assert len(published.figures) > 4_000


def test_the_module_reads_files_with_nothing_of_the_readers():
    text = open(readback.__file__, encoding="utf-8").read()
    assert "helpers.ingest.readers" not in re.sub(r'"""[\s\S]*?"""', "", text) and "read_csv" not in text


@pytest.mark.parametrize(
    ("column", "by"), [("absence_pct", 0.1), ("persistent_pct", -0.1), ("pre_pandemic_absence_pct", 0.1)]
)
def test_a_figure_that_changed_on_the_way_is_named_with_file_and_row(country, parquet, column, by):
    known = country.register.index[
        country.register[column].notna() & country.register["pre_pandemic_urn"].notna()
    ]
    at = known[len(known) // 2]
    urn = country.register.loc[at, "urn"]

    def change(frame):
        frame.loc[at, column] += by

    found = verify_against_published(parquet(change), country.folder, RELEASE)
    assert [(f.code, f.column) for f in found] == [("figure_differs", column)]
    assert str(urn) in found[0].message and found[0].row and found[0].file.endswith("england_abs.csv")


def test_a_missing_figure_and_an_invented_one_are_faults(country, parquet):
    has = country.register.index[country.register["absence_pct"].notna()][7]
    none = country.register.index[country.register["absence_pct"].isna()][3]

    def change(frame):
        frame.loc[has, "absence_pct"] = None
        frame.loc[none, "absence_pct"] = 5.0

    found = verify_against_published(parquet(change), country.folder, RELEASE)
    assert len(found) == 2 and {"nothing"} == {w for f in found for w in re.findall("nothing", f.message)}


def test_a_published_school_that_was_lost_is_named_when_everyone_should_be_there(country, tmp_path):
    lost = int(country.register.loc[country.register["absence_pct"].notna(), "urn"].iloc[11])

    path = tmp_path / "without.parquet"
    country.register[country.register["urn"] != lost].to_parquet(path)
    assert verify_against_published(path, country.folder, RELEASE) == []
    found = verify_against_published(path, country.folder, RELEASE, everyone=True)
    assert [f.code for f in found] == ["school_missing"] and str(lost) in found[0].message


def pages(folder, schools, changed=None):
    """A page per school with its figures marked up, as the pack does; `changed` maps URN to (value, text)."""
    folder.mkdir()
    for row in schools.itertuples():
        value, text = (changed or {}).get(row.urn, (repr(row.absence_pct), f"{row.absence_pct:.1f} %"))
        figure = (
            ""
            if pd.isna(row.absence_pct)
            else f'<p>Absence <data value="{value}" id="absence_pct">{text}</data></p>'
        )
        (folder / f"{row.urn}.html").write_text(
            f"<html><body><h1>{row.urn}</h1>{figure}</body></html>", encoding="utf-8"
        )
    return folder


def test_pages_that_show_the_published_figures_pass(country, parquet, tmp_path):
    schools = country.register.iloc[::40]
    path = tmp_path / "some.parquet"
    schools.to_parquet(path)
    folder = pages(tmp_path / "schools", schools)
    assert verify_against_published(path, country.folder, RELEASE, folder) == []
    assert len(figures_in_pages(folder)) == len(schools)


def test_a_page_that_shows_another_figure_fails_and_is_named(country, tmp_path):
    schools = country.register[country.register["absence_pct"].notna()].iloc[:5]
    first, second, third, fourth = (int(u) for u in schools["urn"].iloc[:4])
    path = tmp_path / "some.parquet"
    schools.to_parquet(path)
    rate = float(schools["absence_pct"].iloc[1])
    wrong = {
        first: (f"{schools['absence_pct'].iloc[0] + 0.1:.1f}", "x"),
        second: (f"{rate}", f"{rate + 0.1:.1f} %"),  # the value is right, what people read is not
        third: ("", ""),
        fourth: (
            f"{schools['absence_pct'].iloc[3]}",
            f"{round(schools['absence_pct'].iloc[3])} %",
        ),  # rounded away
    }
    folder = pages(tmp_path / "schools", schools, wrong)
    (folder / f"{schools['urn'].iloc[4]}.html").unlink()
    found = verify_against_published(path, country.folder, RELEASE, folder)
    assert {f.file for f in found if f.code == "figure_differs"} == {
        f"{u}.html" for u in (first, second, third, fourth)
    }
    assert [f.file for f in found if f.code == "page_missing"] == [f"{schools['urn'].iloc[4]}.html"]


def test_marked_figures_are_found_in_any_order_of_attributes_and_with_markup_inside(tmp_path):
    (tmp_path / "100001.html").write_text(
        (
            "<data class='f' id='absence_pct' value='5.2'><b>5.2</b>&nbsp;%</data> <data value=\"1\">no "
            "id</data>"
        ),
        encoding="utf-8",
    )
    (tmp_path / "index.html").write_text('<data id="absence_pct" value="9">9</data>', encoding="utf-8")
    assert figures_in_pages(tmp_path) == {100001: {"absence_pct": ("5.2", "5.2\xa0%")}}


def test_published_files_with_symbols_marks_and_both_layouts_are_read(tmp_path):
    folder = tmp_path / "performance-tables" / "2022-2023"
    folder.mkdir(parents=True)
    (folder / "england_abs.csv").write_text(
        "\ufeffLA,ESTAB,URN,PERCTOT,PPERSABS10\n201,3614,100000,2.6,SUPP\n202,2000,136807,4.3%,11\nNAT,PRI,,4,8.2\n",
        encoding="utf-8",
    )
    (tmp_path / "ees.csv").write_text(
        "time_period,school_urn,sess_overall_percent,enrolments_pa_10_exact_percent\n202223,136807,4.31234,11.1\n202122,136807,5.0,12\n",
        encoding="utf-8",
    )
    found = published_figures(tmp_path, (RELEASE,))
    assert found.figures == {
        (RELEASE, 100000): {"absence_pct": "2.6", "persistent_pct": "SUPP"},
        (RELEASE, 136807): {"absence_pct": "4.3", "persistent_pct": "11"},
    }
    assert found.places[RELEASE, 136807] == ("performance-tables/2022-2023/england_abs.csv", 3)


def test_a_finished_pack_is_compared_with_the_files_of_its_run_and_refused_when_a_page_differs(
    country, tmp_path
):
    run = make(out=str(tmp_path), data=str(country.folder), release=RELEASE)
    frame = country.register[country.register["region_name"] == run.region]
    run.region_folder.mkdir(parents=True)
    frame.to_parquet(run.region_folder / "schools.parquet")
    check = audit.compared_with_published(run)
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir(), bad.mkdir()
    pages(good / "schools", frame)
    check(good)
    urn = int(frame.loc[frame["absence_pct"].notna(), "urn"].iloc[0])
    pages(bad / "schools", frame, {urn: ("99.9", "99.9 %")})
    with pytest.raises(DataRefused, match=str(urn)):
        check(bad)


def test_figures_on_pages_are_listed_under_labels_and_minimums_by_school():
    name = "minimum_attendance_shown_pct"
    marked = {900001: {"absence_pct": ("5.2", "5.2%"), name: ("95.1", "95.1%")}, 900002: {}}
    one = audit.one_page(marked, 900001)
    assert one["value"].tolist() == ["5.2", "95.1"] and not one["figure"].str.contains("_").any()
    assert audit.minimums_on_pages(marked).to_dict() == {900001: 95.1}


def test_hashes_are_listed_by_result_in_sixteen_characters():
    listed = audit.hashes({"artefacts": {"schools.parquet": "a" * 64}})
    assert listed.to_numpy().tolist() == [["schools.parquet", "a" * 16]]
