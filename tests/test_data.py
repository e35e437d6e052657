"""The data room: what files and names become, what is refused and in which words, and what the glyphs'
factors do.
"""

import contextlib
import gzip
import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.ft2font import FT2Font
from matplotlib.path import Path as Outline
from PIL import Image

from scratchvae import data
from scratchvae.arrays import InputError
from scratchvae.data import named_files, sources, typefaces
from scratchvae.data.idx import ELEMENT_TYPES


def idx(array, code=0x08):
    array = np.asarray(array, ELEMENT_TYPES[code])
    return bytes((0, 0, code, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), **options)
    return stream.getvalue()


def npy_promising(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def npz(method=zipfile.ZIP_DEFLATED, **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content if isinstance(content, bytes) else npy(content))
    return stream.getvalue()


def png(array, **options):
    stream = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(stream, "PNG", **options)
    return stream.getvalue()


def chained_gzip(*parts):
    return b"".join(gzip.compress(part, mtime=0) for part in parts)


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
IMAGES = np.arange(2 * 4 * 6, dtype=np.uint8).reshape(2, 4, 6)
TERABYTE = struct.pack(">I", 1 << 20)
CUT = npz(images=np.random.default_rng(0).integers(0, 255, (40, 4, 6), dtype=np.uint8))


# ---- files that are refused
# -------------------------------------------------------------------------------------------------

MALFORMED = {
    "idx: empty": (b"", data.read_idx, ["empty"]),
    "idx: another format": (b"\x89PNG\r\n\x1a\n", data.read_idx, ["not an IDX file", "89 50 4e 47"]),
    "idx: unknown type": (b"\0\0\x0a\x01\0\0\0\1\0", data.read_idx, ["not an IDX file", "00 00 0a 01"]),
    "idx: no axes": (b"\0\0\x08\0\7", data.read_idx, ["not an IDX file", "axes"]),
    "idx: header cut": (idx(IMAGES)[:9], data.read_idx, ["truncated IDX header", "12 bytes", "found 5"]),
    "idx: values cut": (idx(IMAGES)[:-8], data.read_idx, ["promises 48 bytes", "40"]),
    "idx: trailing": (idx(IMAGES) + b"!", data.read_idx, ["promises 48 bytes", "trailing"]),
    "idx: no values": (b"\0\0\x08\2\0\0\0\0" + TERABYTE, data.read_idx, ["no values", "(0, 1048576)"]),
    "idx: hostile": (
        b"\0\0\x08\2" + TERABYTE * 2 + b"1234",
        data.read_idx,
        ["the header promises", "1,099,511,627,776 bytes"],
    ),
    "gzip: hostile": (
        gzip.compress(b"\0\0\x08\2" + TERABYTE * 2),
        data.read_idx,
        ["header promises", "1,099,511,627,776"],
    ),
    "gzip: values cut": (gzip.compress(idx(IMAGES)[:-8]), data.read_idx, ["promises 48 bytes", "holds 40"]),
    "gzip: stream cut": (gzip.compress(idx(IMAGES))[:-9], data.read_idx, ["gzip", "truncated"]),
    "gzip: corrupt": (gzip.compress(idx(IMAGES))[:-6] + b"wrong!", data.read_idx, ["gzip", "corrupt"]),
    "gzip: bomb": (
        chained_gzip(idx(IMAGES), bytes(1 << 26)),
        data.read_idx,
        ["promises 48 bytes", "trailing"],
    ),
    "npy: empty": (b"", data.read_arrays, ["empty"]),
    "npy: another format": (b"not numpy", data.read_arrays, [".npy or .npz"]),
    "npy: header cut": (npy(IMAGES)[:40], data.read_arrays, ["malformed .npy header"]),
    "npy: header garbled": (
        npy(IMAGES).replace(b"{'descr'", b"{[descr'"),
        data.read_arrays,
        ["malformed .npy header"],
    ),
    "npy: values cut": (npy(IMAGES)[:-1], data.read_arrays, ["promises 48 bytes", "47"]),
    "npy: trailing": (npy(IMAGES) + b"!", data.read_arrays, ["promises 48 bytes", "trailing"]),
    "npy: hostile": (
        npy_promising((1 << 20, 1 << 20)),
        data.read_arrays,
        ["the header promises", "1,099,511,627,776 bytes"],
    ),
    "npy: no values": (npy(IMAGES[:0]), data.read_arrays, ["at least one value", "(0, 4, 6)"]),
    "npy: objects": (npy(np.array([[None]]), allow_pickle=True), data.read_arrays, ["numbers", "object"]),
    "npy: text": (npy(np.array([["a"]])), data.read_arrays, ["numbers", "<U1"]),
    "npy: one axis": (npy(IMAGES[0, 0]), data.read_arrays, ["(N, D)", "(6,)"]),
    "npy: five axes": (npy(IMAGES[None, None]), data.read_arrays, ["(N, C, H, W)", "(1, 1, 2, 4, 6)"]),
    "npy: not finite": (
        npy(np.array([[0.5], [np.inf]])),
        data.read_arrays,
        ["finite", "inf in column 0 of example 1"],
    ),
    "npz: no arrays": (npz(), data.read_arrays, ["no arrays"]),
    "npz: which one": (npz(x_train=IMAGES, x_test=IMAGES), data.read_arrays, ["x_train, x_test", "images"]),
    "npz: cut": (CUT[: len(CUT) // 2], data.read_arrays, ["corrupt or truncated"]),
    "npz: damaged": (CUT[:200] + b"????" + CUT[204:], data.read_arrays, ["corrupt"]),
    "npz: packed otherwise": (
        npz(zipfile.ZIP_BZIP2, x=IMAGES),
        data.read_arrays,
        ["['x']", "stored or deflated"],
    ),
    "npz: name damaged": (
        npz(imäges=IMAGES).replace(b"\xc3\xa4", b"\xc3(", 1),
        data.read_arrays,
        ["corrupt"],
    ),
    "npz: hostile": (
        npz(x=npy_promising((1 << 20, 1 << 20))),
        data.read_arrays,
        ["['x']", "promises", "1,099,511,627,776"],
    ),
    "npz: labels short": (
        npz(images=IMAGES, labels=np.array([1])),
        data.read_arrays,
        ["labels", "2 integers", "(1,)"],
    ),
    "npz: labels float": (
        npz(images=IMAGES, labels=np.array([1.0, 2.0])),
        data.read_arrays,
        ["labels", "float64"],
    ),
    "npz: conditions twice": (
        npz(images=IMAGES, y=np.array([1.0, 2.0]), conditions=np.ones((2, 3))),
        data.read_arrays,
        ["y should hold labels", "float64"],
    ),
    "npz: conditions short": (
        npz(images=IMAGES, conditions=np.ones((3, 2))),
        data.read_arrays,
        ["conditions", "(2, C)"],
    ),
    "npz: conditions not finite": (
        npz(images=IMAGES, y=np.array([1.0, np.nan])),
        data.read_arrays,
        ["conditions", "finite"],
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_is_named_and_explained_within_little_memory(case, tmp_path):
    content, reader, words = MALFORMED[case]
    path = put(tmp_path / "the-file", content)
    del content
    tracemalloc.start()
    with pytest.raises(InputError) as caught:
        reader(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "the-file" in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert peak < 1 << 21, f"{peak} bytes to refuse a file of {path.stat().st_size}"


DAMAGED = {
    "idx": (data.read_idx, idx(IMAGES)),
    "gzip": (data.read_idx, gzip.compress(idx(IMAGES), mtime=0)),
    "npy": (data.read_arrays, npy(IMAGES)),
    "npz": (data.read_arrays, CUT),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_bytes_are_read_or_refused_but_never_crash(kind, tmp_path):
    reader, good = DAMAGED[kind]
    rng = np.random.default_rng(0)
    for _ in range(150):
        bad = bytearray(good)
        bad[rng.integers(min(len(bad), 130))] = rng.integers(256)
        path = put(tmp_path / "damaged", bytes(bad))
        with contextlib.suppress(InputError):
            reader(path)


HUGE = b"IHDR" + struct.pack(">II", 10_000, 10_000) + png(GREY)[24:29]
HUGE += struct.pack(">I", zlib.crc32(HUGE))
FOLDERS = {
    "nothing there": ({}, ["expected picture files", "none"]),
    "no picture": ({"a.png": b"GIF89a"}, ["a.png", "can't be read"]),
    "empty": ({"a.png": b""}, ["a.png", "can't be read"]),
    "cut": ({"a.png": png(GREY)[:-30]}, ["a.png", "can't be read"]),
    "damaged": ({"a.png": png(GREY)[:50] + b"????" + png(GREY)[54:]}, ["a.png", "can't be read"]),
    "sizes differ": (
        {"a.png": png(GREY), "b.png": png(GREY), "c.png": png(GREY.T)},
        ["c.png", "6 x 4", "4 x 6", "a.png", "--size HxW"],
    ),
    "files and classes": ({"a.png": png(GREY), "cat/b.png": png(GREY)}, ["both", "cat"]),
    "too many pixels": ({"a.png": png(GREY)[:12] + HUGE + png(GREY)[33:]}, ["too many pixels"]),
}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("case", FOLDERS)
def test_a_bad_folder_of_pictures_is_refused_by_the_file(case, tmp_path):
    files, words = FOLDERS[case]
    for name, content in files.items():
        put(tmp_path / name, content)
    with pytest.raises(InputError) as caught:
        data.read_pictures(tmp_path)
    for word in words:
        assert word in str(caught.value)


# ---- files that are read
# ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("code", ELEMENT_TYPES)
def test_idx_gives_back_every_element_type(code, packed, tmp_path):
    array = np.array([[[0, 1, 2], [100, 7, 127]]]).astype(ELEMENT_TYPES[code])
    content = idx(array, code)
    found = data.read_idx(put(tmp_path / "any-name", gzip.compress(content) if packed else content))
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, array)


LAYOUTS = {  # shape in the file: (event shape, where the value at [1, ..., last] of the file ends up)
    (2, 6): ((6,), (1, 5)),
    (2, 4, 6): ((1, 4, 6), (1, 0, 3, 5)),
    (2, 5, 6, 1): ((1, 5, 6), (1, 0, 4, 5)),
    (2, 5, 6, 3): ((3, 5, 6), (1, 2, 4, 5)),
    (2, 5, 6, 4): ((4, 5, 6), (1, 3, 4, 5)),
    (2, 3, 5, 6): ((3, 5, 6), (1, 2, 4, 5)),
    (2, 3, 6, 3): ((3, 6, 3), (1, 2, 5, 2)),
    (2, 2, 5, 6): ((2, 5, 6), (1, 1, 4, 5)),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, ">f8"])
@pytest.mark.parametrize("shape", LAYOUTS)
def test_every_layout_of_an_array_file_becomes_channels_first(shape, dtype, tmp_path):
    event_shape, last = LAYOUTS[shape]
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    plain = data.read_arrays(put(tmp_path / "file", npy(array)))
    for content in (npy(array), npy(np.asfortranarray(array)), npz(arr_0=array, y=np.array([3, 4]))):
        found = data.read_arrays(put(tmp_path / "file", content))
        assert (found.event_shape, found.images.dtype) == (event_shape, array.dtype.newbyteorder("="))
        assert found.images[last] == array.flat[-1]
        np.testing.assert_array_equal(found.images, plain.images)
    np.testing.assert_array_equal(found.labels, [3, 4])


@pytest.mark.parametrize(
    ("members", "labels"),
    [
        ({"images": IMAGES, "x": IMAGES[::-1]}, None),
        ({"x": IMAGES[::-1], "images": IMAGES, "arr_0": IMAGES[::-1]}, None),
        ({"images": IMAGES, "y": np.array([5, 6]), "labels": np.array([3, 4])}, [3, 4]),
        ({"x": np.array([5, 6]), "images": IMAGES, "y": np.array([3, 4])}, [3, 4]),
        ({"images": IMAGES, "classes": np.array([5, 6])}, None),
        ({"anything": IMAGES}, None),
    ],
)
def test_of_an_archives_arrays_the_first_known_name_counts(members, labels, tmp_path):
    found = data.read_arrays(put(tmp_path / "file", npz(**members)))
    np.testing.assert_array_equal(found.images[:, 0], IMAGES)
    assert (found.labels if labels is None else found.labels.tolist()) == labels


REALS = np.array([[0.5, -1.0], [2.0, 3.0]], np.float32)


@pytest.mark.parametrize(
    ("members", "labels", "conditions"),
    [
        ({"conditions": REALS}, None, REALS),
        ({"conditions": REALS[:, 0]}, None, REALS[:, :1]),
        ({"conditions": np.array([3, 4]), "labels": np.array([1, 0])}, [1, 0], [[3.0], [4.0]]),
        ({"y": REALS}, None, REALS),
        ({"y": REALS[:, 1]}, None, REALS[:, 1:]),
        ({"y": REALS, "labels": np.array([1, 0])}, [1, 0], None),  # as the first known name counts
    ],
)
def test_an_archive_may_say_what_a_model_is_told(members, labels, conditions, tmp_path):
    found = data.read_arrays(put(tmp_path / "file", npz(x=IMAGES, **members)))
    assert (found.labels if labels is None else found.labels.tolist()) == labels
    if conditions is None:
        assert found.conditions is None
    else:
        np.testing.assert_array_equal(found.conditions, conditions)
        assert found.conditions.dtype.kind == "f"


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_a_file_of_0_and_1_holds_0_and_1(dtype, tmp_path):
    found = data.read_arrays(put(tmp_path / "file", npy(np.array([[0, 1, 1]], dtype))))
    np.testing.assert_array_equal(found.batch(slice(None)).x, [[0, 1, 1]])


OPAQUE_HALF = np.stack(
    [GREY, np.where(np.arange(6) < 3, 255, 0).astype(np.uint8) * np.ones((4, 1), np.uint8)], 2
)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], 2)
LAID_OVER_BLACK = np.where(np.arange(6) < 3, GREY, 0)
PNG_MODES = {
    "1 bit": (png(Image.fromarray(GREY > 99)), np.where(GREY > 99, 255, 0)[None]),
    "grey": (png(GREY), GREY[None]),
    "grey, transparent": (png(OPAQUE_HALF), LAID_OVER_BLACK[None]),
    "grey, one value transparent": (png(GREY, transparency=230), np.where(GREY == 230, 0, GREY)[None]),
    "16 bit": (png(GREY.astype(np.uint16) * 257 + 100), GREY[None]),
    "colour": (png(COLOUR), np.moveaxis(COLOUR, 2, 0)),
    "colour, transparent": (
        png(np.dstack([COLOUR, OPAQUE_HALF[..., 1]])),
        np.moveaxis(COLOUR, 2, 0) * (np.arange(6) < 3),
    ),
    "palette": (png(Image.fromarray(GREY).convert("P")), np.stack([GREY] * 3)),
}


@pytest.mark.parametrize("mode", PNG_MODES)
def test_every_kind_of_png_becomes_eight_bits(mode, tmp_path):
    content, expected = PNG_MODES[mode]
    put(tmp_path / "picture.PNG", content)
    found = data.read_pictures(tmp_path)
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images, expected[None])


def test_a_folder_is_read_in_the_order_of_its_names_and_sub_folders_are_classes(tmp_path):
    for name, shade in {
        "dog/2.png": 30,
        "dog/1.PNG": 20,
        "cat/9.png": 10,
        "dog/._1.png": 99,
        "notes/readme.txt": 0,
    }.items():
        put(tmp_path / name, png(np.full((4, 6), shade, np.uint8)))
    found = data.read_pictures(tmp_path)
    assert found.label_names == ("cat", "dog")
    assert found.labels.tolist() == [0, 1, 1]
    assert found.images[:, 0, 0, 0].tolist() == [10, 20, 30]


# ---- Dataset
# ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_is_fresh_flat_and_in_the_dtype_asked_for(dtype):
    pixels = data.Dataset("d", np.arange(256, dtype=np.uint8).reshape(64, 1, 2, 2), kind="pixels")
    rows = pixels.batch(np.array([63, 0, -1]), dtype).x
    assert (rows.shape, rows.dtype) == ((3, 4), dtype)
    np.testing.assert_array_equal(rows[0], np.array([252, 253, 254, 255], dtype) / dtype(255))
    np.testing.assert_array_equal(rows[2], rows[0])
    vectors = data.Dataset("d", np.array([[-1.5, 2.0]], dtype))
    rows = vectors.batch(slice(0, 1), dtype).x
    np.testing.assert_array_equal(rows, vectors.images)
    assert not np.shares_memory(rows, vectors.images)


def test_slices_and_splits_are_views_and_carry_labels_and_factors():
    whole = data.Dataset(
        "d", IMAGES.reshape(8, 6), np.arange(8), tuple("abcdefgh"), {"angle": np.linspace(0, 1, 8)}
    )
    first, last = whole.split(3, last=True)
    assert (len(first), len(last), last.label_names) == (5, 3, whole.label_names)
    for part, rows in (
        (first, slice(0, 5)),
        (last, slice(5, 8)),
        (whole.subset(slice(1, 8, 2)), slice(1, 8, 2)),
    ):
        for arrays in ("images", "labels", "factors"):
            found, original = getattr(part, arrays), getattr(whole, arrays)
            found, original = (
                (found["angle"], original["angle"]) if arrays == "factors" else (found, original)
            )
            assert np.shares_memory(found, original)
            np.testing.assert_array_equal(found, original[rows])
    np.testing.assert_array_equal(whole.subset(whole.labels > 5).labels, [6, 7])


def test_a_batch_of_a_large_set_takes_the_memory_of_the_batch():
    large = data.Dataset("d", np.zeros((20_000, 784), np.uint8))
    tracemalloc.start()
    large.batch(slice(0, 100))
    large.subset(slice(0, 10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


D = data.Dataset
REFUSED = {
    "no examples": (lambda: D("d", IMAGES[:0]), ["d: x", "no example", "(0, 4, 6)"]),
    "one axis": (lambda: D("d", IMAGES[0, 0]), ["x should hold examples", "(6,)"]),
    "complex": (lambda: D("d", IMAGES * 1j), ["complex128", "x.real"]),
    "not finite": (lambda: D("d", np.array([[1.0], [np.inf]], np.float32)), ["finite", "inf"]),
    "labels count": (lambda: D("d", IMAGES, np.zeros(3, int)), ["labels", "2 integers", "(3,)"]),
    "labels range": (lambda: D("d", IMAGES, np.array([0, 2]), ("a", "b")), ["labels", "0..1", "0..2"]),
    "factor count": (lambda: D("d", IMAGES, factors={"hue": np.zeros(3)}), ["'hue'", "2 numbers", "(3,)"]),
    "factor not finite": (
        lambda: D("d", IMAGES, factors={"hue": np.array([0, np.nan])}),
        ["'hue'", "finite"],
    ),
    "split all": (lambda: D("d", IMAGES).split(2), ["2 examples", "found 2"]),
    "split none": (lambda: D("d", IMAGES).split(0), ["2 examples", "found 0"]),
    "index beyond": (lambda: D("d", IMAGES).batch([2]), ["indices", "below 2"]),
    "one index of two beyond": (lambda: D("d", IMAGES).batch([2, 0]), ["indices", "below 2", "0..2"]),
    "one index of two before": (lambda: D("d", IMAGES).batch([-3, 0]), ["indices", "found -3..0"]),
    "index kind": (lambda: D("d", IMAGES).batch([0.5]), ["indices", "float64"]),
    "mask length": (lambda: D("d", IMAGES).subset(np.array([True])), ["indices", "bools of shape (2,)"]),
    "glyphs n": (lambda: data.glyphs(0), ["n should be at least 1"]),
    "glyphs seed": (lambda: data.glyphs(1, seed=-1), ["seed", "-1"]),
    "glyphs size": (lambda: data.glyphs(1, size=3), ["size", "3"]),
    "glyphs missing": (lambda: data.draw_glyphs({"x": np.zeros(1)}), ["missing", "rotation"]),
    "glyphs lengths": (
        lambda: data.draw_glyphs(upright(2) | {"x": np.zeros(1)}),
        ["x should have shape (n,)", "(1,)"],
    ),
    "glyphs character": (
        lambda: data.draw_glyphs(upright(1) | {"character": np.array([62])}),
        ["character", "0..61", "62"],
    ),
    "glyphs scale": (lambda: data.draw_glyphs(upright(1) | {"scale": np.zeros(1)}), ["scale", "0"]),
    "binarize integers": (lambda: data.binarize(GREY, np.random.default_rng(0)), ["float32", "uint8"]),
    "binarize range": (lambda: data.binarize(np.array([1.5]), np.random.default_rng(0)), ["[0, 1]", "1.5"]),
    "binarize nan": (lambda: data.binarize(np.array([np.nan]), np.random.default_rng(0)), ["[0, 1]", "nan"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_arguments_are_refused_in_words(case):
    call, words = REFUSED[case]
    with pytest.raises(InputError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binarize_draws_zeros_and_ones_with_the_moments_of_a_bernoulli(dtype):
    p = np.array([0, 0.1, 0.5, 0.9, 1], dtype)
    n = 20_000
    drawn = data.binarize(np.tile(p, (n, 1)), np.random.default_rng(0))
    assert (drawn.shape, drawn.dtype) == ((n, 5), dtype)
    assert set(np.unique(drawn)) == {0, 1}
    assert np.all(np.abs(drawn.mean(0) - p) <= 4.5 * np.sqrt(p * (1 - p) / n))
    correlation = np.corrcoef(drawn[:, 1:4], rowvar=False) - np.eye(3)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(n)


# ---- glyphs
# ------------------------------------------------------------------------------------------------------------


def upright(n, **varied):
    fixed = {"rotation": 0.0, "scale": 0.9, "shear": 0.0, "x": 0.0, "y": 0.0, "weight": 0.5}
    factors = {name: np.full(n, value) for name, value in fixed.items()}
    return factors | {"character": np.full(n, 10 + ord("H") - ord("A")), "font": np.zeros(n, int)} | varied


def moments(images):
    """Ink (n,), centroid (n, 2) as x, y in pixels, and covariance (n, 2, 2) of the ink about it."""
    ink = images[:, 0].astype(float) / 255
    n, size, _ = ink.shape
    place = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(-1, 2)
    mass = ink.reshape(n, -1)
    total = mass.sum(1)
    centre = mass @ place / total[:, None]
    offset = place - centre[:, None]
    return total, centre, np.einsum("np,npi,npj->nij", mass, offset, offset) / total[:, None, None]


def test_glyphs_are_the_same_bytes_for_the_same_seed_and_a_longer_set_begins_like_a_shorter():
    one, again, longer, other = (
        data.glyphs(40, seed=3),
        data.glyphs(40, seed=3),
        data.glyphs(75, seed=3),
        data.glyphs(40, seed=4),
    )
    assert (
        one.images.tobytes()
        == again.images.tobytes()
        == longer.images[:40].tobytes()
        != other.images.tobytes()
    )
    np.testing.assert_array_equal(one.labels, longer.labels[:40])
    for name in data.FACTORS:
        np.testing.assert_array_equal(one.factors[name], longer.factors[name][:40])
    np.testing.assert_array_equal(data.draw_glyphs(one.factors), one.images)


def test_glyphs_cover_their_factors_and_are_all_legible_and_inside_the_frame():
    drawn = data.glyphs(1500)
    assert (drawn.event_shape, drawn.images.dtype, len(drawn.label_names)) == ((1, 28, 28), np.uint8, 62)
    for name, (low, high) in data.FACTORS.items():
        values = drawn.factors[name]
        high -= values.dtype.kind == "i"
        assert low <= values.min() < low + 0.03 * (high - low)
        assert high - 0.03 * (high - low) < values.max() <= high
    inner, whole = (
        drawn.images[:, 0, 1:-1, 1:-1].sum((1, 2), dtype=float),
        drawn.images.sum((1, 2, 3), dtype=float),
    )
    assert np.mean(inner / whole < 0.99) < 0.02
    assert (inner / whole).min() > 0.9
    assert drawn.images.max((1, 2, 3)).min() > 128
    assert 0.1 < whole.mean() / 255 / 784 < 0.2


def test_every_character_of_every_font_is_drawn_and_no_two_alike():
    character, font = (axis.ravel() for axis in np.meshgrid(np.arange(62), np.arange(0, len(data.FONTS), 3)))
    images = data.draw_glyphs(upright(len(font), character=character, font=font, scale=np.ones(len(font))))
    box = [np.ptp(np.nonzero(image[0] > 64), axis=1) + 1 for image in images]
    assert np.min(np.max(box, 1)) >= 11
    assert np.max(box) <= 22
    assert len({image.tobytes() for image in images}) == len(images)


def ink_box(images):
    """Return left, right, top and bottom (n,) of the ink, in units from the middle.

    An outer pixel counts by its coverage.
    """
    size, ends = images.shape[-1], []
    for axis in (1, 2):
        reach = images[:, 0].max(axis) / 255
        first, last = (reach > 0).argmax(1), size - 1 - (reach[:, ::-1] > 0).argmax(1)
        rows = np.arange(len(images))
        ends += [first + 1 - reach[rows, first], last + reach[rows, last]]
    return [end * 28 / size - 14 for end in ends]


def outline(character, font):
    """Width and height of a glyph's outline by Matplotlib, so large that hinting moves nothing."""
    face = FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")))
    face.set_size(1000, 72)
    face.load_char(ord(character))
    box = Outline(*face.get_path()).get_extents()
    return box.width, box.height


# A sample of the distance field is 0.4 units wide. A tip that is narrower may end one sample early; a
# straight edge lies within half a sample of where it should. Hinting may move an edge by a pixel of the font
# as drawn, whose H has 78 or more.
SAMPLE, HINT = 28 / 70, 20 / 78


@pytest.mark.parametrize("place", [{}, {"scale": 0.8, "x": 1.3, "y": -0.7}], ids=["still", "moved"])
def test_ink_is_as_large_as_scale_says_and_centred_at_x_and_y_in_every_font(place):
    letters, fonts = "EHILJMQWXgjz05", np.arange(len(data.FONTS))
    indices = [data.CHARACTERS.index(c) for c in letters]
    font, character = (axis.ravel() for axis in np.meshgrid(fonts, indices, indexing="ij"))
    n = len(font)
    factors = upright(n, weight=np.zeros(n), scale=np.ones(n), font=font, character=character)
    factors |= {name: np.full(n, value) for name, value in place.items()}
    scale = factors["scale"][0]
    left, right, top, bottom = ink_box(data.draw_glyphs(factors, size=112))
    box = np.stack([right - left, bottom - top], 1) / scale
    np.testing.assert_allclose((left + right) / 2, factors["x"], atol=SAMPLE / 2)
    np.testing.assert_allclose((top + bottom) / 2, factors["y"], atol=SAMPLE / 2)
    outlines = np.array([[outline(c, name) for c in letters] for name in data.FONTS])  # (fonts, letters, 2)
    capital = outlines[:, letters.index("H"), 1]
    true = 20 * outlines / np.maximum(outlines.max(2), capital[:, None])[..., None]
    np.testing.assert_allclose(box, true.reshape(n, 2), atol=2 * (SAMPLE + HINT))
    named = np.array([data.CHARACTERS[c] for c in character])
    capitals = np.char.isupper(named)
    np.testing.assert_allclose(box[capitals].max(1), 20, atol=2 * SAMPLE)
    flat_and_high = np.isin(named, ["I", "L"])
    np.testing.assert_allclose(box[flat_and_high, 1], 20, atol=SAMPLE)
    assert box.max() < 20 + SAMPLE


def test_the_box_of_the_ink_is_measured_to_a_fraction_of_a_pixel():
    coverage = np.zeros((9, 12))
    coverage[2:7, 3:10] = 1
    coverage[2] *= 0.2
    coverage[6] *= 0.6
    coverage[:, 3] *= 0.8
    left, top, right, bottom = typefaces._ink_box(Image.fromarray(np.rint(255 * coverage).astype(np.uint8)))
    step = 1 / 255  # of the coverage that is stored
    assert (left, top, right, bottom) == pytest.approx((3.2, 2.8, 10, 6.6), abs=step)


@pytest.mark.parametrize("size", [8, 12, 28])
def test_beyond_the_ink_a_picture_of_any_size_is_black(size):
    n = len(data.FONTS)
    factors = upright(n, font=np.arange(n), character=np.full(n, data.CHARACTERS.index("W")))
    images = data.draw_glyphs(factors | {"scale": np.full(n, 0.75), "weight": np.full(n, 1.4)}, size=size)
    pixel = 28 / size
    # from the ink's box, in units
    away = np.abs((np.arange(size) + 0.5) * pixel - 14) - (0.75 * 20 + 1.4) / 2
    beyond = np.maximum(away[:, None], away) > pixel / 2 + 0.75 * SAMPLE
    assert beyond.any()
    assert not images[:, 0, beyond].any()


@pytest.mark.parametrize("size", [28, 56])
def test_position_moves_the_centroid_by_that_much(size):
    x, y = np.array([0, 2, -1.25, 0, 0.4]), np.array([0, 0, 0.6, -2, 0])
    ink, centre, _ = moments(data.draw_glyphs(upright(5, x=x, y=y), size=size))
    np.testing.assert_allclose(centre - centre[0], np.stack([x, y], 1) * size / 28, atol=0.03 * size / 28)
    np.testing.assert_allclose(ink, ink[0], rtol=0.01)
    np.testing.assert_allclose(centre[0], (size - 1) / 2, atol=0.01 * size)


def test_scale_and_weight_grow_the_glyph_as_they_say():
    scale = np.linspace(0.7, 1.1, 9)
    _, _, spread = moments(data.draw_glyphs(upright(9, scale=scale, weight=np.zeros(9)), size=56))
    size = np.sqrt(np.trace(spread, axis1=1, axis2=2))
    np.testing.assert_allclose(size / size[4], scale / scale[4], rtol=0.01)
    weight = np.linspace(0, 1.4, 8)
    ink, _, _ = moments(
        data.draw_glyphs(upright(8, weight=weight, character=np.full(8, 10 + ord("I") - ord("A"))))
    )
    assert np.all(np.diff(ink) > 0)
    height = 0.9 * 20  # the letter is a bare stem, height x thickness, and weight is added to both
    np.testing.assert_allclose(ink, (height + weight) * (ink[0] / height + weight), rtol=0.02)


def test_rotation_and_shear_turn_and_slant_the_ink_as_they_say():
    n = 7
    stem = {"character": np.full(n, 10 + ord("I") - ord("A"))}
    rotation = np.linspace(-15, 15, n)
    _, _, spread = moments(data.draw_glyphs(upright(n, rotation=rotation, **stem), size=56))
    axis = np.linalg.eigh(spread)[1][:, :, 1]  # the stem's own direction, as (x, y) with y downwards
    turned = np.rad2deg(np.arctan(-axis[:, 0] / -axis[:, 1]))  # counterclockwise: its top leans to the left
    np.testing.assert_allclose(turned, rotation, atol=0.5)
    shear = np.linspace(-0.2, 0.2, n)
    _, _, spread = moments(data.draw_glyphs(upright(n, shear=shear, **stem), size=56))
    np.testing.assert_allclose(-spread[:, 0, 1] / spread[:, 1, 1], shear, atol=0.01)


def test_the_factors_together_move_the_ink_by_the_equation_of_draw_glyphs():
    drawn = data.glyphs(40, seed=5).factors | {"weight": np.zeros(40)}
    still = drawn | {
        "rotation": np.zeros(40),
        "shear": np.zeros(40),
        "scale": np.ones(40),
        "x": np.zeros(40),
        "y": np.zeros(40),
    }
    _, centre, spread = moments(data.draw_glyphs(drawn, size=112))
    _, still_centre, still_spread = moments(data.draw_glyphs(still, size=112))
    angle = np.deg2rad(drawn["rotation"])
    # y points down
    rotation = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    slant = np.tile(np.eye(2), (40, 1, 1))
    slant[:, 0, 1] = -drawn["shear"]
    warp = drawn["scale"][:, None, None] * rotation @ slant
    middle, shift = (112 - 1) / 2, np.stack([drawn["x"], drawn["y"]], 1) * 4
    moved = (warp @ (still_centre - middle)[..., None])[..., 0] + middle + shift
    np.testing.assert_allclose(centre, moved, atol=0.5)
    np.testing.assert_allclose(spread, warp @ still_spread @ warp.swapaxes(1, 2), atol=0.02 * 28**2)


# ---- names and paths
# --------------------------------------------------------------------------------------------------------


@pytest.fixture
def nowhere_else(monkeypatch, tmp_path):
    """No data set but those in tmp_path."""
    monkeypatch.setattr(named_files, "SYSTEM", tmp_path / "system")
    monkeypatch.delenv(named_files.VARIABLE, raising=False)
    return tmp_path


def put_idx(folder, stem, n, *, labels=True, packed=True, first=0):
    pack, ending = (gzip.compress, ".gz") if packed else (bytes, "")
    put(folder / f"{stem}-images-idx3-ubyte{ending}", pack(idx(np.full((n, 4, 6), first))))
    if labels:
        put(folder / f"{stem}-labels-idx1-ubyte{ending}", pack(idx(np.arange(n))))


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw"])
@pytest.mark.parametrize("place", ["data_dir", "variable", "system"])
def test_a_named_set_is_found_in_each_place_with_its_labels(place, folder, nowhere_else, monkeypatch):
    root = nowhere_else / place
    put_idx(root / folder, "train", 3, packed=False)
    put_idx(root / folder, "t10k", 2)
    put_idx(root / "fashion-mnist", "train", 5)
    if place == "variable":
        monkeypatch.setenv(named_files.VARIABLE, str(root))
    where = {"data_dir": root} if place == "data_dir" else {}
    for name, split, n in (("mnist", "train", 3), ("mnist", "test", 2), ("fashion-mnist", "train", 5)):
        found = data.load(name, split=split, **where)
        assert (found.name, len(found), found.event_shape) == (name, n, (1, 4, 6))
        assert found.labels.tolist() == list(range(n))
        assert len(found.label_names) == 10


def test_data_dir_comes_first_and_may_be_the_folder_itself(nowhere_else, monkeypatch):
    monkeypatch.setenv(named_files.VARIABLE, str(nowhere_else / "variable"))
    put_idx(nowhere_else / "variable" / "mnist", "train", 2, first=3)
    put_idx(nowhere_else / "mine", "train", 2, first=4)
    assert data.load("mnist").images[0, 0, 0, 0] == 3
    assert data.load("mnist", data_dir=nowhere_else / "mine").images[0, 0, 0, 0] == 4


@pytest.mark.parametrize("folder", ["fashion-mnist", "mnist/FashionMNIST/raw", "FASHION-MNIST/files"])
def test_one_set_is_never_taken_for_another(folder, nowhere_else):
    put_idx(nowhere_else / folder, "train", 2)
    assert data.load("fashion-mnist", data_dir=nowhere_else / folder).name == "fashion-mnist"
    with pytest.raises(InputError, match="mnist was not found in"):
        data.load("mnist", data_dir=nowhere_else / folder)


NOT_LOADED = {
    "unknown name": (lambda at: data.load("emnist"), ["glyphs, mnist, fashion-mnist", "path", "'emnist'"]),
    "unknown split": (lambda at: data.load("glyphs", split="valid"), ["split", "train", "'valid'"]),
    "nowhere": (
        lambda at: data.load("fashion-mnist", data_dir=at / "here"),
        ["fashion-mnist was not found", "here", "system", "train-images-idx3-ubyte", "$SCRATCHVAE_DATA"],
    ),
    "other split": (
        lambda at: data.load("mnist", data_dir=at),
        ["mnist has no train split", "only test", "t10k-images"],
    ),
    "other split by path": (
        lambda at: data.load(at / "mnist"),
        ["train split isn't there", "train-images-idx3-ubyte"],
    ),
    "no split of a file": (
        lambda at: data.load(at / "a.npy", split="test"),
        ["a.npy", "'test'", "Dataset.split"],
    ),
    "no split of a folder": (lambda at: data.load(at, split="test"), ["'test'", "Dataset.split"]),
    "labels count": (
        lambda at: data.load(at / "five-images-idx3-ubyte"),
        ["five-labels-idx1-ubyte", "5 labels", "(4,)"],
    ),
    "labels as images": (
        lambda at: data.load(at / "five-labels-idx1-ubyte"),
        ["five-labels-idx1-ubyte", "images", "(4,)"],
    ),
}


@pytest.mark.parametrize("case", NOT_LOADED)
def test_what_can_not_be_loaded_is_explained(case, nowhere_else):
    put_idx(nowhere_else / "mnist", "t10k", 2)
    put(nowhere_else / "a.npy", npy(IMAGES))
    put(nowhere_else / "five-images-idx3-ubyte", idx(np.zeros((5, 4, 6))))
    put(nowhere_else / "five-labels-idx1-ubyte", idx(np.zeros(4)))
    call, words = NOT_LOADED[case]
    with pytest.raises(InputError) as caught:
        call(nowhere_else)
    for word in words:
        assert word in str(caught.value)


PATHS = {  # the path asked for: (split, labels)
    "a.npy": ("train", None),
    "a.npz": ("train", [7, 8]),
    "bare-idx": ("train", None),
    "my-images-idx3-ubyte.gz": ("train", [0, 1]),
    "idx": ("test", [0, 1]),
    "pictures": ("train", [0, 1]),
    "splits": ("test", [0, 1]),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path_is_known_by_what_it_holds(name, tmp_path):
    split, labels = PATHS[name]
    put(tmp_path / "a.npy", npy(IMAGES))
    put(tmp_path / "a.npz", npz(images=IMAGES, labels=np.array([7, 8], np.uint8)))
    put(tmp_path / "bare-idx", idx(IMAGES))
    put_idx(tmp_path, "my", 2)
    put_idx(tmp_path / "idx", "train", 3)
    put_idx(tmp_path / "idx", "t10k", 2)
    for picture in (
        "pictures/cat/1",
        "pictures/dog/2",
        "splits/test/a/1",
        "splits/test/b/2",
        "splits/train/a/1",
    ):
        put(tmp_path / f"{picture}.png", png(IMAGES[0]))
    found = data.load(tmp_path / name, split=split)
    assert (len(found), found.event_shape) == (2, (1, 4, 6))
    assert (None if found.labels is None else found.labels.tolist()) == labels


def test_the_splits_of_glyphs_are_of_separate_streams(monkeypatch):
    monkeypatch.setattr(sources, "GLYPHS", {"train": 30, "test": 30})
    train, test = data.load("glyphs", seed=1, size=16), data.load("glyphs", split="test", seed=1, size=16)
    assert train.event_shape == (1, 16, 16)
    np.testing.assert_array_equal(train.images, data.glyphs(30, seed=1, size=16).images)
    assert not np.intersect1d(train.factors["x"], test.factors["x"]).size


REAL = [(name, split, n) for name in sources.SOURCES for split, n in (("train", 60_000), ("test", 10_000))]


@pytest.mark.parametrize(("name", "split", "n"), REAL)
def test_the_real_files_are_read(name, split, n):
    root = Path(os.environ.get(named_files.VARIABLE, ""))
    if named_files.VARIABLE not in os.environ or not any(
        named_files.images_in(root / f, split) for f in sources.SOURCES[name].folders
    ):
        pytest.skip(f"needs {name}'s {split} files in ${named_files.VARIABLE}")
    found = data.load(name, split=split)
    assert (found.images.shape, found.images.dtype) == ((n, 1, 28, 28), np.uint8)
    counts = np.bincount(found.labels)
    assert len(counts) == 10
    if name == "fashion-mnist":
        assert np.all(counts == n // 10)
    elif split == "test":
        assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_glyphs_of_chosen_characters_and_ranges():
    some = data.glyphs(200, characters="3aB", ranges={"x": (0, 0), "rotation": (5, 6)}, seed=1)
    assert some.label_names == ("3", "a", "B")
    assert set(some.labels) == {0, 1, 2}
    assert not some.factors["x"].any()
    assert ((some.factors["rotation"] >= 5) & (some.factors["rotation"] < 6)).all()
    assert [data.CHARACTERS[c] for c in some.factors["character"][:50]] == [
        some.label_names[k] for k in some.labels[:50]
    ]
    np.testing.assert_array_equal(some.images, data.draw_glyphs(some.factors))
    for settings, words in (
        ({"characters": "3%"}, "should be some of"),
        ({"ranges": {"hue": (0, 1)}}, "found 'hue'"),
    ):
        with pytest.raises(InputError, match=words):
            data.glyphs(2, **settings)


def test_numerals_are_the_glyphs_that_are_digits_of_one_family_in_the_middle(monkeypatch):
    monkeypatch.setattr(sources, "GLYPHS", {"train": 300, "test": 40})
    train, test = data.load("numerals", seed=2), data.load("numerals", seed=2, split="test")
    assert (train.name, train.label_names, len(train), len(test)) == (
        "numerals",
        tuple("0123456789"),
        300,
        40,
    )
    assert {data.FONTS[font] for font in train.factors["font"]} == {
        font for font in data.FONTS if font.startswith("DejaVu")
    }
    assert not train.factors["x"].any()
    assert not train.factors["y"].any()
    np.testing.assert_array_equal(train.images, data.draw_glyphs(train.factors))
    assert (train.images[:40] != test.images).any()


def test_data_sorted_by_class_are_mixed(tmp_path):
    images = np.arange(90, dtype=np.uint8).reshape(90, 1, 1).repeat(4, axis=1).repeat(4, axis=2)
    labels = np.repeat(np.arange(9), 10)
    np.savez(tmp_path / "sorted.npz", images=images, labels=labels)
    np.savez(tmp_path / "mixed.npz", images=images, labels=np.tile(np.arange(9), 10))
    mixed = data.load(tmp_path / "sorted.npz")
    assert len(set(mixed.labels[-30:])) == 9
    np.testing.assert_array_equal(mixed.images[:, 0, 0, 0] // 10, mixed.labels)
    np.testing.assert_array_equal(data.load(tmp_path / "sorted.npz").images, mixed.images)
    np.testing.assert_array_equal(data.load(tmp_path / "mixed.npz").images[:, 0], images)


def test_numbers_beyond_float32_are_refused_where_a_batch_is_cast():
    far = data.Dataset("far", np.array([[1e300, 1.0], [2.0, 3.0]]))
    with pytest.raises(
        InputError, match=r"far: x should fit into float32, found 1e\+300: divide them, or ask for float64"
    ):
        far.batch(slice(0, 2))
    assert far.batch(slice(1, 2)).x.dtype == np.float32
    assert far.batch(slice(0, 2), np.float64).x[0, 0] == 1e300
