"""Sound, text, video and patches as data: what files become and what is refused, what the spectrogram and the
counts are.
"""

import inspect
import io
import statistics
import wave

import numpy as np
import pytest
from PIL import Image

from scratchvae import data
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import sources, video
from scratchvae.data.notes import FACTORS

RNG = np.random.default_rng(0)
NOISE = RNG.uniform(-0.9, 0.9, 3000)


# ---- WAV
# ------------------------------------------------------------------------------------------------------------


def wav(samples, width, *, rate=8000, channels=1):
    """A WAV file by Python's own writer, of integers in `width` bytes (of 8 bits: unsigned)."""
    kind = {1: "u1", 2: "<i2", 3: "<i4", 4: "<i4"}[width]
    raw = np.asarray(samples).astype(kind)
    content = (
        b"".join(int(v).to_bytes(3, "little", signed=True) for v in raw.ravel())
        if width == 3
        else raw.tobytes()
    )
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(content)
    return stream.getvalue()


WAVES = {  # the file: its samples
    "8 bits": (wav([0, 64, 128, 255], 1), [-1, -0.5, 0, 127 / 128]),
    "16 bits": (wav([-32768, -1, 0, 32767], 2), [-1, -1 / 32768, 0, 32767 / 32768]),
    "24 bits": (wav([-(2**23), 1, 2**22], 3), [-1, 2.0**-23, 0.5]),
    "32 bits": (wav([-(2**31), 2**30], 4), [-1, 0.5]),
    "two channels": (wav([[16384, 0], [-32768, 16384]], 2, channels=2), [0.25, -0.25]),
    "one sample": (wav([8192], 2), [0.25]),
    "silence": (wav(np.zeros(5), 2), np.zeros(5)),
}


@pytest.mark.parametrize("name", WAVES)
def test_a_wav_file_is_read_on_the_scale_of_its_bits(name, tmp_path):
    content, expected = WAVES[name]
    (tmp_path / "a.wav").write_bytes(content)
    samples, rate = data.read_wav(tmp_path / "a.wav")
    assert (samples.dtype, rate) == (np.float32, 8000)
    np.testing.assert_array_equal(samples, np.asarray(expected, np.float32))


def test_what_is_written_is_read_back_to_half_a_step(tmp_path):
    data.write_wav(tmp_path / "a.wav", NOISE, 11025)
    samples, rate = data.read_wav(tmp_path / "a.wav")
    assert rate == 11025
    assert np.abs(samples - NOISE).max() <= 0.5001 / 32768
    data.write_wav(tmp_path / "b.wav", samples, rate)
    assert (tmp_path / "b.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()
    data.write_wav(tmp_path / "c.wav", np.array([1.0, -1.0]), 8000)
    np.testing.assert_array_equal(data.read_wav(tmp_path / "c.wav")[0], np.float32([32767 / 32768, -1]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_stored_as_floats_are_taken_as_they_are(dtype, tmp_path):
    from scipy.io import wavfile

    wavfile.write(tmp_path / "a.wav", 8000, np.array([[0.5, 1.5], [-0.25, 0.25]], dtype))
    np.testing.assert_array_equal(data.read_wav(tmp_path / "a.wav")[0], np.float32([1.0, 0.0]))


# ---- spectrograms
# -----------------------------------------------------------------------------------------------------------

HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
SMALL = data.Spectrogram(rate=1000, size=64, hop=16)


def both_sides(F):
    """How many of the 2 (F − 1) frequencies of a real signal each of the F stands for."""
    return np.array([1.0, *[2.0] * (F - 2), 1.0])


def test_frames_are_windowed_fourier_transforms():
    frames = SMALL.transform(NOISE[:500])
    middle = 10  # which frame; the first one's middle lies before the sound
    first = round(SMALL.dataset(NOISE[:500]).factors["time"][middle] * 1000) - 32
    t, f = np.arange(64), np.arange(33)
    expected = (HANN * NOISE[first : first + 64]) @ np.exp(-2j * np.pi * np.outer(t, f) / 64) * 2 / HANN.sum()
    np.testing.assert_allclose(np.abs(frames[middle]), np.abs(expected), atol=1e-13)
    alone = SMALL.frame_levels(NOISE[None, first : first + 64])[0]
    np.testing.assert_allclose(alone, SMALL.levels(NOISE[:500])[middle], atol=1e-6)


def test_power_is_kept_as_parseval_says():
    power = (np.abs(SMALL.transform(NOISE)) ** 2 @ both_sides(33)).sum() / 64
    overlap = ((2 * HANN / HANN.sum()) ** 2).sum() / 16  # Σ_p w(t − 16 p)², the same at each t
    assert power == pytest.approx(overlap * (NOISE**2).sum(), rel=1e-12)


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 1e-3])
def test_a_level_counts_decibels_below_a_full_scale_sine(amplitude):
    sine = amplitude * np.sin(2 * np.pi * 10 / 64 * np.arange(1000))
    levels = SMALL.levels(sine)[8:-8]
    assert levels.dtype == np.float32
    np.testing.assert_allclose(levels[:, 10], 1 + 20 * np.log10(amplitude) / 80, atol=1e-6)
    assert (levels.argmax(axis=1) == 10).all()
    assert not levels[:, 20:].any()
    np.testing.assert_allclose(SMALL.amplitude_of(levels[:, 10]), amplitude, rtol=1e-5)
    assert SMALL.frequencies[10] == 156.25


@pytest.mark.parametrize("n", [32, 33, 64, 500, 1001])
@pytest.mark.parametrize(("size", "hop"), [(64, 16), (64, 32), (64, 7), (4, 1)])
def test_frames_and_their_phase_give_the_sound_back(n, size, hop):
    spectrogram = data.Spectrogram(rate=1000, size=size, hop=hop)
    frames = spectrogram.transform(NOISE[:n])
    assert len(frames) == spectrogram.n_frames(n)
    np.testing.assert_allclose(spectrogram.inverse(frames, n), NOISE[:n], atol=1e-12)
    wide = data.Spectrogram(rate=1000, size=size, hop=hop, range_db=400)  # whose floor nothing reaches
    again = wide.sound(wide.levels(NOISE[:n]), phase=np.angle(frames), n=n)
    np.testing.assert_allclose(again, NOISE[:n], atol=2e-4)  # levels are float32: 1e-7 of 400 dB


def test_the_inverse_is_the_nearest_sound():
    frames = RNG.normal(size=(SMALL.n_frames(300), 33)) + 1j * RNG.normal(size=(SMALL.n_frames(300), 33))
    nearest = SMALL.inverse(frames, 300)

    def distance(samples):
        return (np.abs(frames - SMALL.transform(samples)) ** 2 @ both_sides(33)).sum()

    least = distance(nearest)
    slopes = [(distance(nearest + h) - distance(nearest - h)) / 2e-3 for h in 1e-3 * np.eye(300)[::37]]
    np.testing.assert_allclose(slopes, 0, atol=1e-6 * least)
    assert distance(nearest + 0.01 * NOISE[:300]) > least


def test_griffin_and_lim_never_goes_back():
    tones = np.concatenate(
        [data.play_note(timbre, 60, seconds=0.1, rate=1000) for timbre in ("organ", "bell")]
    )
    levels, n = SMALL.levels(tones), len(tones)
    phase = RNG.uniform(-np.pi, np.pi, levels.shape)
    apart = []
    for iterations in range(12):
        found = np.abs(SMALL.transform(SMALL.sound(levels, phase=phase, n=n, iterations=iterations)))
        apart.append(((found - SMALL.amplitude_of(levels)) ** 2 @ both_sides(33)).sum())
    assert (np.diff(apart) <= 1e-9 * apart[0]).all()
    assert apart[-1] < 0.4 * apart[0]


def test_silence_has_level_0_and_becomes_silence_again():
    levels = SMALL.levels(np.zeros(200))
    assert not levels.any()
    assert not SMALL.sound(levels, phase=np.zeros(levels.shape), n=200, iterations=3).any()
    sound = SMALL.dataset(np.zeros(200), "silence")
    assert (sound.name, len(sound), sound.event_shape) == ("silence", len(levels), (33,))


# ---- notes
# ------------------------------------------------------------------------------------------------------------


def test_notes_are_the_same_for_the_same_seed_and_a_longer_set_begins_like_a_shorter():
    one, again, longer, other = (
        data.notes(40, seed=3),
        data.notes(40, seed=3),
        data.notes(300, seed=3),
        data.notes(40, seed=4),
    )
    assert one.images.tobytes() == again.images.tobytes() != other.images.tobytes()
    np.testing.assert_allclose(longer.images[:40], one.images, atol=1e-6)
    assert (longer.event_shape, longer.label_names) == ((129,), tuple(data.TIMBRES))
    assert set(longer.labels) == set(range(6))
    for name, (low, high) in FACTORS.items():
        assert low <= longer.factors[name].min() < longer.factors[name].max() <= high
    fixed = data.notes(20, ranges={"pitch": (69, 70), "loudness": (-6, -6)})
    assert (fixed.factors["pitch"] == 69).all()


def test_a_note_is_the_sum_of_its_partials():
    samples = data.play_note("string", 57, seconds=0.2, rate=8000, loudness=-6.0, release=0.1)
    ratio, amplitude, decay = data.TIMBRES["string"]
    for i in (0, 3, 40, 79, 80, 900, 1500):
        t, x = i / 8000, 0.0
        for k in range(16):
            f = ratio[k] * 220.0
            assert f < 4000
            x += amplitude[k] / amplitude.sum() * np.exp(-decay[k] * t) * np.sin(2 * np.pi * f * t)
        expected = x * 10 ** (-6 / 20) * min(t / 0.01, 1) * min((0.2 - t) / 0.1, 1)
        assert samples[i] == pytest.approx(expected, abs=1e-12)
    for timbre in data.TIMBRES:
        assert np.abs(data.play_note(timbre, 80, rate=4000)).max() <= 1  # whose upper partials are left out


SOUNDS = {  # of the A at 220 Hz, at samples 40, 1501 and 4007 of 8000 a second
    "sine": [0.293158812, 0.896896191, 0.728205884],
    "clarinet": [0.203839053, 0.350643313, 0.283856552],
    "organ": [0.190521222, 0.534970247, 0.334269528],
    "violin": [0.194788898, 0.197736385, 0.216510061],
    "string": [0.189064499, 0.17862542, 0.192935035],
    "bell": [0.014393952, 0.085392088, 0.170407642],
}


def test_timbres_sound_as_they_always_did():
    """A data set is known by its numbers: who changes a partial changes everybody's data, and has to say so
    here.
    """
    assert SOUNDS.keys() == data.TIMBRES.keys()
    for timbre, values in SOUNDS.items():
        np.testing.assert_allclose(
            data.play_note(timbre, 57.0, rate=8000)[[40, 1501, 4007]], values, atol=1e-8
        )


def test_partials_above_half_the_rate_are_left_out():
    # 1760 Hz: only the first is below 2000
    samples = data.play_note("violin", 93, seconds=0.1, rate=4000, release=0)
    _, amplitude, decay = data.TIMBRES["violin"]
    t = np.arange(400) / 4000
    expected = (
        amplitude[0]
        / amplitude.sum()
        * np.exp(-decay[0] * t)
        * np.sin(2 * np.pi * 1760 * t)
        * np.minimum(t / 0.01, 1)
    )
    np.testing.assert_allclose(samples[:-1], expected[:-1], atol=1e-12)
    assert not data.play_note("sine", 120, rate=4000).any()


def test_a_frame_of_notes_is_a_frame_of_the_note_played():
    drawn = data.notes(12, ranges={"time": (0.1, 0.5)}, seed=1)
    spectrogram = data.Spectrogram()
    for row in range(12):
        f = {name: values[row] for name, values in drawn.factors.items()}
        whole = data.play_note(
            list(data.TIMBRES)[f["timbre"]], f["pitch"], seconds=1, rate=256_000, loudness=f["loudness"]
        )
        at = np.rint((f["time"] + (np.arange(256) - 128) / 8000) * 256_000).astype(int)
        folded = (
            data.TIMBRES[drawn.label_names[drawn.labels[row]]][0].max() * 440 * 2 ** ((f["pitch"] - 69) / 12)
            >= 4000
        )
        if not folded:  # no partial lies between half the one rate and half the other
            levels = spectrogram.frame_levels(whole[None, at])[0]
            np.testing.assert_allclose(drawn.images[row], levels, atol=0.02)


@pytest.mark.parametrize("pitch", [57, 69, 81])
def test_a_sine_lies_at_the_frequency_of_its_pitch(pitch):
    levels = data.Spectrogram().levels(data.play_note("sine", pitch, seconds=0.5))
    expected = 440 * 2 ** ((pitch - 69) / 12)
    assert abs(data.Spectrogram().frequencies[levels[20].argmax()] - expected) <= 8000 / 256 / 2


# ---- text
# ------------------------------------------------------------------------------------------------------------


def test_words_are_counted_the_most_frequent_first():
    bags = data.bag_of_words(
        ["The cat, the DOG: the end_1!", "a dog's cat — Straße STRASSE", "42 ..."], size=4
    )
    # three, then two each, in the order of the alphabet
    assert bags.entry_names == ("the", "cat", "dog", "strasse")
    np.testing.assert_array_equal(bags.images, [[3, 1, 1, 0], [0, 1, 1, 2], [0, 0, 0, 0]])
    assert bags.images.dtype == np.float32
    assert (len(bags), bags.event_shape) == (3, (4,))
    others = data.bag_of_words(["dog dog bird"], vocabulary=bags.entry_names)
    np.testing.assert_array_equal(others.images, [[0, 0, 2, 0]])
    assert data.bag_of_words(["a b b"], stop_words=["b"]).entry_names == ("a",)
    first, last = bags.split(1, last=True)
    assert first.entry_names == last.entry_names == bags.entry_names


def test_characters_are_counted_as_they_are_written():
    bags = data.bag_of_characters(["aA a", "日本日"], size=5)
    assert bags.entry_names == ("a", "日", " ", "A", "本")
    np.testing.assert_array_equal(bags.images, [[2, 0, 1, 1, 0], [0, 2, 0, 0, 1]])


TEXT = "Ein Satz.\nNoch einer: größer.\n\n  \nZweiter Absatz\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_paragraphs_are_documents_in_any_encoding(encoding, newline, tmp_path):
    (tmp_path / "a.txt").write_bytes(TEXT.replace("\n", newline).encode(encoding))
    named = {"encoding": encoding} if encoding == "latin-1" else {}
    found = data.read_texts(tmp_path / "a.txt", **named)
    assert found.documents == ["Ein Satz.\nNoch einer: größer.", "Zweiter Absatz"]
    assert found.labels is None


def test_a_folder_of_texts_holds_documents_and_its_folders_classes(tmp_path):
    for name in ("b/two", "b/one", "a/three"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.txt").write_text(name)
    classes = data.read_texts(tmp_path)
    assert (classes.documents, classes.label_names) == (["a/three", "b/one", "b/two"], ("a", "b"))
    bags = data.bag_of_words(classes)
    assert bags.labels.tolist() == [0, 1, 1]
    assert data.read_texts(tmp_path / "b").documents == ["b/one", "b/two"]


def test_docstrings_are_those_that_inspect_finds():
    found = data.docstrings(["statistics", "calendar"])
    assert found.label_names == ("statistics", "calendar")
    of_statistics = {text for text, label in zip(found.documents, found.labels, strict=True) if label == 0}
    public = [getattr(statistics, name) for name in statistics.__all__] + [statistics]
    wanted = {
        inspect.getdoc(thing)
        for thing in public
        if inspect.getmodule(thing) is statistics or thing is statistics
    }
    assert {text for text in wanted if text and len(text.split()) >= 8} <= of_statistics
    assert len(set(found.documents)) == len(found)
    assert 0 < found.labels[:40].sum() < 40  # mixed
    again = data.docstrings(["statistics", "calendar"])
    assert again.documents == found.documents
    np.testing.assert_array_equal(again.labels, found.labels)


# ---- video and patches
# ------------------------------------------------------------------------------------------------------

MOVING = (np.arange(5)[:, None, None] * 40 + np.zeros((5, 6, 8))).astype(np.uint8)
MOVING[:, 2, 3] = [255, 0, 255, 0, 255]


def animation(frames, kind, **options):
    stream = io.BytesIO()
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(stream, kind, save_all=True, append_images=others, **options)
    return stream.getvalue()


GIF = animation(MOVING, "GIF")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_read_frame_by_frame(kind, tmp_path):
    options = {"lossless": True} if kind == "WEBP" else {}
    (tmp_path / "a").write_bytes(animation(MOVING, kind, **options))
    np.testing.assert_array_equal(data.read_video(tmp_path / "a"), MOVING)
    (tmp_path / "still").write_bytes(animation(MOVING[:1], kind, **options))
    still = data.read_video(tmp_path / "still")
    assert still.shape == (1, 6, 8)
    assert data.windows(still, 1).event_shape == (1, 6, 8)


@pytest.mark.parametrize(("length", "step"), [(1, 1), (3, 1), (2, 2), (5, 1), (2, 3)])
def test_windows_are_frames_that_follow_each_other(length, step):
    found = data.windows(MOVING, length, step=step)
    expected = np.array([MOVING[t : t + length] for t in range(0, 5 - length + 1, step)])
    np.testing.assert_array_equal(found.images, expected)
    np.testing.assert_array_equal(found.factors["time"], np.arange(0, 5 - length + 1, step))
    assert found.batch(slice(None)).x.shape == (len(expected), length * 48)


def centroids(scenes):
    ink = scenes.images / 255.0
    place = (np.arange(ink.shape[3]) + 0.5) * 28 / ink.shape[3] - 14
    total = ink.sum((2, 3))
    return np.stack([(ink.sum(2) @ place) / total, (ink.sum(3) @ place) / total], axis=2)  # (n, length, 2)


def test_a_glyph_flies_straight_on_and_is_thrown_back_by_the_walls():
    scenes = data.bouncing_glyphs(60, length=9, characters="OH", speed=(2.0, 4.0), size=56, seed=2)
    for row, moved in enumerate(centroids(scenes)):
        f = {name: values[row] for name, values in scenes.factors.items()}
        assert 2 <= np.hypot(f["speed_x"], f["speed_y"]) <= 4
        for axis, (x, speed) in enumerate(((f["x"], f["speed_x"]), (f["y"], f["speed_y"]))):
            path = [x]
            for _ in range(8):
                x += speed
                if abs(x) > video.WALL:
                    x, speed = np.sign(x) * 2 * video.WALL - x, -speed
                path.append(x)
            np.testing.assert_allclose(moved[:, axis] - moved[0, axis], np.array(path) - path[0], atol=0.2)
    assert scenes.label_names == ("O", "H")


def test_a_glyph_begins_anywhere_between_the_walls():
    scenes = data.bouncing_glyphs(400, length=1, characters="O", speed=(0.0, 0.0), size=16, seed=3)
    for name in ("x", "y"):
        # uniform on (−1, 1): its mean is within 5 · 0.577/√400 of 0
        share = scenes.factors[name] / video.WALL
        assert abs(share.mean()) < 0.15
        assert share.min() < -0.95
        assert share.max() > 0.95


@pytest.mark.parametrize("size", [16, 28, 40])
def test_scenes_stay_inside_the_walls_and_leave_the_rest_black(size):
    scenes = data.bouncing_glyphs(200, length=3, characters="Wg", size=size)
    lit = scenes.images > 0
    rows, columns = lit.any(axis=3), lit.any(axis=2)
    extent = 20 * video.SCALE * size / 28
    for along in (rows, columns):
        first, last = along.argmax(axis=2), size - 1 - along[:, :, ::-1].argmax(axis=2)
        assert (last - first + 1).max() <= extent + 2
    again = data.bouncing_glyphs(20, length=3, characters="Wg", size=size)
    np.testing.assert_array_equal(again.images, scenes.images[:20])


def test_patches_are_cut_where_their_factors_say():
    colours = RNG.integers(0, 256, (3, 20, 30), np.uint8)
    found = data.patches(colours, 200, size=5, grey=False, seed=1)
    for patch, x, y in zip(found.images, found.factors["x"], found.factors["y"], strict=True):
        np.testing.assert_array_equal(patch, colours[:, y : y + 5, x : x + 5])
    assert (found.factors["x"].min(), found.factors["x"].max()) == (0, 25)
    assert (found.factors["y"].min(), found.factors["y"].max()) == (0, 15)
    whole = data.patches(colours[:1], 2, size=20)
    assert whole.event_shape == (1, 20, 20)
    photograph = data.photograph()
    assert (photograph.shape, photograph.dtype) == ((3, 600, 512), np.uint8)
    grey = data.patches(n=3, size=512)
    np.testing.assert_allclose(
        grey.images[0, 0], photograph[:, grey.factors["y"][0] :][:, :512].mean(axis=0), atol=0.51
    )


# ---- names and paths
# --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape"), [("bouncing-glyphs", (4, 16, 16)), ("notes", (129,)), ("patches", (1, 16, 16))]
)
def test_what_is_drawn_has_splits_of_separate_streams(name, shape, monkeypatch):
    monkeypatch.setattr(sources, "DRAWN", {"train": 20, "test": 10})
    given = {"seed": 1} if name == "notes" else {"seed": 1, "size": 16}  # a note has no size
    train, test = data.load(name, **given), data.load(name, split="test", **given)
    assert (train.name, len(train), len(test)) == (name, 20, 10)
    assert train.event_shape == test.event_shape == shape
    assert not {row.tobytes() for row in train.images} & {row.tobytes() for row in test.images}
    np.testing.assert_array_equal(data.load(name, **given).images, train.images)


def test_the_splits_of_docstrings_share_a_vocabulary(monkeypatch):
    monkeypatch.setattr(sources, "docstrings", lambda: data.docstrings(["statistics", "calendar"]))
    train, test = data.load("docstrings"), data.load("docstrings", split="test")
    assert train.entry_names == test.entry_names
    assert train.images.sum(axis=0).min() > 0  # chosen from the words of the training part
    assert len(test) == (len(train) + len(test)) // 5
    assert train.label_names == ("statistics", "calendar")


def test_a_path_is_known_by_what_it_holds(tmp_path):
    (tmp_path / "sound").write_bytes(wav(np.arange(4000), 2, rate=16000))
    (tmp_path / "moving").write_bytes(GIF)
    (tmp_path / "texts" / "a").mkdir(parents=True)
    for path in (tmp_path / "text.txt", tmp_path / "texts" / "a" / "one.txt"):
        path.write_text("one two\n\ntwo")
    sound = data.load(tmp_path / "sound")
    assert (sound.name, sound.event_shape) == ("sound", (257,))
    assert data.load(tmp_path / "moving").images.shape == (2, 4, 6, 8)
    np.testing.assert_array_equal(data.load(tmp_path / "text.txt").images, [[1, 1], [1, 0]])
    np.testing.assert_array_equal(data.load(tmp_path / "texts").images, [[2, 1]])
    with pytest.raises(InputError, match="no separate 'test' split"):
        data.load(tmp_path / "sound", split="test")


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("words.txt", ["--likelihood", "multinomial"]),
        ("words.txt", ["--likelihood", "poisson"]),
        ("sound.wav", ["--likelihood", "gaussian_optimal"]),
        ("moving.gif", ["--recipe", "convolutional", "--channels", "2", "3"]),
    ],
)
def test_a_run_trains_on_any_of_them(source, options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("\n\n".join(["one two two", "three one", "two"] * 8))
    (tmp_path / "sound.wav").write_bytes(wav(8000 * np.sin(np.arange(4000)), 2))
    (tmp_path / "moving.gif").write_bytes(animation(RNG.integers(0, 256, (20, 8, 8), np.uint8), "GIF"))
    once = ["--epochs", "1", "--latent-dim", "3", "--hidden", "6", "--quiet"]
    assert main(["train", "--data", source, *options, *once, "--out", "run"]) == 0
    # nothing that isn't a picture
    assert {path.stem for path in (tmp_path / "run" / "figures").iterdir()} == {"codes", "curves"}
    assert main(["evaluate", "run", "--likelihood-of", "2"]) == 0
    assert main(["sample", "run", "-n", "3", "--draw", "--out", "drawn.npy"]) == 0
    drawn = np.load(tmp_path / "drawn.npy")
    assert len(drawn) == 3
    capsys.readouterr()
    for command in (["sample", "run", "-n", "3"], ["reconstruct", "run"]):
        assert main(command) == 2
        assert "a picture needs images (1 or 3, H, W), found events of shape" in capsys.readouterr().err
    if source == "words.txt":
        assert (drawn == np.rint(drawn)).all()
        assert main(["train", "--data", source, *once, "--out", "other"]) == 0
        assert "the data say likelihood multinomial" in capsys.readouterr().out
        assert main(["train", "--data", source, *once, "--likelihood", "bernoulli", "--out", "third"]) == 2
        assert "column 'two' of example 0 is 2 in words.txt, and Bernoulli gives" in capsys.readouterr().err


# ---- what is refused
# --------------------------------------------------------------------------------------------------------

SOUND = wav(np.arange(400), 2)
FILES = {  # content, reader, words
    "wav: empty": (b"", data.read_wav, ["can't be read as a WAV file"]),
    "wav: another format": (b"GIF89a" + bytes(60), data.read_wav, ["can't be read as a WAV file"]),
    "wav: header cut": (SOUND[:20], data.read_wav, ["WAV"]),
    "wav: samples cut": (SOUND[:300], data.read_wav, ["WAV"]),
    "wav: header only": (SOUND[:36], data.read_wav, ["WAV"]),
    "wav: no samples": (wav([], 2), data.read_wav, ["at least one sample, found 0"]),
    "text: empty": (b"", data.read_texts, ["expected text, found none"]),
    "text: blank": (b" \n\n \n", data.read_texts, ["expected text, found none"]),
    "text: latin": (
        "größer".encode("latin-1"),
        data.read_texts,
        ["in utf-8", "byte 2 of 6", "name its encoding"],
    ),
    "text: binary": (b"ab\0\1", data.read_texts, ["zero bytes"]),
    "text: unknown": (
        b"ab",
        lambda path: data.read_texts(path, encoding="utf-9"),
        ["that Python knows", "'utf-9'"],
    ),
    "video: empty": (b"", data.read_video, ["can't be read as an animated GIF"]),
    "video: another format": (SOUND, data.read_video, ["can't be read as an animated GIF"]),
    "video: cut": (GIF[: len(GIF) // 2], data.read_video, ["can't be read as an animated GIF"]),
    "picture: empty": (b"", data.read_picture, ["can't be read as a picture"]),
}


@pytest.mark.parametrize("case", FILES)
def test_unusable_files_are_refused_in_words(case, tmp_path):
    content, read, words = FILES[case]
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    for word in (str(path), *words):
        assert word in str(caught.value)
    with pytest.raises(InputError, match=r"missing\.bin"):
        read(tmp_path / "missing.bin")


ARGUMENTS = {
    "write beyond scale": (lambda: data.write_wav("a", np.array([1.5]), 8000), "lie in [-1, 1], found 1.5"),
    "write nothing": (lambda: data.write_wav("a", np.zeros(0), 8000), "at least 1, found 0"),
    "write two channels": (lambda: data.write_wav("a", np.zeros((5, 2)), 8000), "shape (T,)"),
    "write nan": (lambda: data.write_wav("a", np.full(3, np.nan), 8000), "finite"),
    "write nowhere": (lambda: data.write_wav("no/such/folder/a.wav", np.zeros(3), 8000), "can't be written"),
    "odd window": (lambda: data.Spectrogram(size=33), "found 8000, 33 and 64"),
    "wide hop": (lambda: data.Spectrogram(size=64, hop=33), "hop from 1 to size/2"),
    "no range": (lambda: data.Spectrogram(range_db=0), "range_db should be positive"),
    "few samples": (lambda: SMALL.levels(np.zeros(31)), "at least 32, half a window; found 31"),
    "nan samples": (lambda: SMALL.levels(np.full(100, np.nan)), "finite"),
    "frames too few": (lambda: SMALL.inverse(np.zeros((3, 33), complex), 1000), "found 3"),
    "phase": (
        lambda: SMALL.sound(np.zeros((3, 33)), phase=np.zeros((2, 33)), n=10),
        "phase should have shape",
    ),
    "no notes": (lambda: data.notes(0), "n should be at least 1"),
    "notes' seed": (lambda: data.notes(3, seed=-1), "seed should not be negative"),
    "notes' ranges": (
        lambda: data.notes(3, ranges={"timbre": (0, 1)}),
        "pitch, loudness, time; found 'timbre'",
    ),
    "timbre": (lambda: data.play_note("lute", 60), "one of sine, clarinet"),
    "no seconds": (lambda: data.play_note("sine", 60, seconds=0), "at least one sample"),
    "no pitch": (lambda: data.play_note("sine", np.nan), "pitch should be finite"),
    "no documents": (lambda: data.bag_of_words([]), "at least one string, found none"),
    "one string": (lambda: data.bag_of_words("text"), "found a single string"),
    "no strings": (lambda: data.bag_of_words(["a", 3]), "found int at 1"),
    "no words": (lambda: data.bag_of_words(["42", "?"]), "one token or more, each once, found none"),
    "words twice": (lambda: data.bag_of_words(["a"], vocabulary=["a", "a"]), "found one twice"),
    "no size": (lambda: data.bag_of_characters(["a"], size=0), "size should be at least 1"),
    "labels": (lambda: data.Corpus("c", ["a"], np.zeros(2, int)), "labels should be 1 integers"),
    "names": (
        lambda: data.Dataset("d", np.zeros((2, 3)), entry_names=("a",)),
        "1 columns, one for each name; found shape",
    ),
    "module": (lambda: data.docstrings(["no_such_module"]), "found no no_such_module"),
    "module by path": (lambda: data.docstrings(["../secret"]), "found no ../secret"),
    "no modules": (lambda: data.docstrings([]), "found none"),
    "short video": (lambda: data.windows(MOVING, 6), "1 to 5, the frames there are"),
    "no step": (lambda: data.windows(MOVING, 2, step=0), "step at least 1; found 2 and 0"),
    "flat video": (lambda: data.windows(MOVING[0]), "(T, H, W), found (6, 8)"),
    "no scenes": (lambda: data.bouncing_glyphs(0), "at least 1, found 0"),
    "small scenes": (lambda: data.bouncing_glyphs(1, size=15), "size should be at least 16, found 15"),
    "unknown letter": (lambda: data.bouncing_glyphs(1, characters="%"), "found '%'"),
    "backwards": (lambda: data.bouncing_glyphs(1, speed=(3.0, 1.0)), "a range of numbers from 0 on"),
    "large patches": (
        lambda: data.patches(np.zeros((1, 4, 9), np.uint8), size=5),
        "at most 4, the picture's own; found 5",
    ),
    "float picture": (lambda: data.patches(np.zeros((1, 40, 40))), "uint8, found float64"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_unusable_arguments_are_refused_in_words(case):
    call, words = ARGUMENTS[case]
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)


def test_frames_of_several_sizes_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.gif").write_bytes(GIF)
    # as Pillow gives them where one frame reaches over the edge
    frames = [Image.new("L", (8, 6)), Image.new("L", (9, 6))]
    monkeypatch.setattr(video.ImageSequence, "Iterator", lambda image: iter(frames))
    with pytest.raises(
        InputError, match=r"a\.gif: frames should be of one size, found \(6, 8\) and \(6, 9\)"
    ):
        data.read_video(tmp_path / "a.gif")


def test_a_folder_without_texts_or_of_two_kinds_is_refused(tmp_path):
    with pytest.raises(InputError, match="found none"):
        data.read_texts(tmp_path)
    (tmp_path / "a").mkdir()
    for name in ("b.txt", "a/c.txt"):
        (tmp_path / name).write_text("words")
    with pytest.raises(InputError, match="found both"):
        data.read_texts(tmp_path)
