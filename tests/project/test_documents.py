"""What README and docs point at is there: files, headings, and the modules that docs/flow.md names step by step."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
MODULE = re.compile(r"`((?:[\w-]+/)+[\w-]*(?:\.\w+)?)`")


def anchors(page: Path) -> set[str]:
    """Return the names that a page's headings have in links to them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        name, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_modules_that_the_flow_names_are_there() -> None:
    named = MODULE.findall((ROOT / "docs/flow.md").read_text())
    assert len(named) > 80, "the page names its files in backticks"
    assert not [name for name in named if not (ROOT / "services/voiceplane" / name).exists()]
