"""The errors that the caller of a function can mend."""


class InputError(ValueError):
    """The arguments of a call can't be used.

    The message says what was expected, what was found, where that was, and what helps.
    """

    __module__ = "scratchvae.arrays"  # the room from which it is imported, which a traceback names


class Overflowed(InputError):
    """An array holds a number that is too large for its dtype, so that nothing can be computed from it.

    In training this means that the run diverges.
    """

    __module__ = "scratchvae.arrays"
