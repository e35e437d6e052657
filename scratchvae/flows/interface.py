"""The interface of a step of a flow: an invertible map of latents whose log |det| is cheap."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from scratchvae import ops
from scratchvae.arrays import Array, Pullback
from scratchvae.layers import Owner, Parameter


class Step(Owner, ABC):
    """An invertible map z -> y of Z latents, J = ∂y/∂z.

    The map may depend on each example, by `params` (B, n_params), which an encoder puts out, and on
    Parameters of the step. A step that reads nothing of an example has n_params = 0.
    """

    latent_dim: int
    n_params: int

    @abstractmethod
    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """y (B, Z) and log |det J| (B,) at z (B, Z). pullback(dy, dlog_det) returns dz and dparams."""

    @abstractmethod
    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """The z (B, Z) that `forward` maps to y, and −log |det J| (B,) there.

        pullback(dz, dlog_det) returns dy and dparams.
        """

    @abstractmethod
    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """y, and the slope ∂log p(y)/∂y (B, Z) there, where ∂log p(z)/∂z is `slope` (B, Z).

        log p(y) = log p(z) − log |det J|, and so the slope at y is J⁻ᵀ (slope − ∂log |det J|/∂z). It is the
        change of log p when y moves and the law of y stays the same. No Parameter receives a gradient.
        """


def of_params(
    op: Callable[..., Any], x: Array, params: Array, sizes: Sequence[int]
) -> tuple[tuple[Array, Array], Pullback]:
    """op(x, *parts), where the parts are columns of `params`, as many as `sizes` says.

    The pullback returns dx and dparams.
    """
    parts, split_pullback = ops.split(params, sizes=sizes)
    both, op_pullback = op(x, *parts)

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array]:
        dx, *dparts = op_pullback(dy, dlog_det)
        return dx, split_pullback(*dparts)

    return both, pullback


def of_parameters(
    op: Callable[..., Any], x: Array, params: Array, parameters: Sequence[Parameter], **constants: Any
) -> tuple[tuple[Array, Array], Pullback]:
    """op(x, params, *values of the Parameters), whose pullback gives each Parameter its gradient.

    The pullback returns dx and dparams.
    """
    both, op_pullback = op(x, params, *(parameter.value for parameter in parameters), **constants)

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array]:
        dx, dparams, *gradients = op_pullback(dy, dlog_det)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.receive(gradient)
        return dx, dparams

    return both, pullback
