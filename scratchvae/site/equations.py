"""The grammar of equations in Unicode, and their translation to TeX.

An equation is any text that this grammar accepts. Docstrings hold equations on lines of their own and in
their sentences, and the comment at the end of each gradient line is one. The grammar has

    numbers      3, 0.5, 1e-6, ½, ∞, …
    letters      one Latin or Greek letter, with hats, tildes, primes
    names        mean, log_var, dlog_px: words that the code around the equation defines, set upright
    functions    log x, softmax(l), sin² θ, KL(q ‖ p), E[x], N(mean, σ²)
    indices      x_i, w_mk, x_(i−1), λ_{Z+1}, x₁, (A B)_ij: letters or a word; what is longer is in braces
    powers       x², aⁿ⁻¹, Lᵀ, e^−s, x^(a − 1)
    sums         Σ_i x_i, Π_k, ∫ p(x) dx, Σ_{j ≤ Z} λ_j, with their index at the foot
    brackets     ( ), [ ], { }, |x|, ‖x‖, ⌊x⌋, ⟨x⟩, which is a mean; p(x|z) and [a | b] with a bar in between
    products     a b, a · b, A ∘ B, a/b
    signs        `+ − ±`, and relations `= < > ≤ ≥ ≠ ≈ ∈ ~ ∝ ← →`

A product that is written without a sign has a space between names. A quotient takes the factor on either side
of its stroke, so that a/b c is (a/b) c. On a line of its own a quotient of two factors becomes a fraction; a
denominator that goes on without a space, as in 1/2h, keeps its stroke.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scratchvae.site.letters import NotAnEquation
from scratchvae.site.reader import Reader
from scratchvae.site.tokens import Token, tokens_of


def translate(text: str, names: Collection[str] = (), *, fractions: bool = True) -> str:
    """Return the TeX of an equation, in which `names` are the words that count as names.

    Any other text raises NotAnEquation.
    """
    return translate_tokens(tokens_of(text), names, fractions=fractions)


def translate_tokens(tokens: Sequence[Token], names: Collection[str] = (), *, fractions: bool = True) -> str:
    """Return the TeX of an equation that is cut into tokens already."""
    reader = Reader(tokens, names, fractions=fractions, within=translate_loosely)
    tex = reader.expression("")
    if reader.token is not None:
        raise NotAnEquation(f"{reader.token.text!r} closes nothing")
    return tex


def translate_loosely(text: str) -> str:
    """Translate an index in braces, which is an expression or words."""
    try:
        return translate(text.strip(), fractions=False)
    except NotAnEquation:
        parts = [part.strip() for part in text.split(",")]
        return ", ".join(_try(part) for part in parts)


def _try(text: str) -> str:
    try:
        return translate(text, fractions=False)
    except NotAnEquation:
        return rf"\text{{{text}}}"
