"""Results: every model with a paper's name, what the paper promises of it, and what was measured."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from scratchvae.recipes import NAMED_MODELS
from scratchvae.runs import readable
from scratchvae.site.atlas import Atlas
from scratchvae.site.prose import with_equations
from scratchvae.site.widgets import link

COMMAND = "scratchvae results --data fashion-mnist --epochs 20"  # its results.json is kept beside this file
RESULTS = Path(__file__).parent / "results.json"
COLUMNS = {  # of the table of what was measured: the name in the rows, and the heading
    "loss": "own loss",
    "bound": "bound",
    "log_likelihood": "log p(x)",
    "active_units": "active units",
    "seconds": "seconds",
}
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
    """Make the tables of names: their papers and promises, and what was measured of each."""
    rows = "".join(
        f'<tr id="{name}"><td><code>{name.replace("_", "-")}</code></td><td>{escape(named.paper)}</td>'
        f"<td>{with_equations(escape(named.says))}</td>"
        f"<td>{'<br>'.join(f'<code>{escape(claim)}</code>' for claim in named.claims)}</td></tr>"
        for name, named in NAMED_MODELS.items()
    )
    proofs = "".join(f"<li>{link(atlas, name)} {words}</li>" for name, words in MEASURED)
    repeated = "".join(f"<li>{link(atlas, f'demos/{name}')} {words}</li>" for name, words in REPEATED.items())
    return f"""<p><code>scratchvae results</code> trains every name alike, with several seeds, and says of
each promise whether it was
kept. <code>scratchvae train --model NAME</code> trains one.</p>
{_framed(("name", "paper", "what it is", "what it promises"), rows, "names")}
<ul>{proofs}</ul>{measured(json.loads(RESULTS.read_text(encoding="utf-8")))}
<h2>Published experiments, repeated</h2><ul>{repeated}</ul>"""


def measured(rows: Sequence[dict[str, Any]]) -> str:
    """Make the table of what `scratchvae results` measured; `rows` are those of its results.json."""
    seeds = max(len(values) for row in rows for values in row["values"].values())
    lines = ""
    for row, cells in zip(rows, readable(rows), strict=True):
        said = "<br>".join(f"<code>{escape(claim)}</code> {kept}" for claim, kept in row["claims"].items())
        if row["values"].get("seconds"):
            cells["seconds"] = f"{min(row['values']['seconds']):.3g}"
        numbers = "".join(
            f'<td class="number">{(cells[measure] or "").replace("-", "−")}</td>' for measure in COLUMNS
        )
        name = f"<code>{row['model'].replace('_', '-')}</code>"
        lines += f"<tr><td>{name}</td><td>{row['verdict']}</td><td>{said}</td>{numbers}</tr>"
    counted = [sum(row["verdict"] == verdict for row in rows) for verdict in ("yes", "partial", "no")]
    return f"""<h2>What was measured</h2><p><code>{COMMAND} --seeds {seeds}</code> trained each name,
all with the networks 784, 200, 10 and back (topic models were trained on texts). A cell is the mean over the
seeds ± their standard deviation. A promise has “yes” where it holds for every run against every run of the
other name, “partial” where it holds for the means only, and “no” otherwise. {counted[0]} names kept all that
they promise, {counted[1]} kept a part, {counted[2]} kept nothing. The bound is in nats, of all examples
that were held out, and log p(x) of the first 500 of them, with 100 weighted draws of each. The seconds are
those of the fastest epoch of all seeds, on one core beside other work.</p>
{_framed(("name", "verdict", "promises", *COLUMNS.values()), lines)}"""


def _framed(heads: Sequence[str], rows: str, kind: str = "measured") -> str:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    table = f'<table class="{kind}"><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="scroll">{table}</div>'
