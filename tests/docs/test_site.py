"""The site as a reader sees it: built strictly, then opened in a browser, on a desk and on a phone."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from tests.docs.browser import Browser, find

MEGABYTE = 1_000_000

# One page of each kind, and those with the widest formulas.
PAGES = (
    "index.html",
    "tour.html",
    "conventions.html",
    "architecture.html",
    "theory/direction-chain.html",
    "theory/design-space.html",
    "guides/compute-with-a-material-tensor.html",
    "guides/move-from-mace-and-nequip.html",
    "atlas/index.html",
    "atlas/ranks/8.html",
    "atlas/couplings/index.html",
    "atlas/couplings/4-4-3.html",
    "atlas/tensors/susceptibility-3.html",
    "atlas/groups/m-bar3m.html",
    "atlas/isotropic.html",
    "atlas/powers.html",
    "atlas/symbols.html",
    "atlas/chain.html",
    "reference/index.html",
    "reference/symbolic.html",
)
WITHOUT_FORMULAS = {"index.html", "architecture.html", "atlas/index.html"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    """A Chromium; without one the tests that need it are skipped."""
    if find() is None:
        pytest.skip("no Chromium on this machine; Debian's package is called chromium")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def text(page: Path) -> str:
    """What stands on a page, without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page.read_text())))


def test_pages_are_light(site):
    pages = [*site.rglob("*.html")]
    assert len(pages) > 150
    assert {str(page) for page in pages if page.stat().st_size > MEGABYTE} == set()


def test_pages_name_nothing_outside(site):
    outside = re.compile(r'(?:src|href)="(?:https?:)?//([^/"]+)')
    loaded = re.compile(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//([^/"]+)')
    for page in site.rglob("*.html"):
        content = page.read_text()
        assert loaded.findall(content) == []
        # The one link that Material puts into its footer.
        assert set(outside.findall(content)) <= {"squidfunk.github.io"}, page


def test_every_picture_is_described(site):
    for page in site.rglob("*.html"):
        content = page.read_text()
        assert [
            image for image in re.findall(r"<img[^>]*>", content) if not re.search(r'alt="[^"]+"', image)
        ] == []
        assert all("aria-label=" in drawing for drawing in re.findall(r'<svg class="path"[^>]*>', content))


def test_formulas_leave_no_latex_behind(site):
    for page in site.rglob("*.html"):
        assert "arithmatex" not in page.read_text()


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        ("atlas/groups/32.html", "Piezoelectricity, strain form d V[V2] 2 d11, d14"),
        ("atlas/couplings/2-2-3.html", r"\frac{1}{6} \left( \varepsilon_{i l m} A_{j l} B_{k m} + "),
        ("atlas/costs.html", "With l ≤ 3 there are 23 paths; a fused kernel needs 416 multiply-adds"),
        ("conventions.html", "positive under tension, the sign of ASE"),
    ],
)
def test_a_newcomers_question_is_answered(site, page, answer):
    assert answer in text(site / page)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_an_error_and_shows_its_formulas(site, browser, page):
    browser.open(site / page)
    assert browser.problems == []
    sizes = browser.evaluate(
        "[...document.querySelectorAll('math')].filter(m => m.checkVisibility())"
        ".map(m => m.getBoundingClientRect()).map(r => Math.min(r.width, r.height))"
    )
    assert bool(sizes) != (page in WITHOUT_FORMULAS)
    assert all(size > 3 for size in sizes)
    if sizes:
        assert browser.evaluate("document.fonts.check('16px \"STIX Two Math\"')")
        assert browser.evaluate("[...document.fonts].map(f => f.status)") == ["loaded"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_width_of_a_phone(site, browser, page):
    browser.open(site / page, width=360)
    assert browser.evaluate("document.documentElement.scrollWidth") == 360
    # What is wider lies in something that scrolls.
    assert (
        browser.evaluate(
            "{ const scrolls = e => e && (/auto|scroll/.test(getComputedStyle(e).overflowX)"
            " || scrolls(e.parentElement));"
            "[...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().right > 361"
            " && e.checkVisibility() && !scrolls(e)).map(e => e.outerHTML.slice(0, 120)) }"
        )
        == []
    )


@pytest.mark.parametrize("page", ["index.html", "architecture.html", "atlas/couplings/2-2-3.html"])
def test_a_page_is_dark_where_the_reader_wants_it(site, browser, page):
    brightness = (
        "((colour) => colour.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3)"
        "(getComputedStyle({}).{})"
    )
    body = brightness.format("document.body", "backgroundColor")
    browser.open(site / page)
    assert browser.evaluate(body) > 200
    browser.open(site / page, dark=True)
    assert browser.evaluate(body) < 80
    for drawing in ("svg.path text", "svg.rooms text"):
        if browser.evaluate(f"document.querySelector('{drawing}') !== null"):
            element = f"document.querySelector('{drawing}')"
            assert browser.evaluate(brightness.format(element, "fill")) > 150


def test_what_is_copied_from_an_example_is_its_code_alone(site, browser):
    browser.open(site / "index.html")
    copied = browser.evaluate(
        "{ const code = document.querySelector('pre code'); code.setAttribute('data-md-copying', '');"
        "code.innerText }"
    )
    lines = [line for line in copied.splitlines() if line.strip()]
    assert lines[0] == "import cartesian as ct"
    assert lines[-1] == 'print(ct.ComponentPattern(quartz, "e"))'
    compile(copied, "index.html", "exec")


def test_the_search_finds_quartz_without_a_server(site, browser):
    browser.open(site / "atlas" / "index.html")
    browser.evaluate(
        "const field = document.querySelector('.md-search__input'); field.focus(); field.value = 'quartz';"
        "field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true}))"
    )
    found = "[...document.querySelectorAll('.md-search-result__link')].map(link => link.href)"
    look = f"() => {found}.length ? done({found}) : setTimeout(look, 50)"
    links = browser.evaluate(f"new Promise(done => {{ const look = {look}; look() }})")
    assert any("groups/32.html" in link for link in links)
    assert browser.problems == []
