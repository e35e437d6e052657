"""The pages of the study site that are played with, walked and read: their arithmetic, their links, and that
they move.
"""

import ast
import inspect
import json
import re
import shutil
import subprocess
from html import unescape
from itertools import pairwise
from textwrap import dedent

import numpy as np
import pytest

from scratchvae import recipes
from scratchvae.distributions import bernoulli, concrete, gaussian
from scratchvae.evaluation import linear_gaussian_bound
from scratchvae.layers import named_parameters
from scratchvae.objectives import Elbo, TotalCorrelation
from scratchvae.reference import mistakes
from scratchvae.reference.terms import TERMS
from scratchvae.site import (
    answer_numbers,
    answers,
    build,
    chapter,
    chapters,
    course,
    decoders,
    laws,
    listing,
    number_table,
    plants,
    step,
    terms,
    walk,
    widgets,
)
from scratchvae.site import mistakes as site_mistakes
from scratchvae.site.atlas import Atlas
from scratchvae.site.build import ASSETS
from scratchvae.site.page import render
from scratchvae.site.prose import with_equations
from scratchvae.site.resolution import Uses
from scratchvae.site.words import SIGNS

SCRIPTS = ASSETS / "play"
EPSILON = np.finfo(np.float64).eps
node = pytest.mark.skipif(
    shutil.which("node") is None, reason="node, which runs the scripts of the pages, is not installed"
)


def in_node(expression, **given):
    """The value of an expression in JavaScript, with Maths and the given values by their names."""
    program = f"const Maths = require({json.dumps(str(SCRIPTS / 'mathematics.js'))});\n"
    program += "".join(f"const {name} = {json.dumps(value)};\n" for name, value in given.items())
    program += "const endless = (v) => typeof v === 'number' && !isFinite(v);\n"
    program += "const plain = (key, v) => (ArrayBuffer.isView(v) ? [...v] : endless(v) ? String(v) : v);\n"
    program += f"console.log(JSON.stringify({expression}, plain));"
    run = subprocess.run(["node", "-"], input=program, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def packed():
    """A decoder of three codes and 36 pixels, in 8 bits, and codes for it."""
    model = recipes.mlp((1, 6, 6), latent_dim=3, hidden=(20, 12))
    return model.decoder, decoders.packed(model.decoder), np.random.default_rng(0).normal(size=(5, 3))


def test_a_decoder_of_8_bits_is_as_near_as_is_stated(packed):
    decoder, layers, z = packed
    exact = z
    for layer in decoder.layers:
        exact, _ = layer(exact.astype(np.float64))
    off = np.abs(decoders.logits_of(layers, z) - exact)
    stated = decoders.largest_logit_error(decoder, layers, z)
    assert (off <= stated + 1e-5).all()  # scales and biases of 32 bits: 40 roundoffs of 6e-8 of sums below 3
    assert off.max() > stated.max() / 1000  # and no more than that is stated for nothing
    assert max(np.abs(layer.q.astype(int)).max() for layer in layers) == 127


@node
def test_the_page_decodes_as_python_does(packed):
    _, layers, z = packed
    ours = decoders.logits_of(layers, z)
    theirs = in_node(
        "z.map((each) => Maths.forward(Maths.network(layers), each))",
        layers=[x.for_page() for x in layers],
        z=z.tolist(),
    )
    size = sum(np.abs(layer.scale[:, None] * layer.q).sum() for layer in layers) * (1 + np.abs(z).max())
    # the same sums in another order
    np.testing.assert_allclose(theirs, ours, atol=64 * EPSILON * size, rtol=0)


GAUSSIANS = [(1.5, -1.0, 0.0, 0.0), (0.3, 2.0, -1.0, -0.5), (-2.0, 0.0, 1.0, 1.5), (0.7, 0.4, 0.7, 0.4)]


@node
def test_the_page_has_the_kl_and_its_derivatives():
    m, s, mu, t = np.array(GAUSSIANS).T[:, :, None]
    value, pullback = gaussian.kl(m, s, mu, t)
    found = in_node("given.map(([m, s, mu, t]) => Maths.kl({ m, s, mu, t }))", given=GAUSSIANS)
    for name, ours in zip(
        ("value", "m", "s", "mu", "t"), (value, *pullback(np.ones(len(value)))), strict=True
    ):
        np.testing.assert_allclose(
            [each[name] for each in found], ours.reshape(-1), atol=32 * EPSILON, rtol=32 * EPSILON
        )
    expression = "Maths.difference((at) => Maths.kl(at).value, { m: 1.5, s: -1, mu: 0, t: 0 }, name)"
    for name in ("m", "s", "mu", "t"):
        # h² and rounding over 2h
        assert in_node(expression, name=name) == pytest.approx(found[0][name], abs=1e-8)


@node
@pytest.mark.parametrize("m", [-1.0, 0.4])
def test_the_page_has_the_bound_of_a_linear_model(m):
    x, w, sigma, s = 1.5, 1.2, 0.6, -0.5
    arrays = {
        "x": np.array([[x]]),
        "weight": np.array([[w]]),
        "mean": np.zeros(1),
        "noise_variance": np.array([sigma**2]),
    }
    (ours,), _ = linear_gaussian_bound(np.array([[m]]), np.array([[[np.exp(s / 2)]]]), **arrays)
    log_px = -0.5 * (np.log(2 * np.pi * (w**2 + sigma**2)) + x**2 / (w**2 + sigma**2))
    given = {"x": x, "w": w, "sigma": sigma, "m": m, "s": s, "decoder": "linear"}
    found = in_node("(({ z, q, posterior, ...rest }) => rest)(Maths.bound(at))", at=given)
    # a sum over a grid of a smooth function: rounding of 4001 terms
    assert found["bound"] == pytest.approx(ours, abs=1e-9)
    assert found["logPx"] == pytest.approx(log_px, abs=1e-9)
    assert found["mass"] == pytest.approx(1, abs=1e-9)
    assert found["bound"] + found["toPosterior"] == pytest.approx(log_px, abs=1e-9)


@node
def test_the_page_draws_relaxed_choices_as_python_does():
    logits, noise = np.array([[[0.5, 0.0, -0.5]]]), np.random.default_rng(0).standard_exponential((4, 1, 3))
    y, _ = concrete.reparameterize(logits, noise=noise, temperature=0.3, draws=4)
    found = in_node("noise.map((e) => Maths.relaxed([0.5, 0, -0.5], e, 0.3))", noise=noise[:, 0].tolist())
    # exponents up to 30, in units of ε
    np.testing.assert_allclose(found, np.exp(y[:, 0]), atol=1e-13, rtol=0)


@node
@pytest.mark.parametrize(("logit", "x"), [(30.0, 0.0), (-120.0, 1.0), (0.3, 1.0), (100.0, 1.0)])
def test_the_page_has_the_bernoulli_of_a_saturated_logit(logit, x):
    value, pullback = bernoulli.log_prob(np.array([[logit]], np.float32), x=np.array([[x]], np.float32))
    found = in_node("[Maths.byLogit(l, x), Maths.slopeByLogit(l, x)]", l=logit, x=x)
    np.testing.assert_allclose(
        found, [value[0], pullback(np.ones(1, np.float32))[0, 0]], rtol=4e-7, atol=1e-7
    )
    naive = in_node("[Maths.byProbability(l, x), Maths.slopeByProbability(l, x)]", l=logit, x=x)
    if abs(logit) < 20:
        np.testing.assert_allclose(naive, found, atol=1e-5)
    else:  # 0 · log 0 where the decoder is right, log 0 where it is wrong
        assert naive == ["NaN" if x == (logit > 0) else "-Infinity", "NaN"]


def test_the_walk_is_the_step_of_elbo():
    model, (batch, noise) = walk.small_model(), walk.small_batch()
    one = walk.walk(model, batch, noise)
    report, pullback = Elbo()(model, batch, noise)
    pullback()
    assert one.loss == pytest.approx(report.loss, rel=4 * EPSILON)
    for name, place in walk.WEIGHTS.items():
        grad = named_parameters(model)[f"{place}.weight"].grad
        np.testing.assert_allclose(one.gradients[name], grad, rtol=0, atol=64 * EPSILON * np.abs(grad).max())


def test_every_gradient_of_the_walk_is_its_finite_difference():
    model, (batch, noise) = walk.small_model(), walk.small_batch()
    one = walk.walk(model, batch, noise)
    for name, d in one.gradients.items():
        for at in walk.largest_entries(d):
            found = walk.difference(model, batch, noise, name, at)
            # rounding: ε · 69 nats / 2h = 8e-10; measured 1.3e-9
            assert found == pytest.approx(d[at], abs=1e-7)


def test_every_statement_of_the_course_has_a_function_and_a_test():
    claims = {
        node.name
        for node in ast.parse((ASSETS.parents[2] / "tests/test_demos.py").read_text("utf-8")).body
        if hasattr(node, "name")
    }
    for each in chapters.CHAPTERS:
        assert each.statements, each.demo
        assert each.claims in claims
        assert all(statement.functions for statement in each.statements), each.demo


def test_the_course_has_every_demo_once():
    demos = sorted(path.stem for path in (ASSETS.parents[2] / "demos").glob("[0-9][0-9]_*.py"))
    assert sorted(each.demo for each in chapters.CHAPTERS) == demos
    assert {each.part for each in chapters.CHAPTERS} == set(chapter.PARTS)


PLANTED = [plant for group in plants.GROUPS.values() for plant in group]
NAMED = {"ids": lambda plant: plant.name}


@pytest.mark.parametrize(
    "plant",
    [p for p in PLANTED if "_read_as_" not in p.name or "log_var_read_as_log_std" in p.name],
    ids=lambda plant: plant.name,
)
def test_every_mistake_has_its_wrong_line(plant):
    report = plant.report()
    if plant.name == "surrogate_for_bound":  # which may be right, for all that its value shows
        assert "surrogate_for_bound" in report.explanation
        return
    assert plant.name in report.causes, str(report)


@pytest.mark.parametrize("plant", [p for p in PLANTED if "_read_as_" not in p.name][::3], **NAMED)
def test_the_right_line_is_right(plant):
    report = plant.step.report({**plant.others, plant.line: plant.should_be}, plant.settings)
    assert report.ok, str(report)


def test_the_pages_show_the_whole_catalogue():
    assert sorted(plant.name for plant in PLANTED) == sorted(mistakes())
    assert set(plants.LIKE_BETA) <= set(mistakes())


def test_every_answer_leads_to_its_proof():
    atlas = Atlas()
    for answer in answers.ANSWERS:
        assert widgets.proofs(atlas, answer.proved)  # a KeyError where a name is not there
        assert answer.code
        assert any(name.startswith("tests/") for name in answer.proved), answer.name


def test_the_lines_of_an_answer_are_the_source_and_lead_to_what_they_use():
    atlas, method = Atlas(), TotalCorrelation.shares  # which has no equation in a comment
    lines = listing.definition(method, atlas, Uses(atlas))
    shown = [unescape(re.sub(r"<[^>]*>", "", line)) for line in lines]
    assert shown == dedent(inspect.getsource(method)).splitlines()
    assert any('<a href="/source/scratchvae.arrays.' in line for line in lines)


def test_the_parts_of_an_equation_can_stand_below_each_other():
    parts = '<div class="tex">a=b,</div><div class="tex">c&lt;d</div>'
    assert widgets.equation(r"a=b,\qquad c<d") == f'<div class="equation">{parts}</div>'


def test_what_a_drawing_shows_stands_below_it():
    drawn = widgets.plot("hill", "q in green")
    assert 'aria-labelledby="hill-words"' in drawn
    assert '<figcaption id="hill-words">q in green</figcaption>' in drawn


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (("the prior", "some q"), ""),
        (("∂z/∂μ", ""), ""),
        ((1.5, float("-inf")), "number"),
        (("1e−12", ""), "number"),
        (("0.020 0.123 …", 3), "number"),
    ],
)
def test_words_of_a_table_stand_on_the_left_and_numbers_on_the_right(column, kind):
    shown = number_table.table("caption", ("head", "n"), [(cell, 1) for cell in column])
    mark = f' class="{kind}"' if kind else ""
    assert f'<th scope="col"{mark}>head</th><th scope="col" class="number">n</th>' in shown
    assert shown.count(f"<tr><td{mark}>") == 2


SENTENCES = {
    "statement": [each.words for part in chapters.CHAPTERS for each in part.statements],
    "about": list(site_mistakes.ABOUT.values()),
    "mistake": list(mistakes().values()),
    "term": [term.says for term in TERMS.values()],
    "fix": [fault.fix for term in TERMS.values() for fault in term.faults],
    "answer": [line for each in answers.ANSWERS for line in (each.short, *each.why)],
    "stop": [stop.words for stop in step.STOPS],
    "model": [named.says for named in recipes.NAMED_MODELS.values()],
}


def unset(html):
    """The signs of mathematics that stand in words, and not in an equation, in code, or in a heading."""
    aside = r'<(span|div) class="tex">.*?</\1>|<(code|pre|h[1-4])\b.*?</\2>|<[^>]*>|"[^"]*"'
    return SIGNS & set(re.sub(aside, "", html, flags=re.DOTALL)) - set("′")


@pytest.mark.parametrize("kind", SENTENCES)
def test_the_equations_of_the_sites_own_sentences_are_set(kind):
    for words in SENTENCES[kind]:
        assert not unset(with_equations(words)), words


def test_pages_of_terms_and_statements_set_their_equations():
    atlas = Atlas()
    body = terms.page(atlas, "Mistakes").body
    statements = [
        course.statement_of(atlas, part, each) for part in chapters.CHAPTERS for each in part.statements
    ]
    for html in (body, *statements):
        assert not unset(html)
    assert body.count('class="tex"') > 80


def test_code_within_a_sentence_is_no_equation():
    html = with_equations('At <code>x = 1</code> it is σ², <a href="/a=b.html">here</a>.')
    assert html.count('class="tex"') == 1
    assert "<code>x = 1</code>" in html
    assert '<a href="/a=b.html">here</a>' in html


def test_the_numbers_of_the_answers_are_those_of_their_statements():
    def cells(table):
        return [
            [cell.replace("−", "-") for cell in re.findall(r"<td[^>]*>([^<]*)<", row)]
            for row in table.split("<tr>")[2:]
        ]

    for _, _, _, dmean, by_difference, dlog_var, also in cells(answer_numbers.gradient_of_the_kl()):
        assert float(dmean) == pytest.approx(float(by_difference), abs=1e-5)  # six printed digits
        assert float(dlog_var) == pytest.approx(float(also), abs=1e-5)
    plain, free = cells(answer_numbers.free_bits())
    assert [float(plain[4]), float(plain[5])] == [0.2, 1.5]  # two examples, and a mean over them: μ itself
    assert [float(free[4]), float(free[5])] == [0, 1.5]
    for _, bound, gap, total, mean, deviation in cells(answer_numbers.no_q_in_it()):
        assert float(bound) + float(gap) == pytest.approx(float(total), abs=1e-4)
        assert float(total) == pytest.approx(float(mean), abs=1e-4)
        assert float(deviation) < 1e-9
    # 36 products of size 3, in units of ε
    assert all(float(off) < 1e-12 for _, _, off in cells(answer_numbers.convolutions()))
    *_, naive = cells(answer_numbers.saturated())[3]
    assert naive == "-inf"
    equal, right = cells(answer_numbers.stratified())
    assert abs(float(right[2]) - float(right[4])) < 5 * float(right[3])
    assert float(equal[2]) - float(equal[4]) > 20 * float(equal[3])


WATCH = """<script>
window.found = [];
window.addEventListener("error", (event) => found.push(event.message));
console.error = (...all) => found.push(all.join(" "));
</script>"""
MOVE = """<script>
window.addEventListener("load", () => {
  const shown = () => [...document.querySelectorAll("canvas")].map((c) => c.toDataURL()).join() +
    [...document.querySelectorAll("svg")].map((s) => s.innerHTML).join();
  for (const slider of document.querySelectorAll("#play input[type=range]")) {
    const before = shown();
    slider.value = Number(slider.value) === Number(slider.max) ? slider.min : slider.max;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (shown() === before) found.push(`nothing moves with ${slider.name}`);
    const output = document.querySelector(`output[for="${slider.id}"]`);
    if (!output.textContent) found.push(`${slider.name} shows no value`);
  }
  for (const value of document.querySelectorAll("[data-value]")) {
    if (!value.textContent) found.push(`no number for ${value.dataset.value}`);
  }
  const sliders = document.querySelectorAll("#play input[type=range]").length;
  found.push(...(window.texErrors || []), `${sliders} sliders`);
  document.body.dataset.found = JSON.stringify(found);
});
</script>"""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium, which opens the pages, is not installed")
@pytest.mark.parametrize(
    "make",
    [laws.divergence, laws.relaxation, laws.bound, laws.logit, step.page],
    ids=lambda make: make.__name__,
)
def test_sliders_move_the_pictures_of_a_page(make, tmp_path):
    page = make(Atlas())
    shutil.copytree(ASSETS, tmp_path / "assets")
    path = tmp_path / page.path
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        render(page, [page]).replace("<head>", "<head>" + WATCH).replace("</body>", MOVE + "</body>"), "utf-8"
    )
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=8000",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    run = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", path.as_uri()],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    found = json.loads(unescape(re.search(r'data-found="([^"]*)"', run.stdout)[1]))
    sliders = page.body.count('type="range"')
    assert found == [f"{sliders} sliders"]
    assert sliders


@pytest.mark.slow
def test_the_pages_are_small_and_their_pictures_have_words(tmp_path):
    for page in build(tmp_path, only=["front", "step", "mistakes", "questions"]):
        text = (tmp_path / page.path).read_text("utf-8")
        assert len(text.encode()) < 300_000, page.path
        assert all("alt=" in tag for tag in re.findall(r"<img[^>]*>", text))
        assert all("aria-" in tag for tag in re.findall(r"<(?:canvas|svg)[^>]*>", page.body)), page.path
        levels = [int(n) for n in re.findall(r"<h([1-6])", text)]
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), page.path
