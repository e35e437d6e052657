"""Damage of every kind at every door: what can't be used is one sentence, and never a traceback.

The suite does a little of it. `pytest -m fuzz` does as much as the variables ask for, from a seed:

    SCRATCHVAE_FUZZ_FILES=20000 SCRATCHVAE_FUZZ_COMMANDS=500 SCRATCHVAE_FUZZ_KILLS=50 SCRATCHVAE_FUZZ_SEED=14
    pytest -m fuzz
"""

import argparse
import faulthandler
import gzip
import io
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save
from scipy.io import wavfile

from scratchvae import data, strict_json
from scratchvae.__main__ import COMMANDS, main
from scratchvae.arrays import InputError
from scratchvae.reference import golden
from scratchvae.runs import Run

SEED = int(os.environ.get("SCRATCHVAE_FUZZ_SEED", "14"))
LIMIT = 1 << 24  # bytes that reading may take here
# that the process may grow by beyond three times the limit, all files together: caches and fragments
SLACK = 1 << 28
LONGEST = 120  # seconds that one file may take before it counts as hanging, on the busiest machine

pytestmark = pytest.mark.filterwarnings("ignore")


def asked(what, otherwise):
    return int(os.environ.get(f"SCRATCHVAE_FUZZ_{what}", otherwise))


# ---- what is damaged
# --------------------------------------------------------------------------------------------------------


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def picture(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def sound(samples):
    stream = io.BytesIO()
    wavfile.write(stream, 8000, samples)
    return stream.getvalue()


RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 4, 5), np.uint8)
GREY = Image.fromarray(IMAGES[0])
COLOUR = Image.fromarray(RNG.integers(0, 256, (9, 8, 3), np.uint8))
CLEAR = Image.fromarray(RNG.integers(0, 256, (9, 8, 4), np.uint8))
WAVES = 0.5 * np.sin(np.arange(400) / 5)
ANIMATED = {"save_all": True, "append_images": [GREY.rotate(90 * k) for k in range(4)], "duration": 50}
TEXT = "The first words.\n\nSome more words, ünd others.\n \nThe last.\n".encode() * 4
STEP = {name: RNG.normal(size=(4, 2)) for name in ("mean", "log_var", "noise", "z")} | {"kl": RNG.random(4)}


def load(path):
    return data.load(path)


def folder_of_one(path):
    """The file as the only picture of a folder."""
    folder = path.parent / "folder"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / "a.png")
    return data.load(folder)


def command(*argv):
    def run(path):
        status = main([*argv, str(path)])
        assert status in (0, 1, 2), status

    return run


DOORS = {  # name: contents that are right, what opens them, and a share of all files
    "idx": ([idx(IMAGES), gzip.compress(idx(IMAGES))], load, 10),
    "npy": (
        [npy(IMAGES), npy(IMAGES[:, :, 0] / 255), npy(np.asfortranarray(IMAGES.astype(">f4")))],
        load,
        10,
    ),
    "npz": (
        [
            zipped({"x.npy": npy(IMAGES), "y.npy": npy(np.arange(6))}),
            zipped({"x.npy": npy(IMAGES)}, 0),
            zipped({"x.npy": npy(IMAGES), "conditions.npy": npy(np.linspace(-1, 1, 12).reshape(6, 2))}),
        ],
        load,
        10,
    ),
    "named arrays": (
        [zipped({f"{k}.npy": npy(v) for k, v in STEP.items()}), save(STEP)],
        data.read_named_arrays,
        10,
    ),
    "diagnose": ([zipped({f"{k}.npy": npy(v) for k, v in STEP.items()}), save(STEP)], command("diagnose"), 4),
    "png": ([picture(i, "PNG") for i in (GREY, COLOUR, CLEAR, COLOUR.convert("P"))], folder_of_one, 10),
    "picture": (
        [picture(COLOUR, kind) for kind in ("JPEG", "BMP", "TIFF", "PPM", "WEBP", "GIF")]
        + [picture(GREY, "TIFF", compression="tiff_lzw"), picture(CLEAR, "PNG")],
        data.read_picture,
        10,
    ),
    "video": ([picture(GREY, kind, **ANIMATED) for kind in ("GIF", "PNG", "WEBP")], data.read_video, 10),
    "wav": (
        [sound(WAVES.astype(t)) for t in (np.float32, np.float64)]
        + [sound((WAVES * 100).astype(t)) for t in (np.int16, np.int32)]
        + [
            sound((WAVES * 100 + 128).astype(np.uint8)),
            sound(np.stack([WAVES, WAVES], 1).astype(np.float32)),
        ],
        load,
        10,
    ),
    "text": ([TEXT, gzip.compress(TEXT), TEXT.decode().encode("utf-16")], load, 6),
}
NAMES = {"text": "words.txt", "wav": "sound.wav", "idx": "x-images-idx3-ubyte"}


# ---- how it is damaged
# ------------------------------------------------------------------------------------------------------

EXTREMES = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    32767,
    65535,
    65536,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
WORDS = (
    "-1",
    "0",
    "1",
    "2",
    "-0.0",
    "1.5",
    "1e999",
    "NaN",
    "-Infinity",
    "null",
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "[1]",
    "()",
)
WORDS += (
    "9" * 30,
    "9" * 5000,
    "18446744073709551616",
    "1e308",
    "(1,)",
    '"\\ud800"',
    "[" * 50,
    "[" * 100_000,
    '{"a":' * 2000,
)


def bytes_damaged(content, rng):
    """Bits turned, bytes set, parts cut off, cut out, doubled, filled with zeros, or numbers of the header
    made extreme.
    """
    bad = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if not bad:
            break
        at = int(rng.integers(len(bad) if rng.random() < 0.5 else min(len(bad), 160)))
        end = at + int(rng.integers(1, 40))
        match rng.integers(7):
            case 0:
                bad[at] ^= 1 << int(rng.integers(8))
            case 1:
                bad[at] = int(rng.integers(256))
            case 2:
                del bad[at:]
            case 3:
                del bad[at:end]
            case 4:
                bad[at:at] = bad[at:end] * int(rng.integers(1, 4))
            case 5:
                bad[at:end] = bytes(min(end, len(bad)) - at)
            case 6:
                size = int(rng.choice([1, 2, 4, 8]))
                number = int(rng.choice(np.array(EXTREMES, object))) % (1 << 8 * size)
                bad[at : at + size] = number.to_bytes(size, str(rng.choice(["little", "big"])))
    return bytes(bad)


def text_damaged(content, rng):
    """A number, name or word of a text such as JSON, or of the Python literal in a .npy file, replaced by one
    of the WORDS.
    """
    tokens = list(
        re.finditer(rb'-?\d[\d.e+-]*|"[^"]*"|\'[^\']*\'|true|false|null|True|False|\[|\{|\(', content[:4000])
    )
    if not tokens:
        return bytes_damaged(content, rng)
    token = tokens[rng.integers(len(tokens))]
    return content[: token.start()] + str(rng.choice(WORDS)).encode() + content[token.end() :]


def inside_damaged(content, rng):
    """What lies within a gzip, a zip, a PNG or a .safetensors file, damaged and wrapped again with lengths
    and sums set right.
    """
    damaged = text_damaged if rng.random() < 0.5 else bytes_damaged
    if content[:2] == b"\x1f\x8b":
        return gzip.compress(damaged(gzip.decompress(content), rng))
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        chosen = str(rng.choice(list(members)))
        members[chosen] = damaged(members[chosen], rng)
        return zipped(members)
    if content[:4] == b"\x89PNG":
        chunks, at = [], 8
        while at < len(content):
            (length,) = struct.unpack(">I", content[at : at + 4])
            chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
            at += 12 + length
        k = int(rng.integers(len(chunks)))
        kind, body = chunks[k]
        if kind == b"IDAT" and rng.random() < 0.5:
            body = (
                zlib.compress(bytes_damaged(zlib.decompress(body), rng)) if b"acTL" not in content else body
            )
        chunks[k] = kind, bytes_damaged(body, rng)
        parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
        return content[:8] + b"".join(parts)
    (length,) = struct.unpack("<Q", content[:8]) if len(content) > 8 else (0,)
    if 0 < length < len(content) and content[8:9] == b"{":
        header = damaged(content[8 : 8 + length], rng)
        return struct.pack("<Q", len(header)) + header + content[8 + length :]
    return bytes_damaged(content, rng)


def damaged(content, rng):
    return (bytes_damaged, text_damaged, inside_damaged)[rng.choice(3, p=[0.5, 0.2, 0.3])](content, rng)


@contextmanager
def never_for_ever(what):
    def hangs(*_):
        raise TimeoutError(f"{what} takes more than {LONGEST} s")

    before = signal.signal(signal.SIGALRM, hangs)
    try:
        signal.alarm(LONGEST)
        # a loop within LAPACK hears no alarm: then the process ends, and says where
        faulthandler.dump_traceback_later(LONGEST + 30, exit=True, file=sys.__stderr__)
        yield
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def grown():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Tally:
    """What came of the files: how many were read, how many refused, and the tracebacks.

    Each kind of traceback stands once, with the file that brought it about.
    """

    def __init__(self, folder):
        self.folder, self.read, self.refused, self.found = folder, 0, 0, {}

    def open(self, opened, path, what, content):
        try:
            with never_for_ever(what), data.at_most(LIMIT):
                opened(path)
            self.read += 1
        except InputError as error:
            self.refused += 1
            if len(str(error)) > 1000:
                self.found[f"{what}: a message of {len(str(error))} characters: {str(error)[:300]}"] = path
        except Exception as error:
            place = error.__traceback__
            while place.tb_next:
                place = place.tb_next
            kind = (
                f"{what}: {type(error).__name__} in {place.tb_frame.f_code.co_qualname}: {str(error)[:100]}"
            )
            if kind not in self.found:
                kept = (
                    Path(os.environ.get("SCRATCHVAE_FUZZ_KEEP", self.folder))
                    / f"fault-{len(self.found)}-{what}"
                )
                kept.write_bytes(content)
                self.found[kind] = kept

    def require_none(self):
        print(
            f"seed {SEED}: {self.read + self.refused:,} files, "
            f"{self.read:,} read and {self.refused:,} refused"
        )
        assert not self.found, "\n".join(f"{kind}\n    by {kept}" for kind, kept in self.found.items())


def files_at_every_door(folder, number):
    """`number` damaged files at the doors, in their shares."""
    tally, total = Tally(folder), sum(share for _, _, share in DOORS.values())
    before = grown()
    for k, (door, (contents, opened, share)) in enumerate(DOORS.items()):
        rng = np.random.default_rng([SEED, k])
        path = folder / NAMES.get(door, "file.bin")
        for content in contents:
            path.write_bytes(content)
            with data.at_most(LIMIT):
                opened(path)  # a door that refuses what is right would prove nothing
        for _ in range(number * share // total + 1):
            bad = damaged(contents[rng.integers(len(contents))], rng)
            path.write_bytes(bad)
            tally.open(opened, path, door, bad)
    tally.require_none()
    assert grown() - before < 3 * LIMIT + SLACK


# ---- runs and golden vectors
# ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run, trained for two epochs."""
    folder = tmp_path_factory.mktemp("fuzz")
    np.save(folder / "images.npy", RNG.integers(0, 256, (30, 4, 4)) / np.float32(255))
    argv = [
        "train",
        "--data",
        str(folder / "images.npy"),
        "--out",
        str(folder / "run"),
        "--epochs",
        "2",
        "--latent-dim",
        "2",
    ]
    assert (
        main([*argv, "--hidden", "4", "--held-out", "5", "--patience", "9", "--quiet", "--no-figures"]) == 0
    )
    keep = ["sample", str(folder / "run"), "--out", str(folder / "x.npy"), "--fit-prior", "2", "--keep-prior"]
    assert main(keep) == 0
    return folder / "run"


def look(folder):
    with Run.resume(folder) as one:
        one.resumed()
        one.history()
    Run.open(folder)


def runs_damaged(folder, run, number):
    """`number` runs with one file damaged, each resumed, its history read, and opened."""
    tally, rng = Tally(folder), np.random.default_rng([SEED, 100])
    arrays = ("checkpoint.safetensors", "prior.safetensors")
    files = {name: (run / name).read_bytes() for name in ("config.json", *arrays, "metrics.jsonl")}
    with data.at_most(LIMIT):
        look(run)
    copy = folder / "copy"
    for _ in range(number):
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        chosen = str(rng.choice(list(files), p=[0.3, 0.35, 0.15, 0.2]))
        content = files[chosen]
        how = damaged if chosen not in arrays or rng.random() < 0.3 else description_damaged
        bad = how(content, rng)
        for name, right in files.items():
            (copy / name).write_bytes(bad if name == chosen else right)
        tally.open(look, copy, chosen, bad)
    tally.require_none()


def description_damaged(content, rng):
    """A checkpoint or a prior of which one entry of the metadata, most often JSON, has one word replaced."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    weights = {"config": 0.3, "position": 0.6, "about": 0.9, "version": 0.05, "format": 0.05}
    shares = np.array([weights.get(part, 0.0) for part in header["__metadata__"]])  # data is a digest
    part = str(rng.choice(list(header["__metadata__"]), p=shares / shares.sum()))
    header["__metadata__"][part] = text_damaged(header["__metadata__"][part].encode(), rng).decode(
        errors="replace"
    )
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def vectors_damaged(folder, number):
    """`number` damaged manifests and vectors of tests/golden."""
    tally, rng = Tally(folder), np.random.default_rng([SEED, 200])
    path = folder / "golden"
    right = {
        "float64": zipped(
            {"gaussian.kl/value/0.npy": npy(np.ones(3)), "gaussian.kl/input/mean.npy": npy(np.ones((3, 2)))}
        )
    }
    cases = {"gaussian.kl": {"tolerance": {"float64": {"value/0": 1e-9}}}}
    right["manifest"] = golden.as_json({"format": "scratchvae golden vectors", "cases": cases})
    for _ in range(number):
        name = str(rng.choice(list(right)))
        bad = damaged(right[name], rng)
        path.write_bytes(bad)
        tally.open(
            strict_json.read if name == "manifest" else data.read_named_arrays, path, f"golden {name}", bad
        )
    tally.require_none()


# ---- command lines
# ----------------------------------------------------------------------------------------------------------

VALUES = (
    "-1",
    "0",
    "1",
    "2",
    "3",
    "0.5",
    "1e-3",
    "1e300",
    "nan",
    "inf",
    "-inf",
    "x",
    "",
    "ü",
    "1,2",
    "9" * 20,
    "[1]",
)
FEW = {"epochs", "limit", "samples", "n", "draws", "likelihood_of"}  # what would only take long
SLOW = {"bench", "golden", "check", "site"}  # commands that do a lot by default


def command_line(name, rng, run, folder):
    """A random command line of a command: what it must have, and a few or many of its options with likely or
    absurd values.
    """
    share = rng.choice([0.04, 0.25])
    parser = argparse.ArgumentParser()
    import_module(f"scratchvae.commands.{name}").add_arguments(parser)
    argv = [name]
    for action in parser._actions:
        if not action.option_strings or rng.random() < share or action.required:
            argv += words(action, rng, run, folder)
    if name == "train" and "--epochs" not in argv:
        argv += ["--epochs", "1"]
    if name == "train" and not {"--out", "--resume"} & set(argv):
        argv += ["--out", str(folder / "out")]
    return argv


def words(action, rng, run, folder):
    flag = action.option_strings[-1:]
    if action.nargs == 0:
        return [] if action.dest in ("help", "no_figures") else flag
    if action.dest in ("run", "resume"):
        return [
            *flag,
            str(
                rng.choice(
                    [str(run), str(run), str(folder / "nowhere"), str(run / "config.json"), "/dev/null"]
                )
            ),
        ]
    if action.dest in ("data", "file"):
        images = str(run.parent / "images.npy")
        return [
            *flag,
            str(
                rng.choice(
                    [images, images, images, str(run), "/dev/zero", str(folder / "nowhere"), "a\0b", "mnist"]
                )
            ),
        ]
    if action.dest == "data_dir":
        return [*flag, str(rng.choice([str(folder), "~nosuchuser", "/dev/null"]))]
    if action.dest in ("out", "json"):
        return [
            *flag,
            str(
                rng.choice(
                    [str(folder / "out"), str(folder / "out.png"), str(folder / "out.npy"), "/dev/null/x"]
                )
            ),
        ]
    if action.choices and rng.random() < 0.8:
        return [*flag, str(rng.choice(list(action.choices)))]
    if action.dest in FEW:
        return [*flag, str(rng.choice(["-1", "0", "1", "2", "nan", "x"]))]
    return [*flag, str(rng.choice(VALUES))]


def command_lines(folder, run, number):
    """`number` random command lines, called in this process."""
    rng, found, statuses = np.random.default_rng([SEED, 300]), {}, {}
    names = [name for name in COMMANDS if name not in SLOW]
    for k in range(number):
        name = str(rng.choice(names, p=[0.4, *[0.6 / (len(names) - 1)] * (len(names) - 1)]))
        copy = folder / str(k)
        shutil.copytree(run, copy / "run")
        shutil.copy(run.parent / "images.npy", copy)
        argv = command_line(name, rng, copy / "run", copy)
        try:
            with never_for_ever(argv):
                status = main(argv)
        except SystemExit as end:  # what argparse refuses
            status = end.code
        except Exception as error:
            place = error.__traceback__
            while place.tb_next:
                place = place.tb_next
            found.setdefault(
                f"{type(error).__name__} in {place.tb_frame.f_code.co_qualname}: {str(error)[:100]}", argv
            )
            status = "traceback"
        statuses[status] = statuses.get(status, 0) + 1
        shutil.rmtree(copy)
    print(f"seed {SEED}: {number} command lines, by status {statuses}")
    assert not found, "\n".join(f"{kind}\n    by {' '.join(argv)}" for kind, argv in found.items())
    assert set(statuses) <= {0, 1, 2}


# ---- kills
# ------------------------------------------------------------------------------------------------------------

# of the run that is killed: so many epochs of so many steps, each step with a checkpoint
EPOCHS, STEPS = 4, 18
KILLS_ITSELF = """
import os, runpy, signal, sys, threading
from pathlib import Path

what, step, delay, *sys.argv[1:] = sys.argv[1:]
place, reached = Path(sys.argv.pop(1)).resolve(), -1

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def at(moment):
    if moment == what and reached >= int(step):
        threading.Timer(float(delay), die).start() if float(delay) else die()

def audit(event, arguments):
    path = str(arguments[0]) if event == "open" else ""
    if path.endswith(".part"):
        at("open " + os.path.basename(path).split(".")[1])
    elif path == str(place):
        at("sync")
    elif event == "os.rename":
        at("rename " + Path(arguments[1]).name.split(".")[0])

def told(training, event):
    global reached
    reached = training.step
    at("told " + event)
    tell(training, event)

sys.addaudithook(audit)
import scratchvae.training.loop as loop
tell, loop.Training._tell = loop.Training._tell, told
runpy.run_module("scratchvae", run_name="__main__", alter_sys=True)
"""


def moments(rng, number):
    """`number` moments at most, of different stages of a run, in their order.

    A moment is what is about to happen, the step from which on it counts, and a delay for what no file marks.
    Files are opened beside their place and renamed, and then their folder is synced.
    """

    def one(*choices):
        return str(rng.choice(choices))

    writing = ("open checkpoint", "rename checkpoint", "sync", "open metrics", "rename metrics")
    stages = [
        ("imports", -1, 0.7 * rng.random()),
        (
            one(
                "open checkpoint",
                "rename checkpoint",
                "open metrics",
                "rename metrics",
                "rename config",
                "sync",
            ),
            -1,
            0,
        ),
        ("told step", rng.integers(1, STEPS), 0.02 * rng.random()),
        (one(*writing), rng.integers(STEPS, 2 * STEPS), 0),
        (one("told epoch", *writing), 3 * STEPS, 0),
        (one("told step", *writing), rng.integers(3 * STEPS + 1, EPOCHS * STEPS), 0),
        ("told end", EPOCHS * STEPS, 0.5 * rng.random()),
        (one("open samples", "rename samples", "open curves", "rename curves"), EPOCHS * STEPS, 0),
    ]
    chosen = sorted(rng.choice(len(stages), min(number, len(stages)), replace=False))
    return [stages[k] for k in chosen]


def weights(folder):
    one = Run.open(folder)
    return {name: parameter.value.tobytes() for name, parameter in one.resumed().parameters.items()}


def kills(folder, number):
    """A training in a process of its own, killed `number` times and resumed each time, to the bits of one
    never killed.
    """
    np.save(folder / "images.npy", np.random.default_rng(1).random((20 * STEPS + 40, 6, 6), np.float32))
    quiet = ["--quiet", "--checkpoint-every", "1"]
    small = [
        "--latent-dim",
        "2",
        "--hidden",
        "8",
        "--batch-size",
        "20",
        "--epochs",
        str(EPOCHS),
        "--held-out",
        "40",
    ]
    argv = ["--data", str(folder / "images.npy"), *small, *quiet]
    assert main(["train", *argv, "--out", str(folder / "whole"), "--no-figures"]) == 0
    expected, rng, done, by_stage = weights(folder / "whole"), np.random.default_rng([SEED, 400]), 0, {}
    while sum(by_stage.values()) < number and done < 2 * number:
        done += 1
        run = folder / f"run{done}"
        for what, step, delay in moments(rng, number - sum(by_stage.values())):
            started = (run / "config.json").exists()
            line = ["train", *(["--resume", str(run), *quiet] if started else [*argv, "--out", str(run)])]
            with (folder / "said").open("wb") as said:
                given = [what, str(step), str(delay), str(run), *line]
                child = subprocess.Popen(
                    [sys.executable, "-c", KILLS_ITSELF, *given], stdout=said, stderr=said
                )
                if what == "imports":
                    time.sleep(delay)
                    child.send_signal(signal.SIGKILL)
                status = child.wait(timeout=5 * LONGEST)
            assert status in (0, -signal.SIGKILL), (folder / "said").read_text()
            if status:
                by_stage[what] = by_stage.get(what, 0) + 1
        again = ["--resume", str(run)] if (run / "config.json").exists() else [*argv, "--out", str(run)]
        # what a killed writer left, the next removes
        drawn = [] if what.endswith(("samples", "curves")) else ["--no-figures"]
        assert main(["train", *again, "--quiet", *drawn]) == 0
        assert weights(run) == expected
        assert [record["epoch"] for record in Run.open(run).history()] == [1, 2, 3, 4]
        left = [path.name for path in run.rglob("*") if path.name.endswith((".part", ".lock"))]
        assert not left, left
        for picture in (run / "figures").iterdir():
            with Image.open(picture) as image:
                image.load()
    killed = sum(by_stage.values())
    print(
        f"seed {SEED}: {killed} kills in {done} runs, "
        f"each with the bits of a run that was never killed, at {by_stage}"
    )
    assert killed == number


# ---- the two amounts
# --------------------------------------------------------------------------------------------------------


def test_some_files_at_every_door(tmp_path, capsys):
    files_at_every_door(tmp_path, 1000)


def test_some_damaged_runs(tmp_path, run, capsys):
    runs_damaged(tmp_path, run, 40)


def test_some_damaged_vectors(tmp_path):
    vectors_damaged(tmp_path, 100)


def test_some_command_lines(tmp_path, run, capsys):
    command_lines(tmp_path, run, 15)


@pytest.mark.slow
def test_a_few_kills(tmp_path, capsys):
    kills(tmp_path, 2)


@pytest.mark.fuzz
@pytest.mark.parametrize("door", ["files", "runs", "golden", "commands", "kills"])
def test_fuzz(door, tmp_path, run):
    files = asked("FILES", 20_000)
    match door:
        case "files":
            files_at_every_door(tmp_path, files)
        case "runs":
            runs_damaged(tmp_path, run, files // 20)
        case "golden":
            vectors_damaged(tmp_path, files // 20)
        case "commands":
            command_lines(tmp_path, run, asked("COMMANDS", 500))
        case "kills":
            kills(tmp_path, asked("KILLS", 50))
