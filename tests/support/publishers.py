"""Publishers on this machine that behave like the real ones, the bad days included.

To try `abie fetch` without the internet, with the embedded sample's schools under the publishers' addresses:

    python -m tests.support.publishers
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import geopandas as gpd
import openpyxl
import pandas as pd

from helpers.base.paths import SAMPLE
from helpers.ingest.catalogue import read_catalogue
from helpers.ingest.readers.gias import NAMES

WEB_PAGE = b"<!DOCTYPE html><html><body>Sorry, there is a problem with the service</body></html>"
CSV, ZIP, JSON, HTML = "text/csv", "application/zip", "application/json", "text/html; charset=utf-8"


@dataclass
class Answer:
    """What lies under an address. `busy`: statuses that are answered first, one each time. `breaks`: after how many
    bytes the connection breaks, one each time. `chunked`: no length is told. `ranges`: whether a part can be had.
    """

    content: bytes = b""
    type: str = CSV
    status: int = 200
    to: str = ""
    busy: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Publishers:
    """Answers by address (without scheme and host of this machine), and what was asked: (address, Range)."""

    def __init__(self, address: str):
        self.address = address
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []

    def put(self, where: str, content: bytes = b"", type: str = CSV, **how) -> Answer:
        """Lay something under an address, written with or without `https://`."""
        answer = Answer(content, type, **how)
        self.answers[where.removeprefix("https://")] = answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def here(self, addresses: str) -> str:
        """The publishers' addresses as they are on this machine."""
        return addresses.replace("https://", f"{self.address}/")


@contextmanager
def serving() -> Iterator[Publishers]:
    """Publishers that answer while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            try:
                self._answer()
            except (BrokenPipeError, ConnectionResetError):
                pass

        def _answer(self):
            path = unquote(urlsplit(self.path)._replace(scheme="", netloc="").geturl()).lstrip("/")
            if "://" in self.path.split("?")[0]:  # asked as a proxy
                path = unquote(self.path.partition("://")[2])
            asked = self.headers.get("Range", "")
            publishers.asked.append((path, asked))
            answer = publishers.answers.get(path)
            if answer is None:
                return self._send(404, WEB_PAGE, HTML)
            if answer.busy:
                return self._send(answer.busy.pop(0), b"busy", "text/plain", **answer.headers)
            if answer.to:
                return self._send(302, b"", HTML, Location=f"{publishers.address}/{answer.to}")
            if answer.etag and self.headers.get("If-None-Match") == answer.etag:
                return self._send(304, b"", answer.type, ETag=answer.etag)
            content, status, more = answer.content, answer.status, {}
            same = self.headers.get("If-Range", answer.etag) == answer.etag
            if asked and answer.ranges and same:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                more = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
                content, status = content[start:], 206
            if answer.etag:
                more["ETag"] = answer.etag
            cut = answer.breaks.pop(0) if answer.breaks else None
            self._send(status, content, answer.type, cut, **more)

        def _send(self, status, content, type, cut=None, **headers):
            self.send_response(status)
            self.send_header("Content-Type", type)
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content if cut is None else content[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, *arguments):
            """Nothing: the tests' output is for the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    publishers = Publishers(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield publishers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def archive(files: dict[str, bytes]) -> bytes:
    """An archive of files by path."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return out.getvalue()


def release(id: str, slug: str, files: dict[str, str]) -> dict:
    """A release as the content API describes it: `files` by id, the file names as values."""
    return {
        "id": id,
        "slug": slug,
        "title": slug,
        "publication": {"id": "p1", "slug": "x"},
        "downloadFiles": [
            {"id": key, "fileName": name, "name": name, "extension": "csv", "size": "1 Mb", "type": "Data"}
            for key, name in files.items()
        ],
    }


def as_json(value: dict) -> bytes:
    return json.dumps(value).encode()


def page_with(value: dict) -> bytes:
    """A page that carries a release in its `__NEXT_DATA__`."""
    inside = json.dumps({"props": {"pageProps": {"releaseVersion": value}}})
    return (
        f'<!DOCTYPE html><html><body><script id="__NEXT_DATA__" type="application/json">{inside}</script></body></html>'
    ).encode()


def feature(code: str, easting: float = 400_000) -> dict:
    """An authority with a square outline."""
    x, y, side = easting, 300_000, 1_000
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    return {
        "type": "Feature",
        "properties": {"CTYUA24CD": code, "CTYUA24NM": f"Area {code}"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def collection(features: list[dict], more: bool = False) -> bytes:
    """A page of a map service."""
    crs = {"type": "name", "properties": {"name": "EPSG:27700"}}
    whole = {"type": "FeatureCollection", "crs": crs, "features": features}
    return as_json(whole | ({"exceededTransferLimit": True} if more else {}))


# Everything that the committed catalogue wants, of the invented country

PEOPLE = (
    "TelephoneNum",
    "HeadTitle (name)",
    "HeadFirstName",
    "HeadLastName",
    "HeadPreferredJobTitle",
    "PropsName",
)
SECRET = "a name that nobody may keep"
EES, CONTENT = (
    "explore-education-statistics.service.gov.uk",
    "content.explore-education-statistics.service.gov.uk/api",
)


def everything(publishers: Publishers, today: date) -> None:
    """Lay all that `data/catalogue.csv` wants under its addresses, with a bad day here and there."""
    data_sets = f"{EES}/data-catalogue/data-set"
    publishers.put(f"{data_sets}/889f9166-e3bf-4d3a-afb2-d86e4aecc70a/csv", to="blob/absence")
    publishers.put("blob/absence", absence_of_all_years(), breaks=[300_000], etag='"a"')
    publishers.put(f"{data_sets}/d37f27c4-cca2-4274-97e9-1cdcb4ecad18/csv", absence_by_area())
    for year in ("2018-2019", "2022-2023"):
        tables = SAMPLE / "performance-tables" / year
        both = {
            f"{year}/{name}": (tables / name).read_bytes()
            for name in ("england_abs.csv", "england_census.csv")
        }
        publishers.put(
            "www.compare-school-performance.service.gov.uk/download-data?download=true&regions=0"
            f"&filters=PUPILABSENCE,CENSUS&fileformat=csv&year={year}&meta=false",
            archive(both),
            ZIP,
            busy=[429],
            headers={"Retry-After": "0"},
        )
    slug = "school-pupils-and-their-characteristics"
    listed = release(
        "r6", "2022-23", {"f1": "spc_pupils.csv", "f2": "spc_school_level_underlying_data_2023.csv"}
    )
    publishers.put(f"{EES}/find-statistics/{slug}/2022-23/data-guidance", page_with(listed), HTML)
    spc = gzip.decompress(
        (SAMPLE / "school-census" / "spc_school_level_underlying_data_202223.csv.gz").read_bytes()
    )
    publishers.put(f"{CONTENT}/releases/r6/files/f2", spc)
    gias, day = (
        "ea-edubase-api-prod.azurewebsites.net/edubase/downloads/public",
        f"{today - timedelta(days=1):%Y%m%d}",
    )
    publishers.put(f"{gias}/edubasealldata{day}.csv", register())
    links = SAMPLE / "gias" / "links_edubasealldata20250422.csv"
    publishers.put(f"{gias}/links_edubasealldata{day}.csv", links.read_bytes())
    publishers.put(
        "assets.publishing.service.gov.uk/media/691ded0a21ef5aaa6543efe9/"
        "File_3_IoD2025_Supplementary_Indices_IDACI_and_IDAOPI.xlsx",
        workbook(
            ["LSOA code (2021)", "Income Deprivation Affecting Children Index (IDACI) Rank"], ["X01000041", 1]
        ),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    service = (
        "services1.arcgis.com/ESMARspQHYMw9BZ9/arcgis/rest/services/Counties_and_Unitary_Authorities_December_2024_"
        "Boundaries_UK_BUC/FeatureServer/0/query?where=1=1&outFields=*&outSR=27700&f=geojson&resultOffset="
    )
    areas = authorities()
    for start in range(0, len(areas), 20):
        more = start + 20 < len(areas)
        publishers.put(
            f"{service}{start}", collection(areas[start : start + 20], more), "application/geo+json"
        )
    listed = release("r9", "2026-week-46", {"y": "EES_ytd_data.csv", "w": "EES_weekly_data.csv"})
    where = f"{CONTENT}/publications/pupil-attendance-in-schools/releases/latest"
    publishers.put(where, as_json(listed), JSON)
    snapshots = pd.read_csv(SAMPLE / "attendance" / "ytd_by_la_and_phase_snapshots.csv.gz", dtype="str")
    newest = snapshots[snapshots["published"].eq(snapshots["published"].max())]
    publishers.put(
        f"{CONTENT}/releases/r9/files/y", newest.drop(columns="published").to_csv(index=False).encode()
    )


def catalogue_here(publishers: Publishers, path: Path) -> Path:
    """The committed catalogue's sources with their addresses on this machine, as a file."""
    catalogue = read_catalogue()
    for column in ("url", "listing"):
        catalogue[column] = catalogue[column].map(publishers.here)
    catalogue[catalogue["name"].ne("")].to_csv(path, index=False)
    return path


def absence_of_all_years() -> bytes:
    """The sample's absence by school as one table of all years, in no order, with columns that nobody needs."""
    rows = [{"time_period": "201314", "school_urn": "900001", "sess_overall_percent": "5"}]
    for year in ("2024-2025", "2018-2019"):
        for one in _rows_of(SAMPLE / "performance-tables" / year / "england_abs.csv"):
            if one["URN"]:
                values = {
                    "sess_overall_percent": one["PERCTOT"],
                    "enrolments_pa_10_exact_percent": one["PPERSABS10"],
                }
                values = {name: "c" if value == "SUPP" else value for name, value in values.items()}
                rows.append({"time_period": f"{year[:4]}{year[-2:]}", "school_urn": one["URN"], **values})
    for path in sorted((SAMPLE / "school-absence").glob("*.csv"), reverse=True):
        rows += [one for one in _rows_of(path) if one["time_period"] != "201819"]
    names = list(dict.fromkeys(name for one in rows for name in one))
    out = io.StringIO()
    writer = csv.DictWriter(out, [*names, "school_name"], lineterminator="\n")
    writer.writeheader()
    for one in rows:
        more = {"time_identifier": "Academic year", "geographic_level": "School", "school_name": "Elm, the"}
        writer.writerow(dict.fromkeys(names, "x") | more | one)
    return out.getvalue().encode()


def _rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def absence_by_area() -> bytes:
    header = "time_period,time_identifier,geographic_level,new_la_code,education_phase,sess_overall_percent"
    return f"{header}\n202223,Academic year,National,,Total,7.1\n201314,Academic year,National,,Total,4.5\n".encode()


def register() -> bytes:
    """The sample's secondaries in the layout of the full register, people and all, in Windows-1252."""
    given = pd.read_csv(SAMPLE / "gias" / "secondary_schools_202603.csv", dtype="str", keep_default_na=False)
    full = pd.DataFrame({"URN": given["URN"]})
    for names in NAMES.values():
        full[names[0]] = given.get(names[1], "")
    full = full.assign(**dict.fromkeys(PEOPLE, SECRET))
    return full.to_csv(index=False, quoting=csv.QUOTE_ALL).encode("cp1252", errors="replace")


def workbook(*rows: list) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for one in rows:
        book.active.append(one)
    book.save(out)
    return out.getvalue()


def authorities() -> list[dict]:
    """The sample's local authorities as features of a map service."""
    areas = gpd.read_file(SAMPLE / "boundaries" / "utla_2021_england.gpkg")
    code, name = (
        next(c for c in areas if c.lower().endswith(end)) for end in (("code", "cd"), ("name", "nm"))
    )
    return json.loads(areas.rename(columns={code: "CTYUA24CD", name: "CTYUA24NM"}).to_json())["features"]


def main() -> None:
    """Serve until stopped."""
    with serving() as publishers, tempfile.TemporaryDirectory() as folder:
        everything(publishers, date.today())
        path = catalogue_here(publishers, Path(folder) / "catalogue.csv")
        print(f"abie fetch --catalogue {path} --to outputs/fetched", flush=True)
        print("Ctrl-C stops the publishers.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
