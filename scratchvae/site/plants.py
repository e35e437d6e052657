"""The table of wrong lines has every name of the catalogue, by what it is a mistake in."""

from collections.abc import Mapping

from scratchvae.site.planted import DRAWS, GAUSSIAN, MASKED, OWN_SIGMA, STEP, Plant, Step

SQUARE = "(x - x_mean)**2"
CROSS = "np.log(1 + np.exp(logits)) - x * logits"
BETA, WEIGHTED = {"beta": 4.0}, "(R.sum() + beta * kl.sum()) / B"
SUM, SUMMED = {"reduction": "sum"}, "R.sum() + kl.sum()"
SIGMA = {  # σ by what a network may give, and the words for it
    "log_var": "np.exp({} / 2)", "log_std": "np.exp({})", "std": "{}", "var": "np.sqrt({})",
    "raw_std": "np.log(1 + np.exp({}))",
}  # fmt: skip
MANY = Step(  # a law is recognized by many numbers
    {name: STEP.inputs[name].replace("B", "40") for name in ("mean", "log_var", "noise")},
    {"z": STEP.lines["z"]},
    {name: name for name in ("mean", "log_var", "noise", "z")}, "z", {},
)  # fmt: skip
DECODERS = ("log_var", "log_std", "std")
HALF = "0.5 * np.log(2 * np.pi)"


def sampled(name: str, wrong: str) -> Plant:
    """Make a plant with a wrong z."""
    return Plant(name, STEP, "z", wrong)


def diverges(name: str, wrong: str) -> Plant:
    """Make a plant with a wrong KL."""
    return Plant(name, STEP, "kl", wrong)


def crossed(name: str, wrong: str, **others: str) -> Plant:
    """Make a plant with a wrong cross-entropy."""
    return Plant(name, STEP, "R", wrong, others=others)


def squared(name: str, wrong: str) -> Plant:
    """Make a plant with a wrong squared error."""
    return Plant(name, GAUSSIAN, "R", wrong)


def own(name: str, wrong: str) -> Plant:
    """Make a plant with a wrong likelihood of a decoder that gives its own σ."""
    return Plant(name, OWN_SIGMA, "R", wrong)


def reduced(name: str, wrong: str, settings: Mapping[str, object] | None = None, right: str = "") -> Plant:
    """Make a plant with a wrong loss."""
    return Plant(name, STEP, "loss", wrong, settings or {}, right)


def bits(name: str, wrong: str, nats: float) -> Plant:
    """Make a plant with wrong free bits."""
    right = f"R.sum() / B + maximum(kl.sum(axis=0) / B, {nats}).sum()"
    return reduced(name, wrong, {"free_bits": nats}, right)


def capacity(name: str, wrong: str) -> Plant:
    """Make a plant with a wrong capacity: the KL should stay at 7.3 nats, by ten times its distance."""
    right = "R.sum() / B + 10 * absolute(kl.sum() / B - 7.3)"
    return reduced(name, wrong, {"beta": 10.0, "capacity": 7.3}, right)


def weighed(name: str, line: str, wrong: str, *, gradients: bool = True) -> Plant:
    """Make a plant with a wrong weight of K draws."""
    return Plant(name, DRAWS, line, wrong, gradients=gradients)


def misread(piece: str, kind: str, reading: str) -> Plant:
    """Make a plant that takes σ for what it is not: in z, in the KL, in log q, or in a likelihood."""
    name = f"{piece}_{kind}_read_as_{reading}"
    if piece == "decoder":
        held = f"x_{kind}"
        right, wrong = (
            f"0.5 * {SQUARE} / {s}**2 + np.log({s}) + {HALF}"
            for s in (SIGMA[k].format(held) for k in (kind, reading))
        )
        step = Step(
            {**OWN_SIGMA.inputs, held: "rng.uniform(0.3, 1.5, (B, D))"}, {**OWN_SIGMA.lines, "R": right},
            {"x": "x", "x_mean": "x_mean", held: held, "reconstruction": "R.sum(axis=1)"}, "loss",
            {"x_mean": "d_x_mean", held: f"d_{held}"}, OWN_SIGMA.settings,
        )  # fmt: skip
        return Plant(name, step, "R", wrong)
    std, taken = SIGMA[kind].format(kind), SIGMA[reading].format(kind)
    if piece == "log_q":
        right = DRAWS.lines["log_q"]
        inputs = {name: line for name, line in DRAWS.inputs.items() if name != "log_var"}
        inputs |= {kind: "rng.uniform(0.3, 1.5, (B, 1, Z))"}
        gives = {k: v for k, v in DRAWS.gives.items() if k != "log_var"} | {kind: f"{kind}[:, 0]"}
        step = Step(inputs, {**DRAWS.lines, "std": std}, gives, DRAWS.of, DRAWS.by)
        return Plant(
            name, step, "log_q", right.replace("std", f"({taken})"), right=right.replace("std", f"({std})")
        )
    right_kl = f"0.5 * (mean**2 + ({std})**2 - 1) - np.log({std})"
    step = Step(
        {"mean": "rng.normal(size=(B, Z))", kind: "rng.uniform(0.3, 1.5, (B, Z))",
         "noise": "rng.normal(size=(B, Z))"},
        {"z": f"mean + {std} * noise", "kl": right_kl},
        {"mean": "mean", kind: kind, "noise": "noise", "z": "z", "kl": "kl.sum(axis=1)"}, "kl", {},
    )  # fmt: skip
    if piece == "sampling":
        return Plant(name, step, "z", f"mean + {taken} * noise")
    return Plant(
        name,
        step,
        "kl",
        right_kl.replace(std, taken)
        if std != "std"
        else f"0.5 * (mean**2 + ({taken})**2 - 1) - np.log({taken})",
    )


GROUPS: dict[str, tuple[Plant, ...]] = {
    "Sampling": (
        sampled("heads_swapped", "log_var + np.exp(mean / 2) * noise"),
        sampled("noise_missing", "mean + 0 * log_var"),
        sampled("noise_shared_across_batch", "mean + np.exp(log_var / 2) * noise[:1]"),
        Plant("noise_shared_across_latents", STEP, "noise", "rng.normal(size=(B, 1)) + np.zeros((B, Z))"),
        Plant("noise_shared_across_draws", DRAWS, "noise",
              "rng.normal(size=(B, 1, Z)) + np.zeros((B, K, Z))"),
        Plant("noise_uniform", STEP, "noise", "rng.random((B, Z))"),
        Plant("noise_redrawn", MANY, "z",
              "mean + np.exp(log_var / 2) * np.random.default_rng(1).normal(size=(40, Z))"),
        Plant("noise_at_evaluation", STEP, "z", STEP.lines["z"], {"evaluation": True}, "mean"),
        sampled("mean_detached", "detach(mean) + np.exp(log_var / 2) * noise"),
        sampled("sigma_detached", "mean + np.exp(detach(log_var) / 2) * noise"),
        sampled("z_detached", "detach(mean + np.exp(log_var / 2) * noise)"),
        Plant("one_array_for_two_roles", STEP, "log_var", "mean.copy()"),
    ),
    "The reconstruction": (
        crossed("sigmoid_twice", "np.log(1 + np.exp(sigmoid(logits))) - x * sigmoid(logits)"),
        crossed("logits_used_as_probabilities",
                "-x * np.log(maximum(-maximum(-logits, -1 + 1e-6), 1e-6)) - (1 - x) * np.log(1 - "
                "maximum(-maximum(-logits, -1 + 1e-6), 1e-6))"),
        crossed("log_clipped", "-x * np.log(sigmoid(logits) + 1e-3) - (1 - x) * np.log(1 - sigmoid(logits) + "
                               "1e-3)", W="3 * rng.normal(size=(Z, D))"),
        crossed("reconstruction_detached",
                "np.log(1 + np.exp(detach(logits))) - x * detach(logits) + 0 * logits"),
        crossed("off_pixels_missing", "x * np.log(1 + np.exp(-logits))"),
        Plant("data_outside_support", STEP, "x", "255 * (rng.random((B, D)) < 0.4)"),
        Plant("padding_counted", MASKED, "R", CROSS),
        squared("squared_error_unscaled", SQUARE),
        squared("squared_error_half", f"0.5 * {SQUARE}"),
        squared("squared_error_mean_over_pixels", f"{SQUARE} / D"),
        squared("gaussian_half_missing", f"{SQUARE} / variance + 0.5 * np.log(2 * np.pi * variance)"),
        squared("constant_without_log", f"0.5 * {SQUARE} / variance + 0.5 * (np.log(variance) + 2 * np.pi)"),
        squared("constant_dropped", f"0.5 * {SQUARE} / variance + 0.5 * np.log(variance)"),
        squared("log_sigma_missing", f"0.5 * {SQUARE} / variance + {HALF}"),
        squared("constant_and_log_sigma_missing", f"0.5 * {SQUARE} / variance"),
        own("decoder_log_var_unhalved", f"0.5 * {SQUARE} / np.exp(x_log_var) + x_log_var + {HALF}"),
        own("decoder_log_var_halved_twice",
            f"0.5 * {SQUARE} / np.exp(x_log_var) + 0.25 * x_log_var + {HALF}"),
        own("decoder_variance_not_squared",
            f"0.5 * {SQUARE} / np.exp(x_log_var / 2) + 0.5 * x_log_var + {HALF}"),
        own("decoder_variance_detached", f"0.5 * {SQUARE} / np.exp(detach(x_log_var)) + 0.5 * "
                                         f"detach(x_log_var) + {HALF}"),
    ),
    "The KL": (
        diverges("kl_half_missing", "mean**2 + np.exp(log_var) - 1 - log_var"),
        diverges("kl_sign", "-0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)"),
        diverges("kl_reversed", "0.5 * ((1 + mean**2) / np.exp(log_var) - 1 + log_var)"),
        diverges("kl_constant_missing", "0.5 * (mean**2 + np.exp(log_var) - log_var)"),
        diverges("kl_constant_sign", "0.5 * (mean**2 + np.exp(log_var) + 1 - log_var)"),
        diverges("kl_mean_not_squared", "0.5 * (mean + np.exp(log_var) - 1 - log_var)"),
        diverges("kl_mean_absolute", "0.5 * (np.sign(detach(mean)) * mean + np.exp(log_var) - 1 - log_var)"),
        diverges("kl_variance_not_squared", "0.5 * (mean**2 + np.exp(log_var / 2) - 1 - log_var)"),
        diverges("kl_log_var_halved", "0.5 * (mean**2 + np.exp(log_var) - 1 - log_var / 2)"),
        diverges("kl_log_var_squared", "0.5 * (mean**2 + log_var**2 - 1 - log_var)"),
        diverges("kl_of_one_latent", f"largest({STEP.lines['kl']})"),
        diverges("kl_heads_swapped", "0.5 * (log_var**2 + np.exp(mean) - 1 - mean)"),
        Plant("kl_times_beta", STEP, "kl", f"beta * {STEP.lines['kl']}", BETA, others={"loss": WEIGHTED}),
        diverges("kl_detached", "0.5 * (detach(mean)**2 + np.exp(detach(log_var)) - 1 - detach(log_var))"),
    ),
    "The loss": (
        reduced("reconstruction_mean_over_pixels", "R.sum() / R.size + kl.sum() / B"),
        reduced("kl_mean_over_latents", "R.sum() / B + kl.sum() / kl.size"),
        reduced("kl_mean_over_batch", "R.sum() / B + kl.sum() / B**2"),
        reduced("kl_mean_over_batch_and_latents", "R.sum() + kl.sum() / kl.size", SUM, SUMMED),
        reduced("kl_summed_over_batch", "R.sum() / B + kl.sum()"),
        reduced("reconstruction_summed_over_batch", "R.sum() + kl.sum() / B"),
        reduced("reconstruction_mean_over_batch", "R.sum() / B + kl.sum()", SUM, SUMMED),
        reduced("reconstruction_mean_and_kl_sum", "R.sum() / R.size + kl.sum()"),
        reduced("reconstruction_sum_and_kl_mean", "R.sum() + kl.sum() / kl.size"),
        reduced("everything_averaged", "R.sum() / R.size + kl.sum() / kl.size"),
        reduced("kl_missing", "R.sum() / B"),
        reduced("kl_divided_by_pixels", "R.sum() / B + kl.sum() / (B * D)"),
        reduced("loss_divided_by_pixels", "(R.sum() + kl.sum()) / (B * D)"),
        reduced("batch_summed", SUMMED),
        reduced("batch_averaged", "(R.sum() + kl.sum()) / B", SUM, SUMMED),
        reduced("reconstruction_sign", "(-R.sum() + kl.sum()) / B"),
        reduced("loss_sign", "-(R.sum() + kl.sum()) / B"),
        reduced("beta_missing", "(R.sum() + kl.sum()) / B", BETA, WEIGHTED),
        reduced("beta_on_reconstruction", "(beta * R.sum() + kl.sum()) / B", BETA, WEIGHTED),
        reduced("beta_squared", "(R.sum() + beta**2 * kl.sum()) / B", BETA, WEIGHTED),
        reduced("beta_on_both", "beta * (R.sum() + kl.sum()) / B", BETA, WEIGHTED),
        bits("free_bits_by_example", "R.sum() / B + maximum(kl, 0.5).sum() / B", 0.5),
        bits("free_bits_over_example", "R.sum() / B + maximum(kl.sum(axis=1), 1.0).sum() / B", 1.0),
        bits("free_bits_over_total", "R.sum() / B + maximum(kl.sum() / B, 1.0)", 1.0),
        bits("free_bits_missing", "(R.sum() + kl.sum()) / B", 4.0),
        capacity("capacity_missing", "R.sum() / B + 10 * kl.sum() / B"),
        capacity("capacity_without_absolute", "R.sum() / B + 10 * (kl.sum() / B - 7.3)"),
    ),
    "Weights of many draws": (
        weighed("log_weight_sign", "log_w", "log_px + log_pz + log_q"),
        weighed("log_q_missing", "log_w", "log_px + log_pz"),
        weighed("log_pz_missing", "log_w", "log_px - log_q"),
        weighed("weights_summed_over_batch", "bound", "log_sum_exp(log_w, axis=0) - np.log(B)"),
        weighed("log_k_missing", "bound", "log_sum_exp(log_w)"),
        weighed("inverse_k_for_log_k", "bound", "log_sum_exp(log_w) + 1 / K"),
        weighed("averaged_inside_log", "bound", "log_w.sum(axis=1) / K"),
        weighed("weights_not_detached", "bound", "(share(log_w) * log_w).sum(axis=1)"),
        weighed("surrogate_for_bound", "bound", "(detach(share(log_w)) * log_w).sum(axis=1)",
                gradients=False),
        weighed("log_pz_mean_over_latents", "log_pz",
                "(-0.5 * z**2 - 0.5 * np.log(2 * np.pi)).sum(axis=2) / Z"),
        weighed("log_q_mean_over_latents", "log_q",
                "(-0.5 * ((z - mean) / std)**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(axis=2) / Z"),
        weighed("constants_of_weights_differ", "log_q",
                "(-0.5 * ((z - mean) / std)**2 - np.log(std)).sum(axis=2)"),
    ),
    "σ taken for what it is not": (
        *(misread(piece, a, b) for piece in ("sampling", "kl",
                                             "log_q") for a in SIGMA for b in SIGMA if a != b),
        *(misread("decoder", a, b) for a in DECODERS for b in SIGMA if a != b),
    ),
}  # fmt: skip
# These mistakes amount to another β for an optimizer that does not mind the loss's scale; β is given for
# B = 128, D = 256 and Z = 8.
LIKE_BETA = {
    "kl_missing": 0.0, "kl_divided_by_pixels": 1 / 256, "kl_mean_over_latents": 1 / 8,
    "kl_mean_over_batch": 1 / 128,
    "reconstruction_summed_over_batch": 1 / 128, "kl_half_missing": 2.0, "kl_summed_over_batch": 128.0,
    "reconstruction_mean_over_pixels": 256.0, "kl_times_beta": 16.0, "beta_squared": 16.0,
    "everything_averaged": 32.0,
}  # fmt: skip
