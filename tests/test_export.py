"""`abie export`: each audience gets its share and nothing else, whole or not at all, marked, listed and
private.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path

import pandas as pd
import pytest
import pyzipper

from helpers.base.contract import dictionary
from helpers.base.faults import DataRefused
from helpers.base.manifest import write_manifest
from helpers.cli import main
from helpers.share import audience, contents, export, suppression
from helpers.share.audience import AUDIENCES, BadSelection
from tests.support.averages_attack import HIGH, LOW, attack, country
from tests.support.pdf_text import ReadPdf
from tests.support.region import add_routing, write_run

PASSWORD = "a long enough password"
ASKS = {
    "school": {"urn": 900001},
    "la": {"la": "501"},
    "trust": {"trust": "Invented Learning Trust"},
    "rise": {"region": "North East"},
}
WITHOUT_SCHOOLS = ("public", "ofsted", "reviewer")


@pytest.fixture(scope="module")
def run(fitted, tmp_path_factory) -> Path:
    made = write_run(fitted, tmp_path_factory.mktemp("run"))
    add_routing(made)
    return made


@pytest.fixture(scope="module")
def made(run, tmp_path_factory) -> dict[str, export.Exported]:
    """Every audience's export."""
    to = tmp_path_factory.mktemp("exports")
    return {name: export.export(run, name, to, **ASKS.get(name, {})) for name in AUDIENCES}


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def register(run: Path) -> pd.DataFrame:
    return pd.read_parquet(run / "national" / "ingest" / "register.parquet")


def test_a_school_gets_its_own_report_and_no_other(run, made):
    folder = made["school"].path
    assert {path.name for path in (folder / "schools").iterdir()} == {"900001.html", "900001.pdf"}
    assert pd.read_csv(folder / "schools.csv")["urn"].tolist() == [900001]
    assert set(pd.read_csv(folder / "similar-schools.csv")["urn"]) == {900001}


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [("la", "la_code", "501"), ("trust", "trust_name", "Invented Learning Trust")],
)
def test_an_authority_and_a_trust_get_all_their_schools_and_no_other(run, made, name, column, value):
    schools = register(run)
    wanted = set(schools.loc[schools[column] == value, "urn"].astype(str))
    folder = made[name].path
    assert {path.stem for path in (folder / "schools").glob("*.html")} == wanted
    assert {path.stem for path in (folder / "schools").glob("*.pdf")} == wanted
    assert set(pd.read_csv(folder / "schools.csv")["urn"].astype(str)) == wanted


def test_links_in_a_share_lead_only_to_its_own_pages(made):
    for name in ("school", "la", "trust"):
        folder = made[name].path
        for page in [folder / "index.html", *(folder / "schools").glob("*.html")]:
            for link in re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8")):
                assert (page.parent / link).resolve().is_file(), (name, page.name, link)


def test_a_support_team_gets_its_regions_pack_and_routing_in_the_columns_of_the_dictionary(run, made):
    folder = made["rise"].path
    assert (folder / "pack" / "index.html").read_bytes() == (
        run / "north-east" / "pack" / "index.html"
    ).read_bytes()
    table = pd.read_csv(folder / "routing" / "referrals.csv")
    assert "urn" in table and "not_in_the_dictionary" not in table


def test_an_analyst_gets_the_run(run, made):
    folder = made["analyst"].path
    for name in (
        "north-east/expectations.parquet",
        "north-east/pack/index.html",
        "national/ingest/register.parquet",
    ):
        assert (folder / name).read_bytes() == (run / name).read_bytes()


def test_an_export_is_marked_for_its_reader_on_every_page(made):
    for name, share in made.items():
        told = share.share.marking
        assert ("Not for publication" in told) == (name not in ("public", "ofsted"))
        if name in ("rise", "analyst"):
            pages = [share.path / "index.html"]  # the pack inside carries its own marking, as it was made
        else:
            pages = [path for path in files(share.path) if path.suffix in (".html", ".md")]
            for path in share.path.rglob("*.pdf"):
                for text in ReadPdf(path.read_bytes()).pages:
                    assert told in re.sub(r"\s+", " ", text), path
        for page in pages:
            assert told in page.read_text(encoding="utf-8"), (name, page)
        assert audience.OWN_MARKING in (share.path / "index.html").read_text(encoding="utf-8")


def test_the_manifest_lists_every_file_with_its_hash_and_says_who_what_when_and_from_which_run(run, made):
    for name, share in made.items():
        manifest = json.loads((share.path / "manifest.json").read_text(encoding="utf-8"))
        there = {
            p.relative_to(share.path).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in files(share.path)
        }
        there.pop("manifest.json")
        assert {file["file"]: file["sha256"] for file in manifest["files"]} == there
        assert manifest["audience"] == name and manifest["marking"] == share.share.marking
        assert manifest["run"]["release"] == "2022-23" and manifest["run"]["sample"] is True
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", manifest["made_at"])
    entries = {entry["audience"]: entry for entry in export.ledger(run)}
    assert set(entries) >= set(AUDIENCES)
    digest = hashlib.sha256((made["la"].path / "manifest.json").read_bytes()).hexdigest()
    assert entries["la"]["manifest_sha256"] == digest and entries["la"]["for"] == "Aeldhaven"


@pytest.mark.skipif(
    os.name == "nt", reason="Windows keeps no owner-only bits: the folder's own permissions hold there"
)
def test_only_the_owner_can_read_an_export(run, made):
    for share in made.values():
        for path in [share.path, *share.path.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE((run / export.LEDGER).stat().st_mode) == 0o600


def test_no_school_is_named_or_numbered_where_schools_are_not_to_be_known(run, made):
    schools = register(run)
    for name in WITHOUT_SCHOOLS:
        for path in files(made[name].path):
            if path.name == "manifest.json":
                continue
            text = path.read_bytes().decode("utf-8", errors="replace")
            plain = text if path.suffix != ".json" else json.dumps(json.loads(text), ensure_ascii=False)
            for school in schools.itertuples():
                assert not re.search(rf"(?<!\d){school.urn}(?!\d)", plain), (name, path.name, school.urn)
                assert school.school_name not in plain, (name, path.name)


def test_no_schools_target_is_in_a_public_export_to_any_number_of_decimals(run, made):
    asks = pd.read_parquet(run / "national" / "expectations" / "expectations.parquet")
    exact = {
        f"{value:.{digits}f}"
        for name in ("ask_pp", "target_absence_pct", "gap_pp")
        for value in asks[name]
        for digits in (5, 6)
    }
    exact |= {
        repr(value)
        for name in ("ask_pp", "target_absence_pct", "gap_pp")
        for value in asks[name]
        if value not in (0, LOW, HIGH)
    }
    exact = {text for text in exact if len(text.rstrip("0")) > 4}  # 0.100 stands in the parameters
    for name in ("public", "ofsted"):
        told = " ".join(
            path.read_text(encoding="utf-8-sig") for path in files(made[name].path) if path.name != "pack.css"
        )
        assert set(re.findall(r"\d+\.\d+", told)) & exact == set()


def test_the_files_of_a_public_export_withstand_the_attack_and_do_not_when_suppression_is_removed(
    monkeypatch, tmp_path
):
    """From the CSV as it goes out: what is published of an invented country tells no school's ask; without
    suppression it tells several.
    """
    schools = country()
    columns = {"weight": "weight_r_to_11"}
    reg = schools.rename(columns=columns).assign(roll=schools["weight"])
    asks = schools[["urn", "ask_pp", "chance_unaided"]]

    def published() -> pd.DataFrame:
        table = audience.averages(audience.assessed(reg, asks), LOW, HIGH)
        path = tmp_path / "averages.csv"
        told = table.astype("object").where(table.notna(), audience.SUPPRESSED)
        path.write_bytes(contents._csv(told))
        return pd.read_csv(
            path, dtype={"la_code": "str"}, na_values=[audience.SUPPRESSED], keep_default_na=True
        )

    assert attack(schools, published()).min() >= suppression.MIN_WIDTH_PP
    monkeypatch.setattr(suppression, "publishable", lambda rows, low, high: set(suppression.areas(rows)))
    assert attack(schools, published()).min() < 0.01


def test_public_and_ofsted_get_the_same_figures(made):
    first, second = ((made[name].path / "averages.csv").read_bytes() for name in ("public", "ofsted"))
    assert first == second


def test_a_public_export_names_no_restricted_column_with_a_row_per_school(made):
    frame = dictionary()
    restricted = set(frame.loc[frame["sensitivity"] == "restricted", "name"]) - {
        "ask_pp",
        "chance_unaided",
    }  # told as averages, suppressed
    for name in ("public", "ofsted"):
        for path in made[name].path.rglob("*.csv"):
            if path.name != "dictionary.csv":
                assert set(pd.read_csv(path).columns) & (restricted | {"urn", "school_name"}) == set()


def test_averages_of_another_fit_of_the_same_release_are_refused(fitted, run, made, tmp_path):
    again = write_run(fitted, tmp_path, count=57)
    (again / export.LEDGER).write_text((run / export.LEDGER).read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BadSelection, match="subtracted"):
        export.export(again, "ofsted", tmp_path / "to")
    assert not (tmp_path / "to").exists() or not list((tmp_path / "to").iterdir())


def test_masked_schools_share_their_bands_with_at_least_ten_and_carry_nothing_exact(run):
    folder = run / "north-east"
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in contents.CHECKED}
    many = {
        name: pd.concat([frame.assign(urn=frame["urn"] + 100 * i) for i in range(12)], ignore_index=True)
        for name, frame in tables.items()
    }
    table = audience.masked(many)
    assert len(table) > 100
    assert table.groupby(["phase", "absence_band_pct", "size_band"]).size().min() >= audience.FEWEST_ALIKE
    assert set(table) & {"urn", "school_name", "la_code", "absence_pct", "roll", "region_name"} == set()
    assert ((table["ask_pp"] / 0.05).round(6) % 1 == 0).all()
    assert audience.masked(many)["ask_pp"].tolist() != table["ask_pp"].tolist(), (
        "the order must not be one that can be made again"
    )


def test_an_archive_opens_with_its_password_only_and_holds_the_same_files(run, tmp_path):
    zipped = export.export(run, "la", tmp_path, la="502", password=PASSWORD)
    assert (
        zipped.path.name.endswith(".zip")
        and stat.S_IMODE(zipped.path.stat().st_mode) == 0o600
        or os.name == "nt"
    )
    assert [path.name for path in tmp_path.iterdir()] == [zipped.path.name], "nothing plain beside it"
    with pyzipper.AESZipFile(zipped.path) as archive:
        assert all(info.flag_bits & 1 for info in archive.infolist())
        with pytest.raises(RuntimeError):
            archive.read(archive.namelist()[0])
        archive.setpassword(b"not the password")
        with pytest.raises(RuntimeError):
            archive.read(archive.namelist()[0])
        archive.setpassword(PASSWORD.encode())
        manifest = json.loads(archive.read("abie-2022-23-la-502/manifest.json"))
        assert len(manifest["files"]) == len(archive.namelist()) - 1
        for file in manifest["files"]:
            assert (
                hashlib.sha256(archive.read(f"abie-2022-23-la-502/{file['file']}")).hexdigest()
                == file["sha256"]
            )
    assert b"Aeldhaven" not in zipped.path.read_bytes()


def test_an_earlier_export_is_never_written_over_in_whichever_form(run, tmp_path):
    first = export.export(run, "school", tmp_path, urn=900002)
    before = {path: path.read_bytes() for path in files(first.path)}
    for password in (None, PASSWORD):
        with pytest.raises(BadSelection, match="never written over"):
            export.export(run, "school", tmp_path, urn=900002, password=password)
    assert {path: path.read_bytes() for path in files(first.path)} == before


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_a_failure_leaves_nothing_and_is_not_in_the_ledger(run, tmp_path, monkeypatch, password):
    def broken(*_args, **_options):
        raise OSError("disk full")

    monkeypatch.setattr(contents, "_index", broken)
    before = export.ledger(run)
    with pytest.raises(OSError, match="disk full"):
        export.export(run, "la", tmp_path, la="501", password=password)
    assert list(tmp_path.iterdir()) == []
    assert export.ledger(run) == before


def test_a_table_changed_after_the_run_is_not_handed_out(fitted, tmp_path):
    run = write_run(fitted, tmp_path)
    path = run / "north-east" / "expectations.parquet"
    frame = pd.read_parquet(path)
    frame.loc[0, "ask_pp"] = 0.123
    frame.to_parquet(path)
    with pytest.raises(DataRefused, match="not as its manifest says"):
        export.export(run, "school", tmp_path / "to", urn=900001)
    assert list((tmp_path / "to").iterdir()) == []
    write_manifest(fitted.model_copy(update={"out": str(tmp_path), "region": "North East"}))
    assert export.export(run, "school", tmp_path / "to", urn=900001).path.is_dir()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--audience", "school"], "needs --urn"),
        (["--audience", "la"], "needs --la"),
        (["--audience", "trust"], "needs --trust"),
        (["--audience", "rise"], "needs --region"),
        (["--audience", "rise", "--region", "England"], "nine regions"),
        (["--audience", "rise", "--region", "Londno"], "Did you mean 'London'"),
        (["--audience", "rise", "--region", "London"], "has not been run to its end"),
        (["--audience", "school", "--urn", "123456"], "no school of that number"),
        (["--audience", "school", "--urn", "12"], "six digits"),
        (["--audience", "la", "--la", "X06000001"], "--la 501"),
        (["--audience", "la", "--la", "Aeldhaven"], "--la 501"),
        (["--audience", "la", "--la", "999"], "no local authority"),
        (["--audience", "trust", "--trust", "Invented Learning"], "Did you mean 'Invented Learning Trust'"),
        (["--audience", "public", "--urn", "900001"], "no use for --urn"),
        (["--audience", "school", "--urn", "900001", "--la", "501"], "no use for --la"),
        (["--audience", "parents"], "no such audience"),
    ],
)
def test_a_wrong_or_missing_selection_is_told_clearly_and_ends_with_2(run, tmp_path, capsys, options, said):
    assert main(["export", str(run), *options, "--to", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert said in re.sub(r"\s+", " ", told.out + told.err)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_run_is_told_what_to_give(run, tmp_path, capsys):
    for folder, said in (
        (run.parent, "holds runs"),
        (run / "north-east", "one region of a run"),
        (tmp_path, "not a finished run"),
    ):
        assert main(["export", str(folder), "--audience", "public", "--to", str(tmp_path / "to")]) == 2
        assert said in re.sub(r"\s+", " ", capsys.readouterr().out)
    assert main(["export", str(run), "--audience", "public", "--to", str(run / "here")]) == 2


def test_a_place_that_cannot_be_written_is_told_and_ends_with_1(run, tmp_path, capsys):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    assert (
        main(["export", str(run), "--audience", "school", "--urn", "900004", "--to", str(tmp_path / "taken")])
        == 1
    )
    assert "Nothing was exported" in capsys.readouterr().out
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "a file"


def test_the_password_comes_from_the_environment_or_a_prompt_never_from_the_command(
    run, tmp_path, monkeypatch, capsys
):
    arguments = [
        "export",
        str(run),
        "--audience",
        "school",
        "--urn",
        "900003",
        "--to",
        str(tmp_path),
        "--encrypt",
    ]
    monkeypatch.delenv(export.PASSWORD, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(arguments) == 2 and export.PASSWORD in capsys.readouterr().out
    monkeypatch.setenv(export.PASSWORD, "short")
    assert main(arguments) == 2 and "too short" in capsys.readouterr().out
    monkeypatch.setenv(export.PASSWORD, PASSWORD)
    assert main(arguments) == 0 and PASSWORD not in capsys.readouterr().out
    assert main([*arguments, "--password", PASSWORD]) == 2
