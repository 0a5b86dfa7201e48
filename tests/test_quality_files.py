"""Files that were cut off, repeated, shifted or put under the wrong year: the gate fails and names the place."""

import pytest

from helpers.base.years import PRE_PANDEMIC
from tests.support import gate_data
from tests.support.gate_data import RELEASE, YEARS, as_text, naming, show

country = gate_data.country
ABSENCE, CENSUS, DETAIL, RATES, LINKS, EES = (
    "absence_performance_tables",
    "census_performance_tables",
    "census_spc",
    "area_rates",
    "links",
    "absence_ees",
)


def _column(rows, *names):
    """Index of the first of some names in the header, whatever its case."""
    header = [h.strip().lower() for h in rows[0]]
    return next(header.index(n) for n in names if n in header)


def _school_rows(rows):
    """Indexes of rows that are schools, not national sums."""
    return [i for i, row in enumerate(rows) if i and "NAT" not in row[:3]]


@pytest.mark.parametrize(
    ("kind", "year"),
    [(ABSENCE, RELEASE), (ABSENCE, PRE_PANDEMIC), (CENSUS, RELEASE), (DETAIL, RELEASE), (EES, RELEASE)],
)
def test_a_duplicated_row_fails_and_names_the_school(country, tmp_path, kind, year):
    path = country.file(kind, year)
    rows = country.rows(path)
    urn_at = _column(rows, "urn", "school_urn")
    known = set(country.registers[year]["urn"].astype(str))
    middle = next(i for i in _school_rows(rows)[len(rows) // 2 :] if rows[i][urn_at] in known)
    urn = rows[middle][urn_at]
    found = country.changed(
        tmp_path, {path: as_text([*rows[: middle + 1], rows[middle], *rows[middle + 1 :]])}, (year,)
    )
    assert naming(found, "duplicate_row", path, urn, f"row {middle + 2}"), show(found)


@pytest.mark.parametrize("kind", [ABSENCE, CENSUS, DETAIL, RATES, LINKS])
def test_a_file_cut_off_in_the_middle_of_a_row_fails_and_is_named(country, tmp_path, kind):
    path = country.file(kind)
    text = country.text(path)
    cut = text.index(",", len(text) * 2 // 3) + 1
    found = country.changed(
        tmp_path, {path: text[:cut]}, (YEARS[0],) if PRE_PANDEMIC[:4] in path else (RELEASE,)
    )
    assert naming(found, path), show(found)


@pytest.mark.parametrize("kind", [ABSENCE, CENSUS, DETAIL, RATES, LINKS])
@pytest.mark.parametrize("share", [0.5, 0.93])
def test_a_file_cut_off_after_a_whole_row_fails_and_is_named(country, tmp_path, kind, share):
    path = country.file(kind, RELEASE if kind != LINKS else "")
    rows = country.rows(path)
    if kind == LINKS:
        # Links of Wales end the file and are of no concern here: cut within England.
        rows = [row for row in rows if not row[0].startswith("4")]
    found = country.changed(
        tmp_path, {path: as_text(rows[: int(len(rows) * share)])}, YEARS if kind == LINKS else (RELEASE,)
    )
    assert naming(found, path), show(found)


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("kind", [ABSENCE, CENSUS])
def test_a_file_without_its_national_rows_fails_and_is_named(country, tmp_path, kind, year):
    path = country.file(kind, year)
    rows = country.rows(path)
    found = country.changed(tmp_path, {path: as_text([r for r in rows if "NAT" not in r[:3]])}, (year,))
    assert naming(found, "truncated", path), show(found)


def test_a_gap_inside_a_file_fails_and_names_the_area(country, tmp_path):
    path = country.file(ABSENCE, RELEASE)
    rows = country.rows(path)
    schools = _school_rows(rows)
    start = schools[len(schools) // 2]
    la_code = rows[start + 20][_column(rows, "la")]
    found = country.changed(tmp_path, {path: as_text([*rows[:start], *rows[start + 60 :]])})
    assert naming(found, "incomplete_file", path, la_code), show(found)


def test_a_missing_school_of_the_census_fails_and_is_named(country, tmp_path):
    path = country.file(DETAIL, RELEASE)
    rows = country.rows(path)
    urn_at = _column(rows, "urn")
    counted = set(country.readings.census.loc[country.readings.census["year"] == RELEASE, "urn"].astype(str))
    lost = next(i for i in range(len(rows) // 3, len(rows)) if rows[i][urn_at] in counted)
    found = country.changed(tmp_path, {path: as_text(rows[:lost] + rows[lost + 1 :])})
    assert naming(found, "incomplete_file", path, rows[lost][urn_at]), show(found)


def test_absence_values_moved_by_one_column_fail_and_name_the_column(country, tmp_path):
    path = country.file(ABSENCE, RELEASE)
    rows = country.rows(path)
    header = [h.strip().lower() for h in rows[0]]
    width = len(header)
    for shift in (1, -1):
        moved = [rows[0], *([row[(i - shift) % width] for i in range(width)] for row in rows[1:])]
        found = country.changed(tmp_path, {path: as_text(moved)})
        assert naming(found, path, "column"), show(found)


def test_swapped_absence_columns_fail_and_name_rows_and_column(country, tmp_path):
    path = country.file(ABSENCE, RELEASE)
    rows = country.rows(path)
    a, p = _column(rows, "perctot"), _column(rows, "ppersabs10")
    for row in rows[1:]:
        row[a], row[p] = row[p], row[a]
    found = country.changed(tmp_path, {path: as_text(rows)})
    assert naming(found, "impossible_value", path, "absence_pct", "row"), show(found)


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("nor", "norg", ("girls", "roll")),
        ("norb", "tsenelse", ("roll",)),
        ("tsenelk", "psenelk", ("sen_support",)),
        ("tsenelse", "tsenelk", ("EHC plan",)),
        ("numeal", "numengfl", ("eal",)),
        ("la", "estab", ("",)),
        ("numfsmever", "norfsmever", ("fsm6",)),
    ],
)
def test_two_census_columns_in_the_wrong_order_fail_and_are_named(country, tmp_path, one, other, names):
    path = country.file(CENSUS, RELEASE)
    rows = country.rows(path)
    header = [h.strip().lower() for h in rows[0]]
    if one == "tsenelse" and "psenelse" in header:
        # The percentages move with the counts: only what special schools are tells the two apart.
        pairs = [("tsenelse", "tsenelk"), ("psenelse", "psenelk")]
    else:
        pairs = [(one, other)]
    for a, b in pairs:
        i, j = header.index(a), header.index(b)
        for row in rows[1:]:
            row[i], row[j] = row[j], row[i]
    found = country.changed(tmp_path, {path: as_text(rows)})
    assert naming(found, path, *[n for n in names if n]), show(found)


def test_census_values_moved_by_one_column_fail_and_name_the_column(country, tmp_path):
    path = country.file(CENSUS, RELEASE)
    rows = country.rows(path)
    start = _column(rows, "nor")
    for row in rows[1:]:
        row[start:] = [row[-1], *row[start:-1]]
    found = country.changed(tmp_path, {path: as_text(rows)})
    assert naming(found, path, "column"), show(found)


def test_a_shifted_column_of_the_detailed_census_fails_and_names_it(country, tmp_path):
    path = country.file(DETAIL, RELEASE)
    rows = country.rows(path)
    i, j = _column(rows, "headcount of pupils"), _column(rows, "fte pupils")
    for row in rows[1:]:
        row[i], row[j] = row[j], row[i]
    found = country.changed(tmp_path, {path: as_text(rows)})
    assert naming(found, "roll"), show(found)


def _swapped(country, kinds):
    """Texts with the two years' files of some kinds in each other's place."""
    texts = {}
    for kind in kinds:
        paths = [country.file(kind, year) for year in YEARS]
        texts |= {paths[0]: country.text(paths[1]), paths[1]: country.text(paths[0])}
    return texts


@pytest.mark.parametrize("kinds", [(ABSENCE,), (CENSUS,), (ABSENCE, CENSUS)])
def test_swapped_folders_fail_and_name_file_and_both_years(country, tmp_path, kinds):
    found = country.changed(tmp_path, _swapped(country, kinds), YEARS)
    for kind in kinds:
        named = naming(found, "year_mislabelled", country.file(kind, RELEASE))
        assert named, show(found)
        assert any("2022/23" in f.message and "2018/19" in f.message for f in named), show(named)


def test_a_detailed_census_of_another_year_fails_and_names_it(country, tmp_path):
    path = country.file(DETAIL, RELEASE)
    rows = country.rows(path)
    at = _column(rows, "time_period")
    for row in rows[1:]:
        row[at] = "201819"
    found = country.changed(tmp_path, {path: as_text(rows)}, YEARS)
    assert naming(found, "year_mislabelled", "2018/19", "2022/23"), show(found)


@pytest.mark.parametrize(
    ("label", "true"),
    [("201718", "201617"), ("201920", "201819"), ("202122", "202324"), ("202324", "202122")],
)
def test_a_year_of_the_sample_files_under_another_label_fails_and_is_named(country, tmp_path, label, true):
    """Relabelled, and the rows of the year whose label it takes away: nothing is there twice, only the
    figures tell.
    """
    file_years = country.readings.files.set_index("path")["years"]
    true_year = f"{true[:4]}-{true[4:]}"
    path = next(
        p
        for p in file_years.index
        if true_year in file_years[p] and country.readings.files.set_index("path").loc[p, "taken_for"] == EES
    )
    rows = country.rows(path)
    at = _column(rows, "time_period")
    kept = [rows[0]]
    for row in rows[1:]:
        if row[at] == true:
            kept.append([label if i == at else cell for i, cell in enumerate(row)])
        elif row[at] != label:
            kept.append(row)
    found = country.changed(tmp_path, {path: as_text(kept)}, YEARS, same_registers=True)
    label_words = f"{label[:4]}/{label[4:]}"
    assert naming(found, "year_mislabelled", path, label_words), show(found)


def test_relabelled_rows_of_a_sample_file_that_another_publication_holds_fail(country, tmp_path):
    """2022/23 sample rows called 2018/19: they disagree with the performance tables school by school."""
    file_years = country.readings.files.set_index("path")
    path = country.file(EES, RELEASE)
    assert RELEASE in file_years.loc[path, "years"]
    rows = country.rows(path)
    at = _column(rows, "time_period")
    for row in rows[1:]:
        if row[at] == "202223":
            row[at] = "201819"
    found = country.changed(tmp_path, {path: as_text(rows)}, YEARS, same_registers=True)
    assert naming(found, "year_mislabelled", path) and naming(found, "publications_disagree"), show(found)


def test_a_missing_file_of_the_release_fails_and_says_which(country):
    import dataclasses

    rates = country.readings.area_rates
    readings = dataclasses.replace(country.readings, area_rates=rates[rates["year"] != RELEASE])
    found = gate_data.hard_faults(readings, (RELEASE,))
    assert naming(found, "year_missing", "rates of areas", "2022/23"), show(found)
