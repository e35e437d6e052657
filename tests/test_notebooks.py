"""In a notebook: pictures that show themselves, tables in HTML, and bars that move."""

import sys
import types
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest

from scratchvae import VAE, FactorAnalysis, plots
from scratchvae.training import ProgressBar
from scratchvae.training.progress import in_notebook

X = np.random.default_rng(0).normal(size=(40, 3))


def test_a_linear_model_shows_itself_before_it_is_fitted_and_its_arrays_afterwards():
    model = FactorAnalysis(1)
    before = model._repr_html_()
    assert "components_" not in before
    after = model.fit(np.random.default_rng(0).normal(size=(20, 3)))._repr_html_()
    assert "components_" in after


def test_a_picture_shows_itself_as_the_file_that_is_saved(tmp_path):
    figure = plots.curves(VAE(latent_dim=2, hidden=3, epochs=2).fit(X).history)
    plots.save(figure, tmp_path / "curves.png")
    assert figure._repr_png_() == (tmp_path / "curves.png").read_bytes()


class Tags(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (
            VAE(latent_dim=2, hidden=3, likelihood="<b>"),
            ["VAE(latent_dim=2, hidden=3, likelihood='<b>')", "batch_size", "128"],
        ),
        (
            VAE(latent_dim=2, hidden=3, epochs=1).fit(X),
            ["encoder.0", "Linear", "(N, 3)", "12", "49 numbers are learned, and 8 that are remembered"],
        ),
        (FactorAnalysis(1).fit(X), ["components_", "(1, 3)", "9 numbers are learned"]),
    ],
)
def test_a_model_is_shown_as_html(model, shown):
    tags = Tags()
    tags.feed(model._repr_html_())
    assert tags.open == []
    assert all(part in tags.text for part in shown)


def test_a_notebook_is_known_by_its_shell_and_its_bar_does_not_warn(monkeypatch):
    class ZMQInteractiveShell:
        pass

    assert not in_notebook()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = ZMQInteractiveShell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", types.ModuleType("ipykernel.zmqshell"))
    for module in ("tqdm.auto", "tqdm.autonotebook"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bar = ProgressBar()
        VAE(latent_dim=2, hidden=3, epochs=2).fit(X, callbacks=[bar])
    assert bar.moves
    assert bar.bar.n == bar.bar.total == 80
