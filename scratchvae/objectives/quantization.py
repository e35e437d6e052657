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
    """‖sg(z_e) − e‖² + β ‖z_e − sg(e)‖² of each example, with z_e from the encoder and e the codes it chose.

    sg stops the gradient. So the first term moves the codebook alone, and the second, the `commitment` of
    weight β, the encoder alone. Where the codebook moves by averages (decay), the first term is left out,
    since nothing would follow it.

    The distance is taken before the straight-through step, from the output of the encoder to the codes. The
    penalty is in the units of codes, squared, and is added to −log p(x|z) in nats: the paper's reconstruction
    error is that of a Gaussian of variance ½. van den Oord, Vinyals & Kavukcuoglu 2017, equation 3.
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
        z_e, e = (
            one.q_params,
            one.z.reshape(*one.log_px.shape, -1)[:, 0],
        )  # all draws of an example are the same codes
        apart, beta = z_e - e, z_e.dtype.type(self.commitment)
        distance = (apart * apart).sum(axis=1)
        learned = isinstance(posterior.codebooks, Parameter)

        def pullback(dpenalty: Array) -> dict[str, Array]:
            slope = 2 * dpenalty[:, None] * apart
            if learned:
                _, codes_pullback = posterior.vectors(posterior.indices(z_e))
                codes_pullback(-slope)  # de = 2 dpenalty (e − z_e), of ‖sg(z_e) − e‖²
            return {"dq_params": beta * slope}  # dz_e = 2 dpenalty β (z_e − e), of β ‖z_e − sg(e)‖²

        return (1 + beta) * distance if learned else beta * distance, pullback
