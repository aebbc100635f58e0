"use strict";
// A chart: its state, the controls that change it, and the plot and legend drawn from it.
function segments(words, options, chosen, choose) {
  const buttons = options.map(([key, label]) => {
    const button = make("button", { type: "button", "data-key": key, "aria-pressed": String(key === chosen) }, label);
    button.onclick = () => { press(buttons, button); choose(key); };
    return button;
  });
  return make("div", { class: "control" }, words, make("div", { class: "segments", role: "group", "aria-label": words }, ...buttons));
}
function selection(words, options, chosen, choose) {
  const select = make("select", {}, ...options.map(([key, label]) => make("option", { value: key, ...(key === chosen ? { selected: "" } : {}) }, label)));
  select.onchange = () => choose(select.value);
  return make("label", { class: "control" }, words, select);
}
function scaleControl(state, set) {
  return segments("scale", [["linear", "linear"], ["log", "log"]], state.scale, (scale) => set({ scale }));
}

// controls(state, set) gives elements; specOf(state) what `plot` draws, with legend, note and shadesOf(lines)
function chart(id, title, state, controls, specOf) {
  const bar = make("div", { class: "controls" });
  const host = make("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${title}. Arrow keys read the values.` });
  const legend = make("div", { class: "legend", role: "group", "aria-label": "Lines" });
  const note = make("p", { class: "note" });
  const hidden = new Set();
  document.getElementById(id).append(make("h3", {}, title), bar, host, legend, note);

  function entry(line) {
    const button = make("button", { type: "button", "aria-pressed": String(!hidden.has(line.key)), "data-key": line.key }, swatch(line), line.label);
    button.onclick = () => {
      if (!hidden.delete(line.key)) hidden.add(line.key);
      draw();
      $(`[data-key="${CSS.escape(line.key)}"]`, legend)?.focus();
    };
    button.onpointerenter = () => host.raise(hidden.has(line.key) ? null : line.key);
    button.onpointerleave = () => host.raise(null);
    return button;
  }
  function draw() {
    const spec = specOf(state), several = spec.lines.length > 1;
    const drawn = spec.lines.filter((line) => !several || !hidden.has(line.key));
    plot(host, { ...spec, lines: drawn, shades: spec.shadesOf?.(drawn) });
    note.textContent = spec.note;
    const entries = several ? [make("span", { class: "what" }, spec.legend), ...spec.lines.map(entry)] : [];
    if (spec.lines.length > 3) {
      const all = drawn.length === spec.lines.length;
      const button = make("button", { type: "button", class: "plain" }, all ? "hide all" : "show all");
      button.onclick = () => { spec.lines.forEach((line) => (all ? hidden.add(line.key) : hidden.delete(line.key))); draw(); };
      entries.push(button);
    }
    legend.replaceChildren(...entries);
  }
  function set(change) {
    Object.assign(state, change);
    bar.replaceChildren(...controls(state, set).filter(Boolean));
    draw();
  }
  set({});
  let width = host.clientWidth;
  new ResizeObserver(() => { if (host.clientWidth !== width) { width = host.clientWidth; draw(); } }).observe(host);
  dark.addEventListener("change", draw);
}

function swatch(line) {
  const svg = make("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" });
  svg.append(make("line", { x1: 1, x2: 25, y1: 6, y2: 6, stroke: line.colour, "stroke-width": 2.2, "stroke-dasharray": line.dash ?? "" }));
  if (line.marker !== undefined) svg.append(make("path", { d: MARKERS[line.marker], transform: "translate(13 6)", fill: line.colour, stroke: "none" }));
  return svg;
}

// a tooltip: heading, a row for each of the lines nearest to the one that is read, and a last sentence;
// here(line) gives its point at this position, cells(line, point) what follows its name
const MOST_ROWS = 7;
function tooltip(heading, lines, read, here, cells, more) {
  const own = here(read).y, there = lines.filter((line) => here(line));
  const away = (line) => Math.abs(here(line).y - own);
  const nearest = there.length <= MOST_ROWS ? there
    : [...there].sort((a, b) => away(a) - away(b)).slice(0, MOST_ROWS).sort((a, b) => here(b).y - here(a).y);
  const rows = nearest.map((line) => {
    const dot = make("span", { style: `color:${line.colour}`, "aria-hidden": "true" }, "●");
    return make("tr", line === read && lines.length > 1 ? { class: "near" } : {}, ...[dot, ...cells(line, here(line))].map((cell) => make("td", {}, cell)));
  });
  return [make("div", { class: "where" }, heading), make("table", {}, ...rows), make("div", { class: "more" }, more)];
}
