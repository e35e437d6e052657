"""The study site: every formula beside its line, with the numbers that the line produced, as a folder of
plain pages.

The pages are made of the package's own docstrings, code and cases, and so there is no second text to keep
true. They ask for nothing outside their folder, and open by a double click.
"""

from scratchvae.site.build import build

__all__ = ["build"]
