"""The manifest of a region: what its results were made from, and the hash of each."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version

import helpers
from helpers.base import contract
from helpers.base.code import package_hash
from helpers.base.params import FOLDERS, Parameters
from helpers.base.paths import ROOT
from helpers.base.store import file_hash, inputs_of, read_json, tree_hash, write_json

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


def build_manifest(run: Parameters) -> dict:
    """What a region's results were made from: input files and records with sha256, parameters, code,
    packages, seed. No times, so reruns compare equal."""
    return {
        "region": run.region,
        "release": run.release,
        "sample": run.is_sample,
        "formula": (
            "The formula is this project's own. The Department for Education has not published its formula."
        ),
        "inputs": inputs_of(run.data_folder),
        "records": inputs_of(run.records_folder),
        "parameters": _parameters(run),
        "seed": run.seed,
        "code": {"version": helpers.__version__, "sha256": package_hash(), "git_commit": git_commit()},
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def write_manifest(run: Parameters) -> dict:
    """Write the region's manifest, with the hashes of all results that are there by now. Returns it."""
    manifest, folder = build_manifest(run), run.region_folder
    listed = contract.artefacts()
    files = listed.loc[listed["region"] & listed["manifest"], "file"]
    there = [folder / name for name in files if (folder / name).exists()]
    manifest["artefacts"] = {p.name: tree_hash(p) if p.is_dir() else file_hash(p) for p in there}
    write_json(folder / MANIFEST, manifest)
    return manifest


def _parameters(run: Parameters) -> dict:
    """The run's parameters. A notebook knows only those that it uses: the others are as an earlier step left
    them.
    """
    path = run.region_folder / MANIFEST
    before = read_json(path)["parameters"] if path.exists() else {}
    known = {
        k: v for k, v in before.items() if k in Parameters.model_fields and k not in run.model_fields_set
    }
    return run.model_copy(update=known).model_dump(exclude=set(FOLDERS))
