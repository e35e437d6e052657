"""Results: every model with a paper's name, what the paper promises of it, and how that is measured."""

from html import escape

from scratchvae.recipes import NAMED_MODELS
from scratchvae.site.atlas import Atlas
from scratchvae.site.widgets import link

MEASURED = (("runs.results", "trains and compares"), ("recipes.NAMED_MODELS", "the table"))
REPEATED = {  # these demos repeat what was published, beside the published number or the exact one
    "16_missing": "imputation by importance weights, as it was published for MIWAE",
    "24_estimators": "bias and variance of gradient estimators, and how signal to noise goes with the number "
    "of draws",
    "21_sphere": "codes on a sphere, and slopes of an expectation by two ways of drawing",
    "12_helmholtz_machine": "wake-sleep and its reweighted kind, against enumeration",
    "20_flows": "four laws of the plane, fitted by planar steps",
    "05_compression": "an autoencoder's rate against Shannon's limit",
}


def table(atlas: Atlas) -> str:
    """Make the table of names with their papers, their settings, and what is claimed of them."""
    rows = "".join(
        f'<tr id="{name}"><td><code>{name.replace("_", "-")}</code></td><td>{escape(named.paper)}</td>'
        f"<td>{escape(named.says)}</td>"
        f"<td>{'<br>'.join(f'<code>{escape(claim)}</code>' for claim in named.claims)}</td></tr>"
        for name, named in NAMED_MODELS.items()
    )
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("name", "paper", "what it is", "what it promises")
    )
    proofs = "".join(f"<li>{link(atlas, name)} {words}</li>" for name, words in MEASURED)
    repeated = "".join(f"<li>{link(atlas, f'demos/{name}')} {words}</li>" for name, words in REPEATED.items())
    return f"""<p><code>scratchvae results</code> trains every name alike, with several seeds, and says of
each promise whether it was
kept. <code>scratchvae train --model NAME</code> trains one.</p>
<div class="scroll"><table class="names"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>
<ul>{proofs}</ul><h2>Published experiments, repeated</h2><ul>{repeated}</ul>"""
