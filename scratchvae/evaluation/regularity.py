"""A latent space is regular if it is continuous and complete; `regularity` measures both on held-out data."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_flag
from scratchvae.data import Dataset
from scratchvae.evaluation.completeness import density_and_coverage, expected_coverage
from scratchvae.evaluation.continuity import Continuity, continuity
from scratchvae.evaluation.decoding import decoded
from scratchvae.evaluation.latent_usage import codes
from scratchvae.evaluation.two_samples import TwoSampleTest, two_sample_test
from scratchvae.layers import dtype_of
from scratchvae.objectives import LatentModel


@dataclass(frozen=True)
class Completeness:
    """The comparison of decoded prior samples with as many other examples.

    density             how densely samples lie near the examples; its expectation is 1 where both follow
                        one law (Naeem et al. 2020)
    coverage            the share of the examples that have a sample near them
    expected_coverage   the expectation of `coverage` where both follow one law
    test                the test whether both follow one law, by MMD
    """

    density: float
    coverage: float
    expected_coverage: float
    test: TwoSampleTest


@dataclass(frozen=True)
class Regularity:
    """The regularity of a latent space.

    continuity   on straight paths between codes of pairs of examples
    to_data      decoded prior samples compared with the data
    to_decoded   decoded prior samples compared with decoded draws z ~ q(z|x) of the data
    """

    continuity: Continuity
    to_data: Completeness
    to_decoded: Completeness

    def __str__(self) -> str:
        along = self.continuity
        rows = [
            (
                "speed",
                f"{along.speeds.mean():.3g}",
                f"mean, data units per latent unit; largest {along.speeds.max():.3g}",
            ),
            ("length / straight", f"{np.median(along.detours):.3g}", "median of the paths   (straight: 1)"),
            (
                "largest / mean step",
                f"{np.median(along.jumps):.3g}",
                f"median; worst {along.jumps.max():.3g}   (even motion: 1)",
            ),
        ]
        paths, steps = along.steps.shape
        lines = [f"continuity on {paths} paths of {steps} steps between codes", *map(_line, rows)]
        for partner, found in (("the data", self.to_data), ("decoded codes of the data", self.to_decoded)):
            rows = [
                ("density", f"{found.density:.3g}", "(one law without ties: 1)"),
                ("coverage", f"{found.coverage:.3g}", f"(one law: {found.expected_coverage:.3g})"),
                (
                    "MMD²",
                    f"{found.test.mmd2:.2g}",
                    f"p = {found.test.p_value:.3g}   (one law: about 0, p uniform)",
                ),
            ]
            lines += [f"completeness: decoded prior samples against {partner}", *map(_line, rows)]
        return "\n".join(lines)


def regularity(
    model: LatentModel,
    data: Dataset,
    *,
    rng: np.random.Generator,
    pairs: int = 100,
    steps: int = 64,
    samples: int = 1000,
    k: int = 5,
    permutations: int = 999,
    draws: bool = False,
) -> Regularity:
    """Measure continuity along `pairs` paths, and completeness with up to `samples` examples of `data`.

    The examples are compared with as many prior samples.

    `data` should be held out, because a model that has learned its training data by heart looks better on
    them than it is. Completeness is measured twice, since it can fail for two reasons.

    1. Prior samples are compared with the data. This judges the latent space, the decoder and the likelihood
       together. A prior sample is the mean E[x|z], or with draws=True a draw x ~ p(x|z). The mean contains no
       noise, and so it should be compared with data without noise. If the data are noisy, use draws=True:
       otherwise the density is far above 1, because means lie in the middle of the data. Every model blurs
       its pictures a little, and the test detects this blur if there are enough examples. So a small p-value
       may say no more than that there were many examples. MMD² says how large the difference is.
    2. Prior samples are compared with decoded draws z ~ q(z|x) of the same data, with E[x|z] on both sides.
       Both sides then have the same blur. The comparison says whether the prior and the codes follow one law,
       as far as their decoded means show it. A decoder that ignores z passes this comparison and fails the
       first.

    If the model is told y, the prior samples are given the labels of the examples, and each path keeps the
    label of the example that it starts from.
    """
    counts = {"pairs": pairs, "steps": steps, "samples": samples, "k": k, "permutations": permutations}
    for name, count in counts.items():
        require_count("regularity", name, count)
    require_flag("regularity", "draws", draws)
    N = min(samples, len(data))
    if k >= N:
        limits = f"samples and data should be more than k = {k}"
        raise InputError(f"regularity: {limits}, found {samples} and {len(data)}")
    if data.observed is not None:
        expected = "every entry should be observed, as distances between examples need all of them"
        raise InputError(f"regularity: {expected}; found missing ones in {data.name}")
    chosen = rng.permutation(len(data))[:N]
    judged = data.subset(chosen)
    batch = judged.batch(slice(None), dtype_of(model))
    x = batch.x
    model.likelihood.require_support(x)
    z = codes(model, judged)
    R = min(pairs, N // 2)
    y = batch.y
    along = continuity(model, z[:R], z[R : 2 * R], None if y is None else y[:R], steps=steps)
    posterior_z = model.run(batch, model.draw_noise(N, rng))[0].z
    prior_z = model.prior_given(batch).sample(N, rng)
    means = decoded(model, prior_z, y)
    sampled = decoded(model, prior_z, y, draws=rng) if draws else means

    def against(partner: Array, of_prior: Array) -> Completeness:
        density, coverage = density_and_coverage(partner, of_prior, k=k)
        test = two_sample_test(partner, of_prior, rng=rng, permutations=permutations)
        return Completeness(density, coverage, expected_coverage(N, N, k=k), test)

    return Regularity(along, against(x, sampled), against(decoded(model, posterior_z, y), means))


def _line(row: tuple[str, str, str]) -> str:
    name, value, note = row
    return f"  {name:<20} {value:>9}   {note}"
