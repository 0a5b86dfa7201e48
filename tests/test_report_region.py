"""The region's page, its summary and its map data: the same figures as the artefacts, whatever the region
holds.
"""

from __future__ import annotations

import json
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base import contract, text
from helpers.ingest.quality import gate
from helpers.report import geopackage, maps, quality, region, region_summary, region_table
from helpers.report.inputs import PackInputs
from tests.support.region import LAS, inputs_of


@pytest.fixture(scope="module")
def inputs(fitted, tmp_path_factory) -> PackInputs:
    return inputs_of(fitted, tmp_path_factory.mktemp("region"), count=90)


@pytest.fixture(scope="module")
def frame(inputs) -> pd.DataFrame:
    return region.school_frame(inputs)


@pytest.fixture(scope="module")
def package(inputs, frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "north-east.gpkg"
    geopackage.write(inputs, frame, path)
    return path


def test_the_geopackage_has_both_layers_in_the_national_grid(package, inputs):
    layers = dict(pyogrio.list_layers(package))
    assert layers == {"schools": "Point", "local_authorities": "MultiPolygon", "dictionary": None}
    schools, areas = (
        gpd.read_file(package, layer="schools"),
        gpd.read_file(package, layer="local_authorities"),
    )
    assert schools.crs.to_epsg() == areas.crs.to_epsg() == 27700
    assert len(schools) == len(inputs.schools) and len(areas) == len(LAS)
    info = pyogrio.read_info(package, layer="schools")
    assert (
        text.MARKING in info["layer_metadata"]["DESCRIPTION"]
        and text.INVENTED in info["layer_metadata"]["DESCRIPTION"]
    )


def test_the_geopackage_holds_the_unrounded_figures_and_places(package, frame):
    found = gpd.read_file(package, layer="schools").set_index("urn")
    expected = frame.set_index("urn")
    for name in ("absence_pct", "ask_pp", "minimum_attendance_shown_pct", "easting"):
        pd.testing.assert_series_equal(found[name], expected[name], check_names=False)
    there = found["easting"].notna()
    assert np.allclose(found[there].geometry.x, found.loc[there, "easting"])
    assert (
        found[~there].geometry.apply(lambda point: point is None or point.is_empty).all()
        and (~there).sum() == 1
    )


def test_every_column_of_the_geopackage_is_explained(package):
    told = gpd.read_file(package, layer="dictionary")
    for layer in ("schools", "local_authorities"):
        columns = set(gpd.read_file(package, layer=layer).columns) - {"geometry"}
        assert columns == set(told.loc[told["layer"] == layer, "name"])
    names = set(contract.dictionary()["name"]) | {"pupil_days"}
    assert set(told.loc[told["layer"] == "schools", "name"]) <= names
    assert (told["label"] != told["name"]).all()


def test_means_of_an_area_are_those_of_the_page(package, frame):
    areas = gpd.read_file(package, layer="local_authorities").set_index("la_name")
    for row in region.la_table(frame)[0]:
        mine = areas.loc[row["name"]]
        assert (mine["schools"], mine["assessed"]) == (row["schools"], row["assessed"])
        for phase in ("primary", "secondary"):
            assert mine[f"{phase}_ask_pp"] == pytest.approx(
                np.nan if row[f"{phase}_ask"] is None else row[f"{phase}_ask"], nan_ok=True
            )


def test_the_same_inputs_give_the_same_bytes_of_map_data(inputs, frame, package, tmp_path):
    geopackage.write(inputs, frame, tmp_path / "again.gpkg")
    assert (tmp_path / "again.gpkg").read_bytes() == package.read_bytes()


def test_every_figure_in_the_words_of_the_summary_is_a_named_fact(inputs, frame):
    facts = region_summary.summary_facts(inputs, frame)
    page = region_summary.render(inputs, frame)
    marked = dict(re.findall(r'<data id="([a-z_]+)" value="([^"]*)">', page))
    assert len(marked) > 20
    for name, value in marked.items():
        assert value == (
            repr(float(facts[name]["value"]))
            if isinstance(facts[name]["value"], float)
            else str(facts[name]["value"])
        )
    json.dumps(facts, allow_nan=False)


def test_the_summarys_facts_are_right(inputs, frame):
    facts = {name: fact["value"] for name, fact in region_summary.summary_facts(inputs, frame).items()}
    assessed = frame[frame["ask_pp"].notna()]
    assert facts["primary_by_luck"] == pytest.approx(
        assessed.loc[assessed["phase"] == "primary", "chance_unaided"].sum()
    )
    assert facts["pupils_a_day"] == pytest.approx(facts["pupil_days"] / 190)
    assert facts["no_close_peers"] == 1
    similar = pd.concat(
        [inputs.peers, inputs.alternatives[inputs.alternatives["urn"].isin(inputs.peers["urn"])]]
    )
    assert facts["with_named"] == similar.loc[similar["named"], "urn"].nunique()
    assert facts["flagged"] == 1
    shares = region_summary.areas_asked(frame)
    assert shares["share"].sum() == pytest.approx(1) and shares["pupil_days"].is_monotonic_decreasing


def test_a_region_without_any_minimum_has_a_page_and_a_summary(inputs):
    none = {name: getattr(inputs, name) for name in inputs.__dataclass_fields__}
    bare = PackInputs(
        **{**none, "schools": inputs.schools.assign(status="tiny"), "summary": inputs.summary.iloc[:0]}
    )
    frame = region.school_frame(bare)
    page = region_summary.render(bare, frame)
    assert "0</data> of <data" in page and "What is asked" not in page
    assert not re.search(r"\b(nan|None|NaN)\b", page)
    data = region_table.table_data(frame)
    assert all(f["key"] != "ask" for f in region_table.filters(data))


def test_a_column_that_no_school_has_is_neither_shown_nor_offered(frame):
    data = region_table.table_data(frame.assign(fsm_pct=np.nan, sixth_form_pct=np.nan, capacity=np.nan))
    assert not {"fsm", "sixth_form", "capacity"} & set(data["keys"])
    assert {"roll", "phase", "ask"} <= set(data["keys"])


def test_capacity_is_a_filter_where_it_is_known(frame):
    data = region_table.table_data(
        frame.assign(capacity=np.where(frame["phase"] == "secondary", 900.0 + frame.index, np.nan))
    )
    found = next(f for f in region_table.filters(data) if f["key"] == "capacity")
    assert found["kind"] == "range" and len(found["ends"]) == 2


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 500)), min_size=1, max_size=45))
def test_numbers_on_the_map_are_parted_and_stay_near_their_place(places):
    before = np.array(places)
    after = maps.apart(before)
    assert after.shape == before.shape
    few = len(before) <= 6
    for i in range(len(after)):
        for j in range(i):
            dx, dy = np.abs(after[i] - after[j])
            assert not few or dx > 17 or dy > 11, "two labels overlap"
    assert not few or np.abs(after - before).max() <= 19 * len(before)


def test_areas_without_a_published_rate_are_not_counted_as_compared():
    """0.2.0 counted every row: 72 compared where 64 had a rate to compare with."""
    counted = gate.compared(["pass"] * 60 + ["look"] * 4 + ["not_published"] * 8)
    assert (counted.made, counted.within, counted.not_published) == (64, 64, 8)
    told = quality.verdict(True, counted)
    assert "64 figures of England, this region and its local authorities were compared" in told
    assert "8 more figures have no published rate to compare with" in told and "72" not in told
