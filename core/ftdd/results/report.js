"use strict";
// The page's own script: charts, sortable and filtered tables, copy buttons. No library, no network.
// Everything that comes from a recipe reaches the page as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.classList.add("js");

  // ---- elements

  function make(tag, attributes = {}, ...children) {
    const svg = ["svg", "g", "path", "line", "rect", "text", "circle"].includes(tag);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // ---- numbers for a reader

  const error = (value) => (value === null ? "–" : Math.abs(value) >= 10 ? value.toPrecision(4) : value.toFixed(3));
  const percent = (value) => `${(100 * value).toFixed(value > 0 && value < 0.0995 ? 1 : 0)}%`;
  function short(number) {
    for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (number >= limit * 0.9995) return `${Number((number / limit).toPrecision(3))}${unit}`;
    }
    return String(Number(number.toPrecision(4)));
  }
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = (values) => {
    const middle = mean(values);
    return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
  };

  // ---- colours: Okabe and Ito's for a few lines, shades of viridis where there are more or where they have an order

  const NAMED = {
    light: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B27A00", "#3A9AD0"],
    dark: ["#56B4E9", "#E69F00", "#2DC79B", "#E39BC4", "#F0E442", "#F0793A"],
  };
  const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
  function shade(share) {
    // the ends that the paper swallows are left out
    const [low, high] = dark.matches ? [0.22, 1] : [0, 0.86];
    const at = (low + (high - low) * share) * (VIRIDIS.length - 1);
    const i = Math.min(Math.floor(at), VIRIDIS.length - 2);
    return `rgb(${VIRIDIS[i].map((from, k) => Math.round(from + (VIRIDIS[i + 1][k] - from) * (at - i))).join(" ")})`;
  }
  function colour(place, count, ordered) {
    const named = NAMED[dark.matches ? "dark" : "light"];
    return ordered || count > named.length ? shade(count > 1 ? place / (count - 1) : 0.4) : named[place];
  }
  const MARKERS = [
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-3.6-3.6h7.2v7.2h-7.2z", "M0-4.8L4.6 3.4H-4.6z", "M0-5L5 0L0 5L-5 0z",
    "M0 4.8L4.6-3.4H-4.6z", "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
  ];
  const CROSSED = ["", "7 3", "2 3", "9 3 2 3"];
  const DASHES = { selffer: "6 3", random: "2 3", scratch: "8 3 2 3" };

  // ---- axes

  const WARPS = {
    linear: (value) => value,
    log: (value) => Math.log10(value),
    logzero: (value) => (value <= 1 ? 0.35 * value : 0.35 + Math.log10(value)), // epoch 0 has its place: linear up to 1
  };
  const BACK = {
    linear: (value) => value,
    log: (value) => 10 ** value,
    logzero: (value) => (value <= 0.35 ? value / 0.35 : 10 ** (value - 0.35)),
  };

  function ticks(kind, low, high, most, whole) {
    if (kind === "logzero") {
      const found = [0];
      for (let tick = 1; tick <= high; tick *= 10) found.push(...(high > 300 ? [tick] : [tick, 3 * tick]).filter((one) => one <= high));
      return found;
    }
    if (kind === "log") {
      const decades = Math.log10(high / low);
      const steps = decades > 2.5 ? [1] : decades > 1 ? [1, 3] : [1, 2, 3, 5, 7];
      const found = [];
      for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10) {
        found.push(...steps.map((step) => step * decade).filter((tick) => tick >= low * 0.999 && tick <= high * 1.001));
      }
      if (found.length > 1) return found;
    }
    let step = 10 ** Math.floor(Math.log10((high - low || 1) / most));
    for (const factor of [1, 2, 5, 10]) {
      if ((high - low) / (step * factor) <= most) { step *= factor; break; }
    }
    if (whole) step = Math.max(1, Math.round(step));
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(Number((i * step).toPrecision(10)));
    return found;
  }

  function axis(kind, low, high, from, to) {
    const first = WARPS[kind](low), span = WARPS[kind](high) - first || 1;
    return (value) => from + ((WARPS[kind](value) - first) / span) * (to - from);
  }

  function path(points) {
    return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  }

  // ---- one plot: lines with bands and dots, a tooltip for mouse, finger and keyboard

  // spec: x {kind, low, high, words, format, whole, ticks}, y {kind, words}, shades [[low, high]], shaded, and
  // lines [{label, colour, marker, dash, level, width, points [{x, y, low, high, filled, dots}], expected [[x, y]], mark}];
  // tip(line, point) gives what the tooltip holds.
  function plot(host, spec) {
    host.replaceChildren();
    host.tip = make("div", { class: "tip", role: "status" });
    const lines = spec.lines.filter((line) => line.points.length);
    if (!lines.length) {
      host.raise = () => {};
      host.append(make("p", { class: "note" }, "Nothing is chosen: press an entry of the legend."), host.tip);
      return;
    }
    const width = Math.max(host.clientWidth, 260), height = Math.round(Math.min(430, Math.max(270, width * 0.5)));
    const values = lines.flatMap((line) => [
      ...line.points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y, ...(point.dots ?? [])]),
      ...(line.expected ?? []).map(([, y]) => y).filter((y) => y !== null),
    ]).filter((value) => spec.y.kind !== "log" || value > 0);
    let low = Math.min(...values), high = Math.max(...values);
    if (spec.y.kind === "log") { low /= 1.15; high *= 1.15; } else {
      const room = 0.07 * (high - low || Math.abs(high) || 0.1);
      low = low >= 0 && low - room < 0.3 * high ? 0 : low - room;
      high += room;
      if (low === 0) low = -0.02 * high; // so that a marker at zero is whole
    }
    const heights = ticks(spec.y.kind, low, high, 6).map((tick) => [tick, String(tick)]);
    const edge = { left: 30 + 7 * Math.max(5, ...heights.map(([, label]) => label.length)), right: 12, top: 10, bottom: 46 };
    const X = axis(spec.x.kind, spec.x.low, spec.x.high, edge.left, width - edge.right);
    const Y = axis(spec.y.kind, low, high, height - edge.bottom, edge.top);
    const bottom = height - edge.bottom;
    const inside = (value) => Y(spec.y.kind === "log" ? Math.max(value, low) : value);
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    for (const [from, to] of spec.shades ?? []) {
      const left = Math.max(X(from), edge.left);
      svg.append(make("rect", { class: "shade", x: left, y: edge.top, width: Math.max(0, Math.min(X(to), width - edge.right) - left), height: bottom - edge.top }));
    }
    for (const [tick, label] of heights) {
      const y = Y(tick);
      svg.append(make("line", { class: "grid", x1: edge.left, x2: width - edge.right, y1: y, y2: y }));
      svg.append(make("text", { x: edge.left - 7, y: y + 4, "text-anchor": "end" }, label));
    }
    let taken = -Infinity;
    for (const tick of spec.x.ticks ?? ticks(spec.x.kind, spec.x.low, spec.x.high, width < 500 ? 5 : 10, spec.x.whole)) {
      const x = X(tick), label = spec.x.format(tick), room = label.length * 7 + 8;
      svg.append(make("line", { class: "frame", x1: x, x2: x, y1: bottom, y2: bottom + 4 }));
      if (x - room / 2 < taken) continue;
      taken = x + room / 2;
      svg.append(make("text", { x, y: bottom + 18, "text-anchor": "middle" }, label));
    }
    svg.append(make("line", { class: "frame", x1: edge.left, x2: width - edge.right, y1: bottom, y2: bottom }));
    svg.append(make("text", { class: "title", x: (edge.left + width - edge.right) / 2, y: height - 8, "text-anchor": "middle" }, spec.x.words));
    svg.append(make("text", { class: "title", transform: `translate(13 ${(edge.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, spec.y.words));
    const cross = make("line", { class: "cross", y1: edge.top, y2: bottom, visibility: "hidden" });
    svg.append(cross);
    for (const line of lines) svg.append(drawn(line, X, inside, edge.left, width - edge.right));
    const ring = make("circle", { class: "ring", r: 7, visibility: "hidden" });
    svg.append(ring);
    host.append(svg, host.tip);

    // one line stands out, the others step back; null: all alike
    host.raise = (key) => $$(".line", svg).forEach((group) => group.classList.toggle("back", key !== null && lines.length > 2 && group.dataset.key !== key));
    let at = null; // the place read now: [line, point]
    function read(i, j) {
      at = [i, j];
      const line = lines[i], point = line.points[j];
      host.raise(line.key);
      const x = line.level ? (edge.left + width - edge.right) / 2 : X(point.x), y = inside(point.y);
      for (const [name, value] of [["x1", x], ["x2", x], ["visibility", "visible"]]) cross.setAttribute(name, value);
      for (const [name, value] of [["cx", x], ["cy", y], ["visibility", "visible"]]) ring.setAttribute(name, value);
      host.tip.replaceChildren(...spec.tip(line, point, lines));
      const docked = host.clientWidth < 560; // a phone has room under the plot, not on it
      host.tip.classList.toggle("docked", docked);
      if (docked) { host.tip.removeAttribute("style"); return; }
      const scale = host.clientWidth / width, box = host.tip.getBoundingClientRect();
      const right = x * scale + 16 + box.width <= host.clientWidth;
      const left = right ? x * scale + 16 : Math.max(0, x * scale - 16 - box.width);
      host.tip.style.left = `${Math.min(left, Math.max(0, host.clientWidth - box.width))}px`;
      // beside the place where there is room, else under the plot's top
      host.tip.style.top = `${Math.max(0, Math.min(y * scale - box.height / 2, height * scale - box.height - 40))}px`;
    }
    function leave() {
      at = null;
      host.raise(null);
      cross.setAttribute("visibility", "hidden");
      ring.setAttribute("visibility", "hidden");
      host.tip.replaceChildren();
    }
    function near(event) {
      const box = svg.getBoundingClientRect(), scale = width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let best = null, least = Infinity;
      lines.forEach((line, i) => line.points.forEach((point, j) => {
        // along x first: who points at a place means all lines there, and the nearest most
        const far = (line.level ? 45 : Math.abs(X(point.x) - x) * 3) + Math.abs(inside(point.y) - y) * (line.level ? 2 : 0.6);
        if (far < least) { least = far; best = [i, j]; }
      }));
      if (best) read(...best);
    }
    function key(event) {
      const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
      if (event.key === "Escape") { leave(); return; }
      if (!(event.key in moves)) return;
      event.preventDefault();
      if (!at) { read(0, 0); return; }
      const [down, along] = moves[event.key];
      const i = (at[0] + down + lines.length) % lines.length, points = lines[i].points;
      if (down) {
        const x = lines[at[0]].points[at[1]].x;
        read(i, points.reduce((best, point, j) => (Math.abs(point.x - x) < Math.abs(points[best].x - x) ? j : best), 0));
      } else read(i, Math.min(points.length - 1, Math.max(0, at[1] + along)));
    }
    host.onpointermove = near;
    host.onpointerdown = near;
    host.onpointerleave = (event) => { if (event.pointerType === "mouse" && document.activeElement !== host) leave(); };
    host.onkeydown = key;
    host.onblur = leave;
  }

  function drawn(line, X, Y, left, right) {
    const group = make("g", { class: "line", "data-key": line.key, fill: line.colour, stroke: line.colour });
    const points = line.points;
    const place = (point) => (line.level ? null : X(point.x));
    if (line.level) { // nothing is frozen from scratch: its error is a level
      const y = Y(points[0].y);
      group.append(make("line", { x1: left, x2: right, y1: y, y2: y, "stroke-width": 1.6, "stroke-dasharray": line.dash ?? "" }));
      return group;
    }
    const ranged = points.filter((point) => point.low !== undefined && point.low !== null);
    if (ranged.length > 1) {
      const edge = [...ranged.map((point) => [place(point), Y(point.high)]), ...ranged.reverse().map((point) => [place(point), Y(point.low)])];
      group.append(make("path", { d: `${path(edge)}Z`, stroke: "none", "fill-opacity": line.faint ?? 0.14 }));
    }
    for (const point of points) {
      for (const dot of point.dots ?? []) {
        group.append(make("circle", { class: "dot", cx: place(point).toFixed(1), cy: Y(dot).toFixed(1), r: 1.9, stroke: "none", "fill-opacity": line.faint ? 0.35 : 0.6 }));
      }
    }
    const ways = { d: path(points.map((point) => [place(point), Y(point.y)])), fill: "none", "stroke-width": line.width ?? 2, "stroke-linejoin": "round", "stroke-dasharray": line.dash ?? "" };
    group.append(make("path", ways));
    for (const part of stretches(line.expected ?? [])) {
      group.append(make("path", { class: "expected", d: path(part.map(([x, y]) => [X(x), Y(y)])), fill: "none", "stroke-width": 1.3, "stroke-dasharray": "5 3" }));
    }
    if (line.marker !== undefined && points.length <= 60) {
      for (const point of points) {
        group.append(make("path", {
          class: "mark", d: MARKERS[line.marker], transform: `translate(${place(point).toFixed(1)} ${Y(point.y).toFixed(1)})`,
          fill: point.filled ? line.colour : "var(--raised)", "stroke-width": 1.6,
        }));
      }
    }
    if (line.mark) {
      group.append(make("circle", { class: "interpolates", cx: X(line.mark[0]), cy: Y(line.mark[1]), r: 4.5, stroke: "var(--raised)", "stroke-width": 1.5 }));
    }
    return group;
  }

  // a line with a gap where its value is null
  function stretches(points) {
    const found = [[]];
    for (const point of points) {
      if (point[1] === null) found.push([]);
      else found[found.length - 1].push(point);
    }
    return found.filter((part) => part.length);
  }

  function swatch(line) {
    const svg = make("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" });
    svg.append(make("line", { x1: 1, x2: 25, y1: 6, y2: 6, stroke: line.colour, "stroke-width": 2.2, "stroke-dasharray": line.dash ?? "" }));
    if (line.marker !== undefined) svg.append(make("path", { d: MARKERS[line.marker], transform: "translate(13 6)", fill: line.colour, stroke: "none" }));
    return svg;
  }

  // ---- controls of a chart

  function segments(words, options, chosen, choose) {
    const group = make("div", { class: "segments", role: "group", "aria-label": words });
    for (const [key, label] of options) {
      const button = make("button", { type: "button", "data-key": key, "aria-pressed": String(key === chosen) }, label);
      button.onclick = () => {
        $$("button", group).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        choose(key);
      };
      group.append(button);
    }
    return make("div", { class: "control" }, words, group);
  }
  function selection(words, options, chosen, choose) {
    const select = make("select", {}, ...options.map(([key, label]) => make("option", { value: key, ...(key === chosen ? { selected: "" } : {}) }, label)));
    select.onchange = () => choose(select.value);
    return make("label", { class: "control" }, words, select);
  }

  // a chart: its state, the controls that change it, plot and legend drawn from it
  function chart(id, title, state, controls, specOf) {
    const card = document.getElementById(id);
    const bar = make("div", { class: "controls" });
    const host = make("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${title}. Arrow keys read the values.` });
    const legend = make("div", { class: "legend", role: "group", "aria-label": "Lines shown" });
    const note = make("p", { class: "note" });
    const hidden = new Set();
    card.append(make("h3", {}, title), bar, host, legend, note);

    function draw() {
      const spec = specOf(state);
      const several = spec.lines.length > 1;
      const shown = spec.lines.filter((line) => !several || !hidden.has(line.key));
      plot(host, { ...spec, lines: shown, shades: spec.shadesOf ? spec.shadesOf(shown) : [] });
      note.textContent = spec.note;
      const entries = several ? spec.lines.map((line) => {
        const button = make("button", { type: "button", "aria-pressed": String(!hidden.has(line.key)), "data-key": line.key }, swatch(line), line.label);
        button.onclick = () => {
          if (!hidden.delete(line.key)) hidden.add(line.key);
          draw();
          $(`[data-key="${CSS.escape(line.key)}"]`, legend)?.focus();
        };
        button.onpointerenter = () => host.raise(hidden.has(line.key) ? null : line.key);
        button.onpointerleave = () => host.raise(null);
        return button;
      }) : [];
      if (spec.lines.length > 3) {
        const all = shown.length === spec.lines.length;
        const button = make("button", { type: "button", class: "plain" }, all ? "none" : "all");
        button.onclick = () => { spec.lines.forEach((line) => (all ? hidden.add(line.key) : hidden.delete(line.key))); draw(); };
        entries.push(button);
      }
      legend.replaceChildren(...(entries.length ? [make("span", { class: "what" }, spec.legend), ...entries] : []));
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

  function row(cells, bold) {
    return make("tr", bold ? { class: "near" } : {}, ...cells.map((cell) => make("td", {}, cell)));
  }
  function nearest(lines, line, value) {
    // a tooltip has room for some lines: those nearest to the one that is read
    const own = value(line);
    const there = lines.filter((other) => value(other) !== null);
    return there.length <= 7 ? there : [...there].sort((a, b) => Math.abs(value(a) - own) - Math.abs(value(b) - own)).slice(0, 7).sort((a, b) => value(b) - value(a));
  }
  function dotOf(colour) {
    return make("span", { style: `color:${colour}`, "aria-hidden": "true" }, "●");
  }

  // ---- errors at the end

  function endChart(charts) {
    const settings = charts.settings, controlAt = settings.findIndex((one) => one.path === "control");
    const depths = [...new Set(charts.runs.map((run) => run.depth))].sort((a, b) => a - b);
    const whole = { depth: [(run) => run.depth, charts.depth], trainable: [(run) => run.trainable, "trainable parameters"], flops: [(run) => run.flops, "trainable share of forward FLOPs"] };
    const numeric = settings.map((one, i) => [i, one]).filter(([, one]) => one.numbers);
    for (const [i, one] of numeric) whole[one.path] = [(run) => one.numbers[run.at[i]], one.words];
    // a setting of nothing but one value each, such as depths of a study without freezing, is no axis to begin with
    const first = depths.length > 1 || !numeric.length ? "depth" : numeric[0][1].path;
    const measures = charts.measures.filter((one) => charts.runs.some((run) => run[one.key] !== null));

    function linesOf(state) {
      const [place] = whole[state.axis];
      const by = settings.map((one, i) => i).filter((i) => settings[i].path !== state.axis);
      const withDepth = settings.some((one) => one.path === state.axis) && depths.length > 1;
      const found = new Map();
      for (const run of charts.runs) {
        if (run[state.measure] === null || place(run) === null) continue;
        const key = JSON.stringify([by.map((i) => run.at[i]), withDepth ? run.depth : null]);
        if (!found.has(key)) found.set(key, []);
        found.get(key).push(run);
      }
      const named = by.filter((i) => settings[i].labels.length > 1);
      const order = (runs) => [...named.map((i) => runs[0].at[i]), withDepth ? runs[0].depth : 0];
      const sorted = [...found.entries()].sort(([, a], [, b]) => {
        const [first, second] = [order(a), order(b)];
        const k = first.findIndex((value, i) => value !== second[i]);
        return k < 0 ? 0 : first[k] - second[k];
      });
      // many lines of several settings: the one with most values has the shades, the next one dashes and markers
      const [most, next] = named.filter((i) => i !== controlAt).sort((a, b) => settings[b].labels.length - settings[a].labels.length);
      const crossed = sorted.length > 6 && next !== undefined && !withDepth && settings[next].labels.length <= CROSSED.length;
      const lines = sorted.map(([key, runs], i) => {
        const control = controlAt < 0 ? "" : runs[0].control;
        const looks = crossed ? {
          colour: colour(runs[0].at[most], settings[most].labels.length, Boolean(settings[most].numbers)),
          dash: DASHES[control] ?? CROSSED[runs[0].at[next]], marker: runs[0].at[next],
        } : {
          colour: colour(i, sorted.length, withDepth && !named.length), dash: DASHES[control],
          marker: sorted.length > 6 ? 0 : i % MARKERS.length,
        };
        const words = named.map((k) => settings[k].labels[runs[0].at[k]]);
        if (withDepth) words.push(String(runs[0].depth));
        return {
          key, label: words.join(" · "), ...looks, level: control === "scratch" && state.axis === "depth",
          faint: sorted.length > 4 ? 0.05 : undefined,
          points: points(runs, place, state.measure), expected: state.measure === "final_test_error" ? expected(runs, place) : [],
        };
      });
      const titles = named.map((k) => settings[k].words);
      if (withDepth) titles.push(charts.depth);
      return [lines, titles.join(" · ")];
    }
    function points(runs, place, measure) {
      // a place is a depth and what the axis says of it: settings that share both are seeds of one another
      const found = new Map();
      for (const run of runs) {
        const key = `${run.depth}/${place(run)}`;
        if (!found.has(key)) found.set(key, []);
        found.get(key).push(run);
      }
      return [...found.values()].map((same) => {
        const values = same.map((run) => run[measure]);
        const several = values.length > 1;
        return {
          x: mean(same.map(place)), y: mean(values), runs: same, dots: several ? values : [],
          low: several ? Math.min(...values) : null, high: several ? Math.max(...values) : null,
          filled: same.every((run) => run.interpolates !== null),
        };
      }).sort((a, b) => a.x - b.x || a.runs[0].depth - b.runs[0].depth);
    }
    function expected(runs, place) {
      // null where theory has no finite value: the line has a gap there
      return points(runs.map((run) => ({ ...run, final_test_error: run.expected })), place, "final_test_error")
        .map((point) => [point.x, point.runs.some((run) => run.final_test_error === null) ? null : point.y]);
    }
    function spec(state) {
      const [lines, legend] = linesOf(state);
      const [, words] = whole[state.axis];
      const places = [...new Set(lines.flatMap((line) => line.points.map((point) => point.x)))].sort((a, b) => a - b);
      const low = places[0], high = places[places.length - 1];
      const positive = numeric.some(([, one]) => one.path === state.axis) && low > 0 && high / low >= 8;
      // where all is frozen, nothing is trainable: an axis with a place for 0
      const kind = state.axis === "trainable" ? (low > 0 ? "log" : "logzero") : positive ? "log" : "linear";
      const warped = [WARPS[kind](low), WARPS[kind](high)], room = 0.04 * (warped[1] - warped[0]) || (kind === "linear" ? 0.5 : 0.15);
      const stretch = [kind === "logzero" ? 0 : BACK[kind](warped[0] - room), BACK[kind](warped[1] + room)];
      const measure = measures.find((one) => one.key === state.measure);
      return {
        lines, legend,
        x: {
          kind, words, low: stretch[0], high: stretch[1],
          whole: state.axis === "depth", ticks: state.axis === "depth" && places.length <= 16 ? places : undefined,
          format: state.axis === "flops" ? percent : short,
        },
        y: { kind: state.scale, words: measure.words },
        shadesOf: (shown) => shades(shown, kind),
        note: `${lines.some((line) => line.points.some((point) => point.runs.length > 1)) ? "Line and band: mean and range over seeds; small dots: single seeds." : "One run at each place, so no band."} Filled markers, and shading where all lines shown agree: every run interpolates (${charts.interpolates}).`
          + (lines.some((line) => line.expected.some(([, y]) => y !== null)) ? " Dashed: expected by theory." : ""),
        tip: (line, point, shown) => tip(state, line, point, shown, legend),
      };
    }
    function shades(shown, kind) {
      // half-way to the neighbours on either side of each place at which every run shown interpolates
      const all = new Map();
      for (const line of shown) for (const point of line.points) all.set(point.x, (all.get(point.x) ?? true) && point.filled);
      const warp = WARPS[kind], back = BACK[kind];
      const places = [...all.keys()].sort((a, b) => a - b), at = places.map(warp);
      const stretches = [];
      places.forEach((place, i) => {
        if (!all.get(place) || places.length < 2) return;
        const before = i ? (at[i] - at[i - 1]) / 2 : (at[1] - at[0]) / 2;
        const after = i < at.length - 1 ? (at[i + 1] - at[i]) / 2 : (at[i] - at[i - 1]) / 2;
        if (i && all.get(places[i - 1])) stretches[stretches.length - 1][1] = back(at[i] + after);
        else stretches.push([back(at[i] - before), back(at[i] + after)]);
      });
      return stretches;
    }
    function tip(state, line, point, shown, legend) {
      const run = point.runs[0], [place, words] = whole[state.axis];
      const where = `${run.depth} ${charts.depth} · ${short(run.trainable ?? 0)} trainable parameters · ${percent(run.flops ?? 0)} of FLOPs trained`;
      const value = place(run);
      const head = state.axis in { depth: 1, trainable: 1, flops: 1 } ? where : `${words} ${short(value)}`;
      const here = (other) => other.points.find((one) => (other.level || one.runs[0].depth === run.depth) && (other.level || Math.abs(one.x - point.x) < 1e-9))
        ?? (state.axis === "trainable" || state.axis === "flops" ? other.points.find((one) => one.runs[0].depth === run.depth) : undefined);
      const there = nearest(shown, line, (other) => here(other)?.y ?? null);
      const body = make("table", {}, ...there.map((other) => {
        const one = here(other), values = one.runs.map((each) => each[state.measure]);
        const spread = values.length > 1 ? ` ± ${error(deviation(values))}` : "";
        return row([dotOf(other.colour), other.label || measures.find((each) => each.key === state.measure).words, `${error(one.y)}${spread}`, `n = ${values.length}`], other === line && shown.length > 1);
      }));
      const values = point.runs.map((each) => each[state.measure]), named = run.seed === "" ? "run" : "seed";
      const seeds = values.length > 8 ? `${values.length} ${named}s from ${error(Math.min(...values))} to ${error(Math.max(...values))}`
        : `${named} ${point.runs.map((each) => `${each.seed === "" ? each.id : each.seed}: ${error(each[state.measure])}`).join(", ")}`;
      const when = point.runs.map((each) => each.interpolates).filter((epoch) => epoch !== null);
      const interpolates = when.length ? `interpolates at epoch ${[...new Set(when)].sort((a, b) => a - b).join(", ")}` + (when.length < point.runs.length ? ` (${when.length} of ${point.runs.length})` : "") : "does not interpolate";
      return [
        make("div", { class: "where" }, head), body,
        make("div", { class: "more" }, `${line.label ? `${line.label}; ` : ""}${seeds}; ${interpolates}`),
      ];
    }
    const axes = [["depth", charts.depth], ["trainable", "trainable parameters"], ["flops", "share of FLOPs"], ...numeric.map(([, one]) => [one.path, one.words])];
    chart("chart-end", "Errors at the end of training", { axis: first, measure: measures[0].key, scale: charts.log ? "log" : "linear" }, (state, set) => [
      segments("horizontal axis", axes, state.axis, (axis) => set({ axis })),
      segments("error", measures.map((one) => [one.key, one.words.replace("squared ", "").replace(/^(test|train) error, /, "$1, ")]), state.measure, (measure) => set({ measure })),
      segments("scale", [["linear", "linear"], ["log", "log"]], state.scale, (scale) => set({ scale })),
    ], spec);
  }

  // ---- errors over epochs

  function epochChart(charts) {
    const curves = charts.curves, settings = charts.settings;
    const depths = [...new Set(curves.map((curve) => curve.depth))].sort((a, b) => a - b);
    const groups = [...new Set(curves.map((curve) => JSON.stringify(curve.at)))];
    const words = (group) => JSON.parse(group).map((value, i) => settings[i].labels[value]).join(" · ");
    const titles = settings.map((one) => one.words).join(" · ");
    const last = Math.max(1, ...curves.map((curve) => curve.epoch[curve.epoch.length - 1]));
    const marked = ticks("logzero", 0, last);
    if (last >= 1.3 * marked[marked.length - 1]) marked.push(last); // the end of training has a number too

    function linesOf(state) {
      const byDepth = state.by === "depth";
      const chosen = curves.filter((curve) => (byDepth ? JSON.stringify(curve.at) === state.group : String(curve.depth) === state.depth));
      return chosen.map((curve, i) => {
        const side = curve[state.side], order = byDepth ? depths.indexOf(curve.depth) : i;
        const points = curve.epoch.map((epoch, k) => ({ x: epoch, y: side.mean[k], low: side.min?.[k] ?? null, high: side.max?.[k] ?? null, filled: true }));
        const when = curve.interpolates;
        const after = when === null ? -1 : points.findIndex((point) => point.x >= when);
        return {
          key: byDepth ? `d${curve.depth}` : `g${JSON.stringify(curve.at)}`, label: byDepth ? String(curve.depth) : words(JSON.stringify(curve.at)), n: curve.n,
          colour: colour(order, byDepth ? depths.length : chosen.length, byDepth), points, width: 1.8, faint: chosen.length > 6 ? 0.07 : 0.13,
          mark: after < 0 ? null : [when, height(points, after, when)], interpolates: when,
        };
      }).filter((line) => line.points.every((point) => point.y !== null));
    }
    function height(points, after, epoch) {
      if (points[after].x === epoch || !after) return points[after].y;
      const [a, b] = [points[after - 1], points[after]], share = (WARPS.logzero(epoch) - WARPS.logzero(a.x)) / (WARPS.logzero(b.x) - WARPS.logzero(a.x));
      return a.y + share * (b.y - a.y);
    }
    function spec(state) {
      const lines = linesOf(state);
      return {
        lines, legend: state.by === "depth" ? charts.depth : titles,
        x: { kind: "logzero", low: 0, high: last * 1.05, words: "epochs of target training", format: short, ticks: marked },
        y: { kind: state.scale, words: charts.error === "error" ? `${state.side} error` : `squared ${state.side} error` },
        note: `${lines.some((line) => line.n > 1) ? "Line and band: mean and range over seeds." : "One run a line, so no band."}${lines.some((line) => line.mark) ? ` Dot: the median epoch at which runs interpolate (${charts.interpolates}).` : ""}`,
        tip: (line, point, shown) => {
          const here = (other) => other.points.find((one) => one.x === point.x);
          const there = nearest(shown, line, (other) => here(other)?.y ?? null);
          const table = make("table", {}, ...there.map((other) => {
            const one = here(other), range = one.low === null ? "" : `${error(one.low)} to ${error(one.high)}`;
            return row([dotOf(other.colour), other.label || `${state.side} error`, error(one.y), range, `n = ${other.n}`], other === line && shown.length > 1);
          }));
          const more = line.interpolates === null ? "does not interpolate in half of its runs" : `interpolates at epoch ${short(line.interpolates)}`;
          const title = state.by === "depth" ? `${line.label} ${charts.depth}` : line.label;
          return [make("div", { class: "where" }, `epoch ${point.x}`), table, make("div", { class: "more" }, `${title}: ${more}`)];
        },
      };
    }
    const start = { by: depths.length > 1 || groups.length < 2 ? "depth" : "group", group: groups[0], depth: String(depths[0]), side: "test", scale: charts.log ? "log" : "linear" };
    chart("chart-epochs", "Errors over epochs", start, (state, set) => [
      segments("error", [["test", "test"], ["train", "train"]], state.side, (side) => set({ side })),
      depths.length > 1 && groups.length > 1 ? segments("lines", [["depth", charts.depth], ["group", titles]], state.by, (by) => set({ by })) : null,
      groups.length > 1 && state.by === "depth" ? selection(titles, groups.map((group) => [group, words(group)]), state.group, (group) => set({ group })) : null,
      depths.length > 1 && state.by === "group" ? selection(charts.depth, depths.map((depth) => [String(depth), String(depth)]), state.depth, (depth) => set({ depth })) : null,
      segments("scale", [["linear", "linear"], ["log", "log"]], state.scale, (scale) => set({ scale })),
    ], spec);
  }

  // ---- tables

  function sortable(table) {
    const headings = $$("thead th", table);
    headings.forEach((heading, column) => {
      const button = make("button", { type: "button" });
      button.append(make("span", {}, ...heading.childNodes));
      heading.append(button);
      button.onclick = () => {
        const up = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = $$("tbody tr", table).map((element) => [cell(element.cells[column].textContent.trim()), element]);
        rows.sort(([a], [b]) => {
          if (a === null || b === null) return (a === null) - (b === null); // what is missing stands last, either way
          const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
          return up ? order : -order;
        });
        $("tbody", table).append(...rows.map(([, element]) => element));
      };
    });
  }
  function cell(text) {
    if (text === "" || text === "–") return null;
    const plain = text.replace(/,(?=\d{3}\b)/g, "").match(/^[-−]?\d+(\.\d+)?(e[-+]?\d+)?(?=$| [±(]| of )/i);
    return plain ? Number(plain[0].replace("−", "-")) : text;
  }
  $$("table.sortable").forEach(sortable);

  const filter = $("#runs-filter"), count = $("#runs-count"), rows = $$("#all-runs tbody tr");
  const swept = $$("#all-runs thead th").map((heading) => heading.textContent.trim());
  const said = new Map(rows.map((element) => [element, [...element.cells].map((one, i) => `${one.textContent} ${swept[i]}=${one.textContent}`).join("\u0001").toLowerCase()]));
  function filterRuns() {
    // every word must be in some cell; setting=value means that cell, whole
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (text) => words.every((word) => (word.includes("=") ? text.split("\u0001").some((one) => one.endsWith(` ${word}`)) : text.includes(word)));
    let there = 0;
    for (const element of rows) there += !(element.hidden = !fits(said.get(element)));
    count.textContent = there === rows.length ? `${there} runs` : `${there} of ${rows.length} runs`;
  }
  filter.oninput = filterRuns;
  addEventListener("hashchange", show);
  function show() {
    const target = location.hash.startsWith("#run-") && document.getElementById(location.hash.slice(1));
    if (!target) return;
    filter.value = "";
    filterRuns();
    target.scrollIntoView({ block: "center" });
  }

  // ---- findings

  const bar = $("#findings-filter");
  if (bar) {
    const findings = $$(".finding"), select = $("select", bar);
    const narrow = () => {
      const answer = $("[aria-pressed=true]", bar).dataset.answer;
      let there = 0;
      for (const one of findings) there += !(one.hidden = (answer && one.dataset.answer !== answer) || (select.value && one.dataset.analysis !== select.value));
      for (const group of $$(".group")) {
        group.hidden = !$(".finding:not([hidden])", group);
        group.open ||= there < findings.length; // who looks for something wants to see it
      }
      $("[role=status]", bar).textContent = there === findings.length ? "" : `${there} of ${findings.length} shown`;
    };
    select.onchange = narrow;
    for (const button of $$("button", bar)) {
      button.onclick = () => {
        $$("button", bar).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        narrow();
      };
    }
  }

  // ---- what was frozen

  for (const part of $$(".network")) {
    const ways = data.networks[Number(part.dataset.network)], slider = $(".slider input", part);
    if (!slider) continue;
    const layers = $$(".layers tbody tr", part), proofs = $$(".proof tbody tr", part), line = $(".ledger", part);
    const parameters = line.textContent.match(/of ([\d,]+) parameters/)[1];
    const tell = () => {
      const way = ways[Number(slider.value)];
      layers.forEach((element, i) => {
        const frozen = way.frozen[i] === "1";
        element.classList.toggle("frozen", frozen);
        element.cells[1].textContent = frozen ? "frozen" : "trained";
        const [before, after] = way.hashes[i];
        [before, after].forEach((hash, k) => { $("code", proofs[i].cells[k + 1]).textContent = hash; });
        proofs[i].cells[3].textContent = before === after ? "the same" : "changed";
      });
      const share = (value) => `${(100 * value).toFixed(1)}%`;
      line.textContent = `Run ${way.run}: ${way.count} of ${layers.length} layers, ${share(way.parameters)} of ${parameters} parameters, `
        + `${share(way.flops)} of the forward FLOPs${way.phases.length ? `; ${way.phases.join("; ")}` : ""}.`;
      slider.setAttribute("aria-valuetext", `${way.count} layers frozen`);
    };
    slider.oninput = tell;
    slider.setAttribute("aria-valuetext", `${ways[Number(slider.value)].count} layers frozen`);
  }

  // ---- copy, print, the section in view

  for (const button of $$("[data-copy]")) {
    button.onclick = async () => {
      const element = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(element.textContent);
      } catch { // a browser that gives a page from disk no clipboard
        getSelection().selectAllChildren(element);
        document.execCommand("copy");
      }
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    };
  }
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = $$("details:not([open])");
    folded.forEach((element) => { element.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((element) => { element.open = false; }));

  const links = new Map($$("nav a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-30% 0px -65% 0px" });
  $$("main section").forEach((section) => watch.observe(section));

  if (data.charts) {
    endChart(data.charts);
    epochChart(data.charts);
  }
  show();
})();
