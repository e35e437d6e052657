"""Convolution and its transpose, as one matrix product over image patches.

Letters: B images, C input and O output channels, H × W input and P × Q output pixels, kernel I × J.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


def conv2d(
    x: Array, W: Array, b: Array, *, stride: int = 1, padding: int = 0, needs_dx: bool = True
) -> tuple[Array, Pullback]:
    """y[b,o,p,q] = b[o] + Σ_cij W[o,c,i,j] x[b, c, p·stride + i − padding, q·stride + j − padding], zero outside x.

    x (B, C, H, W), W (O, C, I, J), b (O,)  ->  y (B, O, P, Q) with P = ⌊(H + 2·padding − I) / stride⌋ + 1, Q likewise. What the
    field calls convolution is this correlation: the kernel is not flipped.     Dumoulin & Visin 2016.
    """
    n = require_shapes("conv2d", x=(x, "B C H W"), W=(W, "O C I J"), b=(b, "O"))
    _require_fit("conv2d", n["H"] + 2 * padding, n["W"] + 2 * padding, n["I"], n["J"], stride, padding)
    cols = kernels.patches(x, (n["I"], n["J"]), stride, padding)  # (C, I, J, B, P, Q)
    P, Q = cols.shape[4:]
    cols2 = cols.reshape(-1, n["B"] * P * Q)
    W2 = W.reshape(n["O"], -1)
    y = _images_first(W2 @ cols2 + b[:, None], (n["O"], n["B"], P, Q))

    def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
        dy2 = _channels_first(dy)  # (O, B·P·Q)
        dW = (dy2 @ cols2.T).reshape(W.shape)  # dW[o,cij] = Σ_bpq dy[o,bpq] cols[cij,bpq]
        db = dy2.sum(axis=1)  # db[o] = Σ_bpq dy[o,bpq]
        if not needs_dx:
            return None, dW, db
        dcols = (W2.T @ dy2).reshape(cols.shape)  # dcols[cij,bpq] = Σ_o W[o,cij] dy[o,bpq]
        dx = kernels.patches_backward(dcols, n["H"], n["W"], stride, padding)  # dx = Σ of dcols over the windows
        return dx, dW, db

    return y, pullback


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
    """The gradient of conv2d with respect to its input, as a map of its own: y[b,o,h,w] = b[o] + Σ W[c,o,i,j] x[b,c,p,q].

    The sum is over all c and all p, i with p·stride + i − padding = h, and q, j likewise for w. x (B, C, P, Q), W (C, O, I, J),
    b (O,)  ->  y (B, O, H, W) with H = (P − 1)·stride − 2·padding + I + output_padding, W likewise; output_padding < stride (one
    number, or one for H and one for W) chooses among the sizes that conv2d would map to P.     Dumoulin & Visin 2016, chapter 4.
    """
    n = require_shapes("conv_transpose2d", x=(x, "B C P Q"), W=(W, "C O I J"), b=(b, "O"))
    extra = (output_padding, output_padding) if isinstance(output_padding, int) else output_padding
    if not all(0 <= e < stride for e in extra):
        raise InputError(f"conv_transpose2d: output_padding should be in 0..{stride - 1}, below stride; found {output_padding}")
    H = (n["P"] - 1) * stride - 2 * padding + n["I"] + extra[0]
    width = (n["Q"] - 1) * stride - 2 * padding + n["J"] + extra[1]
    _require_fit("conv_transpose2d", H + 2 * padding, width + 2 * padding, n["I"], n["J"], stride, padding)
    if H < 1 or width < 1:
        raise InputError(f"conv_transpose2d: the output should have at least one pixel, found {H} x {width}")
    x2 = _channels_first(x)  # (C, B·P·Q)
    W2 = W.reshape(n["C"], -1)
    cols_shape = (n["O"], n["I"], n["J"], n["B"], n["P"], n["Q"])
    cols = (W2.T @ x2).reshape(cols_shape)
    y = kernels.patches_backward(cols, H, width, stride, padding) + b[:, None, None]

    def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
        dcols = kernels.patches(dy, (n["I"], n["J"]), stride, padding).reshape(-1, x2.shape[1])
        dW = (x2 @ dcols.T).reshape(W.shape)  # dW[c,oij] = Σ_bpq x[c,bpq] dcols[oij,bpq]
        db = dy.sum(axis=(0, 2, 3))  # db[o] = Σ_bhw dy[b,o,h,w]
        if not needs_dx:
            return None, dW, db
        dx = _images_first(W2 @ dcols, (n["C"], n["B"], n["P"], n["Q"]))  # dx[c,bpq] = Σ_oij W[c,oij] dcols[oij,bpq]
        return dx, dW, db

    return y, pullback


def _images_first(y: Array, shape: tuple[int, int, int, int]) -> Array:
    """(O, B·P·Q) -> (B, O, P, Q)."""
    return np.ascontiguousarray(y.reshape(shape).transpose(1, 0, 2, 3))


def _channels_first(y: Array) -> Array:
    """(B, O, P, Q) -> (O, B·P·Q)."""
    return np.ascontiguousarray(y.transpose(1, 0, 2, 3)).reshape(y.shape[1], -1)


def _require_fit(where: str, rows: int, columns: int, I: int, J: int, stride: int, padding: int) -> None:
    if stride < 1 or padding < 0:
        raise InputError(f"{where}: stride should be at least 1 and padding at least 0, found {stride} and {padding}")
    if rows < I or columns < J:
        raise InputError(f"{where}: the kernel should fit into the padded image, {rows} x {columns}, found {I} x {J}")
