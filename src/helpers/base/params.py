"""What to run: one typed, closed set of parameters. The YAML schema, the notebooks' parameter cells and the
command line come from it.
"""

from __future__ import annotations

import difflib
import json
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from helpers.base.paths import PARAMS, RECORDS, ROOT, SAMPLE, SAMPLE_RECORDS, resolve

Region = Literal[
    "England",
    "North East",
    "North West",
    "Yorkshire and The Humber",
    "East Midlands",
    "West Midlands",
    "East of England",
    "London",
    "South East",
    "South West",
]
ENGLAND = "England"
REGIONS: tuple[str, ...] = tuple(r for r in get_args(Region) if r != ENGLAND)
FOLDERS = ("data", "out", "records")  # where things lie; what lies there decides a result, the place does not


class BadParameters(ValueError):
    """Parameters that cannot be used; the message says which, why and what was probably meant."""


def _choice(default, about: str, group: str, why: str = "", **limits):
    """A parameter: its default, what it is, the group it belongs to, why the default is what it is, and its
    limits.
    """
    return Field(default, description=about, json_schema_extra={"group": group, "reason": why}, **limits)


class Parameters(BaseModel):
    """Everything that decides a run and on which people may differ. Units are in the names: `_pp` is
    percentage points of absence, `_z` usual yearly errors, `_km` kilometres, `_share` a share of one, `_pct`
    per cent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    region: Region = _choice("North East", "England, or one of its nine regions", "place")
    release: str = _choice("2022-23", "academic year of the newest full data", "place")
    data: str = _choice(
        "data/sample", "folder of official files; the default is the invented sample", "place"
    )
    out: str = _choice("outputs", "folder for results", "place")
    records: str = _choice(
        "", "folder of what people recorded; empty: data/records, for the sample data/sample-records", "place"
    )
    seed: int = _choice(2025, "seed of every random choice", "place", ge=0)

    tiny_roll: int = _choice(
        30,
        "fewer pupils on roll than this: no minimum is set",
        "register",
        "the rate is mostly chance",
        ge=0,
        le=200,
    )

    primary_lambda: float = _choice(
        0.8,
        "weight of a primary's own figure against its context: an assumption",
        "baseline",
        "no two consecutive years of primaries before the pandemic are in the files",
        gt=0,
        le=1,
    )
    primary_spread: float = _choice(
        0.85,
        "spread of a primary's yearly change, as a ratio to a secondary's",
        "baseline",
        (
            "an assumption, weakly backed by about 300 large primaries of 2023/24: 0.83, 95 % interval 0.75 "
            "to 0.96"
        ),
        gt=0,
        le=2,
    )
    learnt_share: float = _choice(
        0.55,
        "share of a peer weight that is learnt; the rest is equal weights",
        "peers",
        "more, and the weights of one half of England no longer fit the other",
        ge=0,
        le=1,
    )
    peers_k: int = _choice(20, "similar schools per school", "peers", ge=5, le=50)
    region_penalty: float = _choice(0.2, "distance added to a school in another region", "peers", ge=0, le=10)
    primary_far: float = _choice(
        0.3,
        "distance that 100 km on the map add, primaries",
        "peers",
        "primaries serve smaller areas",
        ge=0,
        le=5,
    )
    secondary_far: float = _choice(
        0.2, "distance that 100 km on the map add, secondaries", "peers", ge=0, le=5
    )
    winsor_sd: float = _choice(
        5.0, "standard deviations beyond which a circumstance counts no further", "peers", ge=1, le=20
    )
    near_equal: float = _choice(
        1.25,
        "a near-equal is at most this much further away than the last similar school",
        "peers",
        ge=1,
        le=3,
    )
    near_equals_searched: int = _choice(
        40,
        "schools behind the similar ones that are searched for near-equals",
        "peers",
        "of schools above their context 63 % have three named without near-equals, 92 % with them",
        ge=0,
        le=200,
    )
    near_equals_listed: int = _choice(
        10, "near-equals that are listed even when not named", "peers", ge=0, le=200
    )
    very_close_share: float = _choice(
        0.25, "share of the phase's pairs that are called very close, the nearest ones", "peers", gt=0, lt=1
    )
    close_share: float = _choice(
        0.75, "share of the phase's pairs that are called close or very close", "peers", gt=0, lt=1
    )
    fairly_close_share: float = _choice(
        0.96,
        "share of the phase's pairs that are called at least fairly close",
        "peers",
        "a school whose pairs are on average beyond it is told that it has no close peers: few are",
        gt=0,
        lt=1,
    )
    named_max: int = _choice(4, "most schools named as doing better", "peers", ge=0, le=10)
    named_cap: int = _choice(30, "most reports in which one school may be named", "peers", ge=1, le=1000)
    named_z: float = _choice(
        1.28,
        "a named school is better by more than this many errors of the difference",
        "peers",
        "one in ten by luck",
        ge=0,
        le=5,
    )
    named_within_km: float = _choice(
        200.0, "no school further away than this is named", "peers", "a day's visit", gt=0, le=1000
    )
    peers_from: str = _choice(
        "",
        "release folder of an earlier run whose peers are kept where they still exist; empty: found anew",
        "peers",
    )

    national_path_pp: float = _choice(
        0.31, "improvement England needs this year, roll-weighted mean of all asks", "formula", ge=0, le=2
    )
    slope: float = _choice(
        0.2,
        "share of the gap to the best quartile of similar schools asked in one year",
        "formula",
        ge=0,
        le=1,
    )
    floor_pp: float = _choice(0.1, "least improvement on the baseline that is asked", "formula", ge=0, le=1)
    cap_pp: float = _choice(0.8, "most improvement on the baseline that is asked", "formula", gt=0, le=3)
    min_ask_pp: float = _choice(0.1, "least improvement on last year that is asked", "formula", ge=0, le=1)
    max_ask_pp: float = _choice(1.2, "most improvement on last year that is asked", "formula", gt=0, le=5)
    rounding_pp: float = _choice(
        0.1,
        "step to which the minimum attendance shown is rounded, in the school's favour",
        "formula",
        gt=0,
        le=1,
    )

    jump_sd: float = _choice(
        2.0,
        "a change on the year before larger than this many usual errors is pointed out in the report",
        "report",
        "one in twenty by luck",
        gt=0,
        le=10,
    )

    shock_alarm_share: float = _choice(
        0.001, "share of quiet windows that may stand out by luck", "monitor", gt=0, le=0.1
    )
    shock_believable_pp: float = _choice(
        10.0, "an excess larger than this is taken for an error and not counted", "monitor", gt=0, le=100
    )
    noise_z: float = _choice(
        1.28,
        "a shortfall up to this many usual yearly errors is within the noise",
        "monitor",
        "a school that truly is on its target is above this once in ten years",
        ge=0,
        le=5,
    )
    promise_kept: bool = _choice(
        True, "a published rate that reached the minimum in the report is never called missed", "monitor"
    )
    shock_least_z: float = _choice(
        3.5,
        "no week below this many median absolute deviations stands out",
        "monitor",
        "Iglewicz and Hoaglin (1993)",
        ge=0,
        le=20,
    )
    shock_absence_pp: float = _choice(
        0.5, "least excess of an area's absence in a week that matters", "monitor", ge=0, le=50
    )
    shock_illness_pp: float = _choice(
        0.3, "least excess of an area's illness in a week that matters", "monitor", ge=0, le=50
    )
    shock_religious_pp: float = _choice(
        0.2, "least excess of an area's religious observance in a week that matters", "monitor", ge=0, le=50
    )
    shock_holiday_pp: float = _choice(
        0.3, "least excess of an area's term-time holidays in a week that matters", "monitor", ge=0, le=50
    )
    shock_excluded_pp: float = _choice(
        0.2, "least excess of an area's exclusions in a week that matters", "monitor", ge=0, le=50
    )
    shock_lost_days: float = _choice(
        0.25,
        "least loss of school days per pupil of an area in a window that matters",
        "monitor",
        "a day's strike that shuts a quarter of the schools",
        ge=0,
        le=5,
    )
    shock_own_weeks_pp: float = _choice(
        2.0,
        "least excess in a school's own week that matters",
        "monitor",
        "one school's weeks vary more than an area's",
        ge=0,
        le=50,
    )
    too_early_share: float = _choice(
        0.5,
        "within the year it is too early to say while more than this share of its uncertainty is left",
        "monitor",
        "nothing is said before the greater part is known",
        ge=0,
        le=1,
    )
    roll_step_pct: float = _choice(
        10.0,
        "step of the roll within the year that is a reason to look at the target again",
        "monitor",
        "half of what reopens a target between years",
        gt=0,
        le=100,
    )
    roll_change_pct: float = _choice(
        20.0, "change of the roll that reopens a target", "monitor", gt=0, le=100
    )
    sen_rise_pp: float = _choice(
        5.0,
        "rise of the share with SEN support or an EHC plan that reopens a target",
        "monitor",
        gt=0,
        le=100,
    )

    light_z: float = _choice(
        0.5,
        "two years running above this, re-based: light-touch support (about 5,100 schools)",
        "routing",
        ge=0,
        le=9,
    )
    intensive_z: float = _choice(
        1.5,
        "two years running above this, re-based: intensive support (about 500 schools)",
        "routing",
        ge=0,
        le=9,
    )
    talk_z: float = _choice(
        1.25, "above this from the first starting point: a talk, no place", "routing", ge=0, le=9
    )
    intensive_places: int = _choice(6, "intensive places at a hub", "places", "as announced", ge=0, le=1000)
    light_places: int = _choice(56, "light-touch places at a hub", "places", "as announced", ge=0, le=1000)
    travel_limit_km: float = _choice(40.0, "no place further away than this", "places", gt=0, le=500)
    road_factor: float = _choice(1.0, "km counted for a km of straight line", "places", ge=1, le=3)
    other_region_km: float = _choice(
        20.0, "a hub in another region counts as this much further away", "places", ge=0, le=500
    )
    own_trust: Literal["flag", "forbid"] = _choice(
        "flag", "a hub of the school's own trust: allowed and flagged, or not allowed", "places"
    )
    own_trust_km: float = _choice(
        20.0, "a hub of the school's own trust counts as this much further away", "places", ge=0, le=500
    )
    tie_pupils: float = _choice(
        0.5,
        "needs in the same step of this many pupils tie; rates are published to 0.1 pp",
        "places",
        gt=0,
        le=100,
    )

    lead_z: float = _choice(
        1.28,
        "a candidate lead is better than its circumstances by this many usual yearly errors",
        "siting",
        "one in ten by luck",
        ge=0,
        le=5,
    )
    lead_primary_roll: int = _choice(
        200,
        "least pupils of a candidate lead, primary",
        "siting",
        "the smallest announced has 203",
        ge=0,
        le=6000,
    )
    lead_secondary_roll: int = _choice(
        550,
        "least pupils of a candidate lead, secondary",
        "siting",
        "the smallest announced has 572",
        ge=0,
        le=6000,
    )
    planning_share: float = _choice(
        0.25,
        "share of schools, those with most need, for which places are compared",
        "siting",
        "the hubs are meant to reach 5,000 of about 20,000 schools",
        gt=0,
        le=1,
    )
    hubs_announced: int = _choice(36, "hubs announced by name", "siting", "of 90 planned", ge=1, le=1000)
    hubs_unnamed: int = _choice(
        21, "hubs that opened earlier and are not named", "siting", "of 90 planned", ge=0, le=1000
    )
    hubs_to_come: int = _choice(33, "hubs still to come", "siting", "of 90 planned", ge=0, le=1000)

    @field_validator("release")
    @classmethod
    def _release_is_an_academic_year(cls, value: str) -> str:
        match = re.fullmatch(r"(\d{4})-(\d{2})", value)
        if not match or (int(match[1]) + 1) % 100 != int(match[2]):
            raise ValueError("write the academic year like 2022-23")
        return value

    @model_validator(mode="after")
    def _limits_in_order(self) -> Parameters:
        if self.floor_pp > self.cap_pp:
            raise ValueError(f"floor_pp {self.floor_pp} is above cap_pp {self.cap_pp}")
        if self.min_ask_pp > self.max_ask_pp:
            raise ValueError(f"min_ask_pp {self.min_ask_pp} is above max_ask_pp {self.max_ask_pp}")
        if self.light_z > self.intensive_z:
            raise ValueError(f"light_z {self.light_z} is above intensive_z {self.intensive_z}")
        if not self.very_close_share <= self.close_share <= self.fairly_close_share:
            raise ValueError("very_close_share, close_share and fairly_close_share must be in rising order")
        if self.near_equals_listed > self.near_equals_searched:
            raise ValueError(
                f"near_equals_listed {self.near_equals_listed} is above near_equals_searched "
                f"{self.near_equals_searched}"
            )
        if not self.min_ask_pp <= self.national_path_pp <= self.max_ask_pp:
            raise ValueError(
                "national_path_pp must lie between min_ask_pp and max_ask_pp: no set of asks within them "
                "could average to it"
            )
        return self

    @property
    def slug(self) -> str:
        """The region as a folder name."""
        return slug(self.region)

    @property
    def data_folder(self) -> Path:
        return resolve(self.data)

    @property
    def records_folder(self) -> Path:
        """Where agreed ambitions, challenges, decisions, recorded shocks and schools' own weeks of this
        release lie. It need not exist.
        """
        return (
            resolve(self.records)
            if self.records
            else (SAMPLE_RECORDS if self.is_sample else RECORDS) / self.release
        )

    @property
    def release_folder(self) -> Path:
        return resolve(self.out) / self.release

    @property
    def region_folder(self) -> Path:
        return self.release_folder / self.slug

    @property
    def national_folder(self) -> Path:
        return self.release_folder / "national"

    @property
    def frozen_peers(self) -> Path | None:
        """The peers of the earlier run that are to be kept, if any."""
        return resolve(self.peers_from) / "national" / "peers" / "peers.parquet" if self.peers_from else None

    @property
    def is_sample(self) -> bool:
        return self.data_folder == SAMPLE.resolve()


DEFAULT = Parameters()


def slug(region: str) -> str:
    """Region name to folder name: `Yorkshire and The Humber` -> `yorkshire-and-the-humber`."""
    return re.sub(r"[^a-z0-9]+", "-", region.lower()).strip("-")


def region_from(text: str) -> str:
    """The region meant by a name or slug in any case; `BadParameters` with a suggestion when none is."""
    for name in get_args(Region):
        if text.strip().lower() in (name.lower(), slug(name)):
            return name
    close = difflib.get_close_matches(text.title(), get_args(Region), n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise BadParameters(f"region: there is no region {text!r}.{hint} Regions: {', '.join(get_args(Region))}.")


def make(**values: object) -> Parameters:
    """Parameters from plain values. Raises `BadParameters` naming each bad one, with a suggestion for a
    misspelt name.
    """
    try:
        return Parameters(**values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"]) or "parameters"
            if problem["type"] == "extra_forbidden":
                close = difflib.get_close_matches(name, Parameters.model_fields, n=1)
                lines.append(
                    f"{name}: there is no such parameter." + (f" Did you mean {close[0]!r}?" if close else "")
                )
            else:
                lines.append(f"{name}: {problem['msg']} (given: {problem['input']!r})")
        raise BadParameters("\n".join(lines)) from None


def load(path: str | Path, **overrides: object) -> Parameters:
    """Parameters from a YAML file, with overrides."""
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        known = ", ".join(sorted(p.name for p in PARAMS.glob("*.yml")))
        raise BadParameters(f"{path}: there is no such parameter file. In params/: {known}") from None
    except yaml.YAMLError as error:
        raise BadParameters(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise BadParameters(f"{path}: expected lines like `region: London`")
    try:
        return make(**{**values, **overrides})
    except BadParameters as error:
        raise BadParameters(f"{path}:\n{error}") from None


def from_notebook(namespace: dict) -> Parameters:
    """Parameters of a notebook: its `parameters` cell, as papermill or a person changed it. Takes the known
    names from `globals()`.
    """
    return make(**{name: namespace[name] for name in Parameters.model_fields if name in namespace})


def explained(parameters: Parameters, *groups: str) -> list[tuple[str, str, str]]:
    """(name, value, meaning with its reason) of every parameter of these groups, in order; all groups where
    none is given.
    """
    rows = []
    for name, field in Parameters.model_fields.items():
        extra = field.json_schema_extra
        if not groups or extra["group"] in groups:
            reason = f" ({extra['reason']})" if extra["reason"] else ""
            rows.append((name, str(getattr(parameters, name)), f"{field.description}{reason}"))
    return rows


def in_group(group: str) -> tuple[str, ...]:
    """Names of the parameters of a group, in order."""
    fields = Parameters.model_fields.items()
    return tuple(name for name, field in fields if field.json_schema_extra["group"] == group)


def parameters_page() -> str:
    """docs/parameters.md: every parameter by group, with default, limits, meaning and reason."""
    lines = [
        "# Parameters",
        "",
        (
            "Written by `make params` from the typed model (`helpers.base.params`). Every run’s manifest "
            "lists its values."
        ),
        "",
    ]
    groups: dict[str, list[str]] = {}
    for name, field in Parameters.model_fields.items():
        extra, limits = field.json_schema_extra, _limits(field)
        row = f"| `{name}` | `{field.default!r}` | {limits} | {field.description} | {extra['reason']} |"
        groups.setdefault(extra["group"], []).append(row)
    for group, rows in groups.items():
        head = ["| Parameter | Default | Limits | Meaning | Why this default |", "|---|---|---|---|---|"]
        lines += [f"## {group.capitalize()}", "", *head, *rows, ""]
    return "\n".join(lines)


def _limits(field) -> str:
    marks = {"Ge": "from", "Gt": "above", "Le": "to", "Lt": "below"}
    by_kind = {type(limit).__name__: limit for limit in field.metadata}
    return " ".join(f"{marks[k]} {getattr(by_kind[k], k.lower()):g}" for k in marks if k in by_kind)


def parameters_cell(names: Iterable[str] | None = None) -> str:
    """Source of a notebook's `parameters` cell: the named parameters, or all, with defaults and meaning. What
    is too long for a line has its meaning above it.
    """
    lines = []
    for name in names or Parameters.model_fields:
        field = Parameters.model_fields[name]
        kind = {int: "int", float: "float", bool: "bool"}.get(field.annotation, "str")
        line = f"{name}: {kind} = {field.default!r}".replace("'", '"')
        about = f"# {field.description}"
        short = f"{line}  {about}"
        lines += [short] if len(short) <= 110 else [*textwrap.wrap(about, 110, subsequent_indent="# "), line]
    return "\n".join(lines)


def schema() -> str:
    """The JSON schema of a parameter file, as text."""
    return json.dumps(Parameters.model_json_schema(), indent=2) + "\n"


def write_params(folder: Path = PARAMS) -> list[Path]:
    """Write `schema.json` and one parameter file per region; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "schema.json"]
    written[0].write_text(schema(), encoding="utf-8")
    for region in get_args(Region):
        path = folder / f"{slug(region)}.yml"
        path.write_text(
            (
                f"# yaml-language-server: $schema=schema.json\nregion: {region}\nrelease: 2022-23\ndata: "
                "data/sample\n"
            ),
            encoding="utf-8",
        )
        written.append(path)
    return written


if __name__ == "__main__":
    (ROOT / "docs" / "parameters.md").write_text(parameters_page(), encoding="utf-8")
    for written_path in write_params():
        print(written_path.name)
