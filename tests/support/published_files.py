"""Small files of invented schools in the published layouts, for the tests of the readers."""

from __future__ import annotations

import csv
import io

ABS_HEADER = ["LA", "ESTAB", "URN", "PERCTOT", "PPERSABS10"]
ABS_SCHOOLS = [["201", "3614", "100000", "5.2", "9.8"], ["202", "2000", "136807", "6.7", "SUPP"]]
ABS_NATIONAL = [
    ["NAT", "PRI", "", "5.9", "16.2"],
    ["NAT", "SEC", "", "9", "26.5"],
    ["NAT", "SPE", "", "13", "38.3"],
]

CENSUS_HEADER = (
    "URN,LA,Estab,SCHOOLTYPE,NOR,NORG,NORB,PNORG,PNORB,TSENELSE,PSENELSE,TSENELK,PSENELK,NUMEAL,NUMENGFL,NUMUNCFL,PNUMEAL,PNUMENGFL,"
    "PNUMUNCFL,NUMFSM,NUMFSMEVER,NORFSMEVER,PNUMFSMEVER"
).split(",")
CENSUS_ROWS = [
    (
        "100000,201,3614,State-funded "
        "primary,270,127,143,47.0%,53.0%,8,3.0%,54,20.0%,135,134,1,50.0%,49.6%,0.4%,49,50,200,25.0%"
    ).split(","),
    "100001,201,6005,Independent school,739,739,0,100.0%,0.0%,0,0.0%,22,3.0%,NA,NA,NA,NA,NA,NA,NA,NA,NA,NA".split(
        ","
    ),
    "100002,201,1100,Pupil referral unit,40,10,30,25%,75%,4,10%,20,50%,2,38,0,5%,95%,0%,20,24,NA,60%".split(
        ","
    ),
    *(
        f"NAT,,{code},x,1,1,1,1%,1%,1,1%,1,1%,1,1,1,1%,1%,1%,1,1,1,1%".split(",")
        for code in ("PRI", "SEC", "SPE")
    ),
]

EES_HEADER = ["time_period", "geographic_level", "school_urn", "sess_overall_percent"]

RATES_HEADER = ["Short Desc", "Data item", "Years", "LA and Regions", "Values", "LA Number", "Region"]
RATES_ROWS = [
    ["PriTotAbs", "", "2023", "England", "5.90", "970.0", ""],
    ["SecTotAbs", "", "2023", "England", "9.01", "970.0", ""],
    ["total_absence_special", "", "2023", "England", "13.02", "970.0", ""],
    ["SFPriPerAbNew", "", "2023", "England", "16.21", "970.0", ""],
    ["PriTotAbs", "", "2022", "England", "6.26", "970.0", ""],
    ["SecTotAbs", "", "2022", "England", "8.99", "970.0", ""],
    ["PriTotAbs", "", "2023", "London", "5.80", "986.0", ""],
    ["PriTotAbs", "", "2023", "London (Inner)", "-", "987.0", ""],
    ["PriTotAbs", "", "2023", "Yorkshire and the Humber", "6.00", "982.0", ""],
    ["PriTotAbs", "", "2023", "Barnet", "4.0599999999999996", "302.0", "Outer London"],
    ["SFPriSevPerAbNew", "", "2023", "Rutland", "7.0000000000000007E-2", "857.0", "East Midlands"],
]

LINKS_HEADER = ["URN", "LinkURN", "LinkName", "LinkType", "LinkEstablishedDate"]
POINTS_HEADER = ["URN", "EstablishmentName", "Easting", "Northing"]


def csv_text(header: list[str], rows: list[list[str]], newline: str = "\n") -> str:
    """A CSV text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=newline)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def write(path, header: list[str], rows: list[list[str]], encoding: str = "utf-8", newline: str = "\n"):
    """Write a CSV file, its folders included, and give back its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_text(header, rows, newline).encode(encoding))
    return path


def codes(readings, severity: str = "hard") -> list[str]:
    """The codes of the faults of one severity."""
    return [fault.code for fault in readings.faults if fault.severity == severity]
