"use strict";
// A pixel's log-probability from its probability, and from its logit, in numbers of 32 bits.

(() => {
  const root = document.getElementById("play"), value = document.getElementById("value"), slope = document.getElementById("slope");

  Draw.controls(root, ({ l, x: choice }) => {
    const x = Number(choice);
    const finite = (f) => (v) => { const found = f(v, x); return Number.isFinite(found) ? found : NaN; };
    const first = Draw.plot(value, { x: [-120, 120], y: [-125, 8], xLabel: "logit l", yLabel: "log p(x), nats" });
    first.line(Draw.curve((v) => Maths.byLogit(v, x), -120, 120, 481), "q");
    first.line(Draw.curve(finite(Maths.byProbability), -120, 120, 961), "kl dashed");
    first.dot(l, Maths.byLogit(l, x), "chosen", 6);
    const second = Draw.plot(slope, { x: [-120, 120], y: [-1.15, 1.15], xLabel: "logit l", yLabel: "gradient" });
    second.line(Draw.curve((v) => Maths.slopeByLogit(v, x), -120, 120, 961), "q");
    second.line(Draw.curve(finite(Maths.slopeByProbability), -120, 120, 961), "kl dashed");
    second.dot(l, Maths.slopeByLogit(l, x), "chosen", 6);
    Draw.tell(document, { byLogit: Maths.byLogit(l, x), byProbability: Maths.byProbability(l, x), slopeByLogit: Maths.slopeByLogit(l, x),
      slopeByProbability: Maths.slopeByProbability(l, x) });
  });
})();
