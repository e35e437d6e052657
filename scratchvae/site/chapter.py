"""A chapter of the course: a demo with a title, statements with their proofs, and pictures.

Titles and captions are in Italian too. A statement is proved by functions, which compute both of its sides,
and by tests, which compare them. "claims" stands for the function of tests/test_demos.py that reads the
numbers of the demo's own output.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Statement:
    """A true sentence, the functions below `scratchvae` that are its proof, and the tests that check it."""

    words: str
    functions: tuple[str, ...]
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """A demo as a chapter.

    `claims` is its function in tests/test_demos.py, and `captions` are those of its pictures, in English and
    Italian.
    """

    demo: str
    part: str
    title: str
    italian: str
    claims: str
    statements: tuple[Statement, ...]
    captions: dict[str, tuple[str, str]] = field(default_factory=dict)


def says(words: str, *proofs: str) -> Statement:
    """Make a statement; those of the proofs that begin with "test_" are tests."""
    tests = tuple(name for name in proofs if name.startswith("test_"))
    return Statement(words, tuple(name for name in proofs if name not in tests), tests)


PARTS = {
    "First steps": "Primi passi",
    "Autoencoders": "Autoencoder",
    "The variational autoencoder": "L'autoencoder variazionale",
    "The mathematics": "La matematica",
    "Its relatives": "I suoi parenti",
    "The family": "La famiglia",
}
