// What every page does: sets its equations, switches light and dark, and its tabs.
"use strict";

window.texErrors = []; // what KaTeX could not set, for the tests

function setEquations(within) {
  for (const element of within.querySelectorAll(".tex:not([data-set])")) {
    const source = element.textContent;
    const display = element.tagName === "DIV";
    element.dataset.set = source;
    try {
      katex.render(source, element, { displayMode: display, throwOnError: true, strict: "ignore" });
      const widest = Math.max(0, ...[...element.querySelectorAll(".katex-base")].map((part) => part.offsetWidth));
      if (!display && widest > element.parentElement.clientWidth) element.classList.add("wide");
    } catch (error) {
      window.texErrors.push(source + ": " + error.message);
      element.classList.add("tex-error");
    }
  }
}

// Equations far below are set when they come near, so that a long page opens at once.
function setEquationsInTime() {
  const blocks = [...document.querySelectorAll("[data-later]")];
  if (!blocks.length || !("IntersectionObserver" in window)) return setEquations(document);
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        setEquations(entry.target);
        watcher.unobserve(entry.target);
      }
    }
  }, { rootMargin: "1500px" });
  blocks.forEach((block) => watcher.observe(block));
  for (const element of document.querySelectorAll(".tex")) {
    if (!element.closest("[data-later]")) setEquations(element.parentElement);
  }
}

// What is printed has every equation set, every picture loaded, and nothing folded away.
function preparePrinting() {
  window.addEventListener("beforeprint", () => {
    setEquations(document);
    document.querySelectorAll("main details").forEach((one) => (one.open = true));
    document.querySelectorAll("img[loading=lazy]").forEach((one) => (one.loading = "eager"));
  });
}

// A group of tabs: .tabs > [role=tablist] > [role=tab][aria-controls], and the panels that they control.
function prepareTabs() {
  for (const tabs of document.querySelectorAll(".tabs")) {
    const buttons = [...tabs.querySelectorAll("[role=tab]")];
    const choose = (chosen) => {
      for (const button of buttons) {
        const here = button === chosen;
        button.setAttribute("aria-selected", here);
        button.tabIndex = here ? 0 : -1;
        document.getElementById(button.getAttribute("aria-controls")).hidden = !here;
      }
    };
    buttons.forEach((button, i) => {
      button.addEventListener("click", () => choose(button));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = buttons[(i + step + buttons.length) % buttons.length];
        choose(next);
        next.focus();
      });
    });
    const showTarget = () => {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      const panel = target && target.closest("[role=tabpanel]");
      const button = panel && buttons.find((one) => one.getAttribute("aria-controls") === panel.id);
      if (button && panel.hidden) {
        choose(button);
        target.scrollIntoView();
      }
    };
    window.addEventListener("hashchange", showTarget);
    showTarget();
  }
}

function prepareTheme() {
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch (error) {
      // a browser that keeps nothing for pages from files: the choice lasts as long as the page
    }
    window.dispatchEvent(new Event("themechange")); // for what draws on a canvas
  });
}

function prepareLists() {
  const lists = document.querySelector(".pages details");
  if (lists && matchMedia("(max-width: 60rem)").matches) lists.open = false;
  const current = document.querySelector(".pages [aria-current]");
  if (current && lists.open) {
    const box = document.querySelector(".pages");
    box.scrollTop = Math.max(0, current.offsetTop - box.clientHeight / 2);
  }
}

// A box with wide contents takes the keyboard's arrows.
function prepareBoxes() {
  for (const box of document.querySelectorAll(".scroll, pre")) {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
  }
}

prepareTheme();
prepareTabs();
prepareLists();
setEquationsInTime();
preparePrinting();
prepareBoxes();
document.documentElement.dataset.ready = "true";
