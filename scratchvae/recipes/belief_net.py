"""The Helmholtz machine of sigmoid belief networks, with a Linear layer each way between layers of units."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from scratchvae.arrays import sizes_of
from scratchvae.layers import Linear
from scratchvae.models import HelmholtzMachine
from scratchvae.networks import weights_generator


def belief_net(
    event_shape: Sequence[int] | int,
    *,
    layers: Sequence[int] | int = (200, 200, 10),
    algorithm: str = "wake_sleep",
    samples: int = 5,
    init: str = "pytorch",
    seed: int = 0,
) -> HelmholtzMachine:
    """x -> h_1 -> … -> h_L and back, where `layers` are the widths from h_1 up to h_L.

    The same seed gives the same weights.

    `algorithm` and `samples` say how `fit` trains it: HelmholtzMachine has them.

    The widths 200, 200 and 10 are among those of Bornschein & Bengio 2015.
    """
    event_shape = sizes_of("belief_net", "event_shape", event_shape, least=1)
    layers = sizes_of("belief_net", "layers", layers, least=1)
    rng = weights_generator(seed, "belief_net")
    widths = [prod(event_shape), *layers]
    recognition = [Linear(below, above, init=init, rng=rng) for below, above in pairwise(widths)]
    generation = [Linear(above, below, init=init, rng=rng) for above, below in pairwise(widths[::-1])]
    return HelmholtzMachine(
        event_shape=event_shape,
        hidden=layers,
        generation=generation,
        recognition=recognition,
        algorithm=algorithm,
        samples=samples,
    )
