"""Claims about set-up: one lock file, a thin conda view of it, nothing of a machine in what is committed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import yaml

from helpers.base.paths import ROOT


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    found = (re.match(r"([A-Za-z0-9_.-]+)==([^\s;\\]+)", line) for line in lines)
    return {m[1].lower().replace("_", "-"): m[2] for m in found if m}


def _committed() -> list[str]:
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [line for line in out.splitlines() if (ROOT / line).is_file()]


def test_environment_yml_pins_nothing_twice():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [d for d in environment["dependencies"] if isinstance(d, str)]
    pip = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert [d.split("=")[0] for d in conda] == ["python", "pip"]
    assert pip == [["-r requirements.lock"]]


def test_the_conda_python_is_one_the_package_supports():
    environment = (ROOT / "environment.yml").read_text()
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text()
    assert re.search(r"python=3\.11$", environment, re.M)


def test_every_locked_requirement_has_a_hash_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "index-url" not in text
    requirements = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(requirements) > 50
    for requirement in requirements:
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]


def test_the_lock_holds_what_requirements_in_asks_for():
    locked = _pins("requirements.lock")
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, version = line.partition("==")
        assert name in locked, f"{name} is asked for but not locked: run `make lock`"
        if version:
            assert re.sub(r"(\.0)+$", "", locked[name]) == re.sub(r"(\.0)+$", "", version), name


def test_ci_runs_the_readme_test_command():
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^make test$", (ROOT / "README.md").read_text(), re.M)
    assert re.search(r"^make run$", (ROOT / "README.md").read_text(), re.M)


def test_nothing_committed_is_over_4_mb_or_an_output():
    for name in _committed():
        assert (ROOT / name).stat().st_size <= 4_000_000, name
        assert not name.startswith("outputs/") or name == "outputs/.gitkeep"
        assert not name.startswith("data/raw/") or name == "data/raw/.gitkeep"


def test_no_absolute_path_stands_in_what_is_committed():
    pattern = re.compile(r"(?<![\w.])/(work|home|root|Users|tmp)/")
    for name in _committed():
        if name.endswith((".py", ".ipynb", ".md", ".yml", ".toml", ".csv", ".json", ".html", ".in", ".lock")):
            assert not pattern.search((ROOT / name).read_text(encoding="utf-8", errors="replace")), name


def test_the_picture_of_the_house_is_drawn_from_todays_imports():
    sys.path.insert(0, str(ROOT / "docs"))
    import draw_house

    assert draw_house.PICTURE.read_text(encoding="utf-8") == draw_house.draw(draw_house.uses())


def test_the_map_of_the_house_names_every_room():
    text = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "src" / "helpers").glob("*/__init__.py")}
    assert all(f"| `{room}` |" in text for room in rooms)


def test_requirements_name_what_the_code_imports():
    named = {
        line.split("==")[0].strip().lower().replace("_", "-")
        for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    known = packages_distributions()
    for folder in ("src", "notebooks", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += (
                    [node.module]
                    if isinstance(node, ast.ImportFrom) and node.module and not node.level
                    else []
                )
                for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names):
                    if name not in ("helpers", "tests", "sample_maker", "draw_house"):
                        owners = {owner.lower().replace("_", "-") for owner in known.get(name, [name])}
                        assert owners & named, f"{path.name} imports {name}: add {owners} to requirements.in"


def test_no_test_module_imports_another():
    """What two of them share lives in `tests/support/`."""
    wrong = re.compile(r"^\s*(?:from|import) (?:tests)?\.?test_|^\s*from (?:tests|\.) import .*\btest_", re.M)
    found = [p.name for p in (ROOT / "tests").rglob("*.py") if wrong.search(p.read_text(encoding="utf-8"))]
    assert not found, f"move what these share to tests/support/: {sorted(found)}"
