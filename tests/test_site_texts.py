"""The reference's texts: Markdown as pages, the variables of the environment, results.

The order in which a site is made is tested here too.
"""

import json
import re
import sys
import threading

import pytest

from scratchvae.recipes import NAMED_MODELS
from scratchvae.site import build, course, environment, reproductions, texts
from scratchvae.site.atlas import Atlas
from scratchvae.site.course import Ran
from scratchvae.site.page import Page

BUILD = sys.modules["scratchvae.site.build"]
PAGES = {page.path: page for page in texts.pages("Reference")}


@pytest.fixture(scope="module")
def atlas():
    """Of the modules that have to do with variables of the environment, and of one of the site's own."""
    names = (
        "kernels",
        "cpu",
        "data.limits",
        "data.named_files",
        "runs.processes",
        "bench.rounds",
        "runs.results",
        "recipes",
        "site.course",
    )
    whole = Atlas()
    return Atlas(modules={name: whole.modules[name] for name in (f"scratchvae.{each}" for each in names)})


def test_headings_of_markdown_have_anchors_and_links_keep_theirs():
    html = texts.html_of(
        "## What *it* is, `really`\n\n[a](#what-it-is-really)\n", "scratchvae/data/README.md"
    )
    assert '<h2 id="what-it-is-really">' in html
    assert 'href="/reference/data.html#what-it-is-really"' in html


@pytest.mark.parametrize(
    ("link", "made"),
    [
        ("[a](../kernels/README.md)", '<a href="/reference/kernels.html">a</a>'),
        ("[a](../../README.md#the-map)", '<a href="/reference/readme.html#the-map">a</a>'),
        ("[a](../ops/linear.py)", "a"),
        ("[a](https://example.org/)", '<a href="https://example.org/">a</a>'),
        ("![a](picture.png)", ""),
    ],
)
def test_a_link_of_markdown_leads_to_a_page_or_is_words(link, made):
    assert texts.html_of(link, "scratchvae/data/README.md") == f"<p>{made}</p>\n"


def test_anchors_within_the_texts_are_there():
    for page in PAGES.values():
        for path, anchor in re.findall(r'href="/([^"#]*)#([^"]*)"', page.body):
            assert f'id="{anchor}"' in PAGES[path].body, f"{page.path}: {path}#{anchor}"


def test_sections_have_pages_of_their_own_and_no_more_than_themselves():
    golden = PAGES["reference/golden.html"].body
    assert "manifest.json" in golden
    assert "mpmath" not in golden  # the next section's
    assert "<h2" not in golden
    assert "PyTorch" in PAGES["reference/speed.html"].body
    assert "OPENBLAS_NUM_THREADS" in PAGES["reference/processor.html"].body
    assert not PAGES["reference/readme.html"].body.startswith("<h1")
    assert {page.title for page in PAGES.values()} >= {"Contributing", "Changes", "scratchvae", "Speed"}


def test_every_variable_has_its_sentence_and_its_reader(atlas):
    rows = dict(re.findall(r'<tr id="(\w+)">(.*?)</tr>', environment.table(atlas)))
    readers = {
        "SCRATCHVAE_DATA": "data.named_files",
        "SCRATCHVAE_KERNELS": "kernels",
        "SCRATCHVAE_MAX_BYTES": "data.limits",
    }
    for name, module in {
        **readers,
        "SCRATCHVAE_CPU": "cpu",
        "OPENBLAS_NUM_THREADS": "runs.processes",
    }.items():
        _, said, users = re.findall(r"<td>(.*?)</td>", rows[name])
        assert name in said
        assert f"<code>{module}</code>" in users
    assert "site." not in "".join(rows.values())


def test_sentences_about_variables_are_sentences(atlas):
    for name, those in environment.sentences(atlas).items():
        assert len(those) == len(set(those))
        for sentence in those:
            assert name in sentence
            assert sentence.endswith((".", ":"))
            assert "\n" not in sentence


def test_code_blocks_are_no_sentences(monkeypatch, atlas):
    monkeypatch.setattr(
        environment, "text_of", lambda _: "```\nSCRATCHVAE_X is code.\n```\n\nSCRATCHVAE_Y is said.\n"
    )
    found = environment.sentences(atlas)
    assert found["SCRATCHVAE_Y"] == ["SCRATCHVAE_Y is said."]
    assert "SCRATCHVAE_X" not in found


def test_results_show_every_named_model_with_its_promises():
    table = reproductions.table(Atlas())
    for name, named in NAMED_MODELS.items():
        (row,) = re.findall(rf'<tr id="{name}">(.*?)</tr>', table)
        assert row.count("<code>") == 1 + len(named.claims)


def test_results_were_measured_of_every_name():
    rows = json.loads(reproductions.RESULTS.read_text(encoding="utf-8"))
    assert {row["model"] for row in rows} == set(NAMED_MODELS)
    for row in rows:
        assert list(row["claims"]) == list(NAMED_MODELS[row["model"]].claims)
        assert row["failed"] is None
        assert len(row["values"]["loss"]) == 3, "each name is measured with three seeds"


def test_a_row_of_results_shows_its_verdict_its_promises_and_its_numbers():
    values = {"loss": [2.0, 4.0], "bound": [-3.0, -3.0], "kl": [1.0, 2.0], "seconds": [2.5, 2.0]}
    claims = {"kl < vae": "partial", "kl > 0": "yes"}
    row = {
        "model": "beta_tc",
        "paper": "",
        "values": values,
        "claims": claims,
        "verdict": "partial",
        "failed": None,
    }
    table = reproductions.measured([row])
    assert "--seeds 2</code> trained each name" in table
    words = " ".join(table.split())
    assert "0 names kept all that they promise, 1 kept a part, 0 kept nothing" in words
    assert "<code>beta-tc</code></td><td>partial</td>" in table
    assert "<code>kl &lt; vae</code> partial<br><code>kl &gt; 0</code> yes" in table
    cells = re.findall('<td class="number">(.*?)</td>', table)
    assert cells == ["3 ± 1", "−3 ± 0", "", "", "2"]


def test_the_demos_begin_before_other_pages_and_are_waited_for_last(monkeypatch, atlas):
    order = []

    def maker(name):
        def pages(_):
            for k in range(2):
                order.append((name, k))
                yield Page(f"{name}{k}.html", name, name, "")

        return pages

    monkeypatch.setattr(BUILD, "SECTIONS", {name: maker(name) for name in ("front", "course", "play")})
    monkeypatch.setattr(course, "pages", maker("course"))
    pages = BUILD._pages(atlas, ("play", "course", "front"))
    assert [page.path for page in pages] == [
        f"{name}{k}.html" for name in ("front", "course", "play") for k in (0, 1)
    ]
    assert (order[0], order[-1]) == (("course", 0), ("course", 1))


def test_demos_run_beside_the_rest_and_stop_when_it_fails(monkeypatch, atlas):
    began, may_end, ran = threading.Event(), threading.Event(), []

    def run_demo(path):
        ran.append(path)
        began.set()
        may_end.wait(10)
        return Ran("", {})

    monkeypatch.setattr(course, "run_demo", run_demo)
    chapters = course.pages(atlas)
    assert next(chapters).path == "course/index.html"
    assert began.wait(10)
    threading.Timer(0.2, may_end.set).start()
    chapters.close()
    assert len(ran) < len(course.CHAPTERS)


def test_parts_of_a_site_are_known_by_name(tmp_path):
    with pytest.raises(ValueError, match="found 'sources'"):
        build(tmp_path, only=["sources"])
