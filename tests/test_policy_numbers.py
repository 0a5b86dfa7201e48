"""No policy number outside the parameters: what the code holds besides is technical, each with its reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from helpers.base.params import DEFAULT
from helpers.base.paths import ROOT

CODE = ROOT / "src" / "helpers"
FOLDERS = ("ingest/register.py", "model", "peers", "expectations", "monitor", "support", "report")
NEUTRAL = (0, 1)  # adds nothing, multiplies by nothing, a flag or a count of one
LOOKS = "how much is shown, how large, in what form: no figure, verdict, name or route"
# file: name or function(argument) -> why it is no policy number
TECHNICAL = {
    "ingest/register.py": {
        "SPECIAL_GUESS_PCT": "repairs a missing phase; measured on schools whose phase is known",
    },
    "model/additive.py": {
        "KNOT_QUANTILES": "hinges of the additive model, chosen in cross-validation",
        "PENALTIES": "grid of the cross-validated penalty",
    },
    "model/context.py": {
        "FOLDS": "cross-fitting; the evaluation shows what it costs",
        "BOOSTING": "hyperparameters, chosen in cross-validation",
        "peer_weights(repeats)": "permutations averaged over: less noise, the same mean",
    },
    "model/features.py": {
        "IDACI_RANKS": "published: neighbourhoods ranked",
        "RURALITY": "order of the published classes",
    },
    "model/forecast.py": {
        "LEVELS": "levels of the two intervals, in the columns' names",
        "MINIMUM_PAIRS": "too few schools to fit on; no published pair of years comes near it",
        "LEAST_EXPECTED": "keeps a ratio finite; no school's context is as low",
        "SMALLEST_ERROR": "keeps a logarithm finite",
        "ONE_SD": "the normal distribution",
    },
    "peers/search.py": {"CHUNK": "memory, not results", "CELLS": "memory, not results"},
    "records/lines.py": {"MOST_ROWS": "more is no table of decisions"},
    "expectations/formula.py": {
        "LEAST_SPECIAL": "too few pairs to fit a width by size on; published years hold hundreds",
        "TINY": "floating point",
    },
    "expectations/sensitivity.py": {"HALF_A_DIGIT_PP": "rates are published to 0.1"},
    "monitor/known_events.py": {"LONG": "weeks too long to find one event in: a limit of the data"},
    "monitor/own_weeks.py": {
        "LEAST_WEEKS, YEAR_WEEKS": "too few weeks for a median; school weeks in a year",
        "LEAST_OWN_MAD": "keeps a division by a spread of zero away",
    },
    "monitor/progress.py": {
        "WEEKS": "school weeks that publications cover",
        "LONGEST_GAP": "weeks over which a cumulative rate may be interpolated",
        "OWN_WEIGHT": "shrinkage of an area's season to its region's, for lack of years",
        "SIGMA_PER_RANGE": "XmR chart: the normal distribution",
        "RUN": "XmR chart: eight on one side, as the field has it",
        "MAD": "the normal distribution",
        "TINY": "floating point",
    },
    "monitor/shocks.py": {
        "MEASURES": "least scale: what rounding alone moves a weekly rate by",
        "MAD": "the normal distribution",
        "HALF": "what `most of it` means when a reason is named and when weeks cover a window",
        "QUIET_Z": "which weeks noise is measured on; the threshold follows from them",
        "ONE_YEAR": "less trust in a season known from one year",
        "NEIGHBOURS": "fewest areas for a median of neighbours",
        "NEARLY_ALL": "windows with comparable term dates: quality of the data",
        "LONGEST_WINDOW": "the same",
        "MOST_DAYS_LOST": "the same: a half-term elsewhere, not a closure",
    },
    "monitor/snapshots.py": {
        "DAYS_TO_PUBLISH": "how the publication is dated",
        "TOO_MANY, TOO_MANY_DAYS": "quality of the data: more sessions than a year can hold",
        "BACKFILL": "quality of the data: schools that join with their history",
        "DAY": "sessions in a school day",
        "LAST_WEEK_FROM": "the publication that completes a year",
    },
    "monitor/verdicts.py": {"TINY": "floating point"},
    "support/routing.py": {"RAREST": "tails are not known better: nothing rarer is claimed"},
    "support/site_search.py": {
        "KERNEL": "size of the exact search; the bound over all candidates is shown",
        "best_cover(seconds)": "time of the solver; the gap left is shown",
        "best_cover(gap)": "tolerance of the solver",
    },
    "support/siting.py": {
        "LIMITS_KM": "distances at which every plan is described; none decides anything",
        "DRAWS": "draws of an average",
        "hub_plan(seconds)": "time of the solver; the gap left is shown",
    },
    "report/advice.py": {
        "SHARE_MOVING_PCT": LOOKS,
        "SMALLEST_GROUP": "confidentiality, with the rules of suppression: not to be moved by a run",
        "FEWEST_FOR_DISTANCE": "the same",
    },
    "report/hub_map.py": {"WIDTH, MOST_HEIGHT": LOOKS, "LAYERS": LOOKS},
    "report/maps.py": dict.fromkeys(
        ("WIDTH", "MOST_HEIGHT", "CLASSES", "MOST_NUMBERED", "apart(across)", "apart(down)"), LOOKS
    ),
    "report/monitor_page.py": {"MOST_ROWS": LOOKS},
    "report/pdf.py": dict.fromkeys(("SIZES", "LARGE", "SHEETS", "_LETTERS"), LOOKS),
    "explore/sweep.py": {"MOST": "how many answers one table can hold", "SHOWN_MOVE_PP": LOOKS},
    "report/charts.py": {"strip(width)": LOOKS},
    "report/school_number.py": dict.fromkeys(("SHOWN", "EVEN", "FRACTIONS"), LOOKS),
    "report/quality.py": dict.fromkeys(("MOST_FLAGS", "MOST_ROWS", "WORST_ROWS"), LOOKS),
    "report/region_summary.py": {"LISTED_AREAS": LOOKS},
    "report/region_table.py": {"ROWS_PER_PAGE": LOOKS},
    "report/school.py": {"TOP_DRIVERS": LOOKS},
    "report/sheets.py": {
        "MOST_ON_ONE_PAGE": LOOKS,
        "FIXED_DATE": "no time of day in a file: same run, same bytes",
    },
    "report/support_page.py": {"MOST_ROWS": LOOKS},
    "report/workbook.py": {"MOST_PEER_ROWS": LOOKS, "DECIMALS": LOOKS},
    "support/stage.py": {"SECONDS": "time of the solver, far above what it takes"},
}


def holds_a_number(node: ast.AST | None) -> bool:
    """Whether a value is, or holds, a number that is not neutral; what is read from elsewhere holds none."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float) and node.value not in NEUTRAL
    parts = (ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp, ast.Call, ast.keyword)
    return isinstance(node, parts) and any(holds_a_number(part) for part in ast.iter_child_nodes(node))


def numbers_in(source: str) -> list[str]:
    """Constants of a module and its classes, and `function(argument)` defaults, that hold a number."""
    tree, found = ast.parse(source), []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef)):
            for line in node.body:
                if isinstance(line, ast.Assign) and holds_a_number(line.value):
                    found.append(ast.unparse(line.targets[0]).strip("()"))
                if isinstance(line, ast.AnnAssign) and holds_a_number(line.value):
                    found.append(ast.unparse(line.target))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            every = [*node.args.posonlyargs, *node.args.args]
            given = zip(every[len(every) - len(node.args.defaults) :], node.args.defaults, strict=True)
            named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            found += [f"{node.name}({a.arg})" for a, value in (*given, *named) if holds_a_number(value)]
    return found


def files() -> list[Path]:
    return sorted(
        path
        for folder in FOLDERS
        for path in ([CODE / folder] if folder.endswith(".py") else (CODE / folder).rglob("*.py"))
    )


@pytest.mark.parametrize("path", files(), ids=lambda p: p.relative_to(CODE).as_posix())
def test_every_number_in_the_code_is_technical_and_says_why(path):
    file = path.relative_to(CODE).as_posix()
    known = set(TECHNICAL.get(file, {}))
    strange = set(numbers_in(path.read_text(encoding="utf-8"))) - known
    assert not strange, f"{file}: a policy number belongs in base/params.py, a technical one in this list"


def test_no_reason_outlives_its_number():
    for file, reasons in TECHNICAL.items():
        gone = set(reasons) - set(numbers_in((CODE / file).read_text(encoding="utf-8")))
        assert not gone, f"{file} no longer holds {sorted(gone)}"


@pytest.mark.parametrize(
    "source",
    [
        "LIMIT_KM = 150.0",
        "LIMITS = {'primary': 200}",
        "A, B = 5, 1.5",
        "def name(pairs, within_km=150.0): ...",
        "def name(pairs, *, within_km: float = 150.0): ...",
        "class Rules:\n    noise_z: float = 1.5",
        "class Rules:\n    noise_z: float = Field(1.5, ge=0)",
    ],
)
def test_a_policy_number_is_found_however_it_is_written(source):
    assert numbers_in(source)


def test_what_is_read_from_the_parameters_and_what_is_neutral_is_no_number():
    assert not numbers_in("LIMIT = DEFAULT.named_within_km\ndef f(x, z=DEFAULT.noise_z, more=0, by=1.0): ...")


def test_no_default_of_a_parameter_is_typed_again_inside_a_function():
    # values that cannot be met by accident; a number such as 20 says nothing
    telling = ("noise_z", "learnt_share", "national_path_pp", "light_places", "lead_secondary_roll")
    values = {getattr(DEFAULT, name): name for name in telling}
    for path in files():
        numbers = (
            n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Constant)
        )
        again = {values[n.value] for n in numbers if type(n.value) in (int, float) and n.value in values}
        assert not again, f"{path.relative_to(CODE)}: {sorted(again)} of base/params.py typed again"
