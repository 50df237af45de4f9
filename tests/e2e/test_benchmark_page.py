"""Claims about the page of a benchmark report, opened as a file in a real Chromium: phone and desktop, light and dark.

Skipped where there is no Chromium or no playwright. No browser is downloaded: the system's own is driven.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from benchmarks.html import page
from tests.unit.benchmarks.made_rows import HOSTILE, full_rows

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; see the extra dev")
pytest.importorskip("matplotlib", reason="without matplotlib the page has no plots to look at")

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
PATIENCE_S = 60

pytestmark = pytest.mark.skipif(BROWSER is None, reason="There is no Chromium here; install Debian's package chromium.")

SIZES = {"phone": (360, 740), "desktop": (1280, 900)}
LEAST_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, for ordinary text."""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        # The page is our own file, and as root, as in containers, Chromium has no sandbox.
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    assert page.write(full_rows(), out) == ""
    return out


@pytest.fixture(scope="module")
def look(browser, written):
    """Opens the page in a size and a scheme, once each; what it said and asked for is collected."""
    views = {}

    def opened(size="desktop", scheme="light"):
        if (size, scheme) not in views:
            width, height = SIZES[size]
            views[size, scheme] = view = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            view.said, view.asked = [], []
            view.on("console", lambda message: view.said.append(message.text))
            view.on("pageerror", lambda error: view.said.append(str(error)))
            view.on("dialog", lambda dialog: (view.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
            view.on("request", lambda request: view.asked.append(request.url))
            view.goto(written.as_uri(), wait_until="load")
            if folder := os.environ.get("BENCHMARK_PAGE_SHOTS"):  # for a person who wants to see it
                view.screenshot(path=str(Path(folder) / f"{size}-{scheme}.png"), full_page=True)
        return views[size, scheme]

    yield opened
    for view in views.values():
        view.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_says_nothing_asks_for_nothing_and_does_not_scroll_sideways(look, written, size, scheme):
    view = look(size, scheme)
    assert view.said == []
    assert [url for url in view.asked if url != written.as_uri() and not url.startswith("data:")] == []
    assert view.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    wide = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll') && !one.closest('svg')
        && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""
    assert view.evaluate(wide) == []


def test_wide_tables_scroll_in_their_own_box_and_by_keyboard(look):
    view = look("phone")
    wider = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)"
    assert view.evaluate(f"{wider}.length") > 0
    box = view.locator(".scroll").first
    box.focus()
    view.keyboard.press("ArrowRight")
    # `wait_for_function` would compile its text in the page, which the page's policy forbids.
    deadline = time.monotonic() + PATIENCE_S
    while not box.evaluate("box => box.scrollLeft > 0"):
        assert time.monotonic() < deadline, "the key did not scroll"
        view.wait_for_timeout(50)


def test_every_plot_has_a_name_a_description_and_visible_marks(look):
    view = look()
    plots = view.locator("figure svg")
    assert plots.count() >= 5
    assert view.get_by_role("img").count() == plots.count()
    names = view.evaluate(
        """[...document.querySelectorAll('figure svg')].map(one => one.getAttribute('aria-labelledby').split(' ')
            .map(id => document.getElementById(id)?.textContent || ''))"""
    )
    assert all(title and len(words) > 40 for title, words in names)
    ids = view.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    broken = """[...document.querySelectorAll('use')].filter(one => !document.getElementById(
        one.getAttribute('xlink:href').slice(1))).length"""
    assert view.evaluate(broken) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_either_scheme(look, scheme):
    view = look("phone", scheme)
    paper = colour(view.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    pairs = view.evaluate(
        """[...document.querySelectorAll('p, th, td, h1, h2, h3, a, summary, figcaption, svg text')].map(one => {
            const style = getComputedStyle(one), box = one.closest('figure, thead');
            return [one.closest('svg') ? style.fill : style.color,
                getComputedStyle(box?.matches('figure') ? box : box ? one : document.body).backgroundColor];
        })"""
    )
    ratios = {contrast(colour(ink), colour(ground)) for ink, ground in pairs}
    assert len(pairs) > 100
    assert min(ratios) >= LEAST_CONTRAST


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_of_plots_stand_out_from_their_ground(look, scheme):
    view = look("desktop", scheme)
    ground = colour(view.evaluate("getComputedStyle(document.querySelector('figure')).backgroundColor"))
    strokes = view.evaluate(
        """[...document.querySelectorAll('figure svg path')].map(one => one.style.stroke)
            .filter(name => name.startsWith('var(--s')).map(name => getComputedStyle(document.documentElement)
            .getPropertyValue(name.slice(4, -1)).trim())"""
    )
    assert strokes
    assert all(contrast(colour(stroke), ground) >= 3 for stroke in strokes)  # WCAG 2.2, 1.4.11: graphics


def test_a_hostile_name_is_shown_as_words_and_makes_no_element(look):
    view = look()
    assert view.evaluate("document.querySelectorAll('script, img, iframe, object').length") == 0
    assert HOSTILE in view.locator("body").inner_text()


def test_the_words_of_plots_are_large_enough_on_a_phone(look):
    view = look("phone")
    heights = view.evaluate("[...document.querySelectorAll('svg text')].map(one => one.getBoundingClientRect().height)")
    assert min(heights) >= 9


def colour(text):
    if text.startswith("#"):
        digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
        return tuple(int(digits[place : place + 2], 16) for place in (0, 2, 4))
    return tuple(float(number) for number in re.findall(r"[\d.]+", text)[:3])


def luminance(tone):
    linear = [
        value / 255 / 12.92 if value / 255 <= 0.04045 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in tone
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
