"""Convolution and its transpose, as one matrix product over image patches.

Letters: B images, C input and O output channels, H × W input and P × Q output pixels, kernel I × J.

Arrays are indexed [image, channel, row, column]. In memory the channels come last, so that the products need
no transposing. A product with ones computes the gradient of a bias, which is faster than a sum.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def conv2d(
    x: Array, W: Array, b: Array, *, stride: int = 1, padding: int = 0, needs_dx: bool = True
) -> tuple[Array, Pullback]:
    """A convolution of images: the correlation with a kernel, which is not flipped.

        y[b,o,p,q] = b[o] + Σ_cij W[o,c,i,j] x[b, c, p·stride + i − padding, q·stride + j − padding]

    x is 0 outside the image. x (B, C, H, W), W (O, C, I, J), b (O,)  ->  y (B, O, P, Q) with
    P = ⌊(H + 2·padding − I) / stride⌋ + 1, and Q likewise. Dumoulin & Visin 2016.
    """
    n = require_shapes("conv2d", x=(x, "B C H W"), W=(W, "O C I J"), b=(b, "O"))
    _require_fit("conv2d", n["H"] + 2 * padding, n["W"] + 2 * padding, n["I"], n["J"], stride, padding)
    cols = kernels.patches(_channels_last(x), (n["I"], n["J"]), stride, padding)  # (B, P, Q, I, J, C)
    B, P, Q = cols.shape[:3]
    cols2 = cols.reshape(B * P * Q, n["I"] * n["J"] * n["C"])
    W2 = W.transpose(2, 3, 1, 0).reshape(cols2.shape[1], n["O"])  # (I·J·C, O)
    y = kernels.add_to_rows(cols2 @ W2, b)

    def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
        dy2 = _channels_last(dy).reshape(B * P * Q, n["O"])
        dW2 = cols2.T @ dy2  # dW[ijc,o] = Σ_bpq cols[bpq,ijc] dy[bpq,o]
        dW = dW2.reshape(n["I"], n["J"], n["C"], n["O"]).transpose(3, 2, 0, 1)
        db = np.ones(len(dy2), dy2.dtype) @ dy2  # db[o] = Σ_bpq dy[bpq,o]
        if not needs_dx:
            return None, dW, db
        dcols = (dy2 @ W2.T).reshape(cols.shape)  # dcols[bpq,ijc] = Σ_o dy[bpq,o] W[ijc,o]
        # dx = Σ of dcols over the windows
        dx = kernels.patches_backward(dcols, n["H"], n["W"], stride, padding)
        return _channels_second(dx), dW, db

    return _channels_second(y.reshape(B, P, Q, n["O"])), pullback


@differentiable
def conv_transpose2d(
    x: Array,
    W: Array,
    b: Array,
    *,
    stride: int = 1,
    padding: int = 0,
    output_padding: int | tuple[int, int] = 0,
    needs_dx: bool = True,
) -> tuple[Array, Pullback]:
    """The map by which the gradient of conv2d leads to its input, as a map of its own, with a bias.

        y[b,o,h,w] = b[o] + Σ W[c,o,i,j] x[b,c,p,q]

    The sum is over all c, over all p and i with p·stride + i − padding = h, and over q and j likewise for w.
    x (B, C, P, Q), W (C, O, I, J), b (O,)  ->  y (B, O, H, W) with H = (P − 1)·stride − 2·padding + I +
    output_padding, and W likewise. output_padding < stride is one number, or one for H and one for W: it
    chooses among the sizes that conv2d would map to P. Dumoulin & Visin 2016, chapter 4.
    """
    n = require_shapes("conv_transpose2d", x=(x, "B C P Q"), W=(W, "C O I J"), b=(b, "O"))
    extra = (output_padding, output_padding) if isinstance(output_padding, int) else output_padding
    if not all(0 <= e < stride for e in extra):
        raise InputError(
            f"conv_transpose2d: output_padding should be in 0..{stride - 1}, below stride; found {output_padding}"
        )
    H = (n["P"] - 1) * stride - 2 * padding + n["I"] + extra[0]
    width = (n["Q"] - 1) * stride - 2 * padding + n["J"] + extra[1]
    _require_fit("conv_transpose2d", H + 2 * padding, width + 2 * padding, n["I"], n["J"], stride, padding)
    if H < 1 or width < 1:
        raise InputError(f"conv_transpose2d: the output should have at least one pixel, found {H} x {width}")
    x2 = _channels_last(x).reshape(n["B"] * n["P"] * n["Q"], n["C"])  # (B·P·Q, C)
    W2 = W.transpose(0, 2, 3, 1).reshape(n["C"], n["I"] * n["J"] * n["O"])  # (C, I·J·O)
    cols = (x2 @ W2).reshape(n["B"], n["P"], n["Q"], n["I"], n["J"], n["O"])
    y = kernels.patches_backward(cols, H, width, stride, padding)  # the sum over the windows
    y = kernels.add_to_rows(y.reshape(n["B"] * H * width, n["O"]), b).reshape(y.shape)

    def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
        dy_last = _channels_last(dy)
        dy2 = dy_last.reshape(n["B"] * H * width, n["O"])
        dcols = kernels.patches(dy_last, (n["I"], n["J"]), stride, padding).reshape(len(x2), W2.shape[1])
        dW2 = x2.T @ dcols  # dW[c,ijo] = Σ_bpq x[bpq,c] dcols[bpq,ijo]
        dW = dW2.reshape(n["C"], n["I"], n["J"], n["O"]).transpose(0, 3, 1, 2)
        db = np.ones(len(dy2), dy2.dtype) @ dy2  # db[o] = Σ_bhw dy[b,o,h,w]
        if not needs_dx:
            return None, dW, db
        dx = dcols @ W2.T  # dx[bpq,c] = Σ_ijo dcols[bpq,ijo] W[c,ijo]
        return _channels_second(dx.reshape(n["B"], n["P"], n["Q"], n["C"])), dW, db

    return _channels_second(y), pullback


def _channels_last(x: Array) -> Array:
    """(B, C, H, W) -> (B, H, W, C), a view."""
    return x.transpose(0, 2, 3, 1)


def _channels_second(x: Array) -> Array:
    """(B, H, W, C) -> (B, C, H, W), a view."""
    return x.transpose(0, 3, 1, 2)


def _require_fit(where: str, rows: int, columns: int, I: int, J: int, stride: int, padding: int) -> None:
    if stride < 1 or padding < 0:
        raise InputError(
            f"{where}: stride should be at least 1 and padding at least 0, found {stride} and {padding}"
        )
    if rows < I or columns < J:
        raise InputError(
            f"{where}: the kernel should fit into the padded image, {rows} x {columns}, found {I} x {J}"
        )
