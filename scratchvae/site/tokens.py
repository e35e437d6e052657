"""Tokens are the words and signs with which equations in Unicode are written, each with its TeX."""

from __future__ import annotations

import re
from dataclasses import dataclass

GREEK = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta", "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "ν": r"\nu", "ξ": r"\xi", "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma", "τ": r"\tau", "φ": r"\varphi", "χ": r"\chi", "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma",
    "Δ": r"\Delta", "Θ": r"\Theta", "Λ": r"\Lambda", "Ξ": r"\Xi", "Φ": r"\Phi", "Ψ": r"\Psi", "Ω": r"\Omega",
    "ℓ": r"\ell",
}  # fmt: skip
RAISED = dict(
    zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱᵀᵃᵇᶜᵈᵉᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴸᴷ", "0123456789+-niTabcdeghjklmoprstuvwxyzLK", strict=True)
)
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-aehijklmnoprstuvx", strict=True))
SHARES = {"½": "12", "¼": "14", "¾": "34", "⅓": "13", "⅔": "23", "⅛": "18", "⅙": "16"}
RELATIONS = {
    "=": "=", "≈": r"\approx", "<": "<", ">": ">", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "∈": r"\in",
    "~": r"\sim", "∼": r"\sim",
    "∝": r"\propto", "→": r"\to", "←": r"\leftarrow", "↦": r"\mapsto", "≪": r"\ll", "≫": r"\gg",
    "+=": r"\mathrel{+}=",
    "∉": r"\notin", "⊆": r"\subseteq",
}  # fmt: skip
SIGNS = {"+": "+", "−": "-", "-": "-", "±": r"\pm"}
PRODUCTS = {"·": r"\cdot", "×": r"\times", "∘": r"\circ", "⊙": r"\odot", "*": "*", "⊗": r"\otimes"}
LARGE = {"Σ": r"\sum", "Π": r"\prod", "∏": r"\prod", "∫": r"\int"}
PLAIN = {
    "∞": r"\infty",
    "…": r"\dots",
    "∂": r"\partial",
    "∇": r"\nabla",
    "#": r"\#",
    "∅": r"\emptyset",
    "°": r"^\circ",
    "⊥": r"\bot",
}
ROOTS = {"√": r"\sqrt", "∛": r"\sqrt[3]"}
OPENERS = {"(": ")", "[": "]", "{": "}", "⌊": "⌋", "⌈": "⌉", "⟨": "⟩"}
BRACKETS = {
    "(": "(", ")": ")", "[": "[", "]": "]", "{": r"\{", "}": r"\}", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "⌈": r"\lceil ",
    "⌉": r"\rceil ", "⟨": r"\langle ", "⟩": r"\rangle ",
}  # fmt: skip
FUNCTIONS = {
    "log": r"\log", "exp": r"\exp", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "cot": r"\cot",
    "tanh": r"\tanh",
    "sinh": r"\sinh", "cosh": r"\cosh", "max": r"\max", "min": r"\min", "det": r"\det", "arg": r"\arg",
    "lim": r"\lim",
    **{name: rf"\operatorname{{{name}}}" for name in (
        "sign", "diag", "tr", "erf", "erfc", "softmax", "softplus", "sigmoid", "artanh", "arctan", "log1p",
        "expm1", "elu",
        "Var", "Cov",
        "KL", "ELBO", "ESS", "Bernoulli", "Beta", "Dir", "Gamma", "Laplace", "Poisson", "Gumbel", "vMF",
        "network", "bound", "sg",
        "logit", "digamma", "trace", "vec", "std", "var", "relu", "ReLU",
    )},
}  # fmt: skip
MARKS = {"\u0302": r"\hat", "\u0303": r"\tilde", "\u0304": r"\bar", "\u0307": r"\dot", "\u0305": r"\overline"}
ACCENTED = {
    "û": ("u", r"\hat"), "ŵ": ("w", r"\hat"), "ŷ": ("y", r"\hat"), "ĝ": ("g", r"\hat"), "ẑ": ("z", r"\hat"),
    "ĵ": ("j", r"\hat"),
    "ñ": ("n", r"\tilde"), "ã": ("a", r"\tilde"), "ũ": ("u", r"\tilde"), "ȳ": ("y", r"\bar"),
    "ā": ("a", r"\bar"),
}  # fmt: skip

_LETTER = "A-Za-z" + "".join(ACCENTED)
_G = "".join(GREEK)
_M = "".join(MARKS)
# x_i, x_{i, j}, x_(i−1)
_SUB = rf"_(?:\{{[^{{}}]*\}}|\([{_LETTER}{_G}0-9]+[−+-][{_LETTER}{_G}0-9]+\)|[{_LETTER}{_G}0-9{_M}]+)"
PATTERN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<code>`[^`]*`)
    |(?P<string>"[^"\n]*")
    |(?P<hyphened>[A-Za-z]+(?:-[A-Za-z]+)+)
    |(?P<possessive>[A-Za-zÀ-ÿ]+['’][a-z]+)
    |(?P<arrow>->|=>|--+|\.\.)
    |(?P<number>\d+(?:,\d{{3}})*(?:\.\d+)?(?:e[-−+]?\d+)?)
    |(?P<word>[{_LETTER}][{_LETTER}0-9{_M}]*(?:{_SUB})*_?)
    |(?P<greek>[{_G}][{_M}]*(?:{_SUB})*)
    |(?P<index>{_SUB})
    |(?P<large>[ΣΠ∏∫](?:_(?:\{{[^{{}}]*\}}|\([^()]*\)|[{_LETTER}{_G}0-9∞−]+(?:[<>≠≤≥=][{_LETTER}0-9]+)?))?
        (?:\^[{_LETTER}{_G}0-9∞]+)?)
    |(?P<raised>[{"".join(RAISED)}]+)
    |(?P<lowered>[{"".join(LOWERED)}]+)
    |(?P<relation>\+=|[{"".join(r for r in RELATIONS if len(r) == 1)}])
    |(?P<sign>[+−±-])
    |(?P<product>[{"".join(PRODUCTS)}])
    |(?P<share>[{"".join(SHARES)}])
    |(?P<plain>[{"".join(PLAIN)}])
    |(?P<root>[√∛])
    |(?P<open>[(\[{{⌊⌈⟨])
    |(?P<close>[)\]}}⌋⌉⟩])
    |(?P<bar>[|‖])
    |(?P<slash>/)
    |(?P<power>\^)
    |(?P<prime>[′″‴!])
    |(?P<comma>[,;:])
    |(?P<other>.)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A piece of a text: its kind, itself, where it begins, and whether white space surrounds it.

    `before` and `after` say on which sides white space stands.
    """

    kind: str
    text: str
    at: int
    before: bool
    after: bool

    @property
    def end(self) -> int:
        """The place at which the next token may begin."""
        return self.at + len(self.text)


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text without its white space."""
    found = [m for m in PATTERN.finditer(text) if m.lastgroup != "space"]
    return [
        Token(
            str(m.lastgroup),
            m.group(),
            m.start(),
            m.start() == 0 or text[m.start() - 1].isspace(),
            m.end() == len(text) or text[m.end()].isspace(),
        )
        for m in found
    ]
