"use strict";
// Sliders, plots and pictures for the pages of Play. Colours come from the style sheet, so that they follow light and dark.

const Draw = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  /** The numbers that the page's builder computed. */
  const data = () => JSON.parse(document.getElementById("data").textContent);

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const fixed = (value, digits = 3) =>
    Number.isFinite(value) ? value.toFixed(digits).replace("-", "−").replace(/^−(0(\.0*)?)$/, "$1") : value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";

  /** Call draw({name: value}) now, and whenever a slider or a choice below root changes. */
  function controls(root, draw) {
    const inputs = [...root.querySelectorAll("input, select")];
    const values = () => {
      const found = {};
      for (const input of inputs) {
        if (input.type === "range") found[input.name] = Number(input.value);
        else if (input.type === "checkbox") found[input.name] = input.checked;
        else if (input.type !== "radio" || input.checked) found[input.name] = input.value;
      }
      return found;
    };
    const show = () => {
      for (const input of inputs) {
        if (input.type !== "range") continue;
        const words = input.dataset.words ? input.dataset.words.split("|")[Number(input.value)] : fixed(Number(input.value), Number(input.dataset.digits ?? 2));
        const output = root.querySelector(`output[for="${input.id}"]`);
        if (output) output.textContent = words;
        input.setAttribute("aria-valuetext", words);
      }
      draw(values());
    };
    for (const input of inputs) input.addEventListener("input", show);
    for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", show); // paper is light
    addEventListener("resize", show);
    new MutationObserver(show).observe(document.documentElement, { attributes: true, attributeFilter: ["class", "data-theme"] });
    show();
    return {
      values,
      set(changed) {
        for (const input of inputs) if (input.name in changed && input.type === "range") input.value = changed[input.name];
        show();
      },
    };
  }

  /** Say in the page what a plot shows: elements with data-value="name" get the numbers of that name. */
  function tell(root, numbers) {
    for (const [name, value] of Object.entries(numbers)) {
      for (const place of root.querySelectorAll(`[data-value="${name}"]`)) {
        place.textContent = typeof value === "number" ? fixed(value, Number(place.dataset.digits ?? 3)) : value;
      }
    }
  }

  /** Grey levels from 0 to 1 as a picture, dark ink on light paper or the other way round, as the page has it. */
  function picture(canvas, grey, side) {
    const small = document.createElement("canvas");
    small.width = small.height = side;
    paint(small.getContext("2d"), grey, side, 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
  }

  function paint(context, grey, side, left, top) {
    const image = context.createImageData(side, side);
    const [paper, ink] = ["--picture-paper", "--picture-ink"].map((name) => colour(name).split(",").map(Number));
    for (let i = 0; i < side * side; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + grey[i] * (ink[c] - paper[c]);
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, left, top);
  }

  /** Several pictures side by side in one canvas, whose size becomes theirs. */
  function strip(canvas, pictures, side, columns = pictures.length) {
    canvas.width = columns * side;
    canvas.height = Math.ceil(pictures.length / columns) * side;
    const context = canvas.getContext("2d");
    pictures.forEach((grey, k) => paint(context, grey, side, (k % columns) * side, Math.floor(k / columns) * side));
  }

  function element(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  /** About five round numbers between low and high. */
  function ticks(low, high, wanted = 5) {
    const raw = (high - low) / wanted, ten = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].find((each) => each * ten >= raw) * ten;
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step) found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
    return found;
  }

  /** Axes in an <svg>, and what draws between them. Everything that was there goes. */
  function plot(svg, { x, y, xLabel = "", yLabel = "", width = Math.max(340, Math.min(840, svg.clientWidth || 640)), height = 340, margin = [14, 16, 44, 56], xTicks, yTicks, xWords, yWords }) {
    const [top, right, bottom, left] = margin;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const child of [...svg.children]) if (child.tagName !== "title") child.remove();
    const sx = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (width - left - right);
    const sy = (v) => height - bottom - ((v - y[0]) / (y[1] - y[0])) * (height - top - bottom);
    const short = (v) => String(Number(v.toPrecision(6))).replace("-", "−");
    for (const at of xTicks ?? ticks(x[0], x[1])) {
      element(svg, "line", { x1: sx(at), x2: sx(at), y1: sy(y[0]), y2: sy(y[0]) + 5, class: "axis" });
      element(svg, "text", { x: sx(at), y: sy(y[0]) + 19, class: "tick", "text-anchor": "middle" }, xWords ? xWords(at) : short(at));
    }
    for (const at of yTicks ?? ticks(y[0], y[1])) {
      element(svg, "line", { x1: left, x2: width - right, y1: sy(at), y2: sy(at), class: "grid" });
      element(svg, "text", { x: left - 8, y: sy(at) + 4, class: "tick", "text-anchor": "end" }, yWords ? yWords(at) : short(at));
    }
    element(svg, "line", { x1: left, x2: width - right, y1: sy(y[0]), y2: sy(y[0]), class: "axis" });
    element(svg, "text", { x: (left + width - right) / 2, y: height - 6, class: "label", "text-anchor": "middle" }, xLabel);
    element(svg, "text", { x: -(top + height - bottom) / 2, y: 14, class: "label", "text-anchor": "middle", transform: "rotate(-90)" }, yLabel);
    const inside = element(svg, "svg", { x: left, y: top, width: width - left - right, height: height - top - bottom, overflow: "hidden",
      viewBox: `${left} ${top} ${width - left - right} ${height - top - bottom}` });
    const path = (points) => points.filter(([, v]) => Number.isFinite(v)).map(([a, b], k) => `${k ? "L" : "M"}${sx(a).toFixed(2)} ${sy(b).toFixed(2)}`).join("");
    return {
      sx, sy,
      line: (points, kind) => element(inside, "path", { d: path(points), class: `line ${kind}` }),
      area(points, kind, base = 0) {
        const [first, last] = [points[0][0], points[points.length - 1][0]];
        element(inside, "path", { d: `${path(points)}L${sx(last)} ${sy(base)}L${sx(first)} ${sy(base)}Z`, class: `area ${kind}` });
      },
      dot: (a, b, kind, radius = 5) => element(inside, "circle", { cx: sx(a), cy: sy(b), r: radius, class: `dot ${kind}` }),
      bar(a, wide, b, kind, base = 0) {
        const [from, to] = [sy(base), sy(b)];
        element(inside, "rect", { x: sx(a - wide / 2), width: sx(wide) - sx(0), y: Math.min(from, to), height: Math.abs(from - to), class: `area ${kind}` });
      },
      text: (a, b, words, kind = "", anchor = "start", dx = 0, dy = 0) =>
        element(svg, "text", { x: sx(a) + dx, y: sy(b) + dy, class: `words ${kind}`, "text-anchor": anchor }, words),
      arrow(a0, b0, a1, b1, kind) {
        const [x0, y0, x1, y1] = [sx(a0), sy(b0), sx(a1), sy(b1)];
        const long = Math.hypot(x1 - x0, y1 - y0);
        if (long < 1.5) return element(inside, "circle", { cx: x0, cy: y0, r: 2.5, class: `dot ${kind}` });
        const [ux, uy] = [(x1 - x0) / long, (y1 - y0) / long], head = Math.min(9, long);
        element(inside, "line", { x1: x0, y1: y0, x2: x1 - ux * head * 0.8, y2: y1 - uy * head * 0.8, class: `shaft ${kind}` });
        const corners = [[x1, y1], [x1 - ux * head - uy * head * 0.5, y1 - uy * head + ux * head * 0.5], [x1 - ux * head + uy * head * 0.5, y1 - uy * head - ux * head * 0.5]];
        return element(inside, "polygon", { points: corners.map((c) => c.map((v) => v.toFixed(2)).join(",")).join(" "), class: `head ${kind}` });
      },
    };
  }

  /** So many points of f between low and high, as [x, f(x)]. */
  const curve = (f, low, high, n = 241) => Array.from({ length: n }, (_, k) => low + (k / (n - 1)) * (high - low)).map((x) => [x, f(x)]);

  /** Drag or press on a plot: move(x, y) is told where, in its units. */
  function drag(svg, axes, move) {
    let held = false;
    const at = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const unit = (scale, value) => (value - scale(0)) / (scale(1) - scale(0));
      const { sx, sy } = axes();
      move(unit(sx, point.x), unit(sy, point.y));
    };
    svg.addEventListener("pointerdown", (event) => { held = true; svg.setPointerCapture(event.pointerId); at(event); });
    svg.addEventListener("pointermove", (event) => { if (held) at(event); });
    svg.addEventListener("pointerup", () => { held = false; });
  }

  return { data, colour, fixed, controls, tell, picture, strip, paint, plot, curve, drag, ticks };
})();
