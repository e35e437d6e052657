"""The study site: its grammar, its translator, its pages and where their links lead."""

import ast
import io
import re
import shutil
import subprocess
import tokenize
from html.parser import HTMLParser
from posixpath import dirname, join, normpath

import pytest

from scratchvae.site import reference
from scratchvae.site.annotated import Book, in_order, page
from scratchvae.site.atlas import Atlas
from scratchvae.site.build import ASSETS
from scratchvae.site.docstrings import blocks
from scratchvae.site.equations import translate
from scratchvae.site.letters import NotAnEquation
from scratchvae.site.narrative import narrative
from scratchvae.site.numbers import certified
from scratchvae.site.page import Page, render
from scratchvae.site.prose import pieces
from scratchvae.site.rows import rows_of
from scratchvae.site.words import SIGNS, names_in

ATLAS = Atlas()
PAGES = (
    "ops.linear",
    "ops.activations",
    "distributions.gaussian",
    "kernels.textbook.densities",
    "objectives.iwae",
)


@pytest.fixture(scope="module")
def book():
    return Book(ATLAS)


@pytest.fixture(scope="module")
def made(book):
    """A few pages of the annotated source."""
    return [page(book, ATLAS.modules[f"scratchvae.{name}"]) for name in PAGES]


@pytest.mark.parametrize(
    ("equation", "tex"),
    [
        ("x²", "x^{2}"),
        ("½ σ²", r"\tfrac{1}{2}\sigma ^{2}"),
        ("Σ_i x_i", r"\sum_{i } \,x_{i }"),
        ("a/b c", r"\frac{a}{b}\,c"),
        ("1/2h", "1/2h"),
        ("Lᵀ u", r"L^{\top }\,u"),
        ("∂log w/∂z", r"\frac{\partial \log w}{\partial z}"),
        ("∂f/∂z ∂z/∂φ", r"\frac{\partial f}{\partial z}\,\frac{\partial z}{\partial \varphi}"),
        ("∂KL/∂log σ²", r"\frac{\partial \operatorname{KL}}{\partial \log \sigma ^{2}}"),
        ("d log C/dκ", r"\frac{\mathrm{d}\log C}{\mathrm{d}\kappa}"),
        ("dlog_κ", r"\mathrm{d}\log \kappa"),
        ("dlog_σ_m", r"\mathrm{d}\log \sigma_{m}"),
        ("dlog_var κ", r"\mathrm{dlog\_var}\,\kappa"),
        ("dlog τ²", r"\mathrm{d}\log \tau ^{2}"),
        ("exp(−U(z))", r"\exp\mathopen{}\left(-U\mathopen{}\left(z\right)\right)"),
        ("x ~ U[0, 1)", r"x \sim \mathcal{U}\mathopen{}\left[0,\,1\right)"),
        ("Σ_(j<d) a_j", r"\sum_{j < d} \,a_{j }"),
        ("Σ_{m ∈ P} a", r"\sum_{m \in P} \,a"),
        ("log_var_d", r"\mathrm{log\_var}_{d }"),
        ("√(2/π)", r"\sqrt{\frac{2}{\pi }}"),
        ("‖x − y‖²", r"\left\|x - y\right\|^{2}"),
        ("p(x|z)", r"p\mathopen{}\left(x \mid z\right)"),
        ("e^−s", "e^{-s}"),
        ("log_var", r"\mathrm{log\_var}"),
        ("dx", r"\mathrm{d}x"),
        ("λ_{Z+1}", r"\lambda_{Z + 1}"),
        ("w̃_k", r"\tilde{w}_{k }"),
        ("r_(t−1)", r"r_{t - 1}"),
        ("(S⁻¹)_ii", r"\left(S^{-1}\right)_{i i }"),
        ("softmax(l)_k", r"\operatorname{softmax}\mathopen{}\left(l\right)_{k }"),
        ("p(x)/q(x)", r"\frac{p\mathopen{}\left(x\right)}{q\mathopen{}\left(x\right)}"),
    ],
)
def test_equations_become_tex(equation, tex):
    assert translate(equation, {"log_var"}).replace(" ", "") == tex.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["", "x +", "(x", "x)", "/ 2", "x ≤", "a · · b", "|x", "Σ_i = ·", "`code`", "x, y", "e^"]
)
def test_what_is_no_equation_is_refused(text):
    with pytest.raises(NotAnEquation):
        translate(text)


@pytest.mark.parametrize(
    ("sentence", "equations"),
    [
        ("A draw from the law at the mean of x.", []),
        ("At ν = ∞ this is the Gaussian of variance s², a limit.", ["ν = ∞", "s²"]),
        ("z = mean + σ · noise with `log_var = 0` in code.", ["z = mean + σ · noise"]),
        ("x and logits (B, D), one for each entry", []),
        ("The mean σ² is one of a few.", ["σ²"]),
        ("one-hot vectors and yes/no", []),
        ("R = Σ_j a_j      D = Σ_j b_j", ["R = Σ_j a_j", "D = Σ_j b_j"]),
        ("It is log ∫ exp(−x) dx. No more.", ["log ∫ exp(−x) dx"]),
    ],
)
def test_prose_is_not_taken_for_an_equation(sentence, equations):
    cut = pieces(sentence, {"mean", "noise", "logits"})
    assert [piece for kind, piece in cut if kind == "equation"] == equations
    assert "".join(piece for _, piece in cut) == sentence


TABLE = """A table.

    speeds  (R, T)  ‖J u‖ of each path
    ends    (R,)    the distance
                    of both ends
"""


@pytest.mark.parametrize(
    ("doc", "shown"),
    [
        ("E[x] = A(κ) μ, which lies inside.", "<p>which lies inside.</p>"),
        ("x (B, D)  ->  (B,) in nats.", "<p>x (B, D)  →  (B,) in nats.</p>"),
        (TABLE, "<tr><td>ends</td><td>(R,)</td><td>the distance of both ends</td></tr>"),
        ("One.\n\n    C   = a + b\n    dC  = c + d\n", '<div class="equation">'),
        ("One.\n\n    scratchvae site --serve\n", "<pre>scratchvae site --serve</pre>"),
    ],
)
def test_a_docstring_is_shown_as_it_is_meant(doc, shown):
    assert shown in blocks(doc, set(), lambda _: None)


def test_two_equations_in_one_line_stay_two():
    html = narrative("Two.\n\n    R = Σ_j a_j      D = Σ_j b_j\n", set(), ATLAS)
    assert html.count('class="tex"') == 2


def texts(module):
    """Every line of every docstring, and every comment; the second says whether it is part of a sentence."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            yield from ((line.strip(), True) for line in (ast.get_docstring(node) or "").splitlines())
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("# "), False


def test_every_equation_of_the_package_parses():
    """No sign of mathematics is left outside of an equation that the grammar takes, but in titles that stand
    in quotes.
    """
    count, left = 0, []
    for module in ATLAS.modules.values():
        names = names_in(module)
        for text, sentence in texts(module):
            if not set(text) & SIGNS:
                continue
            cut = pieces(re.sub(r'"[^"]*"', '""', text), names, sentence=sentence)
            count += sum(kind == "equation" for kind, _ in cut)
            words = "".join(piece for kind, piece in cut if kind == "words")
            if set(words) & SIGNS:
                left.append(f"{module.name}: {text}")
    assert not left, "\n".join(left)
    assert count > 1500


def test_every_gradient_line_of_ops_and_laws_is_mathematics():
    for name, module in ATLAS.modules.items():
        if name.split(".")[1:2] in (["ops"], ["distributions"]):
            for text, sentence in texts(module):
                if not sentence and re.match(r"d\w+ = ", text):
                    assert pieces(text, names_in(module), sentence=False)[0][0] == "equation", text


class Anchors(HTMLParser):
    """The ids of a page, where its links lead, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.loads += [
            given[name]
            for name in ("src", "href")
            if name in given and tag in ("script", "link", "img", "iframe")
        ]


def test_pages_load_nothing_from_outside_and_stay_small(made):
    for one in made:
        html = render(one, made)
        found = Anchors(html)
        assert len(html.encode()) < 300_000
        assert len(found.ids) == len(set(found.ids)), one.path
        for path in found.loads:
            assert path == "data:," or (ASSETS / path.removeprefix("../assets/")).is_file(), path
    assert not re.search(
        r"@import|url\((?!fonts/)", (ASSETS / "katex" / "katex.min.css").read_text(encoding="utf-8")
    )
    assert "http" not in (ASSETS / "site.js").read_text(encoding="utf-8") + (ASSETS / "style.css").read_text(
        encoding="utf-8"
    )


def test_links_lead_to_anchors_that_are_there(book, made):
    ids = {one.path: set(Anchors(render(one, made)).ids) for one in made}
    sources = {f"source/{module.name}.html" for module in in_order(ATLAS)} | {"source/index.html"}
    tests = {f"tests/{name}.html": set(module.defined) for name, module in ATLAS.tests.items()}
    for one in made:
        for link in Anchors(render(one, made)).links:
            path, _, anchor = link.partition("#")
            whole = normpath(join(dirname(one.path), path)) if path else one.path
            room = whole.partition("/")[0]
            assert (
                whole in sources
                or whole in tests
                or room in ("course", "mistakes", "reference", "index.html")
            ), link
            if whole in ids and anchor and anchor != "page-content":
                assert anchor in ids[whole], f"{one.path}: {link}"
            if whole in tests and anchor:
                assert anchor in tests[whole], link


def test_a_page_leads_to_the_one_before_and_the_one_after_it():
    trio = [Page(f"{name}.html", name, "S", "") for name in ("first", "middle", "last")]
    other = Page("elsewhere.html", "elsewhere", "T", "")
    for at, before, after in ((0, None, "middle"), (1, "first", "last"), (2, "middle", None)):
        html = render(trio[at], [*trio, other])
        found = [re.search(rf'rel="{rel}" href="\./(\w+).html"', html) for rel in ("prev", "next")]
        assert [one and one[1] for one in found] == [before, after]


def test_a_page_without_neighbours_ends_with_its_body():
    alone = Page("index.html", "Home", "Home", "<p>body</p>")
    assert "onward" not in render(alone, [alone])


def test_a_link_of_a_body_is_made_relative():
    one = Page("a/b/c.html", "C", "S", '<a href="/x.html#y">x</a><img src="/p.png" alt="p">')
    html = render(one, [one])
    assert '<a href="../../x.html#y">' in html
    assert 'src="../../p.png"' in html


@pytest.mark.parametrize("room", reference.ROOMS)
def test_every_public_name_has_its_place(room):
    for name in reference.public(room):
        whole = f"scratchvae.{room}.{name}"
        module, inside = ATLAS.where(whole)
        assert not inside or inside in ATLAS.modules[module].defined


@pytest.mark.parametrize("room", ["ops", "distributions"])
def test_every_op_and_law_with_a_case_has_its_numbers(book, room):
    """The page of a function shows a table for its case: the numbers are taken from the same table that
    drives the checks.
    """
    of = {name for name in book.cases.by_function if name.startswith(f"scratchvae.{room}.")}
    shown = {
        f"{m.name}.{row.name}"
        for m in in_order(ATLAS)
        if m.name.startswith(f"scratchvae.{room}.")
        for row in rows_of(m)
    }
    assert of
    assert of <= shown


def test_gradients_beside_differences(made, book):
    gaussian = next(one for one in made if one.path.endswith("gaussian.html"))
    assert gaussian.body.count('<table class="numbers">') > 10
    for case in book.cases.by_function["scratchvae.distributions.gaussian.kl_to_standard"]:
        assert book.cases.numbers(case.name).worst < 1e-6
    assert "certificate" in gaussian.body


def test_twins_are_tabs(made):
    kernels = next(one for one in made if "densities" in one.path)
    assert kernels.body.count('role="tablist"') >= 5
    assert 'id="compiled.gaussian_log_prob"' in kernels.body


def test_the_certificate_is_whole():
    from scratchvae.reference import certificate

    missing = [trial.name for trial in certificate.all_trials() if trial.name not in certified()]
    assert not missing, "scratchvae check --certify --json scratchvae/site/certified.json writes them"
    for rows in certified().values():
        assert all(max(errors) <= certificate.LIMITS[dtype] for dtype, errors in rows.items())


@pytest.mark.slow
@pytest.mark.browser
def test_pages_open_in_a_browser_without_a_word_of_complaint(made, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here: apt install chromium, or brew install chromium")
    shutil.copytree(ASSETS, tmp_path / "assets")
    (tmp_path / "source").mkdir()
    for one in made:
        watched = (
            "<script>window.onerror = (m) => { document.documentElement.dataset.error = m }</script></head>"
        )
        closing = """<script>window.addEventListener("load", () => {
          setEquations(document);
          document.querySelectorAll("[role=tab]").forEach((tab) => tab.click());
          document.documentElement.dataset.tex = window.texErrors.join("; ") || "none";
          const panels = [...document.querySelectorAll("[role=tabpanel]")];
          const shown = panels.filter((panel) => !panel.hidden).length;
          document.documentElement.dataset.shown = shown;
          const loaded = performance.getEntriesByType("resource");
          const asked = loaded.filter((entry) => !entry.name.startsWith("file:"));
          document.documentElement.dataset.asked = asked.length;
        })</script></body>"""
        html = render(one, made).replace("</head>", watched).replace("</body>", closing)
        path = tmp_path / one.path
        path.write_text(html, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=10000",
            "--dump-dom",
            path.as_uri(),
        ]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        root = re.search(r"<html[^>]*>", dom).group()
        assert 'data-ready="true"' in root
        assert "data-error" not in root
        assert 'data-tex="none"' in root
        assert 'data-asked="0"' in root
        assert f'data-shown="{one.body.count("tablist")}"' in root
        assert dom.count('class="katex"') > 3
