"""Who can check what: the manifest of a run, and the trail of one school from the published row to its
report.
"""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version

import helpers
from helpers.base.params import FOLDERS, Parameters
from helpers.base.paths import ROOT
from helpers.base.store import code_hash, file_hash, inputs_of, read_json, tree_hash, write_json

MANIFEST = "manifest.json"
PACKAGES = (
    "numpy",
    "pandas",
    "geopandas",
    "scikit-learn",
    "scipy",
    "pyarrow",
    "papermill",
    "plotly",
    "pandera",
    "pydantic",
    "jinja2",
    "gptables",
)
ARTEFACTS = (
    "schools.parquet",
    "panel.parquet",
    "baseline.parquet",
    "drivers.parquet",
    "peers.parquet",
    "alternatives.parquet",
    "summary.parquet",
    "expectations.parquet",
    "special_ranges.parquet",
    "facts.json",
    "quality.json",
)
LATER = (
    "referrals.parquet",
    "offers.parquet",
    "draws.parquet",
    "left_out.parquet",
    "hub_sites.parquet",
    "verdicts.parquet",
    "shocks.parquet",
)
FOLDERS_MADE = ("pack", "support", "monitor")


def git_commit() -> str:
    """The commit the code was taken from, with `+changes` when files differ from it; empty outside a
    checkout.
    """
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+changes" if changed else "")


def build_manifest(run: Parameters, inputs: dict[str, str]) -> dict:
    """What a region's results were made from: input files and records with sha256, parameters, code,
    packages, seed. No times, so reruns compare equal."""
    return {
        "region": run.region,
        "release": run.release,
        "sample": run.is_sample,
        "formula": "The formula is this project's own. The Department for Education has not published its formula.",
        "inputs": inputs,
        "records": inputs_of(run.records_folder),
        "parameters": run.model_dump(exclude=set(FOLDERS)),
        "seed": run.seed,
        "code": {"version": helpers.__version__, "sha256": code_hash(), "git_commit": git_commit()},
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def write_manifest(run: Parameters, inputs: dict[str, str]) -> dict:
    """Write the region's manifest, with the hashes of its artefacts. Returns it. Each step from 05 on writes
    it anew, with what is there by then.
    """
    manifest, folder = build_manifest(run, inputs), run.region_folder
    there = [*ARTEFACTS, *(name for name in LATER if (folder / name).exists())]
    manifest["artefacts"] = {name: file_hash(folder / name) for name in there}
    manifest["artefacts"] |= {
        name: tree_hash(folder / name) for name in FOLDERS_MADE if (folder / name).exists()
    }
    write_json(run.region_folder / MANIFEST, manifest)
    return manifest


def read_manifest(run: Parameters) -> dict:
    """The manifest of a region that has been run."""
    return read_json(run.region_folder / MANIFEST)
