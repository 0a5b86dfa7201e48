"""The worked example of docs/method.md, recomputed by the code that sets the targets."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from helpers.base.params import make
from helpers.base.paths import ROOT
from helpers.expectations.formula import shown_minimum, target
from helpers.model import forecast

PAPER = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
EXAMPLE = PAPER[PAPER.index("## A worked example") : PAPER.index("## How the parts are made")]


def test_the_worked_example_is_what_the_code_gives():
    y, c, share, quartile, a, sd = 9.20, 8.40, 0.80, 7.90, 0.05, 0.65
    for number in ("9.20 %", "8.40 %", "λ = 0.80", "Q = 7.90 %", "a = 0.05", "0.65 points"):
        assert number in EXAMPLE
    run = make()
    baseline = float(forecast.baseline(np.array([y]), np.array([c]), np.array([share]))[0])
    t = float(target(np.array([y]), np.array([baseline]), np.array([baseline - quartile]), a, run)[0])
    assert f"**{baseline:.3f} %**" in EXAMPLE
    assert f"**{t:.3f} %**" in EXAMPLE and f"**{y - t:.3f}** points" in EXAMPLE
    assert f"shown as **{shown_minimum(pd.Series([y]).to_numpy(), np.array([t]), run)[0]:.1f} %**" in EXAMPLE
    assert f"**{norm.cdf((t - baseline) / sd):.0%}".replace("%", " %**") in EXAMPLE
    assert f"**{norm.cdf((t - baseline + y - t) / sd):.0%}".replace("%", " %**") in EXAMPLE


QUOTED = {
    "slope": "b = {}",
    "floor_pp": "floor {}",
    "cap_pp": "cap {}",
    "national_path_pp": "{} points a year",
}


@pytest.mark.parametrize(("name", "words"), QUOTED.items())
def test_the_paper_quotes_the_default_parameters(name, words):
    assert re.search(re.escape(words.format(getattr(make(), name))), PAPER)
