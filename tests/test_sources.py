"""What the command line reads:

kinds and limits, splits that a seed decides, runs of older versions, pictures, sounds, words.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from scipy.io import wavfile

from scratchvae import data
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.runs import Run, folder

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (40, 1, 4, 4), np.uint8)
BYTES[0, 0, 0, 0] = 255
SMALL = ["--latent-dim", "2", "--hidden", "4", "--epochs", "1", "--quiet", "--no-figures"]


def train(*options):
    return main(["train", *map(str, options), *SMALL])


def refused(capsys, status):
    said = capsys.readouterr().err
    assert status == 2
    assert len(said.strip().splitlines()) == 1, said
    return said


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


# ------------------------------------------------------------------------------------------------------------
# kinds, limits


def test_bytes_in_a_file_are_values_until_they_are_declared_pixels(tmp_path, capsys):
    np.save(tmp_path / "x.npy", BYTES)
    said = refused(capsys, train("--data", tmp_path / "x.npy", "--out", tmp_path / "run"))
    assert "the pixel in channel 0, row 0, column 0 of picture 0 is 255 in x.npy" in said
    assert "--kind pixels" in said
    assert not (tmp_path / "run").exists()
    assert train("--data", tmp_path / "x.npy", "--out", tmp_path / "run", "--kind", "pixels") == 0
    one = Run.open(tmp_path / "run")
    assert (one.config.kind, one.data.batch(slice(None)).x.max()) == ("pixels", 1)
    np.savez(tmp_path / "other.npz", BYTES)  # another array of the same run is read as its own was
    assert (
        main(["evaluate", str(tmp_path / "run"), "--data", str(tmp_path / "other.npz"), "--samples", "0"])
        == 0
    )
    argv = ["evaluate", str(tmp_path / "run"), "--data", str(tmp_path / "other.npz"), "--kind", "values"]
    refused(capsys, main(argv))
    np.save(tmp_path / "counts.npy", BYTES // 50)
    assert (
        train("--data", tmp_path / "counts.npy", "--out", tmp_path / "counts", "--likelihood", "poisson") == 0
    )
    assert Run.open(tmp_path / "counts").config.kind == "values"


@pytest.mark.parametrize(
    ("kind", "wrong"), [("values", 0), ("counts", 0), ("pixels", 0), ("tokens", 2)]
)  # 0 and 1 are allowed in each of them
def test_idx_files_of_0_and_1_wait_for_their_kind(kind, wrong, tmp_path, capsys):
    (tmp_path / "x-images-idx3-ubyte").write_bytes(idx((BYTES[:, 0] > 99).astype(np.uint8)))
    said = refused(capsys, train("--data", tmp_path / "x-images-idx3-ubyte"))
    assert "found 0 and 1 only" in said
    assert (
        train("--data", tmp_path / "x-images-idx3-ubyte", "--kind", kind, "--out", tmp_path / "run") == wrong
    )
    if not wrong:
        greatest = Run.open(tmp_path / "run").data.batch(slice(None)).x.max()
        assert greatest == pytest.approx(1 / 255 if kind == "pixels" else 1)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x-images-idx3-ubyte"])
def test_a_limit_takes_the_first_examples(name, tmp_path):
    path = tmp_path / name
    if "idx" in name:
        path.write_bytes(idx(BYTES[:, 0]))
    else:
        np.save(path, BYTES) if name == "x.npy" else np.savez(path, BYTES)
    first = data.load(path, limit=7, kind="pixels")
    np.testing.assert_array_equal(first.images, BYTES[:7])
    assert len(data.load(path, limit=40)) == 40
    with pytest.raises(InputError, match=r"limit should be between 1 and 40, the examples in .*; found 41"):
        data.load(path, limit=41)
    with pytest.raises(InputError, match="limit should be at least 1, found 0"):
        data.load(path, limit=0)


def test_a_limit_of_data_sorted_by_class_takes_all_classes(tmp_path):
    labels = np.repeat(np.arange(4, dtype=np.uint8), 10)
    (tmp_path / "x-images-idx3-ubyte").write_bytes(idx(BYTES[:, 0]))
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(idx(labels))
    some, everything = (data.load(tmp_path / "x-images-idx3-ubyte", limit=limit) for limit in (20, None))
    assert set(some.labels) == {0, 1, 2, 3}
    np.testing.assert_array_equal(some.images, everything.images[:20])
    in_order = data.load(tmp_path / "x-images-idx3-ubyte", limit=20, in_order=True)
    np.testing.assert_array_equal(in_order.images, BYTES[:20])
    assert in_order.labels.tolist() == [0] * 10 + [1] * 10


GIGABYTES = """
import resource, sys
from pathlib import Path
import numpy as np
from scratchvae.__main__ import main

folder = Path(sys.argv[1])
shape = (1_000_000, 784)  # 3.1 GB of zeros, of which the file holds no block
with open(folder / "x.npy", "wb") as file:
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    file.truncate(file.tell() + 4 * shape[0] * shape[1])
common = ["--epochs", "1", "--latent-dim", "2", "--hidden", "4", "--quiet", "--no-figures"]
common += ["--likelihood", "gaussian"]
argv = ["train", "--data", str(folder / "x.npy"), *common, "--out", str(folder / "run"), *sys.argv[2:]]
import scratchvae.commands.train, scratchvae.training, scipy.special
main(["train", "--data", "glyphs", "--limit", "200", *common, "--out", str(folder / "first")])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert main(argv) == 0
unit = 1 if sys.platform == "darwin" else 1024
print("grown by", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit)
"""


def test_the_first_examples_of_a_large_file_take_their_own_memory(tmp_path):
    """5,000 examples are 16 MB, of which there are a few copies for a moment; the whole file is 3.1 GB."""
    argv = [sys.executable, "-c", GIGABYTES, str(tmp_path), "--limit", "5000"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert int(done.stdout.split("grown by")[1]) < 200e6
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["examples"] == 5000


def test_a_file_larger_than_reading_may_take_stays_where_it_is(tmp_path, monkeypatch):
    x = RNG.random((60, 16)).astype(np.float32)
    x[3, 4] = np.nan
    np.save(tmp_path / "x.npy", x)
    assert train("--data", tmp_path / "x.npy", "--out", tmp_path / "memory") == 0
    monkeypatch.setenv("SCRATCHVAE_MAX_BYTES", "1000")
    in_place = data.load(tmp_path / "x.npy")
    assert isinstance(in_place.images, data.Rows)
    parts = in_place.split(20, seed=3)
    assert all(isinstance(part.images, data.Rows) for part in parts)
    for part, whole in zip(parts, data.Dataset("x", x).split(20, seed=3), strict=True):
        np.testing.assert_array_equal(part.batch([5, 0, -1]).x_or_nan, whole.batch([5, 0, -1]).x_or_nan)
        np.testing.assert_array_equal(part.subset([4, 2]).images[:], whole.subset([4, 2]).images)
    assert data.digest(in_place) == data.digest(data.Dataset("x", x))
    assert train("--data", tmp_path / "x.npy", "--out", tmp_path / "place") == 0
    losses = [
        json.loads((tmp_path / run / "metrics.jsonl").read_text())["train"] for run in ("memory", "place")
    ]
    assert losses[0] == losses[1]
    changed = np.load(tmp_path / "x.npy")
    changed[50, 3] += 1
    np.save(tmp_path / "x.npy", changed)
    assert main(["train", "--resume", str(tmp_path / "place"), "--epochs", "2", "--quiet"]) == 2
    mapped = data.Dataset("x", np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert isinstance(mapped.split(5)[0].images, data.Rows)


@pytest.mark.parametrize("file", [">f8", "<f4", "channels last"])
def test_examples_in_a_file_are_laid_out_like_those_in_memory(file, tmp_path):
    x = RNG.random((30, 4, 5, 3)) if file == "channels last" else RNG.random((30, 4, 5)).astype(file)
    np.save(tmp_path / "x.npy", x)
    whole, in_place = data.load(tmp_path / "x.npy"), data.load(tmp_path / "x.npy", max_bytes=100)
    assert isinstance(in_place.images, data.Rows)
    assert in_place.event_shape == whole.event_shape
    np.testing.assert_array_equal(in_place.images[:], whole.images, strict=True)
    np.testing.assert_array_equal(in_place.batch(slice(3, 7)).x, whole.batch(slice(3, 7)).x)


def test_what_changes_behind_the_limit_is_no_change(tmp_path, capsys):
    x = RNG.random((60, 4))
    np.save(tmp_path / "x.npy", x)
    assert train("--data", tmp_path / "x.npy", "--limit", "30", "--out", tmp_path / "run") == 0
    for row, status in ((45, 0), (15, 2)):
        x[row, 2] = 0.5
        np.save(tmp_path / "x.npy", x)
        argv = ["train", "--resume", str(tmp_path / "run"), "--epochs", "2", "--quiet", "--no-figures"]
        assert main(argv) == status, row
    assert "digest" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------
# what is held out


def test_the_held_out_examples_are_drawn_by_the_seed():
    n = 1000
    orders = [data.shuffled(n, seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(n))
    # the same on every machine and with every NumPy: these are of the definition of PCG64
    assert data.shuffled(10, 0).tolist() == SHUFFLED
    whole = data.Dataset("d", np.arange(n, dtype=float)[:, None], np.repeat(np.arange(10), 100))
    trained, held_out = whole.split(200)
    assert (len(trained), len(held_out)) == (800, 200)
    assert len(np.unique(np.concatenate([trained.images, held_out.images]))) == n
    np.testing.assert_array_equal(held_out.images[:, 0], np.sort(orders[0][:200]))
    counts = np.bincount(held_out.labels, minlength=10)  # hypergeometric: 20 ± 3.8 of each class
    assert counts.min() >= 1
    assert (whole.split(200, last=True)[1].images[:, 0] == np.arange(800, n)).all()
    assert not np.array_equal(whole.split(200, seed=5)[1].images, held_out.images)


SHUFFLED = [8, 4, 3, 0, 2, 1, 9, 5, 7, 6]


def test_class_sorted_pictures_are_judged_on_all_classes(tmp_path):
    x = np.repeat(np.arange(10.0), 20)[:, None] + np.zeros((200, 3))
    np.save(tmp_path / "x.npy", x)
    options = ["--data", tmp_path / "x.npy", "--likelihood", "gaussian", "--held-out", "50"]
    assert train(*options, "--out", tmp_path / "run") == 0
    assert train(*options, "--out", tmp_path / "series", "--held-out-last") == 0
    drawn, last = (Run.open(tmp_path / name).held_out.images[:, 0] for name in ("run", "series"))
    assert len(np.unique(drawn)) == 10
    np.testing.assert_array_equal(last, x[150:, 0])
    again = Run.resume(tmp_path / "run", epochs=2)
    np.testing.assert_array_equal(again.held_out.images[:, 0], drawn)
    again.claim.release()


@pytest.mark.parametrize("stored", ["bytes", "0 and 1", "bools", "floats"])
def test_a_run_of_an_older_version_keeps_its_numbers_and_its_split(stored, tmp_path, monkeypatch):
    """A config.json without the entries that came with declared kinds is of such a version."""
    x = {"bytes": BYTES, "0 and 1": BYTES // 128, "bools": BYTES > 99, "floats": BYTES / 255}[stored]
    np.save(tmp_path / "x.npy", x)
    options = ["--data", tmp_path / "x.npy", "--limit", "30", "--likelihood", "gaussian"]
    options += ["--kind", "pixels" if stored == "bytes" else "values"]
    assert train(*options, "--out", tmp_path / "run") == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    for entry in ("kind", "size", "resize", "held_out_last"):
        del config[entry]
    then = json.dumps(config | {"examples": 40})
    (tmp_path / "run" / "config.json").write_text(then)
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    with safe_open(checkpoint, "numpy") as file:
        described = file.metadata()
    save_file(load_file(checkpoint), checkpoint, described | {"config": then})
    # the checkpoint's digest is of the first 30 alone
    monkeypatch.setattr(folder, "require_same_data", lambda *given: None)
    one = Run.open(tmp_path / "run")
    expected = {
        "bytes": BYTES / np.float32(255),
        "0 and 1": BYTES // 128,
        "bools": BYTES > 99,
        "floats": BYTES / 255,
    }[stored]
    np.testing.assert_allclose(one.data.batch(slice(None)).x, expected[:27].reshape(27, 16), rtol=1e-6)
    np.testing.assert_allclose(one.held_out.batch(slice(None)).x, expected[27:30].reshape(3, 16), rtol=1e-6)
    as_then = x.astype(np.uint8) * np.uint8(255) if stored in ("0 and 1", "bools") else x
    assert one._digest == data.digest(data.Dataset("x", as_then))


# ------------------------------------------------------------------------------------------------------------
# pictures


def picture(mode, size=(6, 4), shade=100):
    """A picture of one shade in any mode; size is (W, H)."""
    image = Image.new(
        "RGBA" if mode == "PA" else mode, size, shade if mode in ("L", "1", "P", "I;16", "I", "F") else None
    )
    if mode in ("RGB", "RGBA", "LA", "CMYK"):
        fill = {"RGB": (shade, 0, 50), "RGBA": (shade, 0, 50, 255), "LA": (shade, 255), "CMYK": (0, 0, 0, 0)}[
            mode
        ]
        image = Image.new(mode, size, fill)
    return image


def put(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "gif", "ppm", "tga", "pcx", "jp2"])
def test_pictures_of_any_format_are_read(suffix, tmp_path):
    for k in range(2):
        put(
            tmp_path / f"{k}.{suffix}",
            picture("RGB", shade=100 + k),
            **({"lossless": True} if suffix == "webp" else {}),
        )
    found = data.load(tmp_path)
    assert (found.kind, found.event_shape, found.images.dtype) == ("pixels", (3, 4, 6), np.uint8)
    near = {"jpg": 3, "jp2": 3}.get(suffix, 0)
    assert np.abs(found.images[0].astype(int) - np.array([100, 0, 50])[:, None, None]).max() <= near


def test_grey_among_colours_has_three_equal_channels_and_transparent_parts_are_said_to_be_black(
    tmp_path, caplog
):
    put(tmp_path / "a.png", picture("L", shade=77))
    put(tmp_path / "b.png", picture("RGB", shade=100))
    put(tmp_path / "c.png", Image.new("RGBA", (6, 4), (200, 100, 50, 0)))
    put(tmp_path / "d.png", picture("L", shade=78))
    with caplog.at_level("INFO", logger="scratchvae"):
        found = data.load(tmp_path)
    assert found.images[:, :, 0, 0].tolist() == [[77] * 3, [100, 0, 50], [0, 0, 0], [78] * 3]
    assert "of the 4 pictures 1 have transparent parts, which are laid over black" in caplog.text


def test_pictures_of_many_sizes_are_cropped_or_fitted(tmp_path, capsys):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 200  # the middle third is bright
    put(tmp_path / "a.png", Image.fromarray(wide))
    put(tmp_path / "b.png", Image.fromarray(np.full((40, 40), 90, np.uint8)))
    with pytest.raises(InputError, match="--size HxW, brings all pictures to one size"):
        data.load(tmp_path)
    cropped, fitted = (data.load(tmp_path, size=(8, 8), resize=how).images[:, 0] for how in ("crop", "fit"))
    assert (cropped[0] == 200).all()
    assert (cropped[1] == 90).all()
    assert (fitted[0][[0, 1, -2, -1]] == 0).all()  # black above and below
    assert fitted[0][3:5, 3:5].min() > 150
    assert data.load(tmp_path, size=(4, 6)).event_shape == (1, 4, 6)
    assert train("--data", tmp_path, "--size", "4x6", "--held-out", "1", "--out", tmp_path / "run") == 0
    one = Run.open(tmp_path / "run")
    assert (one.model.event_shape, list(one.config.size), one.config.resize) == ((1, 4, 6), [4, 6], "crop")
    for text in ("4x", "0x3", "axb", "1x2x3", "-4"):
        assert "--size" in refused(capsys, train("--data", tmp_path, f"--size={text}"))


def test_a_photograph_stands_upright(tmp_path):
    lying = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it to the right
    put(tmp_path / "a.png", lying, exif=exif)
    np.testing.assert_array_equal(data.load(tmp_path).images[0, 0], np.rot90(np.asarray(lying), -1))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda at: put(at / "a.tif", picture("F", shade=0.5)), "found floating numbers: keep them as .npy"),
        (
            lambda at: put(at / "a.tif", picture("I", shade=100_000)),
            "whole numbers from 100000 to 100000: keep them as .npy",
        ),
        (lambda at: put(at / "a.png", picture("L", shade=1)), "found 0 and 1 only: kind='values'"),
        (
            lambda at: [put(at / "a.png", picture("L")), (at / "b.txt").write_text("a")],
            "one kind, found pictures and texts",
        ),
        (
            lambda at: (at / "a.csv2").write_text("1"),
            "expected picture files, or sub-folders of them, found none",
        ),
    ],
)
def test_a_folder_that_would_be_misread_is_refused(make, words, tmp_path):
    make(tmp_path)
    with pytest.raises(InputError, match=words):
        data.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.xlsx", b"PK\3\4", "corrupt"),
        (
            "x.parquet",
            b"PAR1....",
            r"found a .parquet file that begins with '50 41 52 31'; what is read is an IDX, .npy",
        ),
        ("x", b"hello", "found a file without a suffix"),
        ("x.h5", b"", "found an empty file"),
        ("x.jpg", b"\xff\xd8\xff\xe0", "one picture is one example.*a folder of pictures"),
    ],
)
def test_an_unknown_file_is_told_what_is_read(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        data.load(tmp_path / name)


# ------------------------------------------------------------------------------------------------------------
# sound, words


def tone(path, *, rate=8000, hertz=440.0, n=4000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, (20000 * np.sin(2 * np.pi * hertz * np.arange(n) / rate)).astype(np.int16))


def test_a_folder_of_sounds_is_the_frames_of_all_of_them(tmp_path):
    tone(tmp_path / "high" / "a.wav", hertz=1000)
    tone(tmp_path / "high" / "b.wav", hertz=2000, n=2000)
    tone(tmp_path / "low" / "c.wav", hertz=250)
    found = data.load(tmp_path, in_order=True)
    parts = [data.load(tmp_path / name) for name in ("high/a.wav", "high/b.wav", "low/c.wav")]
    np.testing.assert_array_equal(found.images, np.concatenate([part.images for part in parts]))
    lengths = [len(part) for part in parts]
    assert (found.label_names, found.rate) == (("high", "low"), 8000)
    np.testing.assert_array_equal(found.labels, np.repeat([0, 0, 1], lengths))
    np.testing.assert_array_equal(found.factors["file"], np.repeat([0, 1, 2], lengths))
    tone(tmp_path / "low" / "d.wav", rate=16000)
    with pytest.raises(InputError, match=r"d.wav: expected 8000 samples a second, like a.wav; found 16000"):
        data.load(tmp_path)


@pytest.mark.parametrize("suffix", ["flac", "ogg"])
def test_flac_and_ogg_are_read_by_soundfile_or_it_is_named(suffix, tmp_path, monkeypatch):
    samples = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    try:
        import soundfile
    except (ImportError, OSError):
        (tmp_path / f"x.{suffix}").write_bytes({"flac": b"fLaC", "ogg": b"OggS"}[suffix] + bytes(99))
    else:
        soundfile.write(tmp_path / f"x.{suffix}", np.stack([samples, samples], 1), 8000)
        found, rate = data.read_sound(tmp_path / f"x.{suffix}")
        assert rate == 8000
        assert np.abs(found[500:3500] - samples[500:3500]).max() < {"flac": 2**-15, "ogg": 0.1}[suffix]
        assert data.load(tmp_path / f"x.{suffix}").event_shape == (129,)
        (tmp_path / f"y.{suffix}").write_bytes(b"OggS" + bytes(99))
        with pytest.raises(InputError, match="can't be read as a FLAC or OGG file"):
            data.read_sound(tmp_path / f"y.{suffix}")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(InputError, match=r"pip install 'scratchvae\[sound\]'"):
        data.load(tmp_path / f"x.{suffix}")


def test_frames_become_a_sound_of_their_pitch():
    spectrogram = data.Spectrogram.of_rate(8000)
    levels = spectrogram.levels(np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000))[10:12]
    samples = data.sound_of(levels, 8000, seconds=0.5)
    assert len(samples) == pytest.approx(8000, rel=0.1)
    assert np.abs(samples).max() <= 1
    loudest = np.abs(np.fft.rfft(samples)).argmax() * 8000 / len(samples)
    assert loudest == pytest.approx(1000, abs=8000 / 256)
    with pytest.raises(InputError, match=r"levels should have shape \(n, 129\)"):
        data.sound_of(levels[:, 1:], 8000)


def test_samples_of_sound_and_of_texts_are_written_as_such(tmp_path, capsys):
    tone(tmp_path / "x.wav")
    (tmp_path / "words.txt").write_text("\n\n".join(["one two two", "three one", "two"] * 8))
    assert train("--data", tmp_path / "x.wav", "--likelihood", "gaussian", "--out", tmp_path / "sound") == 0
    assert main(["sample", str(tmp_path / "sound"), "-n", "4", "--out", str(tmp_path / "s.wav")]) == 0
    samples, rate = data.read_wav(tmp_path / "s.wav")
    assert (rate, len(samples)) == (8000, pytest.approx(8000, rel=0.1))
    options = ["--data", tmp_path / "words.txt", "--likelihood", "multinomial", "--held-out", "2"]
    assert train(*options, "--out", tmp_path / "texts") == 0
    for more in ([], ["--draw"]):
        assert (
            main(["sample", str(tmp_path / "texts"), "-n", "5", "--out", str(tmp_path / "w.txt"), *more]) == 0
        )
        lines = (tmp_path / "w.txt").read_text().splitlines()
        assert len(lines) == 5
        assert {word for line in lines for word in line.split()} <= {"one", "two", "three"}
        assert all(len(line.split()) == (1 if more else 3) for line in lines)
    assert "frames of sound" in refused(
        capsys, main(["sample", str(tmp_path / "texts"), "--out", str(tmp_path / "w.wav")])
    )
    assert "counts of words" in refused(
        capsys, main(["sample", str(tmp_path / "sound"), "--out", str(tmp_path / "w.txt")])
    )
