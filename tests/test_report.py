"""A run's report: one HTML file, whole, offline, readable by everybody, that shows what kind of data the run
has.
"""

import base64
import html
import io
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile
from scipy.spatial.distance import cdist

from scratchvae import plots
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Dataset, Spectrogram, load, play_note, write_wav
from scratchvae.evaluation import bound, kl_by_latent
from scratchvae.objectives import Elbo
from scratchvae.recipes import mlp
from scratchvae.runs import Run, report
from scratchvae.runs.measurement import passes
from scratchvae.runs.report import embedding, page, sounds
from scratchvae.runs.report.neighbours import nearest

RNG = np.random.default_rng(5)
VOID = {"meta", "img", "br", "path", "use", "image", "source"}
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
SMALL = ["--epochs", "2", "--latent-dim", "3", "--hidden", "5", "--quiet", "--no-figures"]
OF_ALL = {"summary", "numbers", "curves", "settings", "environment"}
OF_IMAGES = {"reconstructions", "samples"}
HOSTILE = "<img src=x onerror=alert(1)>&\"'$x_$"


def write_images(at):
    np.save(at, RNG.random((60, 4, 4), np.float32))


def write_table(at):
    x = RNG.normal(size=(60, 3)) * [1, 5, 0] + [0, 100, 0]
    x[:, 2] = RNG.integers(0, 3, 60)
    x[RNG.random(x.shape) < 0.1] = np.nan
    np.save(at, x)


def write_words(at):
    vocabulary = [a + b for a in "bcdfgh" for b in ("are", "ill", "one", "ust", "ear", "oot", "ine")]
    for k in range(40):
        some = RNG.choice(vocabulary[: 30 if k % 2 else None], 60)
        (at / f"{k}.txt").write_text(" ".join(some))


def write_sound(at):
    write_wav(
        at, np.concatenate([play_note(t, 60, seconds=0.3, rate=4000) for t in ("string", "organ")]), 4000
    )


# kind: where the data lie, who writes them, further options, the sections beside those that all have
RUNS = {
    "images": ("images.npy", write_images, [], {"latents", "codes", *OF_IMAGES}),
    "two latents": ("two.npy", write_images, ["--latent-dim", "2"], {"latents", "codes", *OF_IMAGES}),
    "hostile": (f"{HOSTILE}.npy", write_images, [], {"latents", "codes", *OF_IMAGES}),
    "autoencoder": ("more.npy", write_images, ["--model", "autoencoder"], {"latents", "codes", *OF_IMAGES}),
    "mixture": (
        "mixed.npy",
        write_images,
        ["--prior", "vamp(components=4)"],
        {"latents", "codes", *OF_IMAGES},
    ),
    "table": (
        "table.npy",
        write_table,
        ["--likelihood", "gaussian", "--standardize"],
        {"latents", "codes", "columns"},
    ),
    "words": (
        "words",
        write_words,
        ["--likelihood", "multinomial"],
        {"latents", "codes", "words", "documents"},
    ),
    "sound": ("sound.wav", write_sound, ["--likelihood", "gaussian"], {"latents", "codes", "spectrograms"}),
}


class Reader(HTMLParser):
    """The tags of a page: that they close, their ids, links, sources and alternative texts; the words of each
    section.
    """

    def __init__(self, content):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.pictures, self.words, self.tags = (
            [],
            [],
            [],
            [],
            [],
            {},
            [],
        )
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        assert len(given) == len(attributes), f"{tag} has an attribute twice"
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append((tag, given.get("id")))
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[name] for name in ("href", "xlink:href") if name in given]
        self.sources += [given["src"]] if "src" in given else []
        if tag in ("img", "svg", "audio"):
            self.pictures.append((tag, given.get("alt") or given.get("aria-label")))
        assert not any(name.startswith("on") for name in given), f"{tag} would run a script"

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        section = next((name for tag, name in self.open if tag == "section"), "")
        self.words[section] = self.words.get(section, "") + data


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """For each kind the folder of a run and its report, made when it is first asked for."""
    root, known = tmp_path_factory.mktemp("reports"), {}

    def of(kind):
        if kind not in known:
            name, write, options, _ = RUNS[kind]
            at = root / name
            if not at.suffix:
                at.mkdir()
            write(at)
            folder = root / "runs" / (HOSTILE.replace("/", "") if kind == "hostile" else kind)
            assert main(["train", "--data", str(at), "--out", str(folder), *SMALL, *options]) == 0
            assert main(["report", str(folder)]) == 0
            known[kind] = folder, (folder / "report.html").read_text(encoding="utf-8")
        return known[kind]

    return of


@pytest.mark.parametrize("kind", RUNS)
def test_a_report_is_whole_offline_and_has_its_sections(kind, reported):
    folder, content = reported(kind)
    reader = Reader(content)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    sections = {name for name in reader.words if name}
    assert sections == OF_ALL | RUNS[kind][3]
    assert {f"#{name}" for name in sections} <= set(reader.links)  # the table of contents
    assert all(link.startswith("data:image/png;base64,") or link[1:] in reader.ids for link in reader.links)
    assert all(source.startswith("data:") for source in reader.sources)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(reader.tags)
    assert not re.search(
        r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"base64,[A-Za-z0-9+/=]+", "", content)
    )
    assert all(words and len(words) > 3 for _, words in reader.pictures), reader.pictures
    assert "prefers-color-scheme: dark" in content
    assert 'name="viewport"' in content
    assert "default-src 'none'" in html.unescape(content)
    assert Run.open(folder).folder.name in html.unescape(content)


def test_a_report_says_what_the_run_is(reported):
    folder, content = reported("images")
    words = Reader(content).words
    run = Run.open(folder)
    objective = Elbo()
    rng = np.random.default_rng(0)  # the mean of several passes, each with draws of its own
    found = np.mean(
        [bound(run.model, run.judged, objective, rng=rng)["bound"] for _ in range(passes(len(run.judged)))]
    )
    assert f"{found:.2f}".replace("-", "−") in words["summary"]
    assert "54 examples" in words["summary"]
    assert "3 latents" in words["summary"]
    assert "latent_dim" in words["settings"]
    assert "NumPy" in words["environment"] or "numpy" in words["environment"]
    assert "of 3 are" in words["latents"]
    assert report.report(run) == content  # the same run, the same bytes


def test_names_from_files_are_shown_and_do_nothing(reported):
    _, content = reported("hostile")
    assert "<img src=x" not in content
    assert html.escape(HOSTILE) in content
    reader = Reader(content)
    assert HOSTILE in reader.words["environment"]
    assert reader.tags.count("h1") == 1
    assert page.text("a\ud800\x00\u202e<") == "a���&lt;"


def test_a_damaged_run_has_no_report(reported, tmp_path, capsys):
    folder, _ = reported("images")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_bytes((folder / "config.json").read_bytes())
    capsys.readouterr()
    assert main(["report", str(tmp_path / "run")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main(["report", str(folder), "--out", str(tmp_path / "no" / "r.html")]) == 2
    assert main(["report", str(folder), "--out", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").exists()


def test_each_kind_shows_its_own(reported):
    words = Reader(reported("words")[1]).words
    names = load(RUNS and str(Path(Run.open(reported("words")[0]).config.data))).entry_names
    assert sum(name in words["words"] for name in names) > 20
    assert "document" in words["documents"]
    assert "column 3" in Reader(reported("table")[1]).words["columns"]
    sound = Reader(reported("sound")[1])
    assert [tag for tag, _ in sound.pictures].count("audio") == 3
    for source in (one for one in sound.sources if one.startswith("data:audio/wav;base64,")):
        rate, samples = wavfile.read(io.BytesIO(base64.b64decode(source.partition(",")[2])))
        assert rate == 4000
        assert samples.dtype == np.int16
        assert 0.4 < len(samples) / rate < 0.7
    assert "no closed form" in Reader(reported("mixture")[1]).words["latents"]


def test_a_belief_net_has_a_report_too(tmp_path):
    write_images(tmp_path / "x.npy")
    argv = [
        "--recipe",
        "belief_net(layers=(3, 2))",
        "--binarized",
        "--epochs",
        "1",
        "--quiet",
        "--no-figures",
    ]
    assert main(["train", "--data", str(tmp_path / "x.npy"), "--out", str(tmp_path / "run"), *argv]) == 0
    assert main(["report", str(tmp_path / "run")]) == 0
    assert {
        name for name in Reader((tmp_path / "run" / "report.html").read_text()).words if name
    } == OF_ALL | OF_IMAGES


@pytest.mark.parametrize("holes", [False, True])
def test_the_nearest_example_is_that_of_scipy(holes):
    x, y = RNG.normal(size=(7, 5)), RNG.normal(size=(2300, 5)).astype(np.float32)
    if holes:
        y[RNG.random(y.shape) < 0.2] = np.nan
        y[:, 0] = np.where(np.isnan(y).all(axis=1), 0, y[:, 0])
        y[77] = np.nan  # one of which nothing is known
    place, distance = nearest(x, Dataset("y", y))
    squares = cdist(x, np.nan_to_num(y)) ** 2
    if holes:
        known = np.delete(np.arange(len(y)), 77)
        squares[:, 77] = np.inf
        squares[:, known] = 5 * np.nanmean((x[:, None] - y[known].astype(np.float64)) ** 2, axis=2)
    np.testing.assert_array_equal(place, np.argmin(squares, axis=1))
    # squares cancel to 1e-16 of their size
    np.testing.assert_allclose(distance, np.sqrt(np.min(squares, axis=1)), rtol=1e-9)


def test_kl_by_latent_is_that_of_the_gaussians_and_sums_to_the_elbos():
    data = Dataset("x", RNG.integers(0, 256, (7, 6), np.uint8), kind="pixels")
    model = mlp((6,), latent_dim=3, hidden=(4,), seed=1)
    found = kl_by_latent(model, data, rng=np.random.default_rng(0), batch_size=3)
    q_params, _ = model.encoder(data.batch(slice(None)).x)
    (mean, log_var), _ = model.posterior.mean_and_log_var(q_params.astype(np.float64))
    expected = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)  # float32 rounds parts of order 1
    total = bound(model, data, Elbo(), rng=np.random.default_rng(0))["kl"]
    assert found.sum() == pytest.approx(total, rel=1e-5)
    with pytest.raises(InputError, match="no closed form"):
        kl_by_latent(
            mlp((6,), latent_dim=3, hidden=(4,), prior="vamp(components=2)"),
            data,
            rng=np.random.default_rng(0),
        )


def test_a_mosaic_puts_each_image_in_its_place_and_shows_the_page_between():
    images = np.zeros((5, 4, 4, 3), np.uint8)
    images[3] = [255, 0, 10]
    found = embedding.mosaic(images, 3, "five images", together=(1, 1))
    source = re.search(r'src="data:image/png;base64,([^"]+)"', found)[1]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
    lit = np.argwhere((pixels == [255, 0, 10, 255]).all(axis=2))
    height, width = pixels.shape[:2]
    assert lit[:, 0].min() > height / 2 - 2  # the second row, the first column
    assert lit[:, 0].max() == height - 1
    assert (lit[:, 1].min(), lit[:, 1].max() < width / 3) == (0, True)
    assert (pixels[..., 3] == 0).any()  # gaps, and the place of a sixth image
    assert (pixels[-1, -1] == 0).all()


def test_sound_is_found_again_from_its_levels():
    cut = Spectrogram(4000, 128, 32)
    samples = play_note("organ", 60, seconds=0.5, rate=4000)
    levels, found = sounds._stretch(cut.dataset(samples))
    assert found == cut
    np.testing.assert_array_equal(levels, cut.levels(samples)[: len(levels)])
    heard = sounds._heard(cut, levels)
    again = cut.levels(heard)
    assert len(again) == len(levels)
    wanted = cut.amplitude_of(levels)
    apart = np.linalg.norm(cut.amplitude_of(again) - wanted) / np.linalg.norm(wanted)
    assert apart < 0.3  # 0.06 as measured; phases at random are 0.7 away


def test_codes_stand_among_the_images_of_the_plane():
    z = np.stack([np.linspace(-3, 9, 50), np.zeros(50)], axis=1)
    grid, values = plots.manifold_codes(5, z)
    np.testing.assert_allclose(values[0], np.quantile(z[:, 0], (np.arange(5) + 0.5) / 5))
    # a collapsed latent keeps the prior's
    np.testing.assert_array_equal(values[1], plots.manifold_codes(5)[1])
    assert grid[1, 3].tolist() == [values[0][3], values[1][1]]
    at = np.array([[values[0][3], values[1][1]], [99.0, -99.0]])
    figure = plots.manifold(np.zeros((5, 5, 1, 2, 2)), values, z=at)
    (dots,) = figure.axes[0].collections
    np.testing.assert_allclose(dots.get_offsets(), [[3.5, 1.5], [5, 0]])


def test_histograms_share_out_all_rows():
    figure = plots.histogram(np.repeat([0.0, 1, 2], [6, 3, 1]), np.array([0.0, 2, 2, 7]), "$a$ name")
    real, sampled = (patch.get_data().values for patch in figure.axes[0].patches)
    np.testing.assert_allclose(real, [60, 30, 10])
    np.testing.assert_allclose(sampled, [25, 0, 75])
    figure = plots.histogram(
        np.array([0.0, 2, 2, 2]), np.array([1.0, 2]), "kind", levels=["red", "$green$", "blue"]
    )
    assert [list(patch.get_data().values) for patch in figure.axes[0].patches] == [[25, 0, 75], [0, 50, 50]]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["red", r"\$green\$", "blue"]
    counts = np.arange(80.0)  # every number once: bins that hold unequally many would look like a comb
    figure = plots.histogram(counts, counts)
    shares = figure.axes[0].patches[0].get_data().values
    assert np.unique(shares[:-1].round(9)).tolist() == [5]  # four of the 80 in each bin
    names = ["kind one_of_all", "two", "a name that is much too long"]
    figure = plots.histogram(np.arange(3.0), np.arange(3.0), "kind", levels=names)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["kind\none_of_all", "two", "a na… long"]
    figure = plots.histogram(RNG.normal(size=500), np.full(3, 1e6))
    for patch in figure.axes[0].patches:
        assert patch.get_data().values.sum() == pytest.approx(100)


def test_bars_of_latents_are_sorted_and_grey_where_nothing_is_told():
    figure = plots.latent_divergences(np.array([0.0, 2.0, 1.0]), [False, True, True])
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [2, 1, 0]
    assert bars[0].get_facecolor() == bars[1].get_facecolor() != bars[2].get_facecolor()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["z₂", "z₃", "z₁"]
    collapsed = plots.latent_divergences(np.full(4, 1e-3), [False] * 4)
    assert collapsed.axes[0].get_ylim()[1] > 0.1  # which does not blow them up to the height of the picture
    assert figure.axes[0].get_title() == "2 of 3 latents are active"


FRAME = """<!DOCTYPE html><meta charset="utf-8">
<iframe id="frame" width="{width}" height="700" srcdoc="{content}"></iframe>
<pre id="said"></pre><script>
frame.onload = () => {{
  const inside = frame.contentDocument, root = inside.documentElement, images = [...inside.images];
  said.textContent = JSON.stringify({{
    wide: root.scrollWidth, all: images.length,
    seen: images.filter(one => one.complete && one.naturalWidth > 8).length,
    drawn: [...inside.querySelectorAll("svg")].filter(one => one.getBoundingClientRect().height > 40).length,
    svg: inside.querySelectorAll("svg").length, paper: getComputedStyle(inside.body).backgroundColor,
    ink: getComputedStyle(inside.body).color, letter: parseFloat(getComputedStyle(inside.body).fontSize),
  }});
}};</script>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize(("width", "dark"), [(360, False), (1200, True)])
def test_a_browser_shows_all_of_it(width, dark, reported, tmp_path):
    at = tmp_path / "frame.html"
    at.write_text(FRAME.format(width=width, content=html.escape(reported("images")[1])), encoding="utf-8")
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
    ]
    theme = [f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--virtual-time-budget=20000"]
    command = [CHROMIUM, *options, *theme, at.as_uri()]
    env = os.environ | {"HOME": str(tmp_path)}
    shown = subprocess.run(command, capture_output=True, text=True, timeout=180, env=env, check=True).stdout
    said = html.unescape(re.search(r'<pre id="said">(.*?)</pre>', shown)[1])
    found = json.loads(said)
    assert found["wide"] <= width  # nothing has to be scrolled to sideways
    assert found["seen"] == found["all"] == 2
    assert found["drawn"] == found["svg"] >= 6
    levels = [sum(map(int, re.findall(r"\d+", found[name])[:3])) for name in ("paper", "ink")]
    assert (levels[0] < 150 < levels[1]) if dark else (levels[1] < 150 < levels[0])
    assert found["letter"] >= 15
