"""Any digital data: the same few lines learn pictures, sound, text and video with other likelihoods.

    data                              an event x                        likelihood, and why it suits
    patches of a photograph           16 x 16 grey values               Gaussian, σ optimal: real numbers, one exactness for all
    frames of synthesized notes       129 levels of a spectrogram       Gaussian, σ learned: log-power, where errors are decibels
    docstrings of Python's library    counts of 500 words               multinomial: n words drawn from one distribution
    glyphs that bounce                4 frames of 20 x 20 pixels        Bernoulli: ink or paper

A network sees D numbers and knows nothing of where they come from, while a likelihood knows what they are.
Each bound is compared with the best that can be said of x without looking at it: among all distributions of
the same family that do not depend on z, the one that makes the held-out data themselves likeliest. It has a
closed form,

    Gaussian       mean_d = x̄_d,  σ² = mean over n and d of (x_nd − x̄_d)²      log p = −D/2 (log 2πσ² + 1)
    Bernoulli      p_d = x̄_d                                                   log p = Σ_d x̄_d log x̄_d + (1 − x̄_d) log (1 − x̄_d)
    multinomial    p_d = Σ_n x_nd / Σ_nd x_nd                                  log p = log n!/Π x_d! + Σ_d x_d log p_d

where the means are over the data. No decoder that ignores z can be above it, and so z has brought whatever
the bound has more, with its KL subtracted. Labels are never seen in training. Whether codes of one kind lie
together is measured afterwards, by how often the nearest other code has the same label. The bound of a
document is one on log p(x | n), since its length n is given.

    python 06_any_data.py [--quick] [--seed N] [--out FOLDER]

Sources: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", appendix C; Miao, Yu & Blunsom 2016,
"Neural Variational Inference for Text Processing", section 3; Griffin & Lim 1984, "Signal Estimation from
Modified Short-Time Fourier Transform".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, evaluation, plots, recipes
from scratchvae.likelihoods import Bernoulli, Gaussian, GaussianOptimal, Multinomial
from scratchvae.objectives import Elbo
from scratchvae.training import Adam, Cosine

Z, HIDDEN, BATCH = 12, 256, 64
SPECTROGRAM = data.Spectrogram()
MELODY = (60, 64, 67, 72, 67, 64)  # a broken C major chord, a timbre for each note


def train(examples, held_out, likelihood, *, epochs, seed):
    """A VAE of these examples, trained by the same few lines, and its bound on the held-out ones."""
    model = recipes.mlp(
        examples.event_shape, latent_dim=Z, hidden=(HIDDEN,), likelihood=likelihood, seed=seed
    )
    optimizer = Adam(Cosine(3e-3, epochs * -(-len(examples) // BATCH)), betas=(0.9, 0.99))
    model.fit(examples, epochs=epochs, batch_size=BATCH, optimizer=optimizer, seed=seed)
    return model, evaluation.bound(model, held_out, Elbo(), rng=np.random.default_rng(seed))


def best_without_z(likelihood, x):
    """The largest mean of log p(x) by a distribution of that family that is the same for all x (N, D)."""
    if isinstance(likelihood, Multinomial):
        p = np.maximum(x.sum(axis=0), 1e-300) / x.sum()
        log_px, _ = likelihood.log_prob(np.tile(np.log(p), (len(x), 1)), x=x)
        return log_px.mean()
    mean = x.mean(axis=0)
    if isinstance(likelihood, Bernoulli):
        inside = mean[(mean > 0) & (mean < 1)]
        return (inside * np.log(inside) + (1 - inside) * np.log(1 - inside)).sum()
    variance = ((x - mean) ** 2).mean()
    return -0.5 * x.shape[1] * (np.log(2 * np.pi * variance) + 1)


def same_label(model, held_out):
    """The share of codes whose nearest other code has their label, and the share that chance would give."""
    z = model.encode(held_out)
    distance = ((z[:, None] - z[None]) ** 2).sum(axis=2) + np.diag(np.full(len(z), np.inf))
    n = np.bincount(held_out.labels)
    by_chance = (n * (n - 1)).sum() / (len(z) * (len(z) - 1))
    return (held_out.labels[distance.argmin(axis=1)] == held_out.labels).mean(), by_chance


def gains(model):
    """How much each latent, from −2 to 2 with the others at 0, raises the log-probability of each word:

    (Z, V).
    """
    ends = [model.likelihood.mean(model.decoder(np.eye(Z, dtype=np.float32) * at)[0]) for at in (-2, 2)]
    return np.log(ends[1]) - np.log(ends[0])


def melody():
    """Samples of one broken chord, in all timbres one after the other."""
    return np.concatenate(
        [data.play_note(t, p, seconds=0.4, loudness=-3) for t, p in zip(data.TIMBRES, MELODY, strict=True)]
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description="Pictures, sound, text and video by the same few lines.")
    parser.add_argument("--quick", action="store_true", help="fewer examples and epochs: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_06",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    share, seed = 9 if options.quick else 1, options.seed
    options.out.mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------------------------------- four kinds of data

    corpus = data.docstrings()
    scenes = data.bouncing_glyphs(5000 // share + 500, characters="AHLOTX", size=20, seed=seed)
    kinds = {  # name: data, how many are held out, likelihood, epochs
        "patches": (data.patches(n=8000 // share + 500, seed=seed), 500, GaussianOptimal(), 12),
        "notes": (
            data.notes(6000 // share + 500, spectrogram=SPECTROGRAM, seed=seed),
            500,
            Gaussian(0.02, learned=True),
            16,
        ),
        "docstrings": (
            data.bag_of_words(corpus, size=500),
            len(corpus) // 5,
            Multinomial(),
            24 if options.quick else 40,
        ),
        "bouncing glyphs": (scenes, 500, Bernoulli(), 24),
    }

    # ------------------------------------------------------------------------------------- the same few lines

    print("Held out, in nats an example                                            the best that ignores z,")
    print(
        "                  trained      D   bound = reconstruction - KL          in closed form          "
        " z brings"
    )
    models, parts = {}, {}
    for name, (examples, n, likelihood, epochs) in kinds.items():
        seen, held_out = parts[name] = examples.split(n, last=True)
        models[name], terms = train(seen, held_out, likelihood, epochs=epochs, seed=seed)
        x = held_out.batch(slice(None), np.float64).x
        constant, bound = best_without_z(likelihood, x), terms["bound"]
        line = f"{len(seen):8d} {x.shape[1]:6d}  {bound:8.2f} {terms['log_px']:14.2f} {terms['kl']:6.2f}"
        print(f"  {name:<15}{line} {constant:22.2f} {bound - constant:18.2f}   (expected: above 0)")

    print("\nCodes whose nearest other code has the same label, a label that training never saw")
    for name, what in (("notes", "timbre"), ("docstrings", "module"), ("bouncing glyphs", "letter")):
        found, chance = same_label(models[name], parts[name][1])
        print(
            f"  {name + ': ' + what:<24} {100 * found:5.1f} %   by chance {100 * chance:4.1f} %   "
            "(expected: above chance)"
        )

    # ---------------------------------------------------------------------------------------- sound, and back

    played = melody()
    levels = SPECTROGRAM.levels(played)
    x_params, _ = models["notes"].decoder(models["notes"].encode(levels))
    heard = np.clip(models["notes"].likelihood.mean(x_params), 0, 1)
    exact = SPECTROGRAM.inverse(SPECTROGRAM.transform(played), len(played))
    print(
        f"\nA melody of {len(played)} samples in {len(levels)} frames, and back to samples by the frames' "
        "own phase:"
    )
    print(f"  largest error {np.abs(exact - played).max():.1e}   (expected: roundoff, below 1e-12)")
    print(
        "Without phases, by Griffin & Lim: distance of the found sound's amplitudes from the given ones, "
        "relative"
    )
    wanted = SPECTROGRAM.amplitude_of(levels)
    noise = np.random.default_rng(seed).uniform(-np.pi, np.pi, levels.shape)
    for iterations in (0, 10, 60):
        found = SPECTROGRAM.sound(levels, phase=noise, n=len(played), iterations=iterations)
        apart = np.linalg.norm(np.abs(SPECTROGRAM.transform(found)) - wanted) / np.linalg.norm(wanted)
        print(f"  after {iterations:2d} iterations {apart:8.4f}   (expected: falling)")
    by_the_vae = SPECTROGRAM.sound(heard, phase=noise, n=len(played), iterations=60)
    for name, sound in (("melody", played), ("melody_by_the_vae", by_the_vae)):
        data.write_wav(options.out / f"{name}.wav", sound / max(1, np.abs(sound).max()), SPECTROGRAM.rate)

    # ----------------------------------------------------------------------------------------------- pictures

    shown = parts["patches"][1].batch(slice(0, 30)).x
    pair = [x.reshape(-1, 16, 16) for x in (shown, models["patches"].reconstruct(shown))]
    figures = {
        "patches": plots.reconstructions(*pair, title="Patches of a photograph, and their reconstructions")
    }
    figures["sound"] = plots.spectrograms(
        [levels, heard],
        SPECTROGRAM.frequencies,
        SPECTROGRAM.hop / SPECTROGRAM.rate,
        names=["a melody: " + ", ".join(data.TIMBRES), f"each frame through its {Z} latents"],
        title="Sound, and what a VAE of single frames makes of it",
    )
    busiest = np.argsort(-models["docstrings"].encode(parts["docstrings"][1]).var(axis=0))
    figures["words"] = plots.word_lists(
        gains(models["docstrings"])[busiest],
        parts["docstrings"][1].entry_names,
        latents=busiest.tolist(),
        title="Words that gain most along each latent, the most active latent first",
    )
    clips = parts["bouncing glyphs"][1].batch(slice(0, 8)).x
    rows = [x.reshape(8, 4, 20, 20) for x in (clips, models["bouncing glyphs"].reconstruct(clips))]
    paper = np.ones((8, 1, 20, 20), np.float32)
    figures["video"] = plots.image_grid(
        np.concatenate([rows[0], paper, rows[1]], axis=1).reshape(-1, 20, 20),
        columns=9,
        column_labels=["t = 1", "2", "3", "4", "", "1", "2", "3", "4"],
        title="Eight scenes of four frames: data, and their reconstructions",
    )
    for name, figure in figures.items():
        plots.save(figure, options.out / f"{name}.png")
    print(f"Pictures and sounds in {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
