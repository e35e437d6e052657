"""A reader turns the tokens of an equation into TeX, by the grammar of `equations`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from scratchvae.site import tokens as marks
from scratchvae.site.letters import NotAnEquation, Within, bare, index, is_upright, large, letter, named
from scratchvae.site.tokens import Token

SPECIAL = {"E": r"\mathbb{E}", "N": r"\mathcal{N}", "U": r"\mathcal{U}"}  # these stand before a bracket
_CALLED = {tex.lstrip("\\") + " " for tex in marks.FUNCTIONS.values()}  # each ends in a space already


class Reader:
    """A reader takes tokens from left to right, one factor after another.

    `within` translates what stands in braces, at the foot or the head of a letter.
    """

    def __init__(
        self, tokens: Sequence[Token], names: Collection[str], *, fractions: bool, within: Within
    ) -> None:
        self.tokens, self.names, self.fractions, self.within, self.at = tokens, names, fractions, within, 0

    @property
    def token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def expression(self, closer: str) -> str:
        """Read factors, signs and relations up to `closer`, or to the end where it is empty.

        The closer itself is left for the caller.
        """
        parts: list[str] = []
        # "factor", "open" for what waits for an operand, "derivative" for the beginning of d…/d…
        kinds: list[str] = []
        while (t := self.token) is not None:
            waits = not kinds or kinds[-1] == "open"
            if t.text == closer or (t.kind == "close"):
                break
            if t.kind == "bar" and not self._opens(t, waits):
                if closer == t.text and not (t.before and t.after):
                    break
                self._require(not waits, t)
                parts.append(r" \mid " if t.text == "|" else r" \,\|\, ")
                kinds.append("open")
            elif t.kind in ("relation", "sign", "product", "comma"):
                self._require(not waits or t.kind == "sign" or (t.kind == "relation" and not kinds), t)
                self._require(t.kind != "comma" or bool(closer), t)
                signs = {":": ":", **marks.RELATIONS, **marks.SIGNS, **marks.PRODUCTS}
                mark = signs.get(t.text, rf"{t.text}\, ")
                parts.append(f" {mark} ")
                kinds.append("open")
            elif t.kind == "slash":
                self._require(not waits, t)
                self.at += 1
                self._divide(parts, kinds)
                continue
            else:
                word = (
                    (
                        t.kind == "word"
                        or t.text == "∂"
                        or (t.kind == "greek" and is_upright("".join(parts[-1:])))
                    )
                    and bool(kinds)
                    and kinds[-1] != "open"
                    and parts[-1].lstrip("\\,") not in _CALLED
                    and not parts[-1].startswith("\\mathrm{d}")
                    and parts[-1].strip("\\, ") != "partial"
                )
                parts.append((r"\," if word and t.before else "") + self.factor())
                kinds.append("derivative" if t.text == "∂" or re.fullmatch(r"d|d\w.*", t.text) else "factor")
                continue
            self.at += 1
        self._require(bool(kinds) and kinds[-1] != "open", self.token)
        return "".join(parts)

    def _divide(self, parts: list[str], kinds: list[str]) -> None:
        """Replace the last factor, or the derivative that begins before it, by its quotient.

        The denominator is the next factor.
        """
        t, stroke = self.token, self.tokens[self.at - 1]
        if t is None:
            raise NotAnEquation("nothing stands below the stroke")
        slope = re.fullmatch(r"∂|d|d[A-Za-z]|dlog(_\w+)?", t.text) is not None
        start = len(parts) - 1
        if slope:
            while start > 0 and kinds[start] == "factor":
                start -= 1
            start = start if kinds[start] == "derivative" else len(parts) - 1
        above = "".join(parts[start:])
        below = self.factor()
        if t.text.startswith("d") and parts[start] == "d":
            above = r"\mathrm{d}" + above[1:].removeprefix(r"\,")
        if t.text == "d":
            below = r"\mathrm{d}"
        if (
            slope
            and self.token is not None
            and t.text in ("∂", "d", "dlog")
            and self.token.kind in ("word", "greek", "number", "bar")
        ):
            below += self.factor()
            if re.search(r"(log|exp)\}? ?$", below) and self.token is not None:
                below += " " + self.factor()
        follows = self.token
        simple = (
            follows is None
            or follows.before
            or follows.kind not in ("word", "greek", "number", "open", "share", "root")
        )
        # in a b / c the stroke may divide both factors
        of_all = stroke.before and start > 0 and kinds[start - 1] == "factor"
        if self.fractions and simple and not of_all and r"\frac" not in above + below:
            space = r"\," * above.startswith(r"\,")
            quotient = rf"{space}\frac{{{bare(above.removeprefix(space))}}}{{{bare(below)}}}"
        else:
            quotient = f"{above}/{below}"
        parts[start:] = [quotient]
        kinds[start:] = ["factor"]

    def factor(self) -> str:
        """Read an atom and what is attached to it: indices, powers, primes, the arguments of a function."""
        t = self.token
        if t is None:
            raise NotAnEquation("something is missing at the end")
        called = t.kind in ("word", "greek")
        tex = self._atom(t)
        while (t := self.token) is not None:
            if called and t.kind == "open" and not t.before:
                self.at += 1
                tex = tex.rstrip() + r"\mathopen{}" + self._bracket(t)
                continue
            if t.kind == "raised":
                tex += "^{" + "".join(marks.RAISED[c] for c in t.text).replace("T", r"\top ") + "}"
            elif t.kind == "lowered":
                tex += "_{" + "".join(marks.LOWERED[c] for c in t.text) + "}"
            elif t.kind == "prime":
                tex += {"′": "'", "″": "''", "‴": "'''", "!": "!"}[t.text]
            elif t.kind == "power":
                self.at += 1
                tex = f"{tex}^{{{self._power()}}}"
                continue
            elif t.kind == "index" and not t.before:
                tex += self._index(t.text[1:])
            else:
                break
            self.at += 1
        return tex

    def _power(self) -> str:
        t = self.token
        sign = ""
        if t is not None and t.kind == "sign":
            sign, self.at = marks.SIGNS[t.text], self.at + 1
        return sign + bare(self._atom(self.token)) if self.token else self._nothing()

    def _nothing(self) -> str:
        raise NotAnEquation("a power is missing at the end")

    def _atom(self, t: Token | None) -> str:
        if t is None:
            self._nothing()
        assert t is not None
        self.at += 1
        if t.kind == "number":
            return re.sub(r"e([-−+]?)(\d+)$", r" \\cdot 10^{\1\2}", t.text.replace(",", "{,}")).replace(
                "−", "-"
            )
        if t.kind == "share":
            return rf"\tfrac{{{marks.SHARES[t.text][0]}}}{{{marks.SHARES[t.text][1]}}}"
        if t.kind == "plain":
            return marks.PLAIN[t.text] + " "
        if t.kind == "greek":
            base, _, rest = t.text.partition("_")
            return letter(base) + (self._index(rest) if rest else " ")
        if t.kind == "large":
            return large(t.text, self.within)
        if t.kind == "word":
            return self._word(t.text)
        if t.kind == "root":
            return rf"{marks.ROOTS[t.text]}{{{bare(self.factor())}}}"
        if t.kind == "open":
            return self._bracket(t)
        if t.kind == "bar":
            inside = self.expression(t.text)
            self._require(self.token is not None and self.token.text == t.text, self.token)
            self.at += 1
            side = "|" if t.text == "|" else r"\|"
            return rf"\left{side}{inside}\right{side}"
        raise NotAnEquation(f"{t.text!r} is no part of an equation")

    def _bracket(self, t: Token) -> str:
        if self.token is not None and self.token.text == marks.OPENERS[t.text]:
            self.at += 1
            return marks.BRACKETS[t.text] + marks.BRACKETS[marks.OPENERS[t.text]]
        inside = self.expression(marks.OPENERS[t.text])
        closer = self.token
        self._require(
            closer is not None
            and (closer.text == marks.OPENERS[t.text] or (t.text + closer.text) in ("[)", "(]")),
            closer,
        )
        assert closer is not None
        self.at += 1
        return rf"\left{marks.BRACKETS[t.text]}{inside}\right{marks.BRACKETS[closer.text]}"

    def _word(self, word: str) -> str:
        following = self.token
        base, _, rest = word.partition("_")
        if (
            base in SPECIAL
            and following is not None
            and not following.before
            and following.kind in ("open", "bar")
            and (base == "E" or self._several())
        ):
            return SPECIAL[base] + (self._index(rest) if rest else "")
        return named(word, self.names, self.within)

    def _several(self) -> bool:
        """Whether the bracket that comes next holds several arguments, as that of a law does."""
        depth = 0
        for token in self.tokens[self.at :]:
            depth += {"open": 1, "close": -1}.get(token.kind, 0)
            if depth == 0 or (depth == 1 and token.kind == "comma"):
                return depth == 1
        return False

    def _opens(self, t: Token, waits: bool) -> bool:
        """Whether a bar opens an absolute value or a norm."""
        previous = self.tokens[self.at - 1].text if self.at else ""
        return not t.after and (waits or t.before or previous in ("E", "Σ", "√", "d"))

    def _require(self, condition: bool, t: Token | None) -> None:
        if not condition:
            raise NotAnEquation(
                f"{t.text!r} stands where it cannot" if t is not None else "something is missing at the end"
            )

    def _index(self, text: str) -> str:
        return index(text, within=self.within)
