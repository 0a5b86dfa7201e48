"""GIAS-like files (points, links, attributes), neighbourhood deprivation, boundaries and hub leads."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numpy as np

from .performance_tables import in_census
from .register import exists, urn_in
from .text import bare, pct, rounded, write_csv
from .world import World

NOW = 2026
HUBS = 9


def points(world: World, folder: Path) -> Path:
    """Points of the schools open today under today's numbers."""
    register = world.register
    mine = np.flatnonzero(exists(register, NOW) & register["point"].to_numpy())
    urns = urn_in(register, NOW)
    rows = []
    for n, i in enumerate(mine[np.argsort(urns[mine], kind="stable")]):
        name = (
            register["name"][i].replace("Ydric", "Ydríc").replace("Quenna", "Quénna")
            if n % 5 == 0
            else register["name"][i]
        )
        rows.append((urns[i], name, register["easting"][i], register["northing"][i]))
    return write_csv(
        folder / "gias" / "school_points_202601.csv",
        ("URN", "EstablishmentName", "Easting", "Northing"),
        rows,
    )


def links(world: World, folder: Path) -> Path:
    """Predecessors and successors: every field quoted, Windows line ends, Latin-1."""
    path = folder / "gias" / "links_edubasealldata20250422.csv"
    header = ("URN", "LinkURN", "LinkName", "LinkType", "LinkEstablishedDate")
    rows = world.links.itertuples(index=False)
    done = write_csv(path, header, rows, encoding="latin-1", end="\r\n", quote_all=True, last_newline=False)
    # The publisher quotes text but not numbers in the rows below the header.
    first, *rest = done.read_bytes().split(b"\r\n")
    bare_numbers = [
        b",".join([*(x.strip(b'"') for x in line.split(b",", 2)[:2]), line.split(b",", 2)[2]])
        for line in rest
    ]
    done.write_bytes(b"\r\n".join([first, *bare_numbers]))
    return done


def attributes(world: World, folder: Path) -> list[Path]:
    """Establishment attributes: all open secondaries in one layout, a sample of all schools in the other."""
    register, now = world.register, world.now
    urns = urn_in(register, NOW)
    open_now = exists(register, NOW) & register["point"].to_numpy()
    secondaries, sample = [], []
    for i in np.flatnonzero(open_now)[np.argsort(urns[open_now], kind="stable")]:
        s, la = register.loc[i], world.country.authorities[register["la"][i]]
        type_group = (
            "Academies" if s["academy"] or urns[i] != s["urn_old"] else "Local authority maintained schools"
        )
        school_type = (
            "Academy converter" if urns[i] != s["urn_old"] and not s["academy"] else s["school_type"]
        )
        admissions = (
            "Selective"
            if s["kind"] == "selective"
            else "Non-selective"
            if s["phase"] == "secondary"
            else "Not applicable"
        )
        low, high = (
            max(int(s["low"]) + 4, 2),
            int(s["high"]) + 5 + (2 if s["sixth"] and s["high"] < 12 else 0),
        )
        capacity, roll = int(now["roll"][i] * 1.06) // 10 * 10, int(now["roll"][i])
        faith = s["church"] or "Does not apply"
        urban = (
            "Urban: Nearer to a major town or city" if s["urban"] else "Rural: Nearer to a major town or city"
        )
        if s["phase"] == "secondary":
            rank = int(now["idaci_rank"][i])
            score, decile = bare(rounded(32845 - rank, 32844 * 2, 3, 1)), (rank - 1) * 10 // 32844 + 1
            cells = [
                urns[i],
                la.la_code,
                la.name,
                f"{s['estab']}.0",
                s["name"],
                school_type,
                type_group,
                "Open",
                "Secondary",
                f"{low}.0",
                f"{high}.0",
            ]
            cells += [
                s["sex"],
                admissions,
                faith,
                f"{capacity}.0",
                f"{roll}.0",
                pct(now["fsm"][i], roll),
                s["postcode"],
            ]
            cells += [
                f"{s['easting']}.0",
                f"{s['northing']}.0",
                _lsoa(i),
                s["region"],
                urban,
                score,
                f"{decile}.0",
                score,
                f"{decile}.0",
            ]
            secondaries.append([*cells, bare(rounded(150 + i % 40, 10, 1, 1))])
        elif i % 7 == 0 and s["phase"] in ("primary", "special"):
            phase = "Primary" if s["phase"] == "primary" else "Not applicable"
            cells = [
                urns[i],
                f"{la.la_code}.0",
                la.name,
                la.region_code[-1],
                s["region"],
                s["name"],
                "Open",
                "",
                s["trust"],
                admissions,
                phase,
            ]
            cells += [
                s["sex"],
                faith,
                f"{capacity}.0",
                f"{roll}.0",
                school_type,
                type_group,
                "",
                urban,
                s["easting"],
                s["northing"],
            ]
            sample.append([*cells, f"{low}.0", f"{high}.0"])
    head1 = (
        "URN,la_code,la_name,establishment_number,establishment_name,type_of_establishment,establishment_type_group,establishment_status,"
        "phase_of_education,statutory_low_age,statutory_high_age,gender,admissions_policy,religious_character,school_capacity,number_of_pupils,"
        "percentage_fsm,postcode,easting,northing,lsoa_code,gor_name,urban_rural,imd_score,imd_decile,idaci_score,idaci_decile,"
        "wf_pupil_to_qual_unqual_teacher_ratio"
    ).split(",")
    head2 = (
        "URN,LAId,LAName,RegionId,RegionName,EstablishmentName,EstablishmentStatusName,TrustId,TrustName,AdmissionsPolicyName,PhaseOfEducationName,"
        "GenderName,ReligiousCharacterName,TotalCapacity,TotalPupils,TypeOfEstablishmentName,EstablishmentTypeGroupName,ResourcedProvisionName,"
        "UrbanRuralName,Easting,Northing,AgeRangeLow,AgeRangeHigh"
    ).split(",")
    first = write_csv(folder / "gias" / "secondary_schools_202603.csv", head1, secondaries)
    return [first, write_csv(folder / "gias" / "establishments_sample_2026.csv", head2, sample)]


def _lsoa(i: int) -> str:
    """Code of the invented neighbourhood of a school; two in three schools have one to themselves."""
    return f"X01{i - (i % 3 == 2) + 1:06d}"


def deprivation(world: World, folder: Path) -> Path:
    """Rank of the neighbourhood at the school: from its point, else from its postcode, else nothing."""
    register, now = world.register, world.now
    today = set(urn_in(register, NOW)[register["point"].to_numpy()].tolist())
    urns, rows = urn_in(register, 2023), []
    for i in in_census(world, 2023):
        near = i - 1 if i % 3 == 2 and i - 1 in now.index else i
        source = (
            "gias_point" if urns[i] in today else "postcode" if register["postcode"][i] != "NULL" else "none"
        )
        if source == "none":
            rows.append((urns[i], "", "", "", source, *[""] * 6))
            continue
        east, north = f"{register['easting'][i]}.0", f"{register['northing'][i]}.0"
        ranks = [
            v
            for r in (int(now["idaci_rank"][near]), int(now["imd_rank"][near]))
            for v in (f"{r}.0", f"{(r - 1) * 10 // 32844 + 1}.0")
        ]
        rows.append((urns[i], register["postcode"][i], east, north, source, _lsoa(i), _lsoa(i), *ranks))
    header = "URN,school_postcode,easting,northing,point_source,lsoa11_code,lsoa21_code,idaci_rank,idaci_decile,imd_rank,imd_decile".split(
        ","
    )
    return write_csv(folder / "deprivation" / "idaci_2019_by_school_location.csv", header, rows)


def boundaries(world: World, folder: Path) -> Path:
    """Outlines of the authorities as GeoPackage in British National Grid."""
    shapes = [world.country.outline(a.index) for a in world.country.authorities]
    names = {
        "utla21_name": [a.name for a in world.country.authorities],
        "utla21_code": [a.ons_code for a in world.country.authorities],
    }
    path = folder / "boundaries" / "utla_2021_england.gpkg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    before = os.environ.get("OGR_CURRENT_DATE")
    os.environ["OGR_CURRENT_DATE"] = "2026-01-01T00:00:00.000Z"  # the format stores when it was written
    try:
        gpd.GeoDataFrame(names, geometry=shapes, crs="EPSG:27700").to_file(
            path, layer="utla_2021", driver="GPKG", engine="pyogrio"
        )
    finally:
        os.environ.pop("OGR_CURRENT_DATE")
        if before is not None:
            os.environ["OGR_CURRENT_DATE"] = before
    return path


def hubs(world: World, folder: Path) -> Path:
    """Hub leads: one per region, one of them without a number."""
    register, rows = world.register, []
    urns = urn_in(register, NOW)
    for k in range(HUBS):
        phase = "primary" if k % 4 == 3 else "secondary"
        fits = np.flatnonzero(
            ((register["la"] // 4) == k)
            & (register["phase"] == phase)
            & (register["last_year"] == 2030)
            & register["absence"]
        )
        i = int(fits[len(fits) // 2])
        trust = register["trust"][i].title() if register["trust"][i] else "LA Maintained"
        name = register["name"][i].replace("'", "’")
        if k == 5:
            rows.append((name, trust, "", "2025-11-12", "not in the January 2023 census under this name"))
        else:
            rows.append((name, trust, urns[i], "2025-11-12", ""))
    return write_csv(
        folder / "hubs" / "hub_leads_announced_2025-11-12.csv",
        ("lead_school", "trust_or_maintained", "urn", "announced", "note"),
        rows,
    )
