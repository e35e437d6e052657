"""The study site shows every formula beside its line, with the numbers that the line produced.

It is a folder of plain pages. They are made of the package's own docstrings, code and cases, so that there is
no second text to keep true. They load nothing from outside their folder, and open by a double click.
"""

from scratchvae.site.build import build

__all__ = ["build"]
