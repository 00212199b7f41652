"""Every page: its links lead somewhere, the files it names exist, and its lines are short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
WIDTH = 100
IGNORED = {".venv", ".pytest_cache", "node_modules", ".github"}
PAGES = [
    page for page in sorted(ROOT.rglob("*.md")) if not IGNORED & set(page.relative_to(ROOT).parts)
]
FENCED = re.compile(r"^```.*?^```\n?", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)")
NAMED = re.compile(r"`((?:watcher|tests|docs|systemd|benchmarks)/(?:[\w.*-]+/)*(?:[\w*-]+\.\w+)?)`")
ADDRESS = re.compile(r"\]\([^)]*\)|<https?://[^>]*>")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Collect the anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_inside_the_repository_leads_somewhere(page):
    for target, anchor in LINK.findall(prose(page)):
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), f"{target}#{anchor}"


@each_page
def test_every_file_that_a_page_names_exists(page):
    named = set(NAMED.findall(prose(page)))
    assert sorted(path for path in named if not list(ROOT.glob(path))) == []


@each_page
def test_lines_are_short(page):
    """Count neither tables nor the addresses of links."""
    long = [
        line
        for line in prose(page).splitlines()
        if not line.startswith("|") and len(ADDRESS.sub("", line)) > WIDTH
    ]
    assert long == []


def test_the_index_lists_every_page():
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / target).resolve() for target, _ in LINK.findall(prose(index))}
    pages = {
        page
        for page in (ROOT / "docs").rglob("*.md")
        if page != index and page.parent.name != "decisions"
    }
    assert pages - listed == set()
