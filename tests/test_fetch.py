"""`abie fetch`, against publishers on this machine that behave like the real ones, the bad days included."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer

import openpyxl
import pandas as pd
import pytest

from helpers import cli
from helpers.base.faults import NotFound
from helpers.base.params import BadParameters
from helpers.ingest.catalogue import COLUMNS, OF_SOURCES, read_catalogue
from helpers.ingest.fetch import LOCK_NAME, Lock, bring
from helpers.ingest.fetch.keep import Wanted, keep
from helpers.ingest.fetch.web import BLOCK, NotFetched, Web
from helpers.ingest.readers import FORMATS, read_folder, recognise
from tests.support.published_files import (
    ABS_HEADER,
    ABS_NATIONAL,
    ABS_SCHOOLS,
    CENSUS_HEADER,
    CENSUS_ROWS,
    LINKS_HEADER,
    POINTS_HEADER,
    csv_text,
)
from tests.support.publishers import (
    HTML,
    JSON,
    SECRET,
    WEB_PAGE,
    ZIP,
    archive,
    as_json,
    catalogue_here,
    collection,
    everything,
    feature,
    page_with,
    release,
    serving,
)

TODAY = date(2026, 11, 27)
POINTS = csv_text(
    POINTS_HEADER, [["100000", "Elm", "533498", "181201"], ["100001", "Oak", "532301", "181746"]]
).encode()
MANY = csv_text(POINTS_HEADER, [[str(100_000 + i), "Elm", "533498", "181201"] for i in range(5_000)]).encode()
LINKS = csv_text(LINKS_HEADER, [["100006", "134643", "Elm", "Successor", "01-01-2022"]]).encode()
CENSUS = csv_text(CENSUS_HEADER, CENSUS_ROWS).encode()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def publishers():
    with serving() as served:
        yield served


def row(**given):
    """One row of a catalogue: the points of schools, at the publisher's address `x.csv`."""
    one = dict.fromkeys((*COLUMNS, *OF_SOURCES), "") | {
        "dataset": "points",
        "file": "gias/points.csv",
        "what": "school locations",
        "licence": "OGL-UK-3.0",
        "landing_page": "https://example.org/publication",
        "url": "https://x.gov.uk/points.csv",
        "bytes": pd.NA,
    }
    return one | given


def source(name="points", **given):
    return row(name=name, wanted="yes", **given)


def get(publishers, to, *rows, **how):
    """Fetch rows whose addresses are brought to this machine."""
    here = [
        one
        | {
            "url": publishers.here(one["url"]),
            "listing": publishers.here(one["listing"]),
        }
        for one in rows
    ]
    how = {"today": TODAY, "retries": 1, "backoff": 0.0} | how
    return bring.fetch(pd.DataFrame(here), to, **how)


def files_of(folder):
    """Files of a folder, without the lock file."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOCK_NAME
    )


def locked(to):
    return Lock(to / LOCK_NAME).entries


def why(report):
    (item,) = report.failed
    return item.why


# One file


def test_a_good_file_is_fetched_as_it_is_under_its_path_and_read_only(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS)
    report = get(publishers, tmp_path, source())
    assert report.ok and [item.state for item in report.items] == ["fetched"]
    path = tmp_path / "gias" / "points.csv"
    assert path.read_bytes() == POINTS and path.stat().st_mode & 0o222 == 0
    assert files_of(tmp_path) == ["gias/points.csv"]


def test_the_lock_says_where_when_how_much_and_under_which_licence(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS, etag='"1"')
    get(publishers, tmp_path, source())
    (entry,) = json.loads((tmp_path / LOCK_NAME).read_text())["files"].values()
    assert entry["address"] == publishers.here("https://x.gov.uk/points.csv")
    assert entry["sha256"] == entry["sent_sha256"] == hashlib.sha256(POINTS).hexdigest()
    assert entry["bytes"] == len(POINTS) and entry["rows"] == 2 and entry["licence"] == "OGL-UK-3.0"
    assert entry["fetched"].endswith("Z") and entry["etag"] == '"1"'


def test_a_redirect_is_followed(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", to="blob/points.csv")
    publishers.put("https://blob/points.csv", POINTS)
    assert get(publishers, tmp_path, source()).ok


def test_a_second_run_asks_for_nothing(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS)
    get(publishers, tmp_path, source())
    report = get(publishers, tmp_path, source())
    assert [item.state for item in report.items] == ["had"] and publishers.paths == ["x.gov.uk/points.csv"]


def test_what_is_here_from_elsewhere_is_kept_and_not_asked_for(publishers, tmp_path):
    (tmp_path / "gias").mkdir()
    (tmp_path / "gias" / "points.csv").write_bytes(b"mine")
    (item,) = get(publishers, tmp_path, source()).items
    assert item.state == "had" and "not by this command" in item.why and publishers.asked == []
    assert (tmp_path / "gias" / "points.csv").read_bytes() == b"mine"


def test_a_file_changed_after_it_was_fetched_is_never_overwritten(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS)
    get(publishers, tmp_path, source())
    (tmp_path / "gias" / "points.csv").chmod(0o644)
    (tmp_path / "gias" / "points.csv").write_bytes(b"mine")
    assert "never overwritten" in why(get(publishers, tmp_path, source(), refresh=True))
    assert (tmp_path / "gias" / "points.csv").read_bytes() == b"mine"


def test_a_listed_edition_that_differs_is_never_overwritten(publishers, tmp_path):
    (tmp_path / "gias").mkdir()
    (tmp_path / "gias" / "points.csv").write_bytes(b"mine")
    assert "never overwritten" in why(get(publishers, tmp_path, row(sha256="0" * 64)))
    assert publishers.asked == []


def test_a_listed_edition_must_have_its_checksum(publishers, tmp_path):
    edition = row(sha256=hashlib.sha256(POINTS).hexdigest(), bytes=len(POINTS))
    publishers.put("https://x.gov.uk/points.csv", POINTS.replace(b"Oak", b"Ash"))
    assert "wrong checksum" in why(get(publishers, tmp_path, edition))
    publishers.put("https://x.gov.uk/points.csv", POINTS[:-25])
    assert "shorter than listed" in why(get(publishers, tmp_path, edition))
    publishers.put("https://x.gov.uk/points.csv", POINTS)
    assert get(publishers, tmp_path, edition).ok


# Bad days


def assert_failed_alone(publishers, tmp_path, words, first=None, **how):
    """The one file fails with these words and leaves nothing; the next one is fetched all the same."""
    publishers.put("https://x.gov.uk/links.csv", LINKS)
    links = source("links", dataset="links", file="gias/links.csv", url="https://x.gov.uk/links.csv")
    report = get(publishers, tmp_path, first or source(), links, **how)
    assert not report.ok and [item.state for item in report.items] == ["failed", "fetched"]
    assert words in why(report) and words in str(report)
    assert files_of(tmp_path) == ["gias/links.csv"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(bring.TEMPORARY)]


def test_a_404_is_said_with_the_page_to_look_at_and_not_tried_again(publishers, tmp_path):
    assert_failed_alone(publishers, tmp_path, "404", retries=3)
    assert publishers.paths.count("x.gov.uk/points.csv") == 1
    assert "https://example.org/publication" in why(get(publishers, tmp_path, source()))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(publishers, tmp_path, status):
    publishers.put("https://x.gov.uk/points.csv", POINTS, busy=[status])
    assert get(publishers, tmp_path, source()).ok and len(publishers.asked) == 2


def test_a_server_is_asked_again_when_it_said_and_no_sooner(publishers, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waited.append)
    publishers.put("https://x.gov.uk/points.csv", POINTS, busy=[429], headers={"Retry-After": "7"})
    assert get(publishers, tmp_path, source()).ok and waited == [7]


@pytest.mark.parametrize(("status", "words"), [(429, "too many requests"), (503, "try again later")])
def test_a_server_that_stays_busy_is_said(publishers, tmp_path, status, words):
    publishers.put("https://x.gov.uk/points.csv", POINTS, busy=[status] * 9)
    assert_failed_alone(publishers, tmp_path, words)


def test_a_server_that_refuses_is_said(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", b"no", status=403)
    assert_failed_alone(publishers, tmp_path, "403")


def test_a_download_that_breaks_off_goes_on_from_there(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", MANY, breaks=[70_000], etag='"1"')
    assert get(publishers, tmp_path, source()).ok
    assert [asked for _, asked in publishers.asked] == ["", f"bytes={BLOCK}-"]
    assert (tmp_path / "gias" / "points.csv").read_bytes() == MANY


def test_where_parts_cannot_be_had_the_beginning_is_left_out(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", MANY, breaks=[70_000], ranges=False)
    assert get(publishers, tmp_path, source()).ok
    assert (tmp_path / "gias" / "points.csv").read_bytes() == MANY


def test_two_editions_are_never_joined_into_one(publishers):
    answer = publishers.put("https://x.gov.uk/points.csv", MANY, breaks=[70_000], etag='"1"')
    blocks = iter(Web(1, 0.0).stream(publishers.here("https://x.gov.uk/points.csv")))
    assert next(blocks) == MANY[:BLOCK]
    answer.content, answer.etag = MANY.replace(b"Elm", b"Ash"), '"2"'
    with pytest.raises(NotFetched, match="was replaced while it was being read"):
        list(blocks)


def test_a_download_that_always_breaks_off_leaves_nothing(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS, breaks=[50, 10, 10])
    assert_failed_alone(publishers, tmp_path, "truncated")


def test_a_file_cut_off_within_a_row_is_refused_though_the_server_calls_it_whole(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS[:-14])
    assert_failed_alone(publishers, tmp_path, "the file was cut off")


def test_an_empty_file_is_refused(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", b"")
    assert_failed_alone(publishers, tmp_path, "the file is empty")


@pytest.mark.parametrize("type", [HTML, "text/csv", "application/octet-stream"])
def test_a_web_page_with_status_200_is_no_file_whatever_it_is_called(publishers, tmp_path, type):
    publishers.put("https://x.gov.uk/points.csv", WEB_PAGE, type)
    assert_failed_alone(publishers, tmp_path, "a web page came in place of the file")


def test_nothing_is_left_half_made_when_a_person_stops_it(publishers, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bring, "_refuse_another_file", stop)
    publishers.put("https://x.gov.uk/points.csv", POINTS)
    with pytest.raises(KeyboardInterrupt):
        get(publishers, tmp_path, source())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("type", ["application/pdf", "application/json", "image/png"])
def test_a_wrong_type_is_named(publishers, tmp_path, type):
    publishers.put("https://x.gov.uk/points.csv", POINTS, type)
    assert_failed_alone(publishers, tmp_path, f"wrong type: the server calls it {type}")


def test_an_archive_in_place_of_a_table_is_a_wrong_type(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", archive({"points.csv": POINTS}), ZIP)
    assert_failed_alone(publishers, tmp_path, "wrong type")


def test_a_changed_header_is_named_by_its_column(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS.replace(b"Northing", b"North_metres"))
    assert_failed_alone(publishers, tmp_path, "column Northing is missing")


def test_another_table_under_the_address_is_refused(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", csv_text(ABS_HEADER, ABS_SCHOOLS + ABS_NATIONAL).encode())
    assert_failed_alone(publishers, tmp_path, "another table came: absence by school (performance tables)")


def test_a_column_that_the_catalogue_needs_must_be_there_in_one_of_its_spellings(publishers, tmp_path):
    rates = source(dataset="area_rates", keep="* | education_phase or school_type | rate", file="rates.csv")
    publishers.put("https://x.gov.uk/points.csv", b"school_type,rate,more\nTotal,5.2,1\n")
    assert get(publishers, tmp_path, rates).ok
    publishers.put("https://x.gov.uk/points.csv", b"phase,rate\nTotal,5.2\n")
    assert_failed = get(publishers, tmp_path / "other", rates)
    assert "column education_phase or school_type is missing" in why(assert_failed)


def test_off_line_is_said_once_for_each_server(tmp_path):
    rows = [
        source(url="http://127.0.0.1:9/x.csv"),
        source("more", file="b.csv", url="http://127.0.0.1:9/y.csv"),
    ]
    report = bring.fetch(pd.DataFrame(rows), tmp_path, retries=0, backoff=0.0)
    assert [item.why for item in report.failed] == ["127.0.0.1:9 could not be reached"] * 2
    assert str(report).count("Is this machine on line?") == 1 and files_of(tmp_path) == []


def test_without_an_address_the_person_is_told_where_to_get_it_and_where_to_put_it(publishers, tmp_path):
    report = get(publishers, tmp_path, source(url=""))
    assert report.ok and [item.state for item in report.items] == ["manual"]
    assert "https://example.org/publication" in str(report) and "gias/points.csv" in str(report)


# Proxies and certificates


def test_the_proxy_of_the_environment_is_used(publishers, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", publishers.address)
    monkeypatch.setenv("no_proxy", "")
    publishers.put("x.gov.uk/points.csv", POINTS)
    row_ = source(url="http://x.gov.uk/points.csv")
    assert bring.fetch(pd.DataFrame([row_]), tmp_path, retries=0).ok


@pytest.fixture
def secure(tmp_path):
    """A server with a certificate that nobody knows, and the file of the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(POINTS)))
            self.end_headers()
            self.wfile.write(POINTS)

        def log_message(self, *arguments):
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://localhost:{server.server_address[1]}/points.csv", certificate
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_corporate_certificate_is_trusted_when_it_is_named(secure, tmp_path, monkeypatch, variable):
    url, certificate = secure
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    rows = pd.DataFrame([source(url=url)])
    refused = bring.fetch(rows, tmp_path / "a", retries=0)
    assert "certificate" in why(refused) and "REQUESTS_CA_BUNDLE or SSL_CERT_FILE" in why(refused)
    monkeypatch.setenv(variable, str(certificate))
    assert bring.fetch(rows, tmp_path / "b", retries=0).ok


# The big table of all years

EES = [
    "time_period",
    "time_identifier",
    "geographic_level",
    "school_urn",
    "school_name",
    "enrolments",
    "sess_overall_percent",
    "enrolments_pa_50_exact_percent",
]


def absence_rows(*years):
    return [
        [year, "Academic year", "School", f"10000{i}", f"School, {i}", "200", value, "x"]
        for i, (year, value) in enumerate((year, value) for year in years for value in ("5.2", "c"))
    ]


def absence(*years):
    return csv_text(EES, absence_rows(*years)).encode()


ABSENCE = source(
    "absence",
    dataset="absence_ees",
    file="school-absence/absence_{years}.csv",
    url="https://ees.gov.uk/data-set/1/csv",
    keep="reader",
    years="2014-15",
)


def test_only_the_columns_and_years_that_are_needed_are_kept_whatever_their_order(publishers, tmp_path):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("202425", "201314", "201819"))
    report = get(publishers, tmp_path, ABSENCE)
    path = tmp_path / "school-absence" / "absence_2018-19_2024-25.csv"
    assert report.ok and files_of(tmp_path) == ["school-absence/absence_2018-19_2024-25.csv"]
    frame = pd.read_csv(path, dtype="str")
    assert list(frame["time_period"]) == ["202425", "202425", "201819", "201819"]
    assert "school_name" not in frame and list(frame["sess_overall_percent"]) == ["5.2", "c"] * 2
    (entry,) = locked(tmp_path).values()
    assert entry.rows == 4 and entry.years == ["2018-19", "2024-25"] and entry.sent_bytes > entry.bytes


def test_suppressed_figures_stay_as_published(publishers, tmp_path):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("202425"))
    get(publishers, tmp_path, ABSENCE)
    readings = read_folder(tmp_path)
    assert not [fault for fault in readings.faults if fault.severity == "hard"]
    assert readings.absence["absence_pct"].isna().sum() == 1 and readings.absence["severe_pct"].isna().all()


def test_a_stream_that_is_filtered_goes_on_where_it_broke_off(publishers, tmp_path):
    rows = absence_rows("201819", *(["202425"] * 3000))
    whole = csv_text(EES, rows).encode()
    publishers.put("https://ees.gov.uk/data-set/1/csv", whole, etag='"1"', breaks=[100_001, 70_000])
    assert get(publishers, tmp_path, ABSENCE, retries=2).ok
    assert [asked for _, asked in publishers.asked] == ["", f"bytes={BLOCK}-", f"bytes={2 * BLOCK}-"]
    (entry,) = locked(tmp_path).values()
    assert entry.rows == len(rows) and entry.sent_sha256 == hashlib.sha256(whole).hexdigest()


def test_a_new_year_is_found_when_it_is_looked_for_and_the_earlier_file_makes_room(publishers, tmp_path):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202324"), etag='"1"')
    get(publishers, tmp_path, ABSENCE)
    (item,) = get(publishers, tmp_path, ABSENCE, refresh=True).items
    assert item.state == "had" and "the same" in item.why
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202324", "202425"), etag='"2"')
    assert [i.state for i in get(publishers, tmp_path, ABSENCE).items] == ["had"]
    (item,) = get(publishers, tmp_path, ABSENCE, refresh=True).items
    assert item.state == "fetched" and "is now" in item.why
    former, now = files_of(tmp_path)
    assert former.startswith("school-absence/.former-2") and former.endswith("-absence_2018-19_2023-24.csv")
    assert now == "school-absence/absence_2018-19_2024-25.csv" and list(locked(tmp_path)) == [("absence", "")]
    assert list(read_folder(tmp_path).files["path"]) == [now]


def test_a_release_that_is_not_there_yet_is_said(publishers, tmp_path):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202324"))
    assert "no rows of 2025-26" in why(get(publishers, tmp_path, ABSENCE, release="2025-26"))
    assert files_of(tmp_path) == []


def test_terms_of_a_year_do_not_make_it_the_newest(publishers, tmp_path):
    rows = absence_rows("201819", "202425")
    for fields in rows[2:]:
        fields[1] = "Autumn term"
    publishers.put("https://ees.gov.uk/data-set/1/csv", csv_text(EES, rows).encode())
    get(publishers, tmp_path, ABSENCE)
    assert files_of(tmp_path) == ["school-absence/absence_2018-19.csv"]


# The register of schools

GIAS = next(f for f in FORMATS if f.name == "establishments_gias").columns
PEOPLE = ["TelephoneNum", "HeadTitle (name)", "HeadFirstName", "HeadLastName", "HeadPreferredJobTitle", "MainEmail", "PropsName"]  # fmt: skip
VALUES = {"URN": "100000", "EstablishmentName": "École d’Elm", "LA (code)": "201", "Easting": "533498", "Northing": "181201"}  # fmt: skip
REGISTER = csv_text(
    [*GIAS, *PEOPLE], [[VALUES.get(name, "") for name in GIAS] + [f"Secret {name}" for name in PEOPLE]]
).encode("cp1252")
ESTABLISHMENTS = source(
    "establishments",
    dataset="establishments_gias",
    file="gias/edubasealldata{date}.csv",
    url="https://gias.gov.uk/edubasealldata{date}.csv",
    keep="reader | Postcode?",
)


def test_where_today_s_register_is_not_there_yet_an_earlier_one_is_taken(publishers, tmp_path):
    publishers.put("https://gias.gov.uk/edubasealldata20261126.csv", WEB_PAGE, HTML)
    publishers.put("https://gias.gov.uk/edubasealldata20261125.csv", REGISTER)
    (item,) = get(publishers, tmp_path, ESTABLISHMENTS).items
    assert (
        item.state == "fetched"
        and item.file == "gias/edubasealldata20261125.csv"
        and "nothing under 2 newer" in item.why
    )
    assert recognise(tmp_path / item.file) == "establishments_gias"


def test_no_more_than_seven_days_are_gone_back(publishers, tmp_path):
    report = get(publishers, tmp_path, ESTABLISHMENTS)
    assert "404" in why(report) and "8 addresses tried" in why(report)
    assert publishers.paths[-1] == "gias.gov.uk/edubasealldata20261120.csv"


@pytest.mark.parametrize("keep_", ["reader", "*", "", "reader | HeadLastName? | MainEmail?"])
def test_names_of_people_never_touch_the_disk(publishers, tmp_path, monkeypatch, keep_):
    written = []
    real = bring._refuse_another_file

    def look(row, path, kept):
        written.append(b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()))
        return real(row, path, kept)

    monkeypatch.setattr(bring, "_refuse_another_file", look)
    publishers.put("https://gias.gov.uk/edubasealldata20261127.csv", REGISTER)
    assert get(publishers, tmp_path, ESTABLISHMENTS | {"keep": keep_}).ok
    kept = (tmp_path / "gias" / "edubasealldata20261127.csv").read_bytes()
    for content in (*written, kept, (tmp_path / LOCK_NAME).read_bytes()):
        assert b"Secret" not in content and b"HeadLastName" not in content
    assert "École d’Elm" in kept.decode("cp1252")


# Archives and a publication's own list of files

SPC = next(f for f in FORMATS if f.name == "census_spc")
SPC_COLUMNS = [name if isinstance(name, str) else name[0] for name in SPC.required]
SPC_FILE = csv_text(SPC_COLUMNS, [["1"] * len(SPC_COLUMNS)]).encode()
DETAIL = source(
    "census-detail",
    dataset="census_spc",
    file="school-census/{edition}/spc.csv",
    listing="https://c.gov.uk/api/publications/spc/releases/{release} https://e.gov.uk/spc/{release}/data-guidance",
    url="https://c.gov.uk/api/releases/{id}/files/{file}",
    member=r"spc_school_level[^/]*\.csv$|^school.level underlying data",
    keep="reader | *",
)
LISTED = {"f1": "spc_pupils.csv", "f2": "spc_school_level_underlying_data_2025.csv"}


def test_a_release_s_file_is_found_in_the_publication_s_own_list(publishers, tmp_path):
    listed = as_json(release("r7", "2024-25", LISTED))
    publishers.put("https://c.gov.uk/api/publications/spc/releases/latest", listed, JSON)
    publishers.put("https://c.gov.uk/api/releases/r7/files/f2", SPC_FILE)
    assert get(publishers, tmp_path, DETAIL).ok
    assert files_of(tmp_path) == ["school-census/2024-25/spc.csv"]
    assert list(locked(tmp_path)) == [("census-detail", "2024-25")]


@pytest.mark.parametrize("status", [404, 500])
def test_where_the_list_cannot_be_had_the_page_carries_it(publishers, tmp_path, status):
    publishers.put("https://c.gov.uk/api/publications/spc/releases/2023-24", b"{}", JSON, status=status)
    page = page_with(release("r6", "2023-24", {"f9": "School level underlying data 2024"}))
    publishers.put("https://e.gov.uk/spc/2023-24/data-guidance", page, HTML)
    publishers.put("https://c.gov.uk/api/releases/r6/files/f9", SPC_FILE)
    assert get(publishers, tmp_path, DETAIL, release="2023-24").ok


def test_where_the_list_does_not_name_the_file_it_is_taken_from_the_whole_archive(publishers, tmp_path):
    publishers.put(
        "https://c.gov.uk/api/publications/spc/releases/latest",
        as_json(release("r7", "2024-25", {"f1": "spc_pupils.csv"})),
        JSON,
    )
    whole = archive(
        {"data/spc_pupils.csv": b"a\n1\n", "supporting-files/spc_school_level_2025.csv": SPC_FILE}
    )
    publishers.put("https://c.gov.uk/api/releases/r7/files", whole, ZIP)
    assert get(publishers, tmp_path, DETAIL).ok
    assert (tmp_path / "school-census" / "2024-25" / "spc.csv").read_bytes() == SPC_FILE
    assert files_of(tmp_path) == ["school-census/2024-25/spc.csv"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive({"a/spc_school_level_1.csv": b"", "b/spc_school_level_2.csv": b""}), "several files"),
        (archive({"data/other.csv": b"a\n"}), "holds no file like"),
        (archive({"spc_school_level_1.csv": SPC_FILE * 9})[:-40], "the archive breaks off or is damaged"),
    ],
)
def test_an_archive_without_the_file_or_damaged_is_refused(publishers, tmp_path, content, words):
    publishers.put(
        "https://c.gov.uk/api/publications/spc/releases/latest", as_json(release("r7", "2024-25", {})), JSON
    )
    publishers.put("https://c.gov.uk/api/releases/r7/files", content, ZIP)
    assert_failed_alone(publishers, tmp_path, words, DETAIL)


def test_a_list_of_another_release_is_not_taken_for_the_one_asked_for(publishers, tmp_path):
    for where in ("c.gov.uk/api/publications/spc/releases/2022-23", "e.gov.uk/spc/2022-23/data-guidance"):
        publishers.put(where, as_json(release("r7", "2024-25", LISTED)), JSON)
    assert "2024-25 instead of 2022-23" in why(get(publishers, tmp_path, DETAIL, release="2022-23"))


# Performance tables

TABLES = source(
    "census",
    dataset="census_performance_tables",
    file="performance-tables/{year}/england_census.csv",
    url="https://p.gov.uk/data?year={year}",
    member=r"england_census\.csv$",
)


@pytest.mark.parametrize("as_archive", [True, False])
def test_performance_tables_come_as_an_archive_or_as_a_table(publishers, tmp_path, as_archive):
    both = archive({"2024-2025/england_abs.csv": b"", "2024-2025/england_census.csv": CENSUS})
    publishers.put(
        "https://p.gov.uk/data?year=2024-2025", both if as_archive else CENSUS, ZIP if as_archive else ""
    )
    publishers.put("https://p.gov.uk/data?year=2025-2026", WEB_PAGE, HTML)
    assert get(publishers, tmp_path, TABLES).ok
    assert (tmp_path / "performance-tables" / "2024-2025" / "england_census.csv").read_bytes() == CENSUS
    assert publishers.paths == [
        f"p.gov.uk/data?year={year}" for year in ("2026-2027", "2025-2026", "2024-2025")
    ]


def test_years_stand_beside_each_other_and_one_release_is_not_exchanged_for_another(publishers, tmp_path):
    for year in ("2023-2024", "2024-2025"):
        publishers.put(f"https://p.gov.uk/data?year={year}", CENSUS)
        assert get(publishers, tmp_path, TABLES, release=year).ok
    assert len(files_of(tmp_path)) == 2
    assert "404" in why(get(publishers, tmp_path, TABLES, release="2022-23"))


def test_the_others_are_fetched_for_the_newest_year_of_absence(publishers, tmp_path):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202425"))
    publishers.put("https://p.gov.uk/data?year=2024-2025", CENSUS)
    publishers.put("https://p.gov.uk/data?year=2025-2026", CENSUS)
    publishers.put(
        "https://c.gov.uk/api/publications/spc/releases/2024-25",
        as_json(release("r7", "2024-25", LISTED)),
        JSON,
    )
    publishers.put("https://c.gov.uk/api/releases/r7/files/f2", SPC_FILE)
    report = get(publishers, tmp_path, ABSENCE, TABLES, DETAIL)
    assert report.ok and report.release == "2024-25"
    assert publishers.paths[1:2] == ["p.gov.uk/data?year=2024-2025"]


def test_where_the_newest_are_of_different_years_those_of_the_earliest_come_too(publishers, tmp_path):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202324", "202425"))
    for year in ("2023-2024", "2024-2025"):
        publishers.put(f"https://p.gov.uk/data?year={year}", CENSUS)
    listed = as_json(release("r6", "2023-24", LISTED))
    publishers.put("https://c.gov.uk/api/publications/spc/releases/2023-24", listed, JSON)
    publishers.put("https://c.gov.uk/api/releases/r6/files/f2", SPC_FILE)
    report = get(publishers, tmp_path, ABSENCE, TABLES, DETAIL)
    assert report.ok and report.release == "2023-24"
    assert [path for path in files_of(tmp_path) if "census" in path] == [
        "performance-tables/2023-2024/england_census.csv",
        "performance-tables/2024-2025/england_census.csv",
        "school-census/2023-24/spc.csv",
    ]
    asked = len(publishers.asked)
    assert get(publishers, tmp_path, ABSENCE, TABLES, DETAIL).ok and len(publishers.asked) == asked


# Maps in pages

MAP = source(
    "boundaries",
    dataset="la_boundaries",
    file="boundaries/areas.geojson",
    url="https://a.com/query?f=geojson&resultOffset={offset}",
)


def test_the_pages_of_a_map_become_one(publishers, tmp_path):
    areas = [feature(f"E0600000{i}", 400_000 + 2_000 * i) for i in range(5)]
    publishers.put(
        "https://a.com/query?f=geojson&resultOffset=0", collection(areas[:2], True), "application/geo+json"
    )
    publishers.put("https://a.com/query?f=geojson&resultOffset=2", collection(areas[2:4], True), JSON)
    publishers.put("https://a.com/query?f=geojson&resultOffset=4", collection(areas[4:]), JSON, breaks=[30])
    assert get(publishers, tmp_path, MAP).ok
    joined = read_folder(tmp_path).la_boundaries
    assert list(joined["la_ons_code"]) == [f"E0600000{i}" for i in range(5)]
    (entry,) = locked(tmp_path).values()
    assert entry.rows == 5 and "{offset}" in entry.address


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (as_json({"error": {"code": 400, "message": "Invalid URL"}}), "answered with an error: Invalid URL"),
        (collection([]), "no areas"),
        (as_json({"hello": 1}), "no GeoJSON collection"),
        (collection([feature("E06000001")])[:-9], "no JSON"),
        (collection([feature("E06000001")], True), "sends its first page again"),
    ],
)
def test_what_is_no_map_is_refused(publishers, tmp_path, content, words):
    for offset in (0, 1):
        publishers.put(f"https://a.com/query?f=geojson&resultOffset={offset}", content, JSON)
    assert_failed_alone(publishers, tmp_path, words, MAP)


def test_a_workbook_is_kept_as_it_is_and_a_broken_one_refused(publishers, tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["LSOA code (2021)", "IDACI"])
    book.save(tmp_path / "made.xlsx")
    content = (tmp_path / "made.xlsx").read_bytes()
    idaci = source(dataset="reference", file="idaci.xlsx", url="https://g.gov.uk/idaci.xlsx")
    publishers.put("https://g.gov.uk/idaci.xlsx", content, "application/vnd.ms-excel")
    assert get(publishers, tmp_path / "a", idaci).ok
    assert (tmp_path / "a" / "idaci.xlsx").read_bytes() == content
    publishers.put("https://g.gov.uk/idaci.xlsx", content[:-100], "application/vnd.ms-excel")
    assert "breaks off" in why(get(publishers, tmp_path / "b", idaci))


# Locked


def test_the_lock_brings_the_same_bytes_elsewhere(publishers, tmp_path):
    areas = [feature("E06000001"), feature("E06000002", 500_000)]
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("202425", "201314", "201819"))
    publishers.put("https://a.com/query?f=geojson&resultOffset=0", collection(areas[:1], True), JSON)
    publishers.put("https://a.com/query?f=geojson&resultOffset=1", collection(areas[1:]), JSON)
    publishers.put("https://p.gov.uk/data?year=2024-2025", archive({"england_census.csv": CENSUS}), ZIP)
    publishers.put("https://gias.gov.uk/edubasealldata20261127.csv", REGISTER)
    get(publishers, tmp_path / "a", ABSENCE, MAP, TABLES, ESTABLISHMENTS)
    report = bring.fetch_locked(tmp_path / "b", tmp_path / "a" / LOCK_NAME, retries=0)
    assert [item.state for item in report.items] == ["fetched"] * 4
    for file in files_of(tmp_path / "a"):
        assert (tmp_path / "b" / file).read_bytes() == (tmp_path / "a" / file).read_bytes()
    assert (tmp_path / "b" / LOCK_NAME).read_bytes() == (tmp_path / "a" / LOCK_NAME).read_bytes()
    again = bring.fetch_locked(tmp_path / "b", retries=0)
    assert [item.state for item in again.items] == ["had"] * 4


def test_a_year_that_was_added_since_changes_nothing_of_what_is_locked(publishers, tmp_path):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202324"))
    get(publishers, tmp_path / "a", ABSENCE)
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202324", "202425"))
    (item,) = bring.fetch_locked(tmp_path / "b", tmp_path / "a" / LOCK_NAME, retries=0).items
    assert item.state == "fetched" and "has changed, but not in what is kept" in item.why


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (absence("201819", "202324").replace(b"5.2", b"5.3"), "other figures in as many rows"),
        (absence("201819"), "without 2023-24"),
        (csv_text(EES, absence_rows("201819", "202324")[:3]).encode(), "3 rows instead of 4"),
        (absence("201819", "202324").replace(b"enrolments,", b"pupils,"), "column enrolments is missing"),
        (None, "404"),
    ],
)
def test_what_the_publisher_has_changed_is_said_and_not_kept(publishers, tmp_path, content, words):
    publishers.put("https://ees.gov.uk/data-set/1/csv", absence("201819", "202324"))
    get(publishers, tmp_path / "a", ABSENCE)
    publishers.answers.clear()
    if content:
        publishers.put("https://ees.gov.uk/data-set/1/csv", content)
    report = bring.fetch_locked(tmp_path / "b", tmp_path / "a" / LOCK_NAME, retries=0)
    assert words in why(report) and files_of(tmp_path / "b") == []


def test_without_a_lock_file_or_with_a_broken_one_it_is_said(tmp_path):
    with pytest.raises(NotFound, match="there is no lock file"):
        bring.fetch_locked(tmp_path)
    (tmp_path / LOCK_NAME).write_text('{"files": {"a.csv": {"name": 1}}}')
    with pytest.raises(NotFound, match="is no lock file of abie fetch"):
        bring.fetch_locked(tmp_path)


def test_neither_a_lock_nor_a_publisher_can_name_a_file_outside_the_folder(publishers, tmp_path):
    publishers.put("https://x.gov.uk/points.csv", POINTS)
    get(publishers, tmp_path, source())
    lock = tmp_path / LOCK_NAME
    lock.write_text(lock.read_text().replace("gias/points.csv", "../points.csv"))
    with pytest.raises(NotFound, match="outside its folder"):
        bring.fetch_locked(tmp_path)
    lock.unlink()
    listed = as_json(release("r7", "../../2024-25", LISTED))
    publishers.put("https://c.gov.uk/api/publications/spc/releases/latest", listed, JSON)
    publishers.put("https://c.gov.uk/api/releases/r7/files/f2", SPC_FILE)
    assert get(publishers, tmp_path, DETAIL).ok
    assert [path for path in files_of(tmp_path) if "spc" in path] == ["school-census/------2024-25/spc.csv"]


# The command


def test_one_dataset_is_chosen_by_name_and_a_misspelt_name_is_helped():
    catalogue = read_catalogue()
    assert [one["name"] for one in bring.chosen(catalogue, ["links"])] == ["links"]
    assert [one["file"] for one in bring.chosen(catalogue, ["points"])] == ["gias/school_points_202601.csv"]
    with pytest.raises(BadParameters, match="Did you mean absence"):
        bring.chosen(catalogue, ["absense"])


def test_what_nobody_reads_is_fetched_only_by_name():
    names = [one["name"] for one in bring.chosen(read_catalogue())]
    assert "absence" in names and "sen" not in names


def test_a_release_that_is_no_year_is_bad_usage(tmp_path, capsys):
    assert cli.main(["fetch", "--to", str(tmp_path), "--release", "2023"]) == cli.BAD_USAGE
    assert cli.main(["fetch", "--to", str(tmp_path), "--locked", "--refresh"]) == cli.BAD_USAGE


def test_leftovers_of_a_killed_command_go_when_they_are_old(publishers, tmp_path):
    old, new = tmp_path / ".fetch-old", tmp_path / ".fetch-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    publishers.put("https://x.gov.uk/points.csv", POINTS)
    get(publishers, tmp_path, source())
    assert not old.exists() and new.exists()


def test_a_table_may_be_compressed_or_in_utf_16(tmp_path):
    for name, content in {"gz": gzip.compress(POINTS), "utf": POINTS.decode().encode("utf-16")}.items():
        target = tmp_path / f"{name}.csv"
        kept = keep([content], Wanted(("URN", "Easting"), ("URN",)), target)
        assert kept.rows == 2 and kept.columns == ["URN", "Easting"]
        text = target.read_bytes().decode("utf-16" if name == "utf" else "utf-8")
        assert text == "URN,Easting\n100000,533498\n100001,532301\n"


def test_the_committed_catalogue_brings_everything_from_publishers_that_behave_like_the_real_ones(
    publishers, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(bring, "date", type("Day", (date,), {"today": classmethod(lambda cls: TODAY)}))
    everything(publishers, TODAY)
    catalogue, to = catalogue_here(publishers, tmp_path / "catalogue.csv"), tmp_path / "latest"
    assert cli.main(["fetch", "--to", str(to), "--catalogue", str(catalogue)]) == cli.OK
    said = capsys.readouterr().out
    assert "Newest release that these files allow: 2022-23" in said and "to be downloaded by hand" in said
    assert files_of(to) == [
        "attendance/2026-week-46/ees_ytd_data.csv",
        "boundaries/Counties_and_Unitary_Authorities_December_2024_Boundaries_UK_BUC.geojson",
        "deprivation/File_3_IoD2025_Supplementary_Indices_IDACI_and_IDAOPI.xlsx",
        "gias/edubasealldata20261126.csv",
        "gias/links_edubasealldata20261126.csv",
        "performance-tables/2018-2019/england_census.csv",
        "performance-tables/2022-2023/england_census.csv",
        "published-rates/absence_by_area_2022-23.csv",
        "school-absence/absence_by_school_2016-17_2024-25.csv",
        "school-census/2022-23/spc_school_level_underlying_data.csv",
    ]
    assert not any(SECRET.encode() in path.read_bytes() for path in to.rglob("*") if path.is_file())
    assert cli.main(["fetch", "--to", str(to), "--which-release"]) == cli.OK
    assert capsys.readouterr().out.strip() == "2022-23"
    assert (
        cli.main(["fetch", "--to", str(tmp_path / "b"), "--locked", "--lock", str(to / LOCK_NAME)]) == cli.OK
    )
    assert files_of(tmp_path / "b") == files_of(to)
    asked = len(publishers.asked)
    assert cli.main(["fetch", "--to", str(to), "--catalogue", str(catalogue)]) == cli.OK
    assert len(publishers.asked) == asked


def test_what_is_fetched_can_be_read(publishers, tmp_path):
    everything(publishers, TODAY)
    rows = [one for one in bring.chosen(read_catalogue()) if one["name"]]
    report = get(publishers, tmp_path, *rows)
    assert report.ok and report.release == "2022-23"
    readings = read_folder(tmp_path)
    assert not [fault for fault in readings.faults if fault.severity == "hard"]
    assert set(readings.absence["year"]) >= {"2018-19", "2022-23", "2024-25"}
    for frame in (readings.census, readings.census_detail, readings.establishments, readings.la_boundaries):
        assert len(frame)


def test_no_release_is_named_where_the_files_allow_none(tmp_path, capsys):
    assert cli.main(["fetch", "--to", str(tmp_path), "--which-release"]) == cli.FAILED
    assert "absence, the census and the detailed census" in capsys.readouterr().out
