"""The penalty on the distance between the encoder's output and the codes of a vector-quantized model."""

from dataclasses import dataclass
from typing import Any, ClassVar

from scratchvae.arrays import Array, InputError, Pullback, require_at_least
from scratchvae.data import Batch
from scratchvae.layers import Mode, Parameter
from scratchvae.objectives.interface import Pass
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import Noise, VectorQuantized


@dataclass(frozen=True)
class Quantization(Penalty):
    """Σ_t (‖sg(r_(t−1)) − e_t‖² + β ‖z_e − sg(e_1 + … + e_t)‖²) of each example.

    z_e is from the encoder, and e_t are the codes that it chose. At depth 1 the sum has one term, with
    r_0 = z_e. At a depth above 1, r_(t−1) = z_e − (e_1 + … + e_(t−1)) is what the earlier codes leave over,
    and both norms of a depth are ‖r_t‖². sg stops the gradient. In the first norm it also stops the gradient
    of the earlier codes, so that each depth moves its own code alone. The second norm, the `commitment` of
    weight β, moves the encoder alone, and brings z_e near the sum of the first t codes for every t. Where the
    codebook moves by averages (decay), the first norm is left out, since no Parameter would follow it.

    The distance is that before the straight-through step, from what the encoder put out to the codes. The
    penalty is in the units of codes, squared, and stands beside −log p(x|z) in nats: the paper's
    reconstruction error is a Gaussian's of variance ½. van den Oord, Vinyals & Kavukcuoglu 2017, equation 3;
    by depth it is L_commit of Lee et al. 2022, section 3.1.
    """

    weight: float = 1.0
    commitment: float = 0.25
    term: ClassVar[str] = "quantization"

    def __post_init__(self) -> None:
        require_at_least("Quantization", "weight", self.weight, 0)
        require_at_least("Quantization", "commitment", self.commitment, 0)

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        posterior = model.posterior
        if not isinstance(posterior, VectorQuantized):
            found = type(posterior).__name__
            raise InputError(f"Quantization: the posterior should be a VectorQuantized, found a {found}")
        z_e, beta = one.q_params, one.q_params.dtype.type(self.commitment)
        indices, vectors = posterior.quantized(z_e)
        # all draws of an example are the same codes
        e = one.z.reshape(*one.log_px.shape, -1)[:, 0].reshape(vectors.shape)
        apart = vectors - e  # r_t = r_(t−1) − e_t
        distance = (apart * apart).reshape(len(apart), -1).sum(axis=1)
        learned = isinstance(posterior.codebooks, Parameter)

        def pullback(dpenalty: Array) -> dict[str, Array]:
            slope = 2 * dpenalty[:, None, None] * apart
            if learned:
                _, codes_pullback = posterior.vectors(indices)
                codes_pullback(-slope)  # de_t = 2 dpenalty (e_t − r_(t−1)), of ‖sg(r_(t−1)) − e_t‖²
            # dz_e = 2 dpenalty β Σ_t r_t, of β ‖z_e − sg(e_1 + … + e_t)‖²
            by_depth = slope.reshape(len(slope), -1, posterior.depth, slope.shape[2])
            return {"dq_params": beta * by_depth.sum(axis=2).reshape(z_e.shape)}

        return (1 + beta) * distance if learned else beta * distance, pullback
