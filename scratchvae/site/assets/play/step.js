"use strict";
// The walked step: heat maps and numbers of every array, at some steps of a short training.

(() => {
  const { snapshots } = Draw.data();
  const root = document.getElementById("play"), losses = document.getElementById("losses");
  const colours = () => ["--picture-paper", "--heat-above", "--heat-below"].map((name) => Draw.colour(name).split(",").map(Number));

  /** Pictures side by side, with a blank between them; or one matrix of cells. */
  function heat(canvas, { q, shape }) {
    const numbers = Maths.unpack(q, Int8Array), [n, rows, columns] = shape, [paper, above, below] = colours();
    const gap = n > 1 ? 1 : 0, wide = n * (columns + gap) - gap;
    canvas.width = wide;
    canvas.height = rows;
    canvas.classList.toggle("matrix", n === 1);
    canvas.style.setProperty("--columns", wide);
    canvas.style.setProperty("--rows", rows);
    const context = canvas.getContext("2d"), image = context.createImageData(wide, rows);
    for (let k = 0; k < n; k++) for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
      const share = numbers[(k * rows + r) * columns + c] / 127, full = share > 0 ? above : below;
      const at = 4 * (r * wide + k * (columns + gap) + c);
      for (let i = 0; i < 3; i++) image.data[at + i] = paper[i] + Math.abs(share) * (full[i] - paper[i]);
      image.data[at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  Draw.controls(root, ({ step }) => {
    const one = snapshots[step];
    for (const section of root.querySelectorAll("[data-stop]")) {
      const found = one.arrays[section.dataset.stop];
      for (const kind of ["value", "gradient"]) {
        const canvas = section.querySelector(`[data-heat="${kind}"]`);
        if (!canvas) continue;
        heat(canvas, found[kind]);
        section.querySelector(`[data-scale="${kind}"]`).textContent = `largest |entry| ${found[kind].largest}`;
      }
      section.querySelector("[data-entries]").textContent = `${section.dataset.stop.startsWith("W") ? "of the first row" : "of example 1"}: ${found.entries.join("   ")} …`;
      const body = section.querySelector("[data-differences]");
      if (body) body.replaceChildren(...found.differences.map((cells) => {
        const row = document.createElement("tr");
        row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
        return row;
      }));
    }
    const place = (k) => Math.log10(1 + snapshots[k].step), ks = snapshots.map((_, k) => k);
    const top = Math.max(...snapshots.map((s) => s.loss));
    const axes = Draw.plot(losses, { x: [-0.06, place(ks.length - 1) + 0.06], y: [0, 1.15 * top], xLabel: "steps taken (logarithmic)", yLabel: "loss, nats", height: 190,
      xTicks: ks.map(place), xWords: (v) => String(Math.round(10 ** v - 1)) });
    axes.line(ks.map((k) => [place(k), snapshots[k].loss]), "q");
    ks.forEach((k) => axes.dot(place(k), snapshots[k].loss, k === step ? "chosen" : "q", k === step ? 7 : 3.5));
    Draw.tell(document, { loss: one.loss, distortion: one.distortion, rate: one.rate, worst: one.worst, entries: one.entries });
  });
})();
