// The page "Try it": loads Pyodide when the reader asks for it, and runs cells of Python.
"use strict";

const Cells = (() => {
  const state = document.getElementById("state");
  let python = null;

  const script = (address) =>
    new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = address;
      element.onload = resolve;
      element.onerror = () => reject(new Error(`${address} can not be loaded`));
      document.head.append(element);
    });

  const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

  async function say(words) {
    state.textContent = words;
    await drawn();
  }

  function bytesOf(base64) {
    const text = atob(base64);
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  }

  /** Load Pyodide from an address, the packages, and this site's own package. */
  async function load(address, packages) {
    const base = new URL(address.endsWith("/") ? address : address + "/", location.href).href;
    if (base.startsWith("file:")) {
      throw new Error("a browser reads no files beside a page that was opened by a double click; show the site by scratchvae site --serve");
    }
    await say("Loading Python …");
    await script(base + "pyodide.js");
    python = await loadPyodide({ indexURL: base });
    await say("Loading " + packages.join(", ") + " …");
    await python.loadPackage(packages, { messageCallback: () => {} });
    await say("Unpacking scratchvae …");
    await script(new URL("try-package.js", location.href).href);
    python.unpackArchive(bytesOf(globalThis.scratchvaePackage), "zip", { extractDir: "/scratchvae" });
    python.runPython('import sys; sys.path.insert(0, "/scratchvae")');
    document.querySelectorAll("[data-run]").forEach((button) => (button.disabled = false));
    await say("Python is there. The first cell takes some seconds, since it imports NumPy and SciPy.");
  }

  /** Run the cell and show what it prints, or the end of its error. */
  async function run(cell) {
    if (!python) return say("Python is not loaded: press the button above.");
    const output = cell.querySelector("[data-output]");
    const lines = [];
    python.setStdout({ batched: (line) => lines.push(line) });
    python.setStderr({ batched: (line) => lines.push(line) });
    cell.querySelector("[data-whose]").textContent = "Running …";
    await drawn();
    const began = performance.now();
    try {
      await python.runPythonAsync(cell.querySelector("textarea").value, { globals: python.globals.get("dict")() });
    } catch (error) {
      lines.push(...String(error.message).trim().split("\n").slice(-4));
    }
    output.textContent = lines.join("\n");
    cell.querySelector("[data-whose]").textContent = `Printed here, in ${((performance.now() - began) / 1000).toFixed(1)} s:`;
  }

  document.getElementById("load").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    try {
      await load(document.getElementById("address").value.trim(), event.target.dataset.packages.split(" "));
    } catch (error) {
      button.disabled = false;
      await say(`Python could not be loaded: ${error.message || error}.`);
    }
  });

  for (const cell of document.querySelectorAll(".cell")) {
    const code = cell.querySelector("textarea");
    const before = code.value;
    cell.querySelector("[data-run]").addEventListener("click", () => run(cell));
    cell.querySelector("[data-reset]").addEventListener("click", () => (code.value = before));
    code.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        run(cell);
      }
    });
  }

  return { load, run };
})();
