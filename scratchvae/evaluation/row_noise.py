"""Random numbers for an example that depend on nothing but the example itself and a seed."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from scratchvae.arrays import require_seed
from scratchvae.data import Batch


@dataclass(frozen=True)
class RowNoise:
    """A generator for each example, seeded by `seed` and by the content of the example.

    An estimate by it does not depend on the example's neighbours or its place: equal examples get equal
    estimates, and different examples get independent noise. A function that is given a RowNoise instead of a
    generator computes one example at a time, so that all products have the same shapes and the estimates are
    equal to the bit.
    """

    seed: int

    def __post_init__(self) -> None:
        require_seed("RowNoise", "seed", self.seed)

    def of(self, one: Batch) -> np.random.Generator:
        """The generator for a batch of one example.

        Its seed is a hash of x, of which entries were observed, and of y.
        """
        content = blake2b(np.ascontiguousarray(one.x + 0).tobytes(), digest_size=16)  # −0 + 0 is 0
        for part in (one.observed, one.y):
            content.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
        return np.random.default_rng(
            np.random.SeedSequence([self.seed, int.from_bytes(content.digest(), "little")])
        )


def generator_of(rng: np.random.Generator | RowNoise, batch: Batch) -> np.random.Generator:
    """The generator that draws for this batch."""
    return rng.of(batch) if isinstance(rng, RowNoise) else rng
