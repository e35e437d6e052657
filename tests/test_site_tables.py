"""The table below a function has the right numbers, and the lines beside it are those of its file."""

import re
from html import unescape

import pytest

from scratchvae.site import sources
from scratchvae.site.atlas import Atlas, Module
from scratchvae.site.listing import code, lines_of
from scratchvae.site.numbers import certified, the_cases
from scratchvae.site.resolution import Uses
from scratchvae.site.tables import proofs, table

ATLAS = Atlas(
    tests={
        name: Module(name, path)
        for name, path in sources.test_files().items()
        if name == "test_distributions"
    },
    demos={},
)
KL = "scratchvae.distributions.gaussian.kl_to_standard"


def number(cell):
    return float(cell.replace("−", "-"))


@pytest.fixture(scope="module")
def uses():
    return Uses(ATLAS)


@pytest.mark.parametrize(
    "function", [KL, "scratchvae.ops.convolution.conv2d", "scratchvae.distributions.gaussian.kl"]
)
def test_a_row_holds_a_gradient_its_difference_and_how_far_they_are_apart(function):
    case = the_cases().by_function[function][0]
    rows = re.findall(r"<tr><td>.*?</tr>", table(the_cases().numbers(case.name)))
    assert len(rows) >= len(case.arrays)
    for row in rows:
        x, gradient, difference, apart = map(number, re.findall(r'class="number">([^<]*)<', row))
        argument, place = re.search(r"<code>(\w+)\[([\d,]*)\]", row).groups()
        assert x == pytest.approx(case.arrays[argument][tuple(map(int, place.split(",")))], rel=1e-9)
        assert difference == pytest.approx(gradient, rel=1e-6, abs=1e-8)
        assert apart < 1e-7  # |gradient − difference|, which ten printed digits are too few to compute again


def test_the_worst_of_the_certificate_is_the_largest(uses):
    node = ATLAS.modules["scratchvae.distributions.gaussian"].defined["kl_to_standard"]
    (said,) = re.findall(r'<p class="certified">(.*?)</p>', proofs(ATLAS, uses, the_cases(), KL, node))
    rows = [
        errors for trial, errors in certified().items() if trial.split(":")[0] == "gaussian.kl_to_standard"
    ]
    for dtype in ("float64", "float32"):
        worst = max(max(errors[dtype]) for errors in rows)
        assert f"{worst:.1e} in {dtype}" in said
    assert f"on {len(rows)} kinds of input" in said


@pytest.mark.parametrize(
    "name",
    [
        "ops.activations",
        "distributions.gaussian",
        "objectives.iwae",
        "arguments",
        "site.tables",
        "commands.info",
        "kernels",
    ],
)
def test_a_listing_is_the_file_itself(uses, name):
    """Comments excepted, whose equations are set."""
    module = ATLAS.modules[f"scratchvae.{name}"]
    for i, (line, shown) in enumerate(
        zip(module.text.splitlines(), lines_of(module, ATLAS, uses), strict=True), 1
    ):
        assert shown.startswith(f'<span id="L{i}">')
        bare = unescape(re.sub(r"<[^>]*>", "", re.sub(r'<span class="c">.*</span>', "", shown)))
        assert line.startswith(bare), f"{name}, line {i}"
        assert "#" in line or bare == line, f"{name}, line {i}"


def test_a_listing_wraps_below_its_own_beginning_and_is_copied_line_by_line():
    lines = [
        '<span id="L1"><span class="k">if</span> x:</span>',
        '<span id="L2">    y</span>',
        '<span id="L3"></span>',
    ]
    shown = code([*lines, '<span id="L4">        <a href="#">z</a></span>', '<span id="L5"> </span>'])
    assert re.findall(r'<span id="(L\d)" style="--in: (\d+)">', shown) == [("L2", "4"), ("L4", "8")]
    assert unescape(re.sub(r"<[^>]*>", "", shown)) == "if x:\n    y\n\n        z\n"


def test_a_name_after_greek_letters_leads_to_its_definition(uses, tmp_path):
    path = tmp_path / "one.py"
    path.write_text('from scratchvae import ops\n\ny = "σ²" + ops.relu("ε", ops.tanh)\nops = 1\n', "utf-8")
    found = lines_of(Module("one", path), ATLAS, uses)[2]
    for name in ("relu", "tanh"):
        assert f'<a href="{ATLAS.href(f"scratchvae.ops.{name}")}">{name}</a>' in found


def test_an_argument_is_not_the_import_of_its_name(uses, tmp_path):
    path = tmp_path / "two.py"
    path.write_text("from scratchvae.ops import relu\n\n\ndef f(relu):\n    return relu\n\n\nrelu\n", "utf-8")
    lines = lines_of(Module("two", path), ATLAS, uses)
    assert "<a" not in lines[3] + lines[4]
    assert "<a" in lines[7]


def test_a_function_is_followed_by_the_tests_that_name_it(uses):
    whole = "scratchvae.distributions.gaussian.log_prob"
    named = {user.partition("::")[2] for user in uses.tests[whole]}
    text = ATLAS.tests["test_distributions"].text
    tests = {
        found[1]
        for found in re.finditer(r"^def (test_\w+).*\n((?:[ )].*\n|\n)*)", text, re.MULTILINE)
        if "gaussian.log_prob(" in found[2]
    }
    assert tests
    assert tests <= named
