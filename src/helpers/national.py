"""The national fit: built once per release for all of England and reused by every region.

Stages, each in its own folder of `outputs/<release>/national/`, each keyed by the hash of what it depends on:
files, parameters, code and the stages it stands on (from `records` on also what people recorded). A stage
that is already there under the same key is only read. Every notebook asks for the stage it needs, so the
notebooks run in the same way under `abie`, under plain papermill and by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.params import PRE_PANDEMIC, Parameters
from helpers.base.store import code_hash, file_hash, inputs_of, read_frame, read_json, stage, text_hash
from helpers.evaluate.backtests import stage as evaluate
from helpers.evaluate.trial import stage as learning
from helpers.expectations import formula, sensitivity
from helpers.ingest import links, panel, register
from helpers.ingest.quality.gate import run_gate
from helpers.ingest.readers import read_folder
from helpers.model import context, forecast
from helpers.monitor import known_events
from helpers.monitor import stage as monitor
from helpers.peers import search
from helpers.records import folder as records
from helpers.support import stage as support

REFUSED = (
    "quality.json"  # beside the release, only while the data is refused: the full list of what stopped it
)


@dataclass(frozen=True)
class Stage:
    """One stage: the parameters that it depends on, the files that it makes, how, and the stage that it
    stands on.
    """

    name: str
    parameters: tuple[str, ...]
    files: tuple[str, ...]
    build: Callable[[Parameters], dict]
    after: str = ""


def _ingest(run: Parameters) -> dict:
    """Read, join, check. A hard fault stops here; `quality.json` keeps the list beside the release."""
    if not run.data_folder.is_dir():
        raise DataRefused(
            Fault(
                "hard",
                "no_data",
                f"there is no folder {run.data}",
                what_to_do="Point --data at a folder of official files.",
            )
        )
    readings = read_folder(run.data_folder)
    registers = {year: register.build_register(readings, year) for year in (PRE_PANDEMIC, run.release)}
    gate = run_gate(readings, registers, run.release)
    if gate.hard:
        gate.write(run.release_folder / REFUSED)
    gate.stop_if_hard()
    (run.release_folder / REFUSED).unlink(missing_ok=True)
    return {
        "register.parquet": registers[run.release],
        "earlier.parquet": registers[PRE_PANDEMIC],
        "panel.parquet": panel.build_panel(readings, readings.links, run.release),
        "area_rates.parquet": readings.area_rates,
        "boundaries.parquet": readings.la_boundaries,
        "linked.parquet": links.linked(readings.links),
        "hubs.parquet": readings.hubs,
        "attendance.parquet": readings.attendance,
        "later_census.parquet": readings.census.loc[
            readings.census["year"] > run.release, ["urn", "year", *monitor.MEASURES]
        ],
        "files.parquet": readings.files.drop(columns="symbols"),
        "quality.json": gate.to_json(),
        "inputs.json": inputs_of(run.data_folder),
    }


def _model(run: Parameters) -> dict:
    """Context-expected absence and the baseline with its spread."""
    before = load(run, "ingest")
    fit = context.fit_context(before["register"], seed=run.seed)
    ahead = forecast.fit_forecast(
        fit, before["register"], before["panel"], seed=run.seed, primary_lambda=run.primary_lambda
    )
    return {
        "context.parquet": fit.expected,
        "drivers.parquet": fit.drivers,
        "scores.parquet": fit.scores,
        "weights.parquet": fit.weights,
        "features.parquet": pd.DataFrame(
            [(phase, name, why) for phase, rows in fit.features.items() for name, why in rows],
            columns=["phase", "feature", "why"],
        ),
        "baseline.parquet": ahead.baseline,
        "evidence.parquet": ahead.evidence,
        "one_pupil.parquet": fit.one_pupil,
        "model.json": {"phase_mean": fit.phase_mean, "forecast": ahead.parameters},
    }


def _peers(run: Parameters) -> dict:
    """Similar schools, near-equal alternatives and the named ones."""
    before, model = load(run, "ingest"), load(run, "model")
    frozen = None
    if run.frozen_peers:
        if not run.frozen_peers.exists():
            words = f"peers_from: there are no peers in {run.peers_from}"
            raise DataRefused(
                Fault(
                    "hard",
                    "no_peers",
                    words,
                    what_to_do="Give the release folder of a finished run, such as outputs/2022-23.",
                )
            )
        near = run.frozen_peers.with_name("alternatives.parquet")
        frozen = pd.concat(
            [read_frame(path) for path in (run.frozen_peers, near) if path.exists()], ignore_index=True
        )
    found = search.find_peers(
        before["register"], model["baseline"], model["weights"], before["linked"], run, frozen=frozen
    )
    return {
        "peers.parquet": found.peers,
        "alternatives.parquet": found.alternatives,
        "summary.parquet": found.summary,
    }


def _expectations(run: Parameters) -> dict:
    """The minimum improvement of every assessed school, and the range of special schools."""
    before, model, similar = load(run, "ingest"), load(run, "model"), load(run, "peers")
    set_ = formula.set_expectations(
        model["baseline"], similar["peers"], before["register"], before["area_rates"], run, year=run.release
    )
    moved = sensitivity.moves(
        set_.expectations,
        model["baseline"],
        model["one_pupil"],
        before["register"],
        model["model"]["forecast"],
        run,
    )
    return {
        "expectations.parquet": set_.expectations.merge(moved, on="urn", how="left", validate="1:1"),
        "calibration.parquet": set_.calibration,
        "special_ranges.parquet": formula.special_range(before["register"], before["panel"]),
    }


def _records(run: Parameters) -> dict:
    """What people recorded, checked."""
    register, asks = load(run, "ingest")["register"], load(run, "expectations")["expectations"]
    return records.read_all(run.records_folder, register, asks, must_exist=bool(run.records))


def _monitor(run: Parameters) -> dict:
    """Shocks, and verdicts over the two years after the release. An invented country has no calendar of known
    events.
    """
    calendar = known_events.read_calendar()
    ingest, asks = load(run, "ingest"), load(run, "expectations")["expectations"]
    told = calendar.head(0) if run.is_sample else calendar
    return monitor.build(
        ingest, load(run, "model")["baseline"], asks, load(run, "records"), run.release, told, run
    )


def _siting(run: Parameters) -> dict:
    """Where the next hubs should open."""
    ingest, asks = load(run, "ingest"), load(run, "expectations")["expectations"]
    return support.build(
        ingest, load(run, "model")["baseline"], asks, load(run, "monitor")["verdicts"], run.seed
    )


def _evaluation(run: Parameters) -> dict:
    """Does the method keep what it promises? Back-tests and the table of bars."""
    return evaluate.build(*(load(run, name) for name in ("ingest", "model", "peers", "expectations")), run)


def _learning(run: Parameters) -> dict:
    """Test and learn, rehearsed on years in which there was no policy."""
    return learning.build(
        *(load(run, name) for name in ("ingest", "model", "peers")), load(run, "evaluation")["pairs"], run
    )


STAGES: dict[str, Stage] = {
    s.name: s
    for s in (
        Stage(
            "ingest",
            ("release",),
            (
                *(
                    f"{n}.parquet"
                    for n in ("register", "earlier", "panel", "area_rates", "boundaries", "linked", "files")
                ),
                *(f"{n}.parquet" for n in ("hubs", "attendance", "later_census")),
                "quality.json",
                "inputs.json",
            ),
            _ingest,
        ),
        Stage(
            "model",
            ("seed", "primary_lambda"),
            (
                *(
                    f"{n}.parquet"
                    for n in (
                        "context",
                        "drivers",
                        "scores",
                        "weights",
                        "features",
                        "baseline",
                        "evidence",
                        "one_pupil",
                    )
                ),
                "model.json",
            ),
            _model,
            after="ingest",
        ),
        Stage(
            "peers",
            ("seed", "peers_k", "region_penalty", "named_max", "named_cap", "peers_from"),
            ("peers.parquet", "alternatives.parquet", "summary.parquet"),
            _peers,
            after="model",
        ),
        Stage(
            "expectations",
            ("national_path_pp", "slope", "floor_pp", "cap_pp", "min_ask_pp", "max_ask_pp", "rounding_pp"),
            ("expectations.parquet", "calibration.parquet", "special_ranges.parquet"),
            _expectations,
            after="peers",
        ),
        Stage("records", (), records.STAGE_FILES, _records, after="expectations"),
        Stage("monitor", (), monitor.STAGE_FILES, _monitor, after="records"),
        Stage("siting", ("seed",), support.STAGE_FILES, _siting, after="monitor"),
        Stage("evaluation", (), evaluate.FILES, _evaluation, after="expectations"),
        Stage("learning", (), learning.FILES, _learning, after="evaluation"),
    )
}


def chain(name: str) -> list[str]:
    """A stage and all that it stands on, the first one first."""
    before = STAGES[name].after
    return [*(chain(before) if before else []), name]


def key(run: Parameters, name: str) -> str:
    """What a stage depends on, as one hash: code, input files, records where it reads them, its parameters
    and those of the stages it stands on. A new record makes nothing stale but what reads records."""
    names = chain(name)
    parameters = {p: getattr(run, p) for n in names for p in STAGES[n].parameters}
    recorded = inputs_of(run.records_folder) if "records" in names else {}
    return text_hash(name, code_hash(), inputs_of(run.data_folder), parameters, recorded, frozen_hash(run))


def frozen_hash(run: Parameters) -> str:
    """Hash of the earlier run's peers that are to be kept; empty where none are, or where they are not there."""
    return file_hash(run.frozen_peers) if run.frozen_peers and run.frozen_peers.exists() else ""


def folder(run: Parameters, name: str) -> Path:
    """Where a stage lies."""
    return run.national_folder / name


def build(run: Parameters, name: str) -> bool:
    """Build a stage, and those that it stands on, where they are not there already. Returns True when
    something was built.

    Raises `DataRefused` when the input files must not be used.
    """
    wanted = STAGES[name]
    if key_is_current(run, name):
        return False
    if wanted.after:
        build(run, wanted.after)
    return stage(folder(run, name), key(run, name), lambda: wanted.build(run), wanted.files)


def key_is_current(run: Parameters, name: str) -> bool:
    """Whether a stage lies there, whole, under today's key."""
    stamp = folder(run, name) / "stamp.json"
    whole = stamp.exists() and all((folder(run, name) / f).exists() for f in STAGES[name].files)
    return whole and read_json(stamp)["key"] == key(run, name)


def load(run: Parameters, name: str) -> dict[str, pd.DataFrame | dict]:
    """All frames and values of a stage by name (`register`, `panel`, ...), built first where needed."""
    build(run, name)
    where = folder(run, name)
    return {
        Path(f).stem: read_frame(where / f) if f.endswith(".parquet") else read_json(where / f)
        for f in STAGES[name].files
    }
