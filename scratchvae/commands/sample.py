"""Draw examples from a run's model, as a picture, a sound, words, rows of a table, or an array.

The suffix of the path says which of these it is.
"""

import argparse
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_at_least
from scratchvae.data import sound_of, write_wav
from scratchvae.files import write_whole
from scratchvae.models import Classes, LatentVariableModel, fit_prior
from scratchvae.runs import TABLES, Run, figures, keep_prior, schema_for, write_rows
from scratchvae.training import load_checkpoint

WORDS = 12  # words in a line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the number of examples, and the file."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("-n", type=int, default=64, help="how many (default 64)")
    words = "a .png, .npy, .wav, .txt, .csv or .tsv file (default RUN/figures/samples.png"
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"{words}, and for a table RUN/samples.csv)")
    parser.add_argument(
        "--y", metavar="Y", help="what a conditional model is told: a label, or numbers as in 0.5,-1.2"
    )
    words = "draw codes from a prior fitted to the codes of the training examples: K for K Gaussians"
    parser.add_argument("--fit-prior", metavar="PRIOR", help=f"{words}, or a name of train's --prior")
    words = "keep the prior of --fit-prior in RUN/prior.safetensors, for all commands, until that is removed"
    parser.add_argument("--keep-prior", action="store_true", help=words)
    parser.add_argument(
        "--draw",
        action="store_true",
        help="draw x ~ p(x|z) instead of taking its mean; rows of a table are always drawn",
    )
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    """Sample the examples and write them."""
    require_at_least("sample", "-n", arguments.n, 1)
    require_at_least("sample", "--seed", arguments.seed, 0)
    if arguments.keep_prior and arguments.fit_prior is None:
        raise InputError("sample: --keep-prior keeps what --fit-prior fits, as in --fit-prior 10; found none")
    one = Run.open(arguments.run, trained_prior=arguments.fit_prior is not None)
    default = one.folder / ("figures/samples.png" if one.schema is None else "samples.csv")
    path = arguments.out or default
    if path.suffix in TABLES:
        schema_for(one, path)
    elif path.suffix in (".wav", ".txt"):
        _require_sound_or_words(one, path)
    elif path.suffix != ".npy":
        figures.require_images(one)
    if arguments.fit_prior is not None:
        if not isinstance(one.model, LatentVariableModel):
            raise InputError(
                "sample: --fit-prior is for a model with a vector of latents, "
                f"found a {type(one.model).__name__}"
            )
        prior = _prior_in(arguments.fit_prior)
        fit_prior(one.model, one.data, prior)
        if arguments.keep_prior:
            step = load_checkpoint(one.checkpoint, arrays=False).position["step"]
            print(keep_prior(one.folder, one.model, prior, step=step))
    images = _sampled(one, arguments)
    if path.suffix == ".npy":
        buffer = BytesIO()
        np.save(buffer, images)
        write_whole(path, buffer.getvalue())
    elif path.suffix in TABLES:
        write_rows(one, path, images)
    elif path.suffix == ".wav":
        assert one.data.rate is not None
        write_wav(path, sound_of(images, one.data.rate), one.data.rate)
    elif path.suffix == ".txt":
        write_whole(path, "".join(f"{line}\n" for line in _in_words(images, one.data.entry_names)).encode())
    else:
        from scratchvae import plots

        plots.save(plots.samples(images), path)
    print(path)
    return 0


def _prior_in(text: str) -> str:
    """The choice of a prior, of which a whole number stands for so many Gaussians."""
    return f"gaussian_mixture(components={text})" if text.lstrip("-").isdecimal() else text


def _require_sound_or_words(one: Run, path: Path) -> None:
    """InputError where the run's examples are no sound for .wav, or no counts of words for .txt."""
    found = f"found one on {one.data.name}; --out FILE.npy keeps its numbers"
    if path.suffix == ".wav" and one.data.rate is None:
        raise InputError(f"sample: a .wav file needs a run on frames of sound, {found}")
    if path.suffix == ".txt" and not (one.data.entry_names and one.data.kind == "counts"):
        raise InputError(f"sample: a .txt file needs a run on counts of words, {found}")


def _in_words(counts: Array, words: tuple[str, ...]) -> Iterator[str]:
    """Yield a line for each example: its most frequent words, the most frequent first."""
    for row in counts:
        most = np.argsort(-row, kind="stable")[:WORDS]
        yield " ".join(words[i] for i in most if row[i] > 0)


def _sampled(one: Run, arguments: argparse.Namespace) -> Array:
    model: Any = one.model  # only a model that is told y takes y
    told = {} if arguments.y is None else {"y": _read_y(one, arguments.y)}
    if told and model.condition is None:
        raise InputError(f"sample: --y is for a model that is told y, found a {type(model).__name__}")
    if not told and model.condition is not None:
        names, width = one.data.label_names, model.condition.width
        classes = isinstance(model.condition, Classes)
        said = f"--y {names[-1] if names else width - 1}" if classes else f"--y {','.join(['0.5'] * width)}"
        among = f", one of {', '.join(names)}" if names else ""
        raise InputError(
            f"sample: this model should be told y, {model.condition.words}, as in {said}{among}; found no --y"
        )
    return model.sample(arguments.n, arguments.seed, mean=not arguments.draw and one.schema is None, **told)


def _read_y(one: Run, text: str) -> Any:
    """Read a label from its name or its number, or real numbers."""
    if text in one.data.label_names:
        return one.data.label_names.index(text)
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        names = f", or one of the names {', '.join(one.data.label_names)}" if one.data.label_names else ""
        raise InputError(
            f"sample: --y should be a number, or numbers with commas between them{names}; found {text!r}"
        ) from None
    whole = len(numbers) == 1 and numbers[0].is_integer()
    return int(numbers[0]) if whole and isinstance(one.model.condition, Classes) else np.array(numbers)
