"""The probability that the logistic law gives to an interval."""

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback


@differentiable
def logistic_interval(low: Array, high: Array, log_width: Array) -> tuple[Array, Pullback]:
    """y = log(σ(high) − σ(low)), entry by entry, where log_width = log(high − low).

    The arrays have any one shape.

        y = log σ(high) + log σ(−low) + log(1 − e^(−w)),   w = exp(log_width)

    All three terms are at most 0, so that no digit is lost, however narrow the interval is and however far
    out it lies. The width is an argument of its own, because `high` less `low` would lose the digits of a
    narrow interval. So y is a function of three numbers, and a caller that computes them from fewer numbers
    adds up the gradients. With log_width = ∞, low = −∞ gives the tail below `high`, and high = ∞ gives the
    tail above `low`.
    Mächler 2012, "Accurately computing log(1 − exp(−|a|))", has the two forms of the last term.
    """
    if not low.shape == high.shape == log_width.shape:
        found = f"found {low.shape}, {high.shape} and {log_width.shape}"
        raise InputError(f"logistic_interval: low, high and log_width should have one shape, {found}")
    y = kernels.logistic_interval(low, high, log_width)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        # dlow = −dy σ(low),  dhigh = dy σ(−high),  dlog_width = dy w/(e^w − 1)
        return kernels.logistic_interval_backward(dy, low, high, log_width)

    return y, pullback
