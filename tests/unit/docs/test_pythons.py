"""The Pythons that we say we support are those that the gate runs on."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text())["jobs"]
MATRIX = JOBS["python"]["strategy"]["matrix"]["python"]


def test_the_classifiers_are_the_matrix_of_the_gate():
    prefix = "Programming Language :: Python :: "
    classifiers = PYPROJECT["project"]["classifiers"]
    assert [c.removeprefix(prefix) for c in classifiers if c.startswith(prefix)] == MATRIX


def test_the_oldest_of_them_is_what_installation_and_checks_assume():
    oldest = MATRIX[0]
    assert PYPROJECT["project"]["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert f"--python-version {oldest}" in (ROOT / "Makefile").read_text()
    assert f"Python {oldest} or newer" in (ROOT / "README.md").read_text()


def test_no_version_between_the_oldest_and_the_newest_is_left_out():
    minors = [int(version.removeprefix("3.")) for version in MATRIX]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_every_job_runs_the_gate():
    for job in JOBS.values():
        assert any(step.get("run") == ".ci/run" for step in job["steps"])
