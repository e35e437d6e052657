"use strict";
// Two Gaussians, their KL, and where its gradient pushes q.

(() => {
  const root = document.getElementById("play"), svg = document.getElementById("densities"), hill = document.getElementById("hill");
  const density = (m, s) => (x) => Math.exp(Maths.logNormal(x, m, s));
  let axes;

  const sliders = Draw.controls(root, (at) => {
    const { m, s, mu, t } = at, found = Maths.kl(at), reversed = Maths.kl({ m: mu, s: t, mu: m, t: s });
    const q = density(m, s), p = density(mu, t), integrand = (x) => q(x) * (Maths.logNormal(x, m, s) - Maths.logNormal(x, mu, t));
    const top = 1.25 * Math.max(q(m), p(mu), 0.5, Math.min(3 * q(m), 0.85 * Math.max(...Draw.curve(integrand, -6, 6).map(([, v]) => v))));
    axes = Draw.plot(svg, { x: [-6, 6], y: [-0.25 * top, top], xLabel: "z", yLabel: "density", yTicks: Draw.ticks(0, top) });
    axes.area(Draw.curve(integrand, -6, 6), "kl");
    axes.line(Draw.curve(p, -6, 6), "p");
    axes.line(Draw.curve(q, -6, 6), "q");
    axes.text(mu, p(mu), "p", "p", "middle", 0, -7);
    axes.text(m, q(m), "q", "q", "middle", 0, -7);
    const std = Math.exp(s / 2), low = 0.607 * q(m);  // where a Gaussian is one deviation from its mean
    const push = (slope) => Math.max(-2.5, Math.min(2.5, -slope));
    axes.arrow(m, q(m) / 3, m + push(found.m), q(m) / 3, "push");
    for (const side of [-1, 1]) axes.arrow(m + side * std, low, m + side * Math.max(0.02, std + 1.5 * push(found.s) * std), low, "spread");

    const around = Draw.curve((v) => Maths.kl({ ...at, m: v }).value, -5, 5), highest = Math.max(2, Math.min(20, 1.3 * found.value + 1));
    const second = Draw.plot(hill, { x: [-5, 5], y: [0, highest], xLabel: "m, all else as it is", yLabel: "KL in nats", height: 230 });
    second.line(around, "kl");
    const slope = (v) => found.value + found.m * (v - m);
    second.line([[m - 1.2, slope(m - 1.2)], [m + 1.2, slope(m + 1.2)]], "tangent");
    second.dot(m, found.value, "q");

    const difference = (name) => Maths.difference((v) => Maths.kl(v).value, at, name);
    const numbers = { kl: found.value, reversed: reversed.value };
    for (const name of ["m", "s", "mu", "t"]) {
      numbers[`d${name}`] = found[name];
      numbers[`f${name}`] = difference(name);
      numbers[`e${name}`] = Math.abs(found[name] - difference(name)).toExponential(1).replace("-", "−");
    }
    Draw.tell(document, numbers);
  });

  document.getElementById("step").addEventListener("click", () => {
    const at = sliders.values(), { m, s } = Maths.kl(at);
    sliders.set({ m: at.m - 0.3 * m, s: at.s - 0.3 * s });
  });
  document.getElementById("standard").addEventListener("click", () => sliders.set({ mu: 0, t: 0 }));
  Draw.drag(svg, () => axes, (x) => sliders.set({ m: Math.max(-4, Math.min(4, x)) }));
})();
