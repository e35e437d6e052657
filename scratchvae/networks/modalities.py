"""An encoder for each modality of an event: blocks of its entries, such as the halves of a picture."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from scratchvae.arrays import InputError, require_count, sizes_of
from scratchvae.layers import Experts, Layer, MixtureOfExperts, ProductOfExperts
from scratchvae.likelihoods import Blocks, Likelihood
from scratchvae.networks.encoder_ends import n_features
from scratchvae.posteriors import DiagonalGaussian, MixturePosterior, Posterior


def experts(
    where: str,
    modalities: int | Sequence[int],
    network: Callable[[int, int], Layer],
    *,
    entries: int,
    likelihood: Likelihood,
    posterior: Posterior,
    fill: str,
) -> Experts:
    """A product of experts where q(z|x) is a diagonal Gaussian, and a mixture of them where it is a mixture.

    `modalities` are the widths of blocks of an event's entries, side by side, or the number of blocks, as
    equal as can be. network(F, 2Z) is a new encoder of F features. InputError where the widths do not sum to
    the entries, where the posterior is of another kind or has not a component for each modality, and for a
    `fill` other than "zero", which is what an expert sees where an entry is missing.
    """
    widths = _widths(where, modalities, entries)
    if fill != "zero":
        raise InputError(f"{where}: fill, beside modalities, should be 'zero', found {fill!r:.80}")
    if isinstance(posterior, MixturePosterior) and posterior.components == len(widths):
        kind: type[Experts] = MixtureOfExperts
    elif isinstance(posterior, DiagonalGaussian):
        kind = ProductOfExperts
    else:
        count = getattr(posterior, "components", None)
        found = type(posterior).__name__ + (f" with {count} components" if count else "")
        expected = f"a diagonal_gaussian, or a gaussian_mixture(components={len(widths)})"
        raise InputError(
            f"{where}: the posterior of {len(widths)} modalities should be {expected}; found a {found}"
        )
    sizes = _features(where, widths, likelihood)
    encoders = (network(size, 2 * posterior.latent_dim) for size in sizes)
    return kind(*encoders, sizes=sizes, entries=widths)


def _widths(where: str, modalities: int | Sequence[int], entries: int) -> tuple[int, ...]:
    """How many entries each modality has."""
    if isinstance(modalities, int | np.integer):
        require_count(where, "modalities", modalities)
        widths = tuple(len(part) for part in np.array_split(np.empty(entries), modalities))
        expected = f"modalities should be at most {entries}, the number of entries"
    else:
        widths = sizes_of(where, "modalities", modalities, least=1)
        expected = f"the widths of the modalities should sum to {entries}, the number of entries"
    if sum(widths) != entries or 0 in widths:
        raise InputError(f"{where}: {expected}; found {modalities}")
    return widths


def _features(where: str, widths: tuple[int, ...], likelihood: Likelihood) -> tuple[int, ...]:
    """How many features the likelihood shows of each modality."""
    entries = sum(widths)
    shown_alike = n_features(likelihood, (entries,)) == entries
    expected = (
        "where the likelihood shows entries as more features, each modality should be whole blocks of it"
    )
    if not isinstance(likelihood, Blocks):
        if not shown_alike:
            raise InputError(f"{where}: {expected}; found a {type(likelihood).__name__}")
        return widths
    _require_in_order(where, likelihood)
    if shown_alike:
        return widths
    ends = np.cumsum([len(columns) for columns in likelihood.columns])
    seen = np.cumsum(
        [n_features(law, (len(c),)) for c, law in zip(likelihood.columns, likelihood.laws, strict=True)]
    )
    if missing := [end for end in accumulate(widths) if end not in ends]:
        raise InputError(f"{where}: {expected}; found that {missing[0]} entries end within one")
    return tuple(np.diff([0, *(seen[ends == end][0] for end in accumulate(widths))]).tolist())


def _require_in_order(where: str, likelihood: Blocks) -> None:
    """Raise InputError where the columns of a block are apart.

    Features then come in another order than entries, and each encoder would see other entries than its own.
    """
    order = np.concatenate(likelihood.columns)
    if (order == np.arange(len(order))).all():
        return
    schema = likelihood.schema
    blocks = (
        ", ".join(str(i) if schema is None else schema.columns[i].name for i in columns)
        for columns in likelihood.columns
    )
    expected = "columns of one kind should lie side by side where a table has modalities"
    raise InputError(f"{where}: {expected}: put them in the order {' | '.join(blocks)}")
