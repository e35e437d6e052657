"""The pytest plugin: the fixture `vae_reference` and the marker `vae`.

The fixture compares your VAE with this library's, and the marker says what the step was meant to be. pytest
loads this file wherever the package is installed, so it imports the reference only when the fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scratchvae.reference import Report

SHOWN = "vae_reference"


class VaeReference:
    """The checks that a test may call.

    Each of them fails with the report's table if something departs, or if nothing could be checked.
    """

    def __init__(self, meant: Mapping[str, Any]) -> None:
        self.meant = dict(meant)

    def diagnose(self, arrays: Mapping[str, Any], **settings: Any) -> Report:
        """Return the report on the arrays of one step, by the names of `scratchvae.reference.diagnose`."""
        from scratchvae.reference import diagnose

        return diagnose(arrays, **{**self.meant, **settings})

    def assert_matches(self, arrays: Mapping[str, Any], **settings: Any) -> None:
        """Fail unless the arrays of one step agree with the reference."""
        __tracebackhide__ = True
        self.require(self.diagnose(arrays, **settings))

    def assert_step(self, model: Any, x: Any, step: Callable[[Any, Any], Any], **settings: Any) -> None:
        """Fail unless the step of a PyTorch module, `step(model, x) -> loss`, agrees with the reference.

        `check_torch` makes the comparison.
        """
        from scratchvae.reference import check_torch

        __tracebackhide__ = True
        self.require(check_torch(model, x, step, **{**self.meant, **settings}))

    def assert_training(
        self, model: Any, optimizer: Any, train_step: Callable[..., Any], batches: Any, **settings: Any
    ) -> None:
        """Fail unless the loop around a PyTorch step does what it should, as `check_training` sees it."""
        from scratchvae.reference import check_training

        __tracebackhide__ = True
        self.require(check_training(model, optimizer, train_step, batches, **settings))

    @staticmethod
    def require(report: Report) -> None:
        """Fail unless the report matches, and show the report alone."""
        __tracebackhide__ = True
        if not report.matches:
            pytest.fail(f"{SHOWN}\n{report}", pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known to pytest."""
    config.addinivalue_line(
        "markers",
        "vae(likelihood=…, beta=…, reduction=…, …): what the step was meant to be,"
        " in the settings of scratchvae.reference.diagnose",
    )


@pytest.fixture
def vae_reference(request: pytest.FixtureRequest) -> VaeReference:
    """Compare the step of a VAE with scratchvae's reference.

    `@pytest.mark.vae(beta=4.0)` says what the step was meant to be. Of several marks the nearest decides, and
    a setting that is given to a method decides before any mark.
    """
    meant: dict[str, Any] = {}
    for mark in request.node.iter_markers("vae"):
        meant = {**mark.kwargs, **meant}
    return VaeReference(meant)
