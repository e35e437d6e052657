"""A part of the study site in a browser: what pages say, load, and do when a reader presses keys."""

import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from chromium import PROGRAM, Browser
from links import dead

from scratchvae.site import annotated, laws, page
from scratchvae.site.atlas import Atlas
from scratchvae.site.build import build

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="chromium, which opens the pages, is not installed"),
]
KINDS = {  # a page of each kind
    "front": "index.html",
    "step": "step.html",
    "play": "play/kl.html",
    "try": "try.html",
    "question": "questions/free-bits.html",
    "source": "source/scratchvae.kernels.textbook.densities.html",
}
SHOWN = """[...document.querySelectorAll("canvas")].map((c) => c.toDataURL()).join() +
    [...document.querySelectorAll("svg")].map((s) => s.innerHTML).join()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the parts that are made in seconds."""
    folder, atlas = tmp_path_factory.mktemp("site"), Atlas()
    pages = list(build(folder, only=["front", "step", "try", "questions"]))
    book = annotated.Book(atlas)
    more = [make(atlas) for make in (laws.divergence, laws.relaxation, laws.bound, laws.logit)]
    more += [
        annotated.page(book, atlas.modules[f"scratchvae.{name}"])
        for name in ("ops.linear", "kernels.textbook.densities")
    ]
    for one in more:
        path = folder / one.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(page.render(one, [*pages, *more]), "utf-8")
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(browser, site):
    """Opens a page of the site, in a window of 1400 pixels."""
    browser.size(1400)

    def open_page(path):
        place, mark, anchor = path.partition("#")
        browser.open((site / place).as_uri() + mark + anchor)
        return browser

    return open_page


def test_no_page_complains_or_asks_for_anything_outside_its_folder(browser, site):
    browser.complaints.clear()
    browser.asked.clear()
    for path in sorted(site.rglob("*.html")):
        browser.size(1400)
        browser.open(path.as_uri())
        name = path.relative_to(site).as_posix()
        assert browser.value("document.documentElement.dataset.ready") == "true", name
        browser.value("setEquations(document)")
        assert browser.value("texErrors") == [], name
        assert browser.complaints == [], name
        outside = [one for one in browser.asked if not one.startswith((site.as_uri(), "data:", "about:"))]
        assert outside == [], name


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_is_wider_than_its_window(browser, site, width, dark):
    for path in KINDS.values():
        browser.size(width, dark=dark)
        browser.open((site / path).as_uri())
        over = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, path
        background = browser.value("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(21, 24, 28)" if dark else "rgb(252, 252, 250)"), path


def test_an_equation_that_cannot_be_broken_does_not_widen_the_page(browser, site):
    """Between \\left and \\right no line ends."""
    browser.size(390)
    browser.open((site / KINDS["front"]).as_uri())
    long = "\\\\left(" + "+".join(["\\\\mathrm{a long name}"] * 6) + "\\\\right)"
    browser.value(f"document.querySelector('main p').innerHTML = '<span class=\"tex\">{long}</span>'")
    browser.value("setEquations(document)")
    assert browser.value("texErrors") == []
    assert browser.value("document.querySelector('main p .katex-base').offsetWidth") > 390
    assert browser.value("document.documentElement.scrollWidth") <= 390


CUT = """[...document.querySelectorAll("pre, textarea, .scroll, div.tex, .doc, .proofs")].filter((box) =>
    box.offsetHeight && box.scrollWidth > box.clientWidth + 2).map((box) => box.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("kind", KINDS)
def test_no_code_is_wider_than_its_box(opened, kind):
    browser = opened(KINDS[kind])
    browser.value("setEquations(document)")
    assert [box for box in browser.value(CUT) if box.startswith("<pre")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_printed_is_whole(browser, site, kind):
    browser.size(690)  # the width of A4 between its margins
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        browser.open((site / KINDS[kind]).as_uri())
        browser.value("dispatchEvent(new Event('beforeprint'))")
        assert browser.value("document.querySelectorAll('.tex:not([data-set])').length") == 0
        assert browser.value(CUT) == []
        fixed = "[...document.querySelectorAll('body *')].map((one) => getComputedStyle(one))"
        seen = "(style) => style.display != 'none' && ['fixed', 'sticky'].includes(style.position)"
        assert browser.value(f"{fixed}.filter({seen}).length") == 0
        assert browser.value("getComputedStyle(document.querySelector('.top')).display") == "none"
        assert (
            browser.value("getComputedStyle(document.querySelector('main a')).textDecorationLine")
            == "underline"
        )
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_a_slider_moved_by_a_key_moves_what_it_is_about(opened):
    for path in ("step.html", "play/kl.html", "play/bound.html", "play/gumbel.html", "play/logit.html"):
        browser = opened(path)
        names = browser.value(
            """[...document.querySelectorAll("#play input[type=range]")].map((one) => one.id)"""
        )
        assert names
        for name in names:
            browser.value(f"document.getElementById('{name}').focus()")
            before = browser.value(f"[document.querySelector('output[for={name}]').textContent, {SHOWN}]")
            at_end = browser.value(
                f"document.getElementById('{name}').value == document.getElementById('{name}').max"
            )
            browser.press("Home" if at_end else "End")
            after = browser.value(f"[document.querySelector('output[for={name}]').textContent, {SHOWN}]")
            assert after[0] != before[0], f"{path}: {name} says nothing"
            assert after[1] != before[1], f"{path}: nothing moves with {name}"


def test_tabs_switch_by_arrow_keys(opened):
    browser = opened(KINDS["source"])
    browser.value("document.querySelector('[role=tab]').focus()")
    shown = (
        "[...document.querySelector('.tabs').querySelectorAll('[role=tabpanel]')]"
        ".map((panel) => !panel.hidden)"
    )
    assert browser.value(shown) == [True, False]
    browser.press("ArrowRight")
    assert browser.value(shown) == [False, True]
    assert browser.value("document.activeElement.textContent") == "compiled"
    browser.press("ArrowRight")
    assert browser.value(shown) == [True, False]


def test_an_anchor_in_a_hidden_tab_is_shown(opened):
    browser = opened(KINDS["source"] + "#compiled.gaussian_log_prob")
    assert browser.value("document.getElementById('compiled.gaussian_log_prob').offsetHeight") > 0


def test_the_first_key_leads_to_the_content(opened):
    browser = opened(KINDS["question"])
    browser.press("Tab")
    assert browser.value("document.activeElement.className") == "skip"
    assert browser.value("document.activeElement.getBoundingClientRect().left") >= 0
    browser.press("Enter")
    browser.press("Tab")
    assert browser.value("document.querySelector('main').contains(document.activeElement)")


def test_light_and_dark_are_switched_by_a_key(opened):
    browser = opened(KINDS["play"])
    colour = "getComputedStyle(document.body).backgroundColor"
    browser.value("document.getElementById('theme').focus()")
    before = browser.value(colour)
    browser.press("Enter")
    assert browser.value(colour) != before
    browser.press("Enter")
    assert browser.value(colour) == before


def test_a_students_question_is_answered_one_click_from_the_front_page(opened):
    questions = opened("index.html").value(
        "[...document.querySelectorAll('.questions a')].map((one) => one.textContent)"
    )
    assert len(questions) == 8
    for k, question in enumerate(questions):
        browser = opened("index.html")
        browser.follow(f"document.querySelectorAll('.questions a')[{k}]")
        assert browser.value("document.querySelector('h1').textContent") == question
        assert browser.value("document.querySelectorAll('.lead, .katex, table, pre, .proofs a').length") >= 5


def test_python_is_loaded_only_when_the_reader_asks(opened):
    browser = opened("try.html")
    browser.asked.clear()
    browser.value("document.querySelector('#gradient [data-run]').click()")
    assert browser.asked == []
    browser.value("document.getElementById('address').value = 'pyodide'")
    browser.value("document.getElementById('address').focus()")
    browser.press("Enter")
    said = browser.value(
        "new Promise((done) => setTimeout(() => done(document.getElementById('state').textContent), 300))"
    )
    assert "scratchvae site --serve" in said
    assert browser.asked == []


def test_links_and_anchors_of_the_part_resolve(site):
    absent = {
        "course",
        "play",
        "mistakes",
        "source",
        "tests",
        "reference",
    }  # of which single pages were built, or none
    assert dead(site, absent=absent) == []


@pytest.mark.skipif(
    "SCRATCHVAE_PYODIDE" not in os.environ, reason="SCRATCHVAE_PYODIDE names no folder with Pyodide"
)
def test_every_cell_runs_in_the_browser(browser, site):
    shutil.copytree(os.environ["SCRATCHVAE_PYODIDE"], site / "pyodide", dirs_exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(f"http://127.0.0.1:{server.server_port}/try.html")
        browser.value(
            "Cells.load('pyodide', document.getElementById('load').dataset.packages.split(' ')).then(() => 0)"
        )
        for name in browser.value("[...document.querySelectorAll('.cell')].map((cell) => cell.id)"):
            cell = f"document.getElementById('{name}')"
            before = browser.value(f"{cell}.querySelector('[data-output]').textContent")
            browser.value(f"Cells.run({cell}).then(() => 0)")
            assert browser.value(f"{cell}.querySelector('[data-whose]').textContent").startswith(
                "Printed here"
            )
            after = browser.value(f"{cell}.querySelector('[data-output]').textContent")
            assert after == before or name == "training", name  # whose last digits are another processor's
            assert "Error" not in after, after
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""
