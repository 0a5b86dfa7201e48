"""`abie sweep`: a grid of parameters answered by the method's own functions, and refused with help."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.base.params import BadParameters
from helpers.explore import sweep, what_if
from tests.support.page import Page


@pytest.fixture(scope="module")
def swept(fitted):
    run = fitted.model_copy(update={"region": "England"})
    grid = sweep.grid(["slope=0.1,0.2,0.3", "national_path_pp=0.31,1.5"])
    return run, sweep.sweep(run, grid, jobs=2)


def test_every_combination_has_a_row_and_the_runs_own_setting_is_marked_and_moves_nothing(swept):
    _, frame = swept
    assert len(frame) == 6 and frame["now"].sum() == 1
    own = frame[frame["now"]].iloc[0]
    assert (own["slope"], own["national_path_pp"]) == (0.2, 0.31)
    assert own["moved_share_pct"] == 0 and own["largest_move_pp"] == 0
    others = frame[~frame["now"] & frame["note"].eq("")]
    assert (others["moved_share_pct"] > 0).all() and others["start_spread_pct"].nunique() == 2


def test_what_cannot_be_is_a_row_that_says_why(swept):
    _, frame = swept
    impossible = frame[frame["national_path_pp"] == 1.5]
    assert (
        impossible["note"].str.contains("must lie between").all() and impossible["mean_ask_pp"].isna().all()
    )


def test_figures_are_those_of_a_single_question(swept):
    run, frame = swept
    world = what_if.load(run)
    before, now = what_if.what_if(world), what_if.what_if(world, slope=0.3)
    told = what_if.targets(world, before, now)
    row = frame[(frame["slope"] == 0.3) & (frame["note"] == "")].iloc[0]
    assert row["mean_ask_pp"] == pytest.approx(told["ask_now_pp"].mean())
    assert row["chance_pct"] == pytest.approx(100 * told["chance_now"].mean())


def test_the_page_shows_every_row_and_the_csv_holds_them(swept, tmp_path):
    run, frame = swept
    page = sweep.write(run.model_copy(update={"out": str(tmp_path)}), frame)
    html = page.read_text(encoding="utf-8")
    assert html.count("<tr") == 1 + len(frame) and "Confidential" in html
    assert "must lie between" in " ".join(Page(html).text)
    assert len(pd.read_csv(page.parent / "sweep.csv")) == len(frame)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["slop=0.1"], "cannot be swept"),
        (["seed=1,2"], "cannot be swept"),
        (["slope"], "write NAME=VALUE,VALUE"),
        (["slope=a,b"], "write numbers"),
        (["slope=7"], "slope: Input should be less than"),
        ([], "nothing to sweep"),
        (
            [f"{name}=" + ",".join(map(str, range(1, 30))) for name in ("peers_k", "region_penalty")],
            "more than 400",
        ),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused_before_any_work(settings, said):
    with pytest.raises(BadParameters, match=said):
        sweep.grid(settings)
