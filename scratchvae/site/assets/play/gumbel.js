"use strict";
// Relaxed choices among three: draws on the triangle, and what the relaxation does to an expectation and to its gradient.

(() => {
  const { noise, worth } = Draw.data();
  const root = document.getElementById("play"), svg = document.getElementById("triangle"), shares = document.getElementById("shares");
  const corners = [[0, 0], [1, 0], [0.5, Math.sqrt(0.75)]];
  const place = (y) => [0, 1].map((c) => y.reduce((sum, v, k) => sum + v * corners[k][c], 0));

  Draw.controls(root, ({ l0, l1, l2, temperature: power }) => {
    const temperature = 10 ** power, logits = [l0, l1, l2], p = Maths.softmax(logits);
    const draws = noise.map((e) => Maths.relaxed(logits, e, temperature));
    const axes = Draw.plot(svg, { x: [-0.15, 1.15], y: [-0.1, 0.97], width: 520, height: 430, margin: [4, 4, 4, 4], xTicks: [], yTicks: [] });
    for (const line of svg.querySelectorAll(".axis")) line.remove();
    axes.line([...corners, corners[0]], "off");
    for (const y of draws) axes.dot(...place(y), `class${y.indexOf(Math.max(...y))}`, 3);
    corners.forEach(([a, b], k) => axes.text(a, b, `choice ${k + 1}`, "", k === 0 ? "end" : k === 1 ? "start" : "middle", [-6, 6, 0][k], [6, 6, -8][k]));
    const counts = [0, 1, 2].map((k) => draws.filter((y) => y.indexOf(Math.max(...y)) === k).length / draws.length);
    const second = Draw.plot(shares, { x: [0.4, 3.6], y: [0, 1], xLabel: "choice", yLabel: "share", height: 220, xTicks: [1, 2, 3] });
    counts.forEach((v, k) => { second.bar(k + 0.82, 0.3, p[k], "p"); second.bar(k + 1.18, 0.3, v, "q"); });
    // f(x) = (Σ_k worth_k x_k)², whose mean over exact choices is Σ_k p_k worth_k²
    const exact = p.reduce((sum, v, k) => sum + v * worth[k] ** 2, 0);
    const slope = p[0] * (worth[0] ** 2 - exact);  // ∂/∂l_1 of it: p_1 (f_1 − Σ p f)
    const f = draws.map((y) => y.reduce((sum, v, k) => sum + v * worth[k], 0) ** 2);
    const df = draws.map((y) => { const mean = y.reduce((sum, v, k) => sum + v * worth[k], 0); return (2 * mean * y[0] * (worth[0] - mean)) / temperature; });
    const mean = (a) => a.reduce((sum, v) => sum + v, 0) / a.length;
    const deviation = (a) => { const m = mean(a); return Math.sqrt(mean(a.map((v) => (v - m) ** 2))); };
    Draw.tell(document, { temperature, exact, relaxed: mean(f), slope, found: mean(df), noise: deviation(df),
      largest: mean(draws.map((y) => Math.max(...y))) });
  });
})();
