"""How σ, its square, its logarithm and what is made of them are written by what an encoder puts out."""

from scratchvae.reference.diagnosis.quantities import Given

STD_BY = {
    "log_var": "exp(½ log_var)",
    "log_std": "exp(log_std)",
    "std": "std",
    "var": "√var",
    "raw_std": "softplus(raw_std)",
}
VAR_BY = {
    "log_var": "exp(log_var)",
    "log_std": "exp(2 log_std)",
    "std": "std²",
    "var": "var",
    "raw_std": "softplus(raw_std)²",
}
LOG_VAR_BY = {
    "log_var": "log_var",
    "log_std": "2 log_std",
    "std": "2 log(std)",
    "var": "log(var)",
    "raw_std": "2 log(softplus(raw_std))",
}
Z = "mean + σ · noise"
FORMULA = "½ Σ (mean² + σ² − 1 − log σ²)"
WRITE = f"write {FORMULA}, summed over the latents"


def written(kind: str) -> str:
    """The KL to a standard normal prior by this output of the encoder."""
    return f"½ Σ (mean² + {VAR_BY[kind]} − 1 − {LOG_VAR_BY[kind]})"


def by_their_output(words: str, given: Given) -> str:
    """Advice with the formulas of z and of the KL by the encoder's own output, where the step has one."""
    if given.scale is None:
        return words
    return words.replace(FORMULA, written(given.scale)).replace(Z, f"mean + {STD_BY[given.scale]} · noise")
