"""Claims about the edges: a step either finishes or leaves nothing."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from helpers.base.facts import Facts, shown
from helpers.base.store import (
    atomic_file,
    atomic_folder,
    file_hash,
    read_json,
    sweep,
    tree_hash,
    write_frame,
    write_json,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_folder_leaves_the_old_one_and_nothing_else(tmp_path):
    folder = tmp_path / "pack"
    with atomic_folder(folder) as temporary:
        (temporary / "one").write_text("1")
    with pytest.raises(RuntimeError), atomic_folder(folder) as temporary:
        (temporary / "two").write_text("2")
        raise RuntimeError("killed")
    assert [p.name for p in tmp_path.iterdir()] == ["pack"]
    assert [p.name for p in folder.iterdir()] == ["one"]


def test_a_new_folder_replaces_the_old_one_whole(tmp_path):
    for name in ("one", "two"):
        with atomic_folder(tmp_path / "pack") as temporary:
            (temporary / name).write_text(name)
    assert [p.name for p in (tmp_path / "pack").iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["pack"]


def test_a_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"a": math.nan})
    assert list(tmp_path.iterdir()) == []


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    frame = pd.DataFrame({"urn": [1, 2], "absence_pct": [5.2, None]})
    write_frame(tmp_path / "a.parquet", frame)
    write_frame(tmp_path / "b.parquet", frame.copy())
    assert file_hash(tmp_path / "a.parquet") == file_hash(tmp_path / "b.parquet")


def test_leftovers_of_a_killed_run_are_swept(tmp_path):
    (tmp_path / "london").mkdir()
    (tmp_path / "london" / ".facts.json.abc.tmp").write_text("half")
    (tmp_path / "london" / ".pack.xyz.tmp").mkdir()
    (tmp_path / "london" / "facts.json").write_text("{}")
    assert sweep(tmp_path) == 2
    assert [p.name for p in (tmp_path / "london").iterdir()] == ["facts.json"]


def test_a_tree_hash_sees_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    first = tree_hash(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert tree_hash(tmp_path) != first


def test_facts_of_one_notebook_replace_only_its_own(tmp_path):
    one = Facts(tmp_path, "01_ingest")
    one.add("schools", 1234, "schools")
    one.save()
    two = Facts(tmp_path, "02_model")
    two.add("r2", 0.55, decimals=2)
    two.save()
    again = Facts(tmp_path, "01_ingest")
    again.add("schools", 1235, "schools")
    assert {k: v["value"] for k, v in again.save().items()} == {"schools": 1235, "r2": 0.55}


def test_two_notebooks_may_not_tell_the_same_fact(tmp_path):
    one = Facts(tmp_path, "01_ingest")
    one.add("schools", 1)
    one.save()
    two = Facts(tmp_path, "02_model")
    two.add("schools", 2)
    with pytest.raises(ValueError, match="already told"):
        two.save()


def test_a_fact_that_is_not_a_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="leave it out"):
        Facts(tmp_path, "x").add("a", math.nan)


def test_facts_are_shown_rounded_with_their_unit():
    assert shown({"value": 12345, "unit": "schools", "decimals": 0}) == "12,345 schools"
    assert shown({"value": 9.0149, "unit": "%", "decimals": 2}) == "9.01%"
