"""Cells of Python run in the reader's own browser, with the textbook twin, where Pyodide can be loaded.

Every cell was run when the site was built, so that the page shows what comes out even where no cell can be
run.
"""

import io
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from html import escape
from textwrap import dedent

from scratchvae import kernels
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.sources import PACKAGE, module_files
from scratchvae.site.widgets import STYLE, link

SECTION = "Try it"
ADDRESS = "https://cdn.jsdelivr.net/pyodide/v0.27.7/full/"
PACKAGES = (
    "numpy",
    "scipy",
    "pillow",
)  # the package imports these when a model is trained, and Pyodide has them
LEFT_OUT = ("bench", "commands", "plots", "pytest_plugin", "runs", "site")  # rooms that no cell needs


@dataclass(frozen=True)
class Cell:
    """A few lines to run and to change: what they show, what to change, and the functions they are about."""

    name: str
    title: str
    words: str
    code: str
    about: tuple[str, ...] = ()


def cell(name: str, title: str, words: str, code: str, *about: str) -> Cell:
    """Make a cell, whose code is indented as it stands in this file."""
    return Cell(name, title, words, dedent(code).strip("\n"), about)


CELLS = (
    cell(
        "gradient",
        "One gradient, and its finite difference",
        "Change the mean and the log-variance. Then give the pullback a 2 in place of the 1, and both "
        "gradients double.",
        """
        import numpy as np
        from scratchvae.distributions import gaussian

        mean, log_var = np.array([[0.5]]), np.array([[-1.0]])
        kl, pullback = gaussian.kl_to_standard(mean, log_var)
        dmean, dlog_var = pullback(np.ones(1))

        h = 1e-5
        up, _ = gaussian.kl_to_standard(mean, log_var + h)
        down, _ = gaussian.kl_to_standard(mean, log_var - h)
        print(f"KL = {kl[0]:.6f} nats")
        print(f"by the mean        {dmean[0, 0]:.6f}")
        print(f"by the log-variance {dlog_var[0, 0]:.6f}, by differences {(up - down)[0] / (2 * h):.6f}")
        """,
        "distributions.gaussian.kl_to_standard",
    ),
    cell(
        "check",
        "A gradient of your own, checked",
        "The function is x³, and its pullback is right. Write 2 in place of 3 in the pullback, and run the "
        "cell again. The gradient that is furthest off is shown.",
        """
        import numpy as np
        from scratchvae.checks import check_pullback

        def cube(x):
            def pullback(dy):
                return 3 * dy * x**2
            return x**3, pullback

        (found,) = check_pullback(cube, [np.array([0.5, -1.2, 2.0])])
        print("right" if found.ok else "wrong", "by hand", found.analytic, "by differences", found.numeric)
        """,
        "checks.check_pullback",
    ),
    cell(
        "mistake",
        "A mistake, found by its numbers",
        "z should be mean + σ · noise with σ = exp(log_var / 2). Mend the line, and the report says that "
        "nothing departs.",
        """
        import numpy as np
        from scratchvae.reference import diagnose

        rng = np.random.default_rng(0)
        mu, logvar, eps = rng.normal(size=(3, 8, 2))
        z = mu + np.exp(logvar) * eps
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)

        arrays = {"mu": mu, "logvar": logvar, "eps": eps, "z": z, "kl": kl}
        print(diagnose(arrays, likelihood="bernoulli", reduction="mean"))
        """,
        "reference.diagnose",
    ),
    cell(
        "training",
        "A VAE, trained here",
        "Pictures of three bars, of which each may be on. There are eight pictures, so that log p(x) can be "
        "−log 8 = −2.08 nats at "
        "best. Change the number of latents to 1, or give the objective another beta.",
        """
        import numpy as np
        from scratchvae import mlp
        from scratchvae.objectives import Elbo

        rng = np.random.default_rng(0)
        on = rng.integers(0, 2, (1000, 3, 1))
        x = np.repeat(on, 4, axis=2).reshape(1000, 12).astype(np.float32)     # 3 bars of 4 pixels

        model = mlp((12,), latent_dim=2, hidden=32, likelihood="bernoulli", seed=0)
        for epochs in (10, 30, 60):
            model.fit(x, epochs=epochs, batch_size=100, learning_rate=3e-3, objective=Elbo(beta=1))
            print(f"after {epochs} epochs more: log p(x) is at least {model.score(x):.2f} nats")
        print(np.round(model.sample(4, 0)).astype(int))
        """,
        "recipes.mlp",
        "objectives.Elbo",
    ),
    cell(
        "yours",
        "Yours",
        "The whole package is here but for its compiled kernels, its plots and its command line.",
        """
        from scratchvae import distributions
        print(*distributions.__all__, sep=", ")
        """,
        "distributions",
    ),
)  # fmt: skip


def pages(atlas: Atlas) -> Iterator[Page]:
    """Yield the one page of this section."""
    yield page(atlas)


def page(atlas: Atlas) -> Page:
    """Make the page of the cells, what each printed, and the package for the browser beside the page."""
    body = f"""{STYLE}<p class="lead">Cells of Python that run in your browser. Nothing is loaded until you
press the button, and the
rest of this site works without it.</p>
<p>Python for browsers is called Pyodide. It comes from the address below, with NumPy and SciPy some 40 MB, or
from a folder:
put a release of Pyodide beside this page, write the folder's name, and open the page by <code>scratchvae site
--serve</code>, since a
browser that opened a page by a double click reads no files beside it. The package itself comes from this
site's folder.
The cells use the textbook kernels, which are written in NumPy.</p>
<form id="load" class="stage"><label for="address">Pyodide's address or folder</label>
<input id="address" type="text" value="{ADDRESS}" spellcheck="false" autocomplete="off">
<p class="buttons"><button type="submit">Load Python</button></p><p id="state" role="status">Not
loaded.</p></form>
{"".join(_shown(atlas, each) for each in CELLS)}
<noscript><p>Running a cell needs JavaScript. What each prints stands below it.</p></noscript>
"""
    packed = f'globalThis.scratchvaePackage = "{b64encode(archive()).decode()}";\n'.encode()
    return Page(
        "try.html",
        "Try it",
        SECTION,
        body.replace("<form", f'<form data-packages="{" ".join(PACKAGES)}"', 1),
        scripts=("cells.js",),
        files={"try-package.js": packed},
        summary="cells of Python that run in your browser",
    )


def _shown(atlas: Atlas, each: Cell) -> str:
    about = ", ".join(link(atlas, name) for name in each.about)
    rows = each.code.count("\n") + 1
    return f"""<section class="cell" id="{each.name}"><h2>{escape(each.title)}</h2><p>{escape(each.words)}</p>
<label class="quiet" for="code-{each.name}">Python</label>
<textarea id="code-{each.name}" rows="{rows}" spellcheck="false" autocapitalize="off"
wrap="off">{escape(each.code)}</textarea>
<p class="buttons"><button type="button" data-run disabled>Run</button> <button type="button" data-reset>As it
was</button>
<span class="quiet">Control and Enter run it too.</span></p>
<p class="quiet" data-whose>Printed when this site was built:</p>
<pre class="output" data-output tabindex="0" aria-live="polite">{escape(printed(each))}</pre>
<p class="quiet">It uses {about}.</p></section>"""


def printed(each: Cell) -> str:
    """Return what a cell prints, by the textbook twin."""
    out = io.StringIO()
    with kernels.using("textbook"), redirect_stdout(out):
        exec(
            compile(each.code, f"<{each.name}>", "exec"), {"__name__": "__main__"}
        )  # only cells of this file run here
    return out.getvalue().rstrip("\n")


def archive() -> bytes:
    """Return the package as a zip file, without what no cell needs; every build gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archived:
        for name, path in module_files().items():
            parts = name.split(".")
            if len(parts) > 1 and (parts[1] in LEFT_OUT or "compiled" in parts):
                continue
            file = zipfile.ZipInfo(path.relative_to(PACKAGE.parent).as_posix())  # dated 1980
            file.compress_type = zipfile.ZIP_DEFLATED
            archived.writestr(file, path.read_text(encoding="utf-8"))
    return out.getvalue()
