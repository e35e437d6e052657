"""Pictures:

pixels land where they should, words neither leave the picture nor meet each other, and bad input is named.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from scipy.special import ndtr

from scratchvae import plots
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.plots.labels import number_labels, place
from scratchvae.recipes import belief_net, mlp
from scratchvae.runs import figures
from scratchvae.runs.decoding import principal_plane

RNG = np.random.default_rng(7)
GREYS = RNG.random((200, 28, 28), dtype=np.float32)
COLOURS = RNG.random((2, 3, 64, 64), dtype=np.float32)
POINTS = RNG.normal(size=(400, 2))


def records(n, *, validation=True, **last):
    """n epochs of a run; `last` overwrites terms of the last one."""
    kept = []
    for epoch in range(1, n + 1):
        terms = {
            "loss": 90.0 + 30 / epoch,
            "bound": -90.0 - 30 / epoch,
            "log_px": -70.0 - 40 / epoch,
            "kl": 20.0 - 10 / epoch,
        }
        kept.append({"epoch": epoch, "step": 469 * epoch, "train": terms, "learning_rate": 1e-3})
        if validation:
            kept[-1]["held_out"] = {term: 1.05 * value for term, value in terms.items()}
    kept[-1]["train"].update(last)
    return kept


def render(figure):
    """The picture (height, width, 3), row 0 on top, as bytes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def axes_pixels(axes):
    """What the axes of a rendered figure show: the part of the picture inside their box."""
    picture = render(axes.figure)
    box = axes.get_window_extent()
    top, bottom = (round(len(picture) - y) for y in (box.y1, box.y0))
    return picture[top:bottom, round(box.x0) : round(box.x1)]


def cell_of(shown, position, shape):
    """The cell at `position` (row, column) of a grid of `shape` (rows, columns), without the outer tenth on
    each side.
    """
    (top, bottom), (left, right) = (
        np.round((k + np.array([0.1, 0.9])) * size / n).astype(int)
        for k, n, size in zip(position, shape, shown.shape[:2], strict=True)
    )
    return shown[top:bottom, left:right]


def one_lit(index, shape):
    """Black 8 x 8 images (*shape, 1, 8, 8), but for the white one at `index`."""
    images = np.zeros((*shape, 1, 8, 8))
    images[index] = 1
    return images


CURVES = {
    name: (np.arange(1, 7), np.geomspace(2, 0.001, 6))
    for name in ("linear (PCA)", "deep autoencoder", "deep VAE")
}
PICTURES = {
    "curves, one record": lambda: plots.curves(records(1)),
    "curves, many": lambda: plots.curves(records(60), ("loss", "bound", "log_px", "kl")),
    "curves, lost at the end": lambda: plots.curves(records(6, bound=np.nan)),
    "curves, one panel, lost": lambda: plots.curves(records(6, kl=np.inf), ("kl",)),
    "one sample": lambda: plots.samples(GREYS[:1]),
    "samples in colour": lambda: plots.samples(COLOURS),
    "labelled grid": lambda: plots.image_grid(
        GREYS[:4], columns=2, row_labels=["upper", "lower"], column_labels=["a", "b"]
    ),
    "wide label, narrow images": lambda: plots.image_grid(
        GREYS[:2, :, :3], columns=2, title="Two", column_labels=["a long label", ""]
    ),
    "one reconstruction": lambda: plots.reconstructions(GREYS[:1], GREYS[:1]),
    "many reconstructions": lambda: plots.reconstructions(GREYS[:25, :5, :5], GREYS[:25, :5, :5]),
    "one latent": lambda: plots.traversals(GREYS[None, :9, None], np.linspace(-3, 3, 9)),
    "many values": lambda: plots.traversals(GREYS[:180].reshape(2, 90, 1, 28, 28), np.linspace(-3, 3, 90)),
    "many latents, tiny images": lambda: plots.traversals(GREYS[:200, None, None, :5, :5], np.ones(1)),
    "interpolations": lambda: plots.interpolations(GREYS[:12].reshape(3, 4, 1, 28, 28)),
    "manifold": lambda: plots.manifold(
        GREYS[:196, :2, :2].reshape(14, 14, 1, 2, 2), plots.manifold_codes(14)[1]
    ),
    "fine manifold": lambda: plots.manifold(np.zeros((45, 45, 1, 5, 5)), plots.manifold_codes(45)[1]),
    "path speeds": lambda: plots.path_speeds({"one": GREYS[0], "with a longer name": 9 * GREYS[1, :3]}),
    "path speeds, one torn path": lambda: plots.path_speeds({"torn": np.eye(1, 90)}),
    "path speeds, all still": lambda: plots.path_speeds({"still": np.zeros((3, 4))}),
    "codes": lambda: plots.codes(POINTS),
    "codes of two classes": lambda: plots.codes(POINTS, np.arange(400) % 2, ["a", "a far longer name"]),
    "codes of twelve classes": lambda: plots.codes(POINTS, np.arange(400) % 12),
    "codes of 62 classes, collapsed": lambda: plots.codes(
        0.01 * POINTS, np.arange(400) % 62, [f"class {i}" for i in range(62)]
    ),
    "one rate": lambda: plots.rate_distortion({"a": ([1], [2.0])}, {"a": ([0.5], [2.1])}),
    "rates of many kinds": lambda: plots.rate_distortion(
        CURVES, {"linear VAE": ([1, 9], [2, 0.02])}, limits={"Shannon, Gaussian": ([0, 9], [3, 0.01])}
    ),
    "lines": lambda: plots.lines(
        {
            "left": {"one": ([1, 2], [3, 4]), "a longer name": ([1, 2], [5, 2])},
            "right": {"one": ([5, 6], [3, 3])},
        },
        x_label="where",
        y_label="how much",
        title="Lines",
        levels={"a level with a long name": 3.5},
    ),
    "one panel of lines": lambda: plots.lines(
        {"": {f"{'long ' * k}name {k}": ([1, 10, 100], [1, k + 1, 1e3]) for k in range(6)}},
        x_label="x",
        y_label="y",
        log="xy",
    ),
    "ellipses": lambda: plots.ellipses(
        {"p": (np.zeros(2), np.eye(2)), "q": (np.ones(2), np.diag([0.2, 3]))}, title="Two laws"
    ),
    "one spectrogram": lambda: plots.spectrograms([GREYS[0]], np.arange(28.0), 0.01, names=["a note"]),
    "spectrograms": lambda: plots.spectrograms(
        [GREYS[0], GREYS[1, :9], GREYS[2]],
        100 * np.arange(28.0),
        0.2,
        names=["one", "two", "three"],
        title="Three",
    ),
    "word lists": lambda: plots.word_lists(
        POINTS[:40].T, [f"word{'w' * (i % 30)}{i}" for i in range(40)], latents=[11, 3]
    ),
    "words without room": lambda: plots.word_lists(POINTS[:2, :1].T, ["verylong" * 30, "w" * 300], shown=1),
    "codes as letters": lambda: plots.codes(
        POINTS, np.arange(400) % 26, [chr(ord("a") + k) for k in range(26)]
    ),
    "codes without a prior": lambda: plots.codes(0.01 * POINTS + 7, np.arange(400) % 3, prior=False),
    "manifold where codes lie": lambda: plots.manifold(
        GREYS[:196, :2, :2].reshape(14, 14, 1, 2, 2),
        plots.manifold_codes(14, [-100, 3e4] + POINTS * [30, 5e3])[1],
        z=POINTS,
    ),
    "bounds of two runs": lambda: plots.bounds(
        {"mnist, bernoulli": {"one": ([1, 2, 3], [-9, -5, -4]), "$a$": ([1], [-700.25])}}
    ),
    "bounds of twenty runs in two groups": lambda: plots.bounds(
        {
            g: {f"{g} {k}-{'long-' * 9}": (np.arange(1, 51), np.log(np.arange(1, 51)) - k) for k in range(20)}
            for g in ("a", "b")
        }
    ),
    "bounds that are not finite": lambda: plots.bounds(
        {"": {"lost": ([1, 2], [np.nan, -np.inf]), "kept": ([1, 2], [-2, -1])}}
    ),
    "a histogram": lambda: plots.histogram(
        1e5 * POINTS[:, 0], 1e5 * POINTS[:, 1], "a column with a name that is far too long"
    ),
    "a histogram of levels": lambda: plots.histogram(
        np.arange(9.0), np.arange(9.0), "kind", levels=["a long level"] * 9
    ),
    "bars of 2 latents": lambda: plots.latent_divergences(np.ones(2), [True, False]),
    "bars of 30 latents": lambda: plots.latent_divergences(np.ones(30), np.arange(30) < 7),
    "bars of 200 latents": lambda: plots.latent_divergences(np.ones(200), np.arange(200) < 7),
    "codes far away": lambda: plots.codes(-1e5 + 4e4 * POINTS, np.arange(400) % 10),
}


@pytest.mark.parametrize("name", PICTURES)
def test_words_stay_inside_and_apart(name):
    figure = PICTURES[name]()
    render(figure)
    unused = unused_tick_labels(figure)
    texts = [t for t in figure.findobj(Text) if t.get_text().strip() and t not in unused]
    words, boxes = (
        [t.get_text() for t in texts],
        np.array([t.get_window_extent().get_points() for t in texts]),
    )
    outside = ((boxes < 0) | (boxes > figure.bbox.size)).any(axis=(1, 2))
    assert not outside.any(), words[outside.argmax()]
    low, high = boxes[:, 0], boxes[:, 1]
    overlap = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low)).min(axis=2)
    assert [(words[i], words[j]) for i, j in np.argwhere(overlap >= 3) if i < j] == []


def unused_tick_labels(figure):
    """Ticks beyond the ends of their axis exist with their labels, but are not drawn; nor are the labels of
    axes switched off.
    """
    unused = []
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            ticks = axis.get_major_ticks()
            unused += [t.label1 for t in ticks if not (axes.axison and low <= t.get_loc() <= high)] + [
                t.label2 for t in ticks
            ]
    return set(unused)


@pytest.mark.parametrize(
    ("figure", "position", "shape"),
    [
        (lambda: plots.image_grid(one_lit(5, (12,)), columns=4), (1, 1), (3, 4)),
        (lambda: plots.image_grid(one_lit(5, (12,))[:, 0], columns=4), (1, 1), (3, 4)),
        (lambda: plots.samples(one_lit(7, (9,))), (2, 1), (3, 3)),
        (lambda: plots.traversals(one_lit((2, 1), (3, 5)), np.arange(5.0)), (2, 1), (3, 5)),
        (lambda: plots.interpolations(one_lit((0, 3), (3, 4))), (0, 3), (3, 4)),
        (lambda: plots.manifold(one_lit((0, 2), (4, 4)), np.arange(4.0)), (3, 2), (4, 4)),
        (lambda: plots.reconstructions(one_lit(2, (3,)), one_lit(2, (3,)) * 0), (0, 2), (2, 3)),
        (lambda: plots.reconstructions(one_lit(2, (3,)) * 0, one_lit(2, (3,))), (1, 2), (2, 3)),
    ],
)
def test_the_white_image_is_where_it_should_be(figure, position, shape):
    shown = axes_pixels(figure().axes[0])
    for cell in np.ndindex(*shape):
        assert (cell_of(shown, cell, shape) == (255 if cell == position else 0)).all(), cell


def test_a_spectrogram_has_time_to_the_right_and_frequency_upwards():
    levels = np.zeros((4, 3))
    levels[1, 2] = 1.0  # the second frame, the highest frequency
    axes = plots.spectrograms([levels], np.array([0.0, 1000.0, 2000.0]), 0.5, names=["one"]).axes[0]
    shown = axes_pixels(axes)
    for cell in np.ndindex(3, 4):
        lit = cell_of(shown, cell, (3, 4))
        assert (lit.min() > 150) == (cell == (0, 1)), cell
        assert lit.max() < 10 or cell == (0, 1)
    assert axes.get_xlim() == (0, 2.0)
    assert axes.get_ylim() == (-0.5, 2.5)


def test_word_lists_name_what_changes_most():
    changes = np.array([[3.0, -1.0, 0.5, -2.0, 2.0, 0.0]])
    figure = plots.word_lists(changes, list("abcdef"), shown=2, latents=[4])
    words = [t.get_text() for t in figure.findobj(Text)]
    assert {"b  d", "a  e", "z₅"} <= set(words)


def test_every_pixel_is_a_sharp_square_of_its_colour():
    images = np.linspace(0, 1, 6 * 3 * 5 * 4).reshape(6, 3, 5, 4)
    shown = axes_pixels(plots.image_grid(images, columns=3).axes[0])
    scale, gap = next(
        (s, g)
        for s in range(1, 99)
        for g in range(2, 99)
        if (2 * 5 * s + g, 3 * 4 * s + 2 * g) == shown.shape[:2]
    )
    for k, image in enumerate(images):
        top, left = k // 3 * (5 * scale + gap), k % 3 * (4 * scale + gap)
        expected = np.rint(255 * image).transpose(1, 2, 0).repeat(scale, axis=0).repeat(scale, axis=1)
        np.testing.assert_array_equal(shown[top : top + 5 * scale, left : left + 4 * scale], expected)
    assert (shown[5 * scale : 5 * scale + gap] == 255).all()


@pytest.mark.parametrize(("value", "byte"), [(-3.0, 0), (0.2, 51), (7.0, 255)])
def test_intensities_beyond_the_range_are_clipped(value, byte):
    assert (axes_pixels(plots.samples(np.full((1, 4, 4), value)).axes[0]) == byte).all()


@pytest.mark.parametrize(
    ("n", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (7, 3, 3), (64, 8, 8), (200, 20, 10), (1000, 40, 25)]
)
def test_grids_are_about_square_and_fit_a_page(n, columns, rows):
    figure = plots.image_grid(np.zeros((n, 28, 28)))
    width, height = figure.axes[0].get_window_extent().size
    assert abs(width / columns - height / rows) < 10
    assert (figure.get_size_inches() < (9, 11)).all()
    assert (figure.bbox.size % 1 == 0).all()


@pytest.mark.parametrize(
    ("n", "columns", "rows"), [(1, 1, 2), (10, 10, 2), (11, 6, 4), (25, 9, 6), (200, 20, 20)]
)
def test_reconstructions_fill_their_rows(n, columns, rows):
    figure = plots.reconstructions(np.zeros((n, 28, 28)), np.zeros((n, 28, 28)))
    width, height = figure.axes[0].get_window_extent().size
    assert width / columns == pytest.approx(height / rows, rel=0.1)


def test_pairs_of_rows_stand_apart():
    black = np.zeros((11, 3, 12))
    white_rows = axes_pixels(plots.reconstructions(black, black).axes[0])[:, 0, 0] == 255
    starts, ends = (np.flatnonzero(np.diff(white_rows.astype(int)) == sign) for sign in (1, -1))
    within, between, within_again = (ends - starts)[:3]
    assert within == within_again < between


@pytest.mark.parametrize(
    ("kept", "terms", "panels"),
    [
        (records(3), ("bound", "log_px", "kl"), 3),
        (records(3), ("loss",), 1),
        (records(3), ("kl", "accuracy"), 1),
        (records(1, validation=False, extra=1.0), ("loss", "bound", "extra", "kl"), 4),
    ],
)
def test_a_panel_for_each_term_that_exists(kept, terms, panels):
    assert len(plots.curves(kept, terms).axes) == panels


def test_curves_show_what_was_recorded():
    kept = records(5)
    del kept[1]["held_out"], kept[2]["held_out"]
    axes = plots.curves(kept).axes[1]
    train, held_out = axes.get_lines()
    np.testing.assert_array_equal(train.get_xydata(), [(r["epoch"], r["train"]["log_px"]) for r in kept])
    np.testing.assert_array_equal(
        held_out.get_xydata(), [(r["epoch"], r["held_out"]["log_px"]) for r in kept if "held_out" in r]
    )
    assert (train.get_label(), held_out.get_label()) == ("train", "held out")
    assert axes.get_ylabel() == "nats per example"


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_a_curve_that_is_lost_is_marked(lost):
    axes = plots.curves(records(4, validation=False, bound=lost)).axes[0]
    curve, mark = axes.get_lines()
    assert np.isfinite(curve.get_ydata()).tolist() == [True, True, True, False]
    assert mark.get_xdata().tolist() == [4]
    assert "not finite" in mark.get_label()
    assert axes.get_xlim()[1] > 4


@pytest.mark.parametrize("classes", [2, 12, 13])
def test_codes_wear_the_colour_and_the_name_of_their_class(classes):
    labels = np.arange(400) % classes
    figure = plots.codes(POINTS, labels, [f"n{i}" for i in range(classes)])
    axes = figure.axes[0]
    (dots,) = (c for c in axes.collections if isinstance(c, PathCollection))
    colour_of = {
        tuple(p): tuple(c[:3]) for p, c in zip(dots.get_offsets().data, dots.get_facecolors(), strict=True)
    }
    worn = [{colour_of[tuple(p)] for p in POINTS[labels == k]} for k in range(classes)]
    assert all(len(colours) == 1 for colours in worn)
    assert len(set.union(*worn)) == classes
    legend = axes.get_legend()
    assert (legend is not None) == (classes <= 12)
    if legend:
        assert [t.get_text() for t in legend.get_texts()] == [f"n{i}" for i in range(classes)]
        assert [{to_rgb(h.get_color())} for h in legend.get_lines()] == worn
    else:
        assert {f"n{i}" for i in range(classes)} <= {t.get_text() for t in axes.texts}


def test_few_names_stand_on_the_medians_of_their_codes():
    centres = np.stack([np.linspace(-8, 8, 13), np.linspace(8, -8, 13) ** 2 / 8], axis=1)
    z = np.concatenate([centres - 0.1, centres, centres + 0.1])
    texts = {t.get_text(): t.get_position() for t in plots.codes(z, np.tile(np.arange(13), 3)).axes[0].texts}
    np.testing.assert_allclose([texts[str(k)] for k in range(13)], centres, atol=1e-12)


def test_codes_show_all_points_and_the_prior_undistorted():
    axes = plots.codes(0.1 * POINTS + [3, 0]).axes[0]
    box = axes_pixels(axes).shape
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    assert abs(box[0] - box[1]) <= 1
    assert right - left == pytest.approx(high - low)
    assert left < -2 < 3.3 < right
    assert low < -2 < 2 < high
    assert sorted(circle.radius for circle in axes.patches) == [1, 2]


def test_many_classes_of_single_letters_are_drawn_as_these_letters():
    names = [chr(ord("a") + k) for k in range(26)]
    axes = plots.codes(POINTS, np.arange(400) % 26, names).axes[0]
    drawn = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert len(drawn) == 26
    # each class has a shape of its own
    assert len({c.get_paths()[0].vertices.tobytes() for c in drawn}) == 26
    for k, letters in enumerate(drawn):
        np.testing.assert_array_equal(letters.get_offsets(), POINTS[np.arange(400) % 26 == k])


def test_codes_without_a_prior_fill_the_picture():
    axes = plots.codes(0.01 * POINTS + 7, prior=False).axes[0]
    assert list(axes.patches) == []
    assert 6.9 < axes.get_xlim()[0] < axes.get_xlim()[1] < 7.1


def test_names_without_room_stay_where_they_are():
    placed = place(np.array([[5.0, 3.0]] * 3), np.full((3, 2), 4.0), np.array([12.0, 6.0]))
    assert placed.tolist() == [[5, 3], [10, 2], [5, 3]]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.0], ["0"]),
        ([-3, -0.75, 3], ["−3", "−0.75", "3"]),
        ([-0.001, 0.00025], ["−0.001", "0.00025"]),
        ([1234.0, 0.5], ["1230", "0"]),
    ],
)
def test_numbers_read_well(values, words):
    assert number_labels(np.array(values)) == words


def test_traversal_codes_change_one_latent_a_row():
    z0, values = RNG.normal(size=4).astype(np.float32), np.linspace(-2, 2, 5)
    codes = plots.traversal_codes(z0, values)
    assert (codes.shape, codes.dtype) == ((4, 5, 4), np.float32)
    for i, t, j in np.ndindex(codes.shape):
        assert codes[i, t, j] == np.float32(values[t] if i == j else z0[j])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_interpolation_codes_are_straight_and_hold_both_ends(dtype):
    a, b = RNG.normal(size=(2, 3, 4)).astype(dtype)
    codes = plots.interpolation_codes(a, b, 6)
    assert (codes.shape, codes.dtype) == ((3, 6, 4), dtype)
    np.testing.assert_array_equal(codes[:, [0, -1]], np.stack([a, b], axis=1))
    np.testing.assert_allclose(np.diff(codes, n=2, axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_manifold_codes_share_out_the_prior_equally(n):
    codes, values = plots.manifold_codes(n)
    np.testing.assert_allclose(ndtr(values), (np.arange(n) + 0.5) / n)
    for i, j in np.ndindex(n, n):
        assert codes[i, j].tolist() == [values[j], values[i]]


@pytest.mark.parametrize("name", ["curves, one panel, lost", "one sample", "codes of two classes"])
def test_same_figure_same_bytes(name, tmp_path):
    figure = PICTURES[name]()
    plots.save(figure, tmp_path / "first.png")
    plots.save(figure, tmp_path / "again.PNG")
    plots.save(PICTURES[name](), str(tmp_path / "first.png"))  # over the old one
    first, again = ((tmp_path / file).read_bytes() for file in ("first.png", "again.PNG"))
    assert first == again
    assert b"Software" not in first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.PNG", "first.png"]
    np.testing.assert_array_equal(np.rint(255 * imread(tmp_path / "first.png")[..., :3]), render(figure))


def test_path_speeds_are_relative_to_each_path_and_a_still_one_is_left_out():
    figure = plots.path_speeds({"three": np.array([[1.0, 3.0], [0.0, 0.0], [5.0, 5.0]])})
    drawn = [list(line.get_ydata()) for line in figure.axes[0].get_lines()]
    assert drawn[1:] == [[0.5, 1.5], [1, 1]]  # the first is the dashed line at 1
    assert list(figure.axes[0].get_lines()[1].get_xdata()) == [0.25, 0.75]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("picture.pdf", "should end in .png"),
        ("picture", "should end in .png"),
        ("missing/picture.png", "No such file"),
        ("file/picture.png", "Not a directory"),
        ("folder.png", "Is a directory"),
    ],
)
def test_what_cannot_be_saved_says_so_and_leaves_nothing(path, words, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=words):
        plots.save(Figure(), tmp_path / path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]


IMAGES = np.zeros((2, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plots.image_grid(np.zeros((0, 28, 28))), "at least one image"),
        (lambda: plots.samples(np.zeros((2, 2, 8, 8))), r"C 1 or 3, found \(2, 2, 8, 8\)"),
        (lambda: plots.samples(np.zeros((8, 8))), r"should have shape \(N, H, W\)"),
        (lambda: plots.samples(np.zeros((2, 8, 8), np.uint8)), "floats between 0 .* found dtype uint8"),
        (lambda: plots.samples(np.full((2, 8, 8), np.nan)), "finite"),
        (lambda: plots.image_grid(IMAGES, columns=0), "columns should be at least 1"),
        (
            lambda: plots.image_grid(IMAGES, columns=1, row_labels=["a"]),
            "row_labels should hold 2 labels, found 1",
        ),
        (
            lambda: plots.image_grid(IMAGES, columns=2, column_labels=["a"]),
            "column_labels should hold 2 labels, found 1",
        ),
        (lambda: plots.reconstructions(IMAGES, IMAGES[:1]), "N = 2"),
        (
            lambda: plots.reconstructions(IMAGES, IMAGES[..., :3]),
            r"\(4, 4\) pixels like originals, found \(4, 3\)",
        ),
        (lambda: plots.traversals(IMAGES[None], np.zeros(3)), "T = 2"),
        (lambda: plots.traversals(IMAGES[None], np.array([0, np.nan])), "values should be finite"),
        (lambda: plots.traversals(IMAGES[None, :0], np.zeros(0)), "at least one"),
        (lambda: plots.interpolations(IMAGES[:, None]), "at least 2"),
        (
            lambda: plots.interpolation_codes(np.zeros((2, 3)), np.zeros((2, 3)), 1),
            "steps should be at least 2",
        ),
        (lambda: plots.interpolation_codes(np.zeros((2, 3)), np.zeros((2, 4)), 5), "Z = 3"),
        (lambda: plots.manifold(IMAGES[None], np.zeros(1)), "decoded should have shape"),
        (lambda: plots.manifold_codes(0), "n should be at least 1"),
        (lambda: plots.codes(np.zeros((0, 2))), "at least one code"),
        (lambda: plots.codes(np.zeros((5, 3))), r"\(N, 2\)"),
        (lambda: plots.codes(np.full((5, 2), np.inf)), "finite"),
        (lambda: plots.codes(POINTS, np.zeros(3, int)), "N = 400"),
        (lambda: plots.codes(POINTS, np.zeros(400)), "whole numbers"),
        (lambda: plots.codes(POINTS, np.arange(400) % 3, ["a", "b"]), "between 0 and 1"),
        (lambda: plots.manifold_codes(3, np.zeros((4, 3))), r"\(N, 2\)"),
        (lambda: plots.manifold(np.zeros((2, 2, 1, 4, 4)), np.zeros(2), z=POINTS), "values should increase"),
        (lambda: plots.bounds({}), "at least one run; found none"),
        (lambda: plots.bounds({"a": {}}), "at least one run; found none"),
        (lambda: plots.bounds({"a": {"b": ([1, 2], [1.0])}}), r"b should have as many bounds as epochs"),
        (lambda: plots.histogram(np.zeros(0), np.zeros(3)), "found 0 and 3"),
        (lambda: plots.histogram(np.array([np.nan]), np.zeros(3)), "real should be finite"),
        (lambda: plots.latent_divergences(np.zeros(0), []), "at least one latent"),
        (lambda: plots.latent_divergences(np.zeros(3), [True]), "Z = 3"),
        (lambda: plots.rate_distortion({}, CURVES), "at least one curve each"),
        (
            lambda: plots.rate_distortion(CURVES, {"a": ([1, 2], [1])}),
            "by_rate: a should be two rows of numbers of one length",
        ),
        (lambda: plots.rate_distortion({"a": ([1], [0.0])}, CURVES), "by_latents: a should .* positive"),
        (lambda: plots.rate_distortion(CURVES, {"a": ([np.inf], [1.0])}), "finite and positive"),
        (lambda: plots.lines({}, x_label="", y_label=""), "at least one curve"),
        (
            lambda: plots.lines({"": {"a": ([1, 2], [1])}}, x_label="", y_label=""),
            r"a should be two rows .* \(2,\) and \(1,\)",
        ),
        (
            lambda: plots.lines({"": {"a": ([1], [1])}}, x_label="", y_label="", log="z"),
            "log should be one of",
        ),
        (lambda: plots.ellipses({}), "at least one mean"),
        (
            lambda: plots.ellipses({"a": (np.zeros(2), -np.eye(2))}),
            "covariance of a should have no negative variance, found -1",
        ),
        (lambda: plots.ellipses({"a": (np.zeros(3), np.eye(3))}), "mean should have shape"),
        (lambda: plots.path_speeds({}), "at least one model"),
        (lambda: plots.path_speeds({"a": np.zeros(3)}), r"a should have shape \(R, T\)"),
        (lambda: plots.path_speeds({"a": np.zeros((0, 3))}), "a should hold at least one step"),
        (lambda: plots.path_speeds({"a": -np.ones((2, 3))}), "none below 0"),
        (lambda: plots.path_speeds({"a": np.full((2, 3), np.nan)}), "a should be finite"),
        (lambda: plots.spectrograms([], np.arange(4.0), 1.0, names=[]), "one or more; found 0 and 0"),
        (lambda: plots.spectrograms([POINTS], np.arange(2.0), 1.0, names=["a", "b"]), "found 2 and 1"),
        (lambda: plots.spectrograms([POINTS], np.arange(3.0), 1.0, names=["a"]), r"F = 3, found \(400, 2\)"),
        (lambda: plots.spectrograms([POINTS * np.nan], np.arange(2.0), 1.0, names=["a"]), "finite"),
        (lambda: plots.word_lists(POINTS.T, ["a", "b"]), "words should be 400"),
        (
            lambda: plots.word_lists(np.zeros((1, 4)), list("abcd"), shown=3),
            "from 1 to half of them; found 4 and 3",
        ),
        (lambda: plots.word_lists(np.zeros((0, 4)), list("abcd"), shown=2), "for 0 latents"),
        (
            lambda: plots.word_lists(np.zeros((1, 4)), list("abcd"), shown=2, latents=[1, 2]),
            "1 numbers, found 2",
        ),
        (lambda: plots.curves([]), "at least one epoch"),
        (lambda: plots.curves([{"train": {}}]), "epoch"),
        (lambda: plots.curves(records(2), ("accuracy",)), "one of accuracy; found loss, bound"),
        (lambda: plots.curves([{"epoch": 1}]), "found no terms"),
    ],
)
def test_what_is_wrong_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_lines_are_drawn_as_given_in_one_colour_by_name():
    one, other = ([0, 10, 20], [-9.0, -4.0, np.inf]), ([0, 20], [-9.0, -3.0])
    panels = {"left": {"one": one, "other": other}, "right": {"other": ([1], [2.0])}}
    figure = plots.lines(panels, x_label="steps", y_label="nats", levels={"the most there is": -2.0})
    render(figure)
    left, right = figure.axes
    level, one, other = left.get_lines()
    assert list(level.get_ydata()) == [-2.0, -2.0]
    np.testing.assert_array_equal(one.get_ydata(), [-9.0, -4.0, np.nan])
    assert other.get_color() == right.get_lines()[1].get_color() != one.get_color()
    assert left.get_ylim() == right.get_ylim()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "the most there is",
        "one",
        "other",
    ]
    logarithmic = plots.lines(
        {"": {"one": ([1, 10, 100], [1.0, 0.1, 0.0])}}, x_label="", y_label="", log="xy"
    )
    render(logarithmic)
    assert {logarithmic.axes[0].get_xscale(), logarithmic.axes[0].get_yscale()} == {"log"}


def test_ellipses_lie_where_the_density_has_fallen_as_far():
    mean, S = np.array([1.0, -2.0]), np.array([[2.0, 0.8], [0.8, 1.0]])
    figure = plots.ellipses({"law": (mean, S)}, deviations=3)
    render(figure)
    for k, line in enumerate(figure.axes[0].get_lines(), start=1):
        offsets = np.stack(line.get_data()) - mean[:, None]
        np.testing.assert_allclose((offsets * np.linalg.solve(S, offsets)).sum(axis=0), k**2, rtol=1e-9)


# --- which figures a run has, and the plane that codes are seen in
# ---------------------------------------------------


def run_of(event_shape, *, latents=2, examples=5, latent=True):
    model = (
        mlp(event_shape, latent_dim=latents, hidden=(3,))
        if latent
        else belief_net(event_shape, layers=(latents,))
    )
    judged = Dataset("x", np.zeros((examples, *event_shape), np.uint8))
    return SimpleNamespace(model=model, latents=latents, judged=judged, schema=None)


EVERY = ["codes", "curves", "interpolations", "manifold", "reconstructions", "samples", "traversals"]


@pytest.mark.parametrize(
    ("run", "names"),
    [
        (run_of((1, 4, 4)), EVERY),
        (run_of((3, 4, 4), latents=3), [name for name in EVERY if name != "manifold"]),
        (run_of((2, 4, 4)), ["codes", "curves"]),
        (run_of((16,)), ["codes", "curves"]),
        (run_of((1, 4, 4), examples=1), [name for name in EVERY if name != "interpolations"]),
        (run_of((1, 4, 4), examples=2), EVERY),
        (run_of((1, 4, 4), latent=False), ["codes", "curves", "reconstructions", "samples"]),
    ],
)
def test_a_run_has_the_figures_that_make_sense_for_it(run, names):
    assert figures.available(run) == names


def test_codes_of_many_latents_are_seen_in_the_plane_of_their_largest_variances():
    """The two coordinates have the two largest eigenvalues of the covariance as variances, no covariance, and
    z = 0 at 0.
    """
    z = RNG.normal(size=(300, 4)) * [0.1, 3.0, 1.0, 0.2] + [5.0, -2.0, 0.5, 1.0]
    seen = principal_plane(z)
    values, vectors = np.linalg.eigh(np.cov(z.T))
    np.testing.assert_allclose(np.cov(seen.T), np.diag(values[:-3:-1]), atol=1e-12)
    np.testing.assert_allclose(np.abs(seen), np.abs(z @ vectors[:, :-3:-1]), rtol=1e-9, atol=1e-9)
    assert principal_plane(z[:1]).shape == (1, 2)
    line = principal_plane(z[:, :1])
    np.testing.assert_allclose(np.abs(line), np.abs(np.hstack([z[:, :1], 0 * z[:, :1]])), rtol=1e-12)
