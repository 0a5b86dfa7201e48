"""Claims about parameters: closed, typed, and drawn from one model."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helpers.base import params
from helpers.base.paths import PARAMS, ROOT


def test_a_misspelt_parameter_is_refused_with_the_name_meant():
    with pytest.raises(params.BadParameters, match="no such parameter. Did you mean 'region'"):
        params.make(regoin="London")


def test_every_bad_value_is_named_at_once():
    with pytest.raises(params.BadParameters) as caught:
        params.make(slope=7, release="2022-24", region="Wales")
    assert {line.split(":")[0] for line in str(caught.value).splitlines()} == {"slope", "release", "region"}


def test_limits_that_cannot_hold_together_are_refused():
    with pytest.raises(params.BadParameters, match="floor_pp 0.9 is above cap_pp"):
        params.make(floor_pp=0.9)
    with pytest.raises(params.BadParameters, match="no set of asks"):
        params.make(national_path_pp=1.5)


def test_the_committed_parameter_files_and_schema_are_those_the_model_writes(tmp_path):
    for path in params.write_params(tmp_path):
        assert (PARAMS / path.name).read_text() == path.read_text(), (
            f"{path.name} has drifted: run `python -m helpers.base.params`"
        )
    assert {p.name for p in PARAMS.iterdir()} == {p.name for p in tmp_path.iterdir()}


def test_the_schema_is_closed():
    assert json.loads(params.schema())["additionalProperties"] is False


def test_every_parameter_file_loads_and_names_its_region():
    for path in PARAMS.glob("*.yml"):
        assert params.load(path).slug == path.stem


def test_a_parameter_file_with_an_unknown_key_names_the_file(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump({"region": "London", "slop": 0.3}))
    with pytest.raises(params.BadParameters, match=r"mine.yml:\nslop: .*'slope'"):
        params.load(path)


def test_a_missing_parameter_file_lists_those_there_are(tmp_path):
    with pytest.raises(params.BadParameters, match="london.yml"):
        params.load(tmp_path / "none.yml")


@given(st.text(max_size=30))
def test_any_text_is_a_region_or_refused_with_the_list(text):
    try:
        assert params.region_from(text) in (params.ENGLAND, *params.REGIONS)
    except params.BadParameters as error:
        assert "Yorkshire and The Humber" in str(error)


def test_regions_are_found_by_name_or_slug_in_any_case():
    assert (
        params.region_from("yorkshire-and-the-humber")
        == params.region_from("YORKSHIRE AND THE HUMBER")
        == "Yorkshire and The Humber"
    )


def test_the_parameters_cell_gives_the_defaults_back():
    namespace: dict = {}
    exec(params.parameters_cell(), namespace)
    assert params.from_notebook(namespace) == params.Parameters()


def test_an_order_that_cannot_hold_is_refused():
    for values, words in (
        ({"light_z": 2.0}, "light_z 2.0 is above intensive_z"),
        ({"close_share": 0.1}, "must be in rising order"),
        ({"near_equals_listed": 50}, "near_equals_listed 50 is above near_equals_searched 40"),
    ):
        with pytest.raises(params.BadParameters, match=words):
            params.make(**values)


def test_the_page_of_all_parameters_is_the_one_the_model_writes():
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    assert page == params.parameters_page(), "docs/parameters.md has drifted: run `make params`"


def test_every_parameter_has_a_group_limits_and_stands_on_the_page_once():
    page = params.parameters_page()
    for name, field in params.Parameters.model_fields.items():
        assert field.json_schema_extra["group"] and page.count(f"| `{name}` |") == 1
        assert field.annotation not in (int, float) or field.metadata, f"{name} may take any number"


def test_limits_and_reasons_are_in_the_schema():
    told = json.loads(params.schema())["properties"]["named_within_km"]
    assert told["exclusiveMinimum"] == 0 and told["maximum"] == 1000
    assert told["group"] == "peers" and told["reason"]


def test_a_cell_of_some_parameters_holds_those_alone_within_the_width_as_the_formatter_leaves_it(tmp_path):
    some = params.parameters_cell(["region", "own_trust", "promise_kept", "too_early_share"])
    namespace: dict = {}
    exec(some, namespace)
    assert {n for n in namespace if n in params.Parameters.model_fields} == {
        "region",
        "own_trust",
        "promise_kept",
        "too_early_share",
    }
    path = tmp_path / "cell.py"
    path.write_text(params.parameters_cell() + "\n", encoding="utf-8")
    assert max(len(line) for line in path.read_text(encoding="utf-8").splitlines()) <= 110
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "110", path], check=False
    )
    assert checked.returncode == 0
