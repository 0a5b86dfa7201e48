"""The catalogue of data editions, and fetching them from a server on this machine that misbehaves on demand."""

from __future__ import annotations

import csv
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from helpers.base.faults import DataRefused
from helpers.ingest.catalogue import COLUMNS, fetch, match, read_catalogue, verify
from helpers.ingest.readers import read_folder
from tests.support.published_files import (
    ABS_HEADER,
    ABS_NATIONAL,
    ABS_SCHOOLS,
    LINKS_HEADER,
    POINTS_HEADER,
    csv_text,
    write,
)

POINTS = csv_text(
    POINTS_HEADER, [["100000", "Elm", "533498", "181201"], ["100001", "Oak", "532301", "181746"]]
).encode()
LINKS = csv_text(LINKS_HEADER, [["100006", "134643", "Elm", "Successor", "01-01-2022"]]).encode()


def edition(file="gias/points.csv", content=POINTS, dataset="points", **given):
    """One row of a catalogue."""
    row = dict.fromkeys(COLUMNS, "") | {
        "dataset": dataset,
        "file": file,
        "what": "school locations",
        "period": "2026",
        "status": "published",
        "rows": 2,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "landing_page": "https://example.org/publication",
    }
    return row | given


def listing(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS)


# What the catalogue says


def test_the_committed_catalogue_is_sound():
    catalogue = read_catalogue()
    assert len(catalogue) == 22 and set(catalogue["licence"]) == {"OGL-UK-3.0"}
    assert catalogue["sha256"].str.len().eq(64).all() and catalogue["bytes"].gt(0).all()
    assert (
        catalogue["landing_page"].str.fullmatch(r"https://\S+|").all()
        and catalogue["url"].str.fullmatch(r"https://\S+|").all()
    )


def test_the_committed_catalogue_agrees_with_the_collector_s(open_data):
    with (open_data / "catalogue.csv").open(encoding="utf-8") as stream:
        theirs = {row["file"]: row for row in csv.DictReader(stream)}
    ours = read_catalogue().set_index("file")
    assert set(ours.index) == set(theirs)
    for file, row in theirs.items():
        assert (ours.loc[file, "sha256"], ours.loc[file, "bytes"]) == (row["sha256"], int(row["bytes"]))
        assert not row["rows"] or ours.loc[file, "rows"] == int(row["rows"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("dataset", "attainment"),
        ("status", "rumour"),
        ("sha256", "abc"),
        ("rows", "many"),
        ("file", "../points.csv"),
        ("file", "/points.csv"),
    ],
)
def test_a_wrong_cell_of_the_catalogue_is_named(tmp_path, column, value):
    path = tmp_path / "catalogue.csv"
    listing(edition(), edition("gias/b.csv") | {column: value}).to_csv(path, index=False)
    with pytest.raises(DataRefused) as refused:
        read_catalogue(path)
    (fault,) = refused.value.faults
    assert (fault.row, fault.column, fault.value) == (3, column, value)


def test_a_catalogue_without_a_column_is_refused(tmp_path):
    path = tmp_path / "catalogue.csv"
    listing(edition()).drop(columns="licence").to_csv(path, index=False)
    with pytest.raises(DataRefused, match="licence"):
        read_catalogue(path)


# Which edition a file is


def test_a_file_is_matched_by_checksum_whatever_its_name(tmp_path):
    path = write(
        tmp_path / "download (3).csv",
        POINTS_HEADER,
        [["100000", "Elm", "533498", "181201"], ["100001", "Oak", "532301", "181746"]],
    )
    assert match(path, listing(edition()))["file"] == "gias/points.csv"


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("raw/2022-2023/england_abs.csv", "performance-tables/2022-2023/england_abs.csv"),
        ("2018-2019/england_abs.csv", "performance-tables/2018-2019/england_abs.csv"),
        ("england_abs.csv", None),
        ("2023-2024/england_abs.csv", None),
        ("other.csv", None),
    ],
)
def test_a_file_is_matched_by_the_end_of_its_path_but_never_across_years(file, found):
    catalogue = listing(
        *(edition(f"performance-tables/{year}/england_abs.csv") for year in ("2018-2019", "2022-2023"))
    )
    row = match(file, catalogue)
    assert (row and row["file"]) == found


def test_a_newer_year_is_not_taken_for_the_only_one_listed():
    assert (
        match("2023-2024/england_abs.csv", listing(edition("performance-tables/2022-2023/england_abs.csv")))
        is None
    )


def test_fewer_rows_than_listed_are_a_hard_fault(tmp_path):
    write(tmp_path / "gias" / "points.csv", POINTS_HEADER, [["100000", "Elm", "533498", "181201"]])
    for files in (None, read_folder(tmp_path).files):
        (fault,) = verify(tmp_path, listing(edition()), files)
        assert (fault.severity, fault.code, fault.file) == (
            "hard",
            "truncated_against_catalogue",
            "gias/points.csv",
        )


@pytest.mark.parametrize("rows", [2, 3])
def test_other_content_of_no_fewer_rows_is_a_flag(tmp_path, rows):
    write(
        tmp_path / "gias" / "points.csv",
        POINTS_HEADER,
        [[f"10000{n}", "Ash", "533498", "181201"] for n in range(rows)],
    )
    (fault,) = verify(tmp_path, listing(edition()))
    assert (fault.severity, fault.code) == ("flag", "edition_differs")


def test_the_listed_edition_and_unlisted_files_say_nothing(tmp_path):
    (tmp_path / "gias").mkdir()
    (tmp_path / "gias" / "points.csv").write_bytes(POINTS)
    write(tmp_path / "more.csv", LINKS_HEADER, [["100006", "134643", "Elm", "Successor", "01-01-2022"]])
    assert verify(tmp_path, listing(edition())) == []


def test_the_invented_country_is_not_compared_with_real_editions(tmp_path, monkeypatch):
    sample, copy = tmp_path / "sample", tmp_path / "copy"
    for folder in (sample, copy):
        write(folder / "gias" / "points.csv", POINTS_HEADER, [["100000", "Elm", "533498", "181201"]])
    assert verify(copy, listing(edition())) != []
    monkeypatch.setattr("helpers.ingest.catalogue.SAMPLE", sample)
    assert verify(sample, listing(edition())) == verify(copy, listing(edition())) == []


# Fetching


class Publisher(BaseHTTPRequestHandler):
    """Serves `files`; a path in `cut` announces more than it sends; a path in `busy` is unavailable once.
    Counts what was asked.
    """

    files: dict[str, bytes] = {}
    cut: set[str] = set()
    busy: set[str] = set()
    asked: list[str] = []

    def do_GET(self):
        path = self.path.lstrip("/")
        self.asked.append(path)
        if path in self.busy:
            self.busy.remove(path)
            return self.send_error(503)
        if path not in self.files:
            return self.send_error(404)
        content = self.files[path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + (1000 if path in self.cut else 0)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Nothing: the tests' output is for the tests."""


@pytest.fixture
def publisher():
    Publisher.files, Publisher.cut, Publisher.busy, Publisher.asked = {}, set(), set(), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Publisher.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield Publisher
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(publisher, to, *rows, retries=0):
    return fetch(listing(*rows), to, base_url=publisher.address, progress=False, retries=retries)


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_good_file_is_fetched_under_its_path_and_read_only(publisher, tmp_path):
    publisher.files["gias/points.csv"] = POINTS
    report = fetched(publisher, tmp_path, edition())
    assert report.ok and [item.state for item in report.items] == ["fetched"]
    path = tmp_path / "gias" / "points.csv"
    assert path.read_bytes() == POINTS and path.stat().st_mode & 0o222 == 0
    assert files_of(tmp_path) == ["gias/points.csv"]


def test_the_catalogue_s_own_address_is_used_without_a_base(publisher, tmp_path):
    publisher.files["elsewhere/x.csv"] = POINTS
    report = fetch(listing(edition(url=f"{publisher.address}/elsewhere/x.csv")), tmp_path, progress=False)
    assert report.ok and files_of(tmp_path) == ["gias/points.csv"]


def test_a_second_run_asks_for_nothing(publisher, tmp_path):
    publisher.files["gias/points.csv"] = POINTS
    fetched(publisher, tmp_path, edition())
    report = fetched(publisher, tmp_path, edition())
    assert [item.state for item in report.items] == ["had"] and publisher.asked == ["gias/points.csv"]


def test_a_raw_file_that_differs_is_never_overwritten(publisher, tmp_path):
    publisher.files["gias/points.csv"] = POINTS
    (tmp_path / "gias").mkdir()
    (tmp_path / "gias" / "points.csv").write_bytes(b"mine")
    (item,) = fetched(publisher, tmp_path, edition()).failed
    assert "never overwritten" in item.why and publisher.asked == []
    assert (tmp_path / "gias" / "points.csv").read_bytes() == b"mine"


def assert_failed_alone(publisher, tmp_path, row, words):
    """The one file fails with these words and leaves nothing; the next one is fetched all the same."""
    publisher.files["gias/links.csv"] = LINKS
    report = fetched(publisher, tmp_path, row, edition("gias/links.csv", LINKS, "links"))
    assert not report.ok and [item.state for item in report.items] == ["failed", "fetched"]
    assert words in report.failed[0].why and words in str(report)
    assert files_of(tmp_path) == ["gias/links.csv"]


def test_a_download_that_breaks_off_leaves_nothing(publisher, tmp_path):
    publisher.files["gias/points.csv"] = POINTS[:50]
    publisher.cut.add("gias/points.csv")
    assert_failed_alone(publisher, tmp_path, edition(), "broke off")


def test_a_short_file_that_the_server_calls_whole_is_refused(publisher, tmp_path):
    publisher.files["gias/points.csv"] = POINTS[:-5]
    assert_failed_alone(publisher, tmp_path, edition(), "shorter than listed")


def test_a_wrong_checksum_is_refused(publisher, tmp_path):
    publisher.files["gias/points.csv"] = POINTS.replace(b"Oak", b"Ash")
    assert_failed_alone(publisher, tmp_path, edition(), "wrong checksum")


def test_a_404_is_said_with_the_page_to_look_at_and_not_tried_again(publisher, tmp_path):
    publisher.files["gias/links.csv"] = LINKS
    report = fetched(publisher, tmp_path, edition(), edition("gias/links.csv", LINKS, "links"), retries=3)
    assert "404" in report.failed[0].why and "https://example.org/publication" in report.failed[0].why
    assert publisher.asked == ["gias/points.csv", "gias/links.csv"]


def test_a_server_that_is_busy_is_asked_again(publisher, tmp_path):
    publisher.files["gias/points.csv"] = POINTS
    publisher.busy.add("gias/points.csv")
    assert fetched(publisher, tmp_path, edition(), retries=1).ok
    assert len(publisher.asked) == 2


@pytest.mark.parametrize("listed", ["", hashlib.sha256(POINTS).hexdigest()])
def test_a_changed_layout_is_named_by_its_column(publisher, tmp_path, listed):
    publisher.files["gias/points.csv"] = POINTS.replace(b"Northing", b"North_metres")
    assert_failed_alone(publisher, tmp_path, edition(sha256=listed), "column Northing is missing")


def test_a_web_page_in_place_of_the_file_is_a_changed_layout(publisher, tmp_path):
    publisher.files["gias/points.csv"] = b"<!DOCTYPE html><html><body>We have moved</body></html>"
    assert_failed_alone(publisher, tmp_path, edition(sha256=""), "a web page")


def test_another_dataset_under_the_address_is_refused(publisher, tmp_path):
    publisher.files["gias/points.csv"] = csv_text(ABS_HEADER, ABS_SCHOOLS + ABS_NATIONAL).encode()
    assert_failed_alone(publisher, tmp_path, edition(), "taken for absence_performance_tables")


def test_a_server_that_is_not_there_is_said(tmp_path):
    (item,) = fetch(
        listing(edition(url="http://127.0.0.1:9/x.csv")), tmp_path, progress=False, retries=0
    ).failed
    assert "could not be reached" in item.why


def test_without_an_address_the_person_is_told_where_to_get_it_and_where_to_put_it(tmp_path):
    report = fetch(listing(edition()), tmp_path, progress=False)
    assert report.ok and [item.state for item in report.items] == ["manual"]
    assert "https://example.org/publication" in str(report) and "gias/points.csv" in str(report)
