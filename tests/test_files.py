"""Files and folders: what is refused before it costs memory or hangs, what a killed process leaves, and whose
a folder is.
"""

import errno
import gzip
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from scipy.io import wavfile

from scratchvae import data, files, schema, strict_json
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import limits
from scratchvae.data.folders import examples
from scratchvae.runs import Config, Run, claim
from scratchvae.runs.claim import Claim

RNG = np.random.default_rng(0)


def dead():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


# ---- strict JSON
# ------------------------------------------------------------------------------------------------------------

DOUBTFUL = {
    "[" * 100_000: "nested at most 32 deep",
    "[" * 40 + "]" * 40: "nested at most 32 deep",
    '{"a":' * 40 + "1" + "}" * 40: "nested at most 32 deep",
    "1" * 5000: "of 5,000 characters",
    str(1 << 63): "a whole number from",
    str(-(1 << 63) - 1): "a whole number from",
    "NaN": "a finite number, found NaN",
    "-Infinity": "a finite number",
    "1e999": "a finite number, found 1e999",
    '{"a": 1, "b": 2, "a": 3}': ": a should be named once in its object",
    '["\\ud800"]': r": \[0\] should be .* surrogate",
    '{"\\udfff": 1}': r": \? should be .* surrogate",
    '{"a": [1, {"b": NaN}]}': r": a\[1\]\.b should be a finite number, found NaN",
    '{"a": {"b": [0, 99999999999999999999]}}': (
        r": a\.b\[1\] should be a whole number from -2⁶³ to 2⁶³ - 1, found 9{20}"
    ),
    '{"a": {"c": 1, "b": 1, "b": 2}}': r": a\.b should be named once in its object, found it twice",
    '{"a": [["\\ud800"]]}': r": a\[0\]\[0\] should be .* surrogate",
    "[1": "an error in it",
    "": "an error in it",
    b"\xff": "UTF-8, found other bytes at byte 0",
}


@pytest.mark.parametrize("text", DOUBTFUL, ids=lambda text: str(text)[:12])
def test_doubtful_json_is_one_sentence(text):
    with pytest.raises(InputError, match=rf"^the-file(?=.* should be ).*{DOUBTFUL[text]}"):
        strict_json.parse(text, "the-file")


def test_json_is_read_as_it_was_written():
    value = {
        "a": [1, 2.5, "ü😀", None, True],
        "b": {"low": -(1 << 63), "high": (1 << 63) - 1, "deep": [[[]]]},
    }
    assert strict_json.parse(strict_json.dump(value), "x") == value
    deepest = "[" * strict_json.DEEPEST + "]" * strict_json.DEEPEST
    assert strict_json.parse(deepest, "x") == json.loads(deepest)
    numbers = [np.nan, np.inf, -np.inf, 1.5]
    found = schema.check(
        strict_json.parse(strict_json.dump(numbers), "x"), schema.Listing(schema.Number(finite=False)), "x"
    )
    np.testing.assert_array_equal(found, numbers)


def test_json_beyond_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(strict_json, "MOST_BYTES", 10)
    (tmp_path / "x.json").write_text("[1,2,3,4,5,6]")
    with pytest.raises(InputError, match=r"x\.json: the file should have at most 10 bytes, found 13"):
        strict_json.read(tmp_path / "x.json")
    with pytest.raises(InputError, match="at most 10 bytes, found 13"):
        strict_json.parse("[1,2,3,4,5,6]", "x")


OPTIONAL = {"list": schema.Listing(schema.Flag()), "t": schema.Text()}
KIND = schema.Record(
    {"n": schema.Whole(1, 9), "x": schema.Number(0)},
    {"list": schema.Listing(schema.Flag()), "t": schema.Text()},
)
OTHERS = {
    "n is none": ({"n": None, "x": 1}, "n should be a whole number from 1 to 9, found null"),
    "n is a bool": ({"n": True, "x": 1}, "n should be a whole number from 1 to 9, found true"),
    "n is small": ({"n": 0, "x": 1}, "n should be .*, found 0"),
    "n is large": ({"n": 10, "x": 1}, "n should be .*, found 10"),
    "n is a float": ({"n": 2.0, "x": 1}, "n should be .*, found 2.0"),
    "x is missing": ({"n": 2}, "x should be a finite number of at least 0, found nothing"),
    "x is a word": ({"n": 2, "x": "NaN"}, "x should be a finite number of at least 0, found 'NaN'"),
    "x is a bool": ({"n": 2, "x": False}, "x should be a finite number of at least 0, found false"),
    "x is small": ({"n": 2, "x": -1e-9}, "x should be .*, found -1e-09"),
    "x is infinite": ({"n": 2, "x": np.inf}, "x should be .*, found inf"),
    "another": ({"n": 2, "x": 1, "y": 1}, "the object should have the entries n, x, list, t; found 'y'"),
    "in a list": ({"n": 2, "x": 1, "list": [True, 1]}, r"list\[1\] should be true or false, found 1"),
    "no list": ({"n": 2, "x": 1, "list": {}}, "list should be a list, found an object of 0"),
    "no text": ({"n": 2, "x": 1, "t": []}, "t should be a string, found a list of 0"),
    "no object": ([], "the text should be an object, found a list of 0"),
    "long": ({"n": 2, "x": "a" * 99}, "x should be .*, found 'a{29}… of 101 characters"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_an_entry_of_another_kind_is_named(case):
    value, words = OTHERS[case]
    with pytest.raises(InputError, match=f"^f: {words}"):
        schema.check(value, KIND, "f")


# ---- writing
# ------------------------------------------------------------------------------------------------------------


def part(path, host, pid):
    return path.with_name(f".{path.name}.{host}-{pid}-0.part")


def test_what_killed_writers_left_is_removed_and_what_others_write_stays(tmp_path):
    path, here, gone = tmp_path / "x[1].bin", files._host(), dead()
    left = {
        part(path, here, gone): False,
        part(path, here, os.getppid()): True,
        part(path, "elsewhere", gone): True,
        part(tmp_path / "y.bin", here, gone): True,
        part(path, "old", 1): False,
    }
    for file in left:
        file.write_bytes(b"half")
    os.utime(part(path, "old", 1), (0, time.time() - 2 * files.ABANDONED))
    files.write_whole(path, b"whole")
    assert {file: file.exists() for file in left} == left
    assert path.read_bytes() == b"whole"


def test_a_long_name_of_the_machine_is_cut_in_the_names_of_files(monkeypatch):
    """So that names stay below the 255 bytes that file systems take, and hold nothing but letters, digits and
    hyphens.
    """
    monkeypatch.setattr(socket, "gethostname", lambda: "a.b/" * 60)
    assert files._host() == "a-b-" * 8
    monkeypatch.setattr(socket, "gethostname", lambda: "")
    assert files._host() == "host"


def test_no_link_is_followed_and_the_folder_is_synced(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / "x"
    victim.write_bytes(b"mine")
    path.symlink_to(victim)
    monkeypatch.setattr(files, "_numbers", iter([7, 8]))
    beside = path.with_name(f".x.{files._host()}-{os.getpid()}-7.part")
    beside.symlink_to(victim)
    with pytest.raises(InputError, match="can't be written: File exists"):
        files.write_whole(path, b"other")
    synced, fsync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda d: (synced.append(os.path.samestat(os.fstat(d), tmp_path.stat())), fsync(d))
    )
    files.write_whole(path, b"other")
    assert (victim.read_bytes(), path.read_bytes(), path.is_symlink()) == (b"mine", b"other", False)
    assert synced == [False, True]


# ---- what is no regular file
# ------------------------------------------------------------------------------------------------

READERS = {
    "load": data.load,
    "read_idx": data.read_idx,
    "read_arrays": data.read_arrays,
    "read_named_arrays": data.read_named_arrays,
    "read_picture": data.read_picture,
    "read_video": data.read_video,
    "read_wav": data.read_wav,
    "read_texts": data.read_texts,
    "strict_json": strict_json.read,
}


def never_waiting(path, flags, *rest, opened=os.open):
    """os.open, which fails the test where it would wait for a writer."""
    assert flags & os.O_NONBLOCK, f"opening {path} may block"
    return opened(path, flags, *rest)


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes and devices in folders elsewhere")
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a socket"])
@pytest.mark.parametrize("reader", READERS)
def test_what_would_never_end_is_refused_at_once(reader, kind, tmp_path, monkeypatch):
    path = tmp_path / "endless.txt"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            monkeypatch.chdir(tmp_path)  # as the path of a socket may have a hundred letters only
            bound.bind(path.name)
    monkeypatch.setattr(os, "open", never_waiting)
    with pytest.raises(InputError, match=f"endless.txt: (expected a file, found {kind}|can't be read)"):
        READERS[reader](path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "/"], ids=["zero byte", "long name", "root"])
def test_paths_that_lead_nowhere_are_one_sentence(path):
    with pytest.raises(InputError):
        data.load(path)
    with pytest.raises(InputError):
        files.read_whole(Path(path), most_bytes=9)
    with pytest.raises(InputError):
        data.load("mnist", data_dir="~nosuchuser")


# ---- limits
# ------------------------------------------------------------------------------------------------------------

LIMIT = 1 << 20
ZEROS = gzip.compress(bytes(1 << 24))


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_promising(shape, dtype="|u1"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def idx(*shape):
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)


def image(kind, *size, **options):
    stream = io.BytesIO()
    Image.new("L", size).save(stream, kind, **options)
    return stream.getvalue()


def growing():
    """A GIF of 2 x 2 pixels whose last frame says that it has 5000 x 5000."""
    content = bytearray(
        image("GIF", 2, 2, save_all=True, append_images=[Image.new("L", (2, 2), 255)], duration=99)
    )
    at = content.rindex(b"\x2c\0\0\0\0")
    content[at + 5 : at + 9] = struct.pack("<HH", 5000, 5000)
    return bytes(content)


def sound(seconds):
    stream = io.BytesIO()
    wavfile.write(stream, 8000, (RNG.random(8000 * seconds) * 99).astype(np.uint8))
    return stream.getvalue()


TOO_MUCH = {  # name of the file: what it holds, who reads it, and what the message says it would take
    "an honest gzip of 3 GB": (
        "x.gz",
        gzip.compress(idx(192, 1 << 24)) + ZEROS * 192,
        data.load,
        "3,221,225,472 bytes",
    ),
    "a gzip that says nothing": ("x.txt", ZEROS * 192, data.load, "16,777,216 bytes"),
    "an idx": ("x", idx(1 << 11, 1 << 10), data.load, "2,097,152 bytes"),
    "an npz": (
        "x.npz",
        zipped({"x.npy": npy_promising((1 << 11, 1 << 10)) + bytes(1 << 21)}),
        data.load,
        "2,097,152 bytes",
    ),
    "many in an npz": (
        "x.npz",
        zipped({f"{k}.npy": npy(np.zeros(1 << 15)) for k in range(5)}),
        data.read_named_arrays,
        "1,311,360 bytes",
    ),
    "bytes as float64": (
        "x.npz",
        zipped({"a.npy": npy(np.zeros(1 << 18, np.uint8))}),
        data.read_named_arrays,
        "2,097,152 bytes",
    ),
    "a directory of a zip": (
        "x.npz",
        zipped({f"{k:0999}.npy": b"" for k in range(99)}),
        data.load,
        "bytes, and reading",
    ),
    "a picture": (
        "x.png",
        image("PNG", 300, 300),
        data.read_picture,
        "300 x 300 pixels, while decoded, take 1,440,000 bytes",
    ),
    "frames of one pixel": (
        "x.gif",
        image(
            "GIF",
            1,
            1,
            save_all=True,
            append_images=[Image.new("L", (1, 1), k % 255) for k in range(99)],
            duration=99,
        ),
        data.load,
        "the first 65 frames and more take 1,064,960 bytes",
    ),
    "a frame larger than the picture": (
        "x.gif",
        growing(),
        data.load,
        "5,000 x 5,000 pixels, while decoded, take 400,000,000",
    ),
    "a text": ("x.txt", b"word " * 20_000, data.load, "at 16 for each"),
    "paragraphs": ("x.txt", b"a\n\n" * 5000, data.load, "5,000 paragraphs take 2,560,000 bytes"),
    "counts": (
        "x.txt",
        b" ".join(b"%c%c" % (97 + k // 26, 97 + k % 26) for k in range(600)),
        data.read_texts,
        None,
    ),
    "a sound": ("x.wav", sound(40), data.load, "at 4 for each"),
    "frames of a sound": ("x.wav", sound(30), data.load, "the frames of 240,000 samples take"),
    "safetensors": ("x", struct.pack("<Q", 2) + b"{}" + bytes(1 << 20), data.read_named_arrays, None),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_more_bytes_than_reading_may_take_are_refused_before_they_are_taken(case, tmp_path):
    name, content, reader, words = TOO_MUCH[case]
    path = tmp_path / name
    path.write_bytes(content)
    with data.at_most(LIMIT):
        if words is None and case == "counts":
            corpus = data.Corpus("c", ["ab cd"] * 600, None)
            with pytest.raises(
                InputError, match=r"the counts of 500 tokens in 600 documents take 1,200,000 bytes"
            ):
                data.bag_of_words(corpus, vocabulary=[f"v{k}" for k in range(500)])
            return
        tracemalloc.start()
        with pytest.raises(InputError) as caught:
            reader(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert str(path) in str(caught.value) or "Spectrogram" in str(caught.value)
    if words:
        assert words in str(caught.value)
        assert "at most 1,048,576; max_bytes=… or $SCRATCHVAE_MAX_BYTES raises that" in str(caught.value)
    assert peak < 3 * LIMIT + (1 << 21), f"{peak} bytes to refuse {len(content)}"


PICTURE = RNG.integers(0, 256, (1, 40, 40), np.uint8)
DRAWN = {  # what draws examples: so many that they have no room, and as many as have
    "glyphs of many pixels": (lambda: data.load("glyphs", size=10**6), lambda: data.glyphs(3, size=28)),
    "many glyphs": (lambda: data.glyphs(10**30), lambda: data.glyphs(12, size=20)),
    "one large glyph": (lambda: data.glyphs(1, size=1000), lambda: data.glyphs(1, size=100)),
    "scenes": (lambda: data.bouncing_glyphs(10, length=10**9), lambda: data.bouncing_glyphs(3)),
    "notes": (lambda: data.notes(10**7), lambda: data.notes(20)),
    "a long note": (lambda: data.play_note("sine", 60, seconds=1e12), lambda: data.play_note("sine", 60)),
    "patches": (lambda: data.patches(PICTURE, 10**8), lambda: data.patches(PICTURE, 99)),
    "bars": (lambda: data.bars(1, side=10**9), lambda: data.bars(99)),
}


@pytest.mark.parametrize("case", DRAWN)
def test_more_examples_than_have_room_are_refused_before_they_are_drawn(case):
    too_many, fitting = DRAWN[case]
    fitting()  # what is drawn from, once for all, such as a photograph and the outlines of letters
    with data.at_most(LIMIT):
        words = (
            r"bytes each take .* bytes, and reading may take at most 1,048,576|which no array has room for"
        )
        with pytest.raises(InputError, match=words):
            too_many()
        tracemalloc.start()
        try:
            fitting()
            assert tracemalloc.get_traced_memory()[1] < 3 * LIMIT + (1 << 21)
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "case", [c for c in TOO_MUCH if c in ("an npz", "a picture", "a text", "paragraphs", "frames of a sound")]
)
def test_the_limit_is_raised_by_an_argument_and_by_a_variable(case, tmp_path, monkeypatch):
    name, content, reader, _ = TOO_MUCH[case]
    path = tmp_path / name
    path.write_bytes(content)
    monkeypatch.setenv(limits.VARIABLE, str(LIMIT))
    with pytest.raises(InputError):
        reader(path)
    if reader is data.load:
        data.load(path, max_bytes=1 << 28)
    with data.at_most(1 << 28):
        reader(path)
    monkeypatch.delenv(limits.VARIABLE)
    reader(path)


def test_a_folder_of_very_many_files_is_refused_while_it_is_listed(tmp_path):
    for k in range(300):
        (tmp_path / f"{k}.png").touch()
    (tmp_path / "class").mkdir()
    with (
        data.at_most(256 * limits.OF_A_FILE),
        pytest.raises(InputError, match="257 files and more, at 4,096 each,"),
    ):
        data.load(tmp_path)


@pytest.mark.parametrize("limit", [302, 303])
def test_what_sub_folders_hold_counts_together(limit, tmp_path):
    """Three folders of 100 files: 303 entries in all, with the folders themselves."""
    for name in "abc":
        (tmp_path / name).mkdir()
        for k in range(100):
            (tmp_path / name / f"{k}.txt").write_text("word")
    with data.at_most(limit * limits.OF_A_FILE):
        if limit < 303:
            with pytest.raises(InputError, match="303 files and more, at 4,096 each,"):
                examples(tmp_path, ".txt", "text")
        else:
            found, labels, names = examples(tmp_path, ".txt", "text")
            assert (len(found), names) == (300, ("a", "b", "c"))
            np.testing.assert_array_equal(labels, np.repeat([0, 1, 2], 100))


@pytest.mark.parametrize("given", ["0", "-1", "1e9", "many", "9" * 30])
def test_a_limit_that_is_no_number_of_bytes_is_refused(given, monkeypatch, tmp_path):
    monkeypatch.setenv(limits.VARIABLE, given)
    with pytest.raises(InputError, match=r"\$SCRATCHVAE_MAX_BYTES should be a whole number of bytes"):
        limits.max_bytes()
    with pytest.raises(InputError, match="max_bytes should be a whole number of bytes"):
        data.load(tmp_path, max_bytes=-1)
    with data.at_most(5), data.at_most(None):
        assert limits.max_bytes() == 5


ABSURD = {
    "negative": (-1, 4),
    "2**64": (1 << 64, 1),
    "a product of 2**80": (1 << 40, 1 << 40),
    "thousands of digits": (10**3000, 10**3000),
    "many axes": (1,) * 70,
    "zero": (0, 1 << 62),
}


@pytest.mark.parametrize("case", ABSURD)
def test_headers_with_absurd_shapes_are_refused(case, tmp_path):
    (tmp_path / "x.npy").write_bytes(npy_promising(ABSURD[case]) + b"1234")
    with pytest.raises(
        InputError,
        match=r"x\.npy: (the values that the header promises|expected at least one value|malformed)",
    ):
        data.load(tmp_path / "x.npy")


def test_sound_beyond_float32_is_refused_and_what_fits_is_exact(tmp_path):
    for value, fits in ((1e300, False), (3e38, True), (np.nan, False)):
        wavfile.write(tmp_path / "x.wav", 8000, np.array([[0.5, 0.5], [value, value]]))
        if fits:
            np.testing.assert_array_equal(
                data.read_wav(tmp_path / "x.wav")[0], np.array([0.5, value], np.float32)
            )
        else:
            with pytest.raises(InputError, match="samples in float32 should be finite"):
                data.read_wav(tmp_path / "x.wav")


@pytest.mark.parametrize("at_once", [1, 7, 12, 13])
def test_a_digest_is_the_same_in_pieces_and_in_another_byte_order(at_once, monkeypatch):
    x = np.arange(30.0).reshape(5, 6)
    whole = data.digest(data.Dataset("x", x, np.arange(5)))
    # values: so many rows of 6 at a time
    monkeypatch.setattr(import_module("scratchvae.data.digest"), "AT_ONCE", at_once)
    assert data.digest(data.Dataset("x", x, np.arange(5))) == whole
    assert data.digest(data.Dataset("x", x.astype(">f8"), np.arange(5))) == whole


def test_a_digest_is_of_what_a_set_holds(tmp_path):
    x, y = np.arange(24.0).reshape(4, 6), np.arange(4)
    one, same = data.Dataset("a", x, y), data.Dataset("b", np.asfortranarray(x), y)
    others = [
        data.Dataset("a", x),
        data.Dataset("a", x.astype(np.float32), y),
        data.Dataset("a", x.reshape(4, 1, 2, 3), y),
    ]
    others += [one.subset([1, 0, 2, 3]), data.Dataset("a", x, np.array([0, 1, 2, 4]))]
    others += [
        data.Dataset("a", x, y, conditions=c) for c in (np.zeros((4, 1)), np.ones((4, 1)), np.ones((4, 2)))
    ]
    holed = np.where(np.eye(4, 6) == 1, np.nan, x)
    others += [data.Dataset("a", holed, y), data.Dataset("a", np.ma.masked_array(x, np.eye(4, 6)), y)]
    others += [data.Dataset("a", np.ma.masked_array(x, np.eye(4, 6, 1)), y)]
    assert data.digest(one) == data.digest(same)
    assert data.digest(data.Dataset("a", holed, y)) == data.digest(
        data.Dataset("a", np.ma.masked_array(holed, np.eye(4, 6)), y)
    )
    assert len({data.digest(d) for d in (one, *others)}) == 12


# ---- runs
# ------------------------------------------------------------------------------------------------------------

TRAIN = ["--epochs", "2", "--latent-dim", "2", "--hidden", "4", "--held-out", "5", "--quiet", "--no-figures"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "images.npy"
    np.save(path, RNG.integers(0, 256, (30, 4, 4)) / np.float32(255))
    return path


@pytest.fixture(scope="module")
def whole(images):
    assert main(["train", "--data", str(images), "--out", str(images.parent / "whole"), *TRAIN]) == 0
    return images.parent / "whole"


@pytest.fixture
def copy(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def weights(folder):
    return {
        name: parameter.value.tobytes() for name, parameter in Run.open(folder).resumed().parameters.items()
    }


def fails(capsys, argv, *words):
    capsys.readouterr()
    assert main([str(a) for a in argv]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1, said
    for word in words:
        assert word in said, said


class Killed(BaseException):
    """What no handler of ours catches."""


@pytest.mark.parametrize("when", range(6))
def test_a_kill_at_any_rename_loses_nothing(when, images, whole, tmp_path, monkeypatch):
    argv, folder, left, rename = ["--data", str(images), *TRAIN], tmp_path / "run", [when], Path.replace

    def renamed(path, target):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", renamed)
    with pytest.raises(Killed):
        main(["train", *argv, "--out", str(folder)])
    monkeypatch.setattr(Path, "replace", rename)
    started = (folder / "config.json").exists()
    go_on = ["--resume", str(folder), "--quiet", "--no-figures"] if started else [*argv, "--out", str(folder)]
    assert main(["train", *go_on]) == 0
    assert weights(folder) == weights(whole)


def test_one_process_at_a_time_trains_in_a_folder(copy, images, capsys):
    held = Claim(copy)
    fails(
        capsys,
        ["train", "--resume", copy],
        f"is being trained in by process {os.getpid()} on",
        "wait for its end",
    )
    held.release()
    assert not (copy / ".lock").exists()
    config = Config(data=str(images), recipe="mlp(latent_dim=2, hidden=4)", epochs=1)
    with Run.start(copy / "new", config), pytest.raises(InputError, match="holds a run already"):
        Run.start(copy / "new", config)
    with Run.resume(copy / "new"), pytest.raises(InputError, match="is being trained in"):
        Run.resume(copy / "new")
    with pytest.raises(InputError, match="should be a run's folder, found nothing there"):
        Run.resume(copy / "nowhere")


def test_a_run_that_another_process_has_just_begun_is_not_begun_again(images, tmp_path, monkeypatch):
    """Between a look for config.json and the claim to the folder, another process may claim it, write, and
    let go.
    """

    def late(folder):
        (folder / "config.json").write_text("{}")
        return Claim(folder)

    monkeypatch.setattr(import_module("scratchvae.runs.folder"), "Claim", late)
    with pytest.raises(InputError, match="holds a run already"):
        Run.start(tmp_path / "run", Config(data=str(images), recipe="mlp(latent_dim=2, hidden=4)", epochs=1))
    assert (tmp_path / "run" / "config.json").read_text() == "{}"
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


def test_a_claim_ends_with_its_process_and_with_its_last_reference(tmp_path):
    code = (
        "import os, sys, pathlib; from scratchvae.runs.claim import Claim; "
        "c = Claim(pathlib.Path(sys.argv[1])); os.abort()"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode != 0
    assert "process" in (tmp_path / ".lock").read_text()
    claim = Claim(tmp_path)
    with pytest.raises(InputError):
        Claim(tmp_path)
    del claim
    Claim(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_is_of_the_file_that_is_there(tmp_path, monkeypatch):
    """A holder may remove its file after the next one has opened it: the lock on what is gone would keep
    nobody out.
    """
    opened, locks, descriptors = claim._opened, claim._locks, []

    def noted(path):
        descriptors.append(opened(path))
        return descriptors[-1]

    def after_the_release_of_another(descriptor):
        if len(descriptors) == 1:
            (tmp_path / ".lock").unlink()
        return locks(descriptor)

    monkeypatch.setattr(claim, "_opened", noted)
    monkeypatch.setattr(claim, "_locks", after_the_release_of_another)
    held = Claim(tmp_path)
    for _ in range(2):
        with pytest.raises(InputError, match="is being trained in by process"):
            Claim(tmp_path)
    assert len(descriptors) == 4
    held.release()
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


@pytest.mark.skipif(os.name != "posix", reason="fcntl")
def test_a_claim_says_whose_it_is_and_does_without_locks_where_there_are_none(tmp_path, monkeypatch):
    import fcntl

    (tmp_path / ".lock").write_text("process 123 on a machine with a very long name that was killed, " * 3)
    held = Claim(tmp_path)
    assert (tmp_path / ".lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"
    held.release()

    def knows_no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", knows_no_locks)
    Claim(tmp_path).release()


def test_a_claim_follows_no_link(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match="can't be trained in"):
        Claim(tmp_path)
    assert (tmp_path / "victim").read_text() == "mine"


CHANGES = {  # what is changed in config.json, and what is said of it
    "batch_size": (64, "was trained with batch_size 128, config.json says 64"),
    "seed": (1, "was trained with seed 0, config.json says 1"),
    "optimizer": ("adam(learning_rate=0.5)", "was trained with optimizer 'adam"),
}


@pytest.mark.parametrize("entry", CHANGES)
def test_a_changed_configuration_is_not_trained_on_but_by_force(entry, copy, capsys):
    value, words = CHANGES[entry]
    config = json.loads((copy / "config.json").read_text()) | {entry: value}
    (copy / "config.json").write_text(json.dumps(config))
    argv = ["train", "--resume", copy, "--epochs", "3", "--quiet", "--no-figures"]
    fails(capsys, argv, words, "put that back", "--force")
    fails(capsys, ["evaluate", copy, "--samples", "0"], words, "put that back")
    assert main([str(a) for a in (*argv, "--force")]) == 0
    assert main(["evaluate", str(copy), "--samples", "0"]) == 0
    assert main([str(a) for a in (*argv[:3], "--epochs", "4", "--quiet", "--no-figures")]) == 0


def test_a_checkpoint_that_does_not_say_what_its_examples_were_goes_on(copy):
    """As one does that an older version has written. How far the run now aims stands in config.json."""
    from safetensors import safe_open

    path = copy / "checkpoint.safetensors"
    with safe_open(path, "numpy") as file:
        description = file.metadata()
    unknown = json.loads(description["config"]) | {"examples": None, "event_shape": None}
    del description["data"]
    save_file(load_file(path), path, description | {"config": json.dumps(unknown)})
    assert main(["train", "--resume", str(copy), "--epochs", "3", "--quiet", "--no-figures"]) == 0
    assert json.loads((copy / "config.json").read_text())["epochs"] == 3


def test_other_data_are_not_trained_on_but_by_force(copy, images, tmp_path, capsys):
    moved = tmp_path / "moved.npy"
    np.save(moved, np.load(images))
    config = json.loads((copy / "config.json").read_text()) | {"data": str(moved)}
    (copy / "config.json").write_text(json.dumps(config))
    argv = ["train", "--resume", copy, "--quiet", "--no-figures", "--epochs"]
    assert main([str(a) for a in (*argv, 3)]) == 0
    changed = np.load(images)
    changed[7, 1, 2] = np.nextafter(changed[7, 1, 2], np.float32(0.5))
    np.save(moved, changed)
    fails(
        capsys,
        [*argv, 4],
        "should hold the examples that the run was trained on",
        "put those back",
        "--force",
    )
    assert main([str(a) for a in (*argv, 4, "--force")]) == 0
    assert main([str(a) for a in (*argv, 5)]) == 0


@pytest.mark.parametrize("command", ["evaluate", "sample", "plot", "reconstruct", "info"])
def test_weights_that_are_no_numbers_are_never_used(command, copy, capsys):
    from safetensors import safe_open

    path = copy / "checkpoint.safetensors"
    with safe_open(path, "numpy") as file:
        description = file.metadata()
    arrays = load_file(path)
    arrays["model/decoder.0.weight"][0, 0] = np.nan
    save_file(arrays, path, description)
    fails(
        capsys,
        [command, copy],
        str(path),
        "model/decoder.0.weight should be finite, found 1 entries of",
        "put back an earlier",
    )


METRICS = {
    "[" * 100_000: "line 2 should be JSON nested at most",
    "null": "line 2: the text should be an object, found null",
    '{"epoch": NaN}': "line 2: epoch should be a finite number, found NaN",
    '{"epoch": 1}': "line 2: step should be a whole number",
    "1" * 5000: "line 2 should be a whole number from",
    '{"epoch":1,"step":2,"seconds":1,"learning_rate":1,"train":{"loss":"x"}}': (
        "line 2: train.loss should be a number, or one of"
    ),
}


@pytest.mark.parametrize("line", METRICS, ids=lambda line: line[:12])
def test_metrics_are_read_by_their_schema(line, copy, capsys):
    path = copy / "metrics.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n" + line + "\n")
    fails(capsys, ["plot", copy, "curves"], f"{path}, {METRICS[line]}")


# ---- Ctrl-C and the cache of kernels
# ----------------------------------------------------------------------------------------

INTERRUPTED_AT = """
import os, runpy, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module, sys.argv = sys.argv[1], ["scratchvae", "info"]
sys.meta_path.insert(0, Interrupter())
runpy.run_module("scratchvae", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    "module", ["argparse", "scratchvae.arrays", "numpy", "scratchvae.commands.info", "scratchvae.runs"]
)
def test_ctrl_c_while_modules_are_imported_is_one_word(module):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, module], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n"), done.stderr


CACHED = """
import logging
import numpy as np
logging.basicConfig()
logging.getLogger("scratchvae").setLevel(logging.INFO)
from scratchvae import kernels
print(kernels.sigmoid(np.zeros(3)))
"""


@pytest.mark.slow
def test_a_kernel_cache_that_cannot_be_read_is_made_anew(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "SCRATCHVAE_KERNELS": "compiled"}

    def compiles():
        done = subprocess.run(
            [sys.executable, "-c", CACHED], capture_output=True, text=True, check=True, env=environment
        )
        assert "0.5 0.5 0.5" in done.stdout
        return "compiling" in done.stderr

    assert compiles()
    assert not compiles()
    for pattern in ("*.nbi", "*.nbc"):
        for file in tmp_path.rglob(pattern):
            file.write_bytes(file.read_bytes()[:-20])
        assert compiles()
        assert not compiles()
