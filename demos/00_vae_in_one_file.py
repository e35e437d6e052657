"""A whole variational autoencoder in one file of plain NumPy, with every gradient by hand and checked.

The file imports nothing from scratchvae. Read it from top to bottom, and you have seen all the mathematics of
a VAE.

    model      p(z) = N(0, I);  p(x|z) = Π_d Bernoulli(x_d; σ(l_d)),  l = logits(z)      how an image comes about
    encoder    q(z|x) = N(mean(x), diag exp(log_var(x)))                                 which z an image may have come from
    sampling   z = mean + exp(log_var / 2) · noise,  noise ~ N(0, I)                     so z carries gradients to the encoder
    bound      log p(x) ≥ E_q[log p(x|z)] − KL(q(z|x) ‖ p(z))                            the sides differ by KL(q(z|x) ‖ p(z|x))

The data are made here: 12 x 12 images of a blob whose row and column are random, where every pixel is a coin
toss. Two numbers explain an image, and so two latents should find them. log p(x) under the true generator is
a sum over a grid of positions, and so it is known how good any model can become. Each measured number is
printed beside the expected one.

    python 00_vae_in_one_file.py [--quick] [--steps N] [--seed N] [--out FOLDER]
    exit status 1 if a gradient is wrong

Sources: Kingma & Welling 2014, "Auto-Encoding Variational Bayes" (appendix B: the KL; appendix C: the
networks);
Rezende, Mohamed & Wierstra 2014, "Stochastic Backpropagation and Approximate Inference in Deep Generative
Models";
Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization".
"""

import argparse
from pathlib import Path

import numpy as np

# The letters: B images in a batch, D pixels, H hidden units, Z latents. The indices b, d, h, z count them.
SIDE = 12
B, D, H, Z = 64, SIDE * SIDE, 64, 2
TOLERANCE = 1e-6  # the largest relative error a gradient may have

# -------------------------------------------------------------------------------------------------- the model


def initialize(rng, D, H, Z):
    """W ~ N(0, 1/fan_in), so that a layer's output is about as large as its input; b = 0."""
    shapes = {"1": (D, H), "2": (H, Z), "3": (H, Z), "4": (Z, H), "5": (H, D)}
    params = {}
    for name, (n_in, n_out) in shapes.items():
        params["W" + name] = rng.normal(0, n_in**-0.5, (n_in, n_out))
        params["b" + name] = np.zeros(n_out)
    return params


def encode(p, x):
    """x (B, D) -> h (B, H) -> mean (B, Z) and log_var (B, Z)."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    return h, h @ p["W2"] + p["b2"], h @ p["W3"] + p["b3"]


def decode(p, z):
    """z (B, Z) -> g (B, H) -> logits (B, D)."""
    g = np.tanh(z @ p["W4"] + p["b4"])
    return g, g @ p["W5"] + p["b5"]


def sigmoid(l):
    """σ(l) = 1 / (1 + e⁻ˡ), written with tanh, which never overflows."""
    return 0.5 + 0.5 * np.tanh(0.5 * l)


def loss_and_gradients(p, x, noise):
    """log p(x|z) (B,) and KL (B,) in nats, and the gradients d(loss)/d(parameter) by name.

        loss = −(1/B) Σ_b (log_px_b − kl_b)

    x (B, D) in [0, 1], noise (B, Z). The noise is an argument and is not drawn in here. So the loss is a
    function, and can be checked.
    """
    B = len(x)
    # Forward.
    h, mean, log_var = encode(p, x)
    std = np.exp(log_var / 2)
    z = mean + std * noise
    g, logits = decode(p, z)
    # x log σ(l) + (1−x) log(1−σ(l)) = x l − softplus(l): no overflow
    log_px = (x * logits - np.logaddexp(0, logits)).sum(axis=1)
    # E_q[log q(z|x) − log p(z)] = ½ Σ_z (μ_z² + e^s_z − 1 − s_z)
    kl = 0.5 * (mean**2 + std**2 - 1 - log_var).sum(axis=1)

    # Backward, from the loss to the pixels. dname is d(loss)/d(name); in the equations μ is mean, s log_var,
    # ε noise.
    d = {}
    # fmt: off
    # dl_bd  = (σ(l_bd) − x_bd) / B          softplus' = σ
    dlogits = (sigmoid(logits) - x) / B
    d["W5"] = g.T @ dlogits                                    # dW5_hd = Σ_b g_bh dl_bd
    d["b5"] = dlogits.sum(axis=0)                              # db5_d  = Σ_b dl_bd
    dg = dlogits @ p["W5"].T                                   # dg_bh  = Σ_d dl_bd W5_hd
    # da_bh  = dg_bh (1 − g_bh²)             g = tanh(a), g' = 1 − g²
    da = dg * (1 - g**2)
    d["W4"] = z.T @ da                                         # dW4_zh = Σ_b z_bz da_bh
    d["b4"] = da.sum(axis=0)                                   # db4_h  = Σ_b da_bh
    dz = da @ p["W4"].T                                        # dz_bz  = Σ_h da_bh W4_zh
    # dμ_bz  = dz_bz + μ_bz / B              through z + through the KL
    dmean = dz + mean / B
    # ds_bz  = dz_bz ε_bz e^(s_bz/2) / 2 + (e^s_bz − 1) / 2B
    dlog_var = dz * noise * std / 2 + (std**2 - 1) / (2 * B)
    d["W2"] = h.T @ dmean                                      # dW2_hz = Σ_b h_bh dμ_bz
    d["b2"] = dmean.sum(axis=0)                                # db2_z  = Σ_b dμ_bz
    d["W3"] = h.T @ dlog_var                                   # dW3_hz = Σ_b h_bh ds_bz
    d["b3"] = dlog_var.sum(axis=0)                             # db3_z  = Σ_b ds_bz
    dh = dmean @ p["W2"].T + dlog_var @ p["W3"].T              # dh_bh  = Σ_z (dμ_bz W2_hz + ds_bz W3_hz)
    # dc_bh  = dh_bh (1 − h_bh²)             h = tanh(c)
    dc = dh * (1 - h**2)
    d["W1"] = x.T @ dc                                         # dW1_dh = Σ_b x_bd dc_bh
    d["b1"] = dc.sum(axis=0)                                   # db1_h  = Σ_b dc_bh
    # fmt: on
    return log_px, kl, d


# ----------------------------------------------------------------------------------- are the gradients right?


def check_gradients(rng, step=1e-5):
    """Compare every entry of every gradient of a tiny model, in float64, with a finite difference.

    (loss(θ + step) − loss(θ − step)) / (2 step)
    """
    p = initialize(rng, D=6, H=5, Z=2)
    # no bias stays at 0, where errors can hide
    p = {name: value + rng.normal(0, 0.3, value.shape) for name, value in p.items()}
    x, noise = rng.random((4, 6)), rng.normal(size=(4, 2))
    _, _, gradients = loss_and_gradients(p, x, noise)

    def loss_with(name, index, change):
        moved = p[name].copy()
        moved[index] += change
        log_px, kl, _ = loss_and_gradients(p | {name: moved}, x, noise)
        return -(log_px - kl).mean()

    print(f"Gradients by hand against central differences (expected: below {TOLERANCE:.0e})")
    print("  array  entries  worst relative error")
    right = True
    for name, value in p.items():
        by_difference = np.empty_like(value)
        for index in np.ndindex(value.shape):
            by_difference[index] = (loss_with(name, index, step) - loss_with(name, index, -step)) / (2 * step)
        # of the largest entry
        error = np.abs(gradients[name] - by_difference).max() / np.abs(by_difference).max()
        right &= bool(error < TOLERANCE)  # a NaN is not below it either
        print(f"  {name:<5}  {value.size:7d}  {error:20.1e}{'' if error < TOLERANCE else '   WRONG'}")
    return right


# ------------------------------------------------------------------------- the data, and the truth about them

LOW, HIGH = 1.5, SIDE - 2.5  # a blob's centre is uniform on [LOW, HIGH]²


def blob_logits(centres):
    """centres (B, 2), row and column in pixels -> the true logits (B, D) of an image with its blob there."""
    rows, columns = np.divmod(np.arange(D), SIDE)
    squared_distance = (rows - centres[:, :1]) ** 2 + (columns - centres[:, 1:]) ** 2
    probability = 0.02 + 0.94 * np.exp(-squared_distance / (2 * 1.8**2))
    return np.log(probability) - np.log1p(-probability)


def draw_images(rng, n):
    """n images x (n, D) of zeros and ones, and the centres (n, 2) behind them, which no model is told."""
    centres = rng.uniform(LOW, HIGH, (n, 2))
    return (rng.random((n, D)) < sigmoid(blob_logits(centres))).astype(float), centres


def square_grid(low, high, n):
    """The midpoints of n x n cells of the square [low, high]²: (n², 2)."""
    middle = low + (high - low) * (np.arange(n) + 0.5) / n
    return np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)


def exact_bound(x, logits, log_weight):
    """Reconstruction and KL (B,) of the exact posterior over K causes, whose bound is log p(x) itself.

    x (B, D), logits (K, D) of each cause, log_weight (K,) the logarithm of its prior probability up to a
    constant.
    """
    log_prior = log_weight - np.logaddexp.reduce(log_weight)  # log p(k)
    log_px = x @ logits.T - np.logaddexp(0, logits).sum(axis=1)  # log p(x|k), (B, K)
    # log p(x) = log Σ_k p(k) p(x|k)
    evidence = np.logaddexp.reduce(log_px + log_prior, axis=1, keepdims=True)
    reconstruction = (np.exp(log_px + log_prior - evidence) * log_px).sum(axis=1)  # Σ_k p(k|x) log p(x|k)
    return reconstruction, reconstruction - evidence[:, 0]


# --------------------------------------------------------------------------------------------------- training


def train(p, rng, steps, test, learning_rate=0.02, decay1=0.9, decay2=0.999):
    """Adam on B fresh images a step, with a learning rate that falls linearly to 0. It changes p.

    It returns rows of (step, reconstruction, KL), which are means over test = (x, noise), about 60 of them.
    """
    m = {name: np.zeros_like(value) for name, value in p.items()}
    v = {name: np.zeros_like(value) for name, value in p.items()}
    history, every = [], max(1, steps // 60)

    def record(t):
        log_px, kl, _ = loss_and_gradients(p, *test)
        history.append((t, log_px.mean(), kl.mean()))
        if t % (10 * every) == 0:
            print(f"  {t:6d}  {log_px.mean() - kl.mean():8.2f}   {log_px.mean():14.2f}   {kl.mean():4.2f}")

    print(
        f"\nTraining on {B} fresh images a step; nats per test image\n    step     bound = reconstruction "
        "- KL"
    )
    record(0)
    for t in range(1, steps + 1):
        x, _ = draw_images(rng, B)
        _, _, gradients = loss_and_gradients(p, x, rng.normal(size=(B, Z)))
        rate = learning_rate * (1 - (t - 1) / steps)
        for name, dvalue in gradients.items():
            # fmt: off
            m[name] += (1 - decay1) * (dvalue - m[name])       # m = running mean of the gradient
            v[name] += (1 - decay2) * (dvalue**2 - v[name])    # v = running mean of its square
            m_hat = m[name] / (1 - decay1**t)                  # both began at 0: undo that bias
            # fmt: on
            v_hat = v[name] / (1 - decay2**t)
            p[name] -= rate * m_hat / (np.sqrt(v_hat) + 1e-8)  # θ ← θ − rate m̂ / √v̂
        if t % every == 0 or t == steps:
            record(t)
    return np.array(history)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="A whole VAE, its gradients and their check in one file of plain NumPy."
    )
    parser.add_argument("--quick", action="store_true", help="300 steps instead of 3000: a couple of seconds")
    parser.add_argument("--steps", type=int, metavar="N", help="training steps, instead of either")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", default="demo_00", help="for the picture (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    steps = options.steps if options.steps is not None else 300 if options.quick else 3000
    if steps < 1:
        parser.error("--steps must be at least 1")
    rng_check, rng_weights, rng_train, rng_test = np.random.default_rng(options.seed).spawn(4)

    if not check_gradients(rng_check):
        print("A gradient is wrong: not training on it.")
        return 1

    p = initialize(rng_weights, D, H, Z)
    x, centres = draw_images(rng_test, 500)
    noise = rng_test.normal(size=(500, Z))
    history = train(p, rng_train, steps, (x, noise))
    grid = square_grid(-4.5, 4.5, 60)
    exact_encoder = exact_bound(x, decode(p, grid)[1], -0.5 * (grid**2).sum(axis=1))
    truth = exact_bound(x, blob_logits(square_grid(LOW, HIGH, 40)), np.zeros(1600))

    print(
        "\nThe same 500 test images                   bound = reconstruction - KL   (expected: rising "
        "downwards)"
    )
    for name, reconstruction, kl in (
        ("VAE before training", *history[0, 1:]),
        ("VAE after training", *history[-1, 1:]),
        ("its decoder, exact posterior: log p(x)", *np.mean(exact_encoder, axis=1)),
        ("the true generator: what is possible", *np.mean(truth, axis=1)),
    ):
        print(f"  {name:<38} {reconstruction - kl:7.2f}   {reconstruction:14.2f}   {kl:4.2f}")

    codes = encode(p, x)[1]
    _, kl, _ = loss_and_gradients(p, x, noise)
    design = np.column_stack([codes, np.ones(len(codes))])  # a latent space may come out turned or mirrored,
    # so the factors are compared with their best linear fit
    fitted = design @ np.linalg.lstsq(design, centres, rcond=None)[0]
    row, column = (np.corrcoef(fitted[:, k], centres[:, k])[0, 1] for k in (0, 1))
    print(f"Smallest KL of an image: {kl.min():.2f} (expected: never below 0)")
    print(
        f"Correlation of the codes with the row {row:.3f}, the column {column:.3f} (expected: above 0.95, "
        "fully trained)"
    )

    options.out.mkdir(parents=True, exist_ok=True)
    draw(options.out / "vae_in_one_file.png", history, np.mean(truth, axis=1), p, x, centres)
    print(f"Picture: {options.out / 'vae_in_one_file.png'}")
    return 0


# ---------------------------------------------------------------------------------------------------- drawing


def tiles(images, n_columns):
    """images (n, D) -> one array with n_columns images in a row, and a blank pixel between them."""
    padded = np.pad(
        images.reshape(-1, n_columns, SIDE, SIDE), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan
    )
    return padded.transpose(0, 2, 1, 3).reshape(-1, n_columns * (SIDE + 1))[:-1, :-1]


def draw(path, history, truth, p, x, centres):
    """Draw the bound and KL in training, reconstructions, codes by their true factors, and the plane of z."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 8.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    (bound_axis, kl_axis, images_axis), (*code_axes, plane_axis) = figure.subplots(2, 3)
    step, reconstruction, kl = history.T
    bound, best = reconstruction - kl, truth[0] - truth[1]
    for axis, curve, true_value, label in (
        (bound_axis, bound, best, f"VAE, from {bound[0]:.0f} to {bound[-1]:.1f}"),
        (kl_axis, kl, truth[1], f"VAE, from {kl[0]:.1f} to {kl[-1]:.2f}"),
    ):
        axis.plot(step, curve, color="#2a6f97", linewidth=2, label=label)
        axis.axhline(true_value, color="#c1440e", linestyle="--", label=f"true generator: {true_value:.2f}")
        axis.set(xlabel="step", ylabel="nats per test image")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, loc="lower right")
    bound_axis.set(title="Bound on log p(x)", ylim=(min(best - 15, bound[-1] - 5), best + 1))
    kl_axis.set(title="KL(q(z|x) ‖ p(z))", ylim=(0, None))

    codes, n = encode(p, x)[1], 4
    images = np.concatenate([sigmoid(blob_logits(centres[:n])), x[:n], sigmoid(decode(p, codes[:n])[1])])
    images_axis.imshow(tiles(images, n), cmap="magma", vmin=0, vmax=1)
    images_axis.set(
        title="Reconstructions of test images", xticks=[], yticks=(SIDE + 1) * np.arange(3) + SIDE / 2
    )
    images_axis.set_yticklabels(["truth", "x: coins\ntossed", "VAE"])

    limits = {"xlim": (-3.2, 3.2), "ylim": (-3.2, 3.2)}
    for axis, factor, name in zip(code_axes, centres.T, ("row", "column"), strict=True):
        points = axis.scatter(*codes.T, c=factor, s=14, cmap="viridis")
        figure.colorbar(points, ax=axis, label=f"true {name} of the blob", shrink=0.8)
        axis.set(
            title=f"Codes of test images, by {name}",
            xlabel="mean of z₀",
            ylabel="mean of z₁",
            aspect="equal",
            **limits,
        )

    # z₀ to the right, z₁ upwards
    plane = square_grid(-2, 2, 9).reshape(9, 9, 2)[:, ::-1].transpose(1, 0, 2).reshape(-1, 2)
    plane_axis.imshow(
        tiles(sigmoid(decode(p, plane)[1]), 9), cmap="magma", vmin=0, vmax=1, extent=(-2, 2, -2, 2)
    )
    plane_axis.set(
        title="The plane of z, decoded", xlabel="z₀", ylabel="z₁", xticks=(-1, 0, 1), yticks=(-1, 0, 1)
    )
    for axis in (images_axis, plane_axis):
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    raise SystemExit(main())
