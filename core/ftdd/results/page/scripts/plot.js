"use strict";
// One plot: lines with bands and dots, and a tooltip for mouse, finger and keyboard.
const MARKERS = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-3.6-3.6h7.2v7.2h-7.2z", "M0-4.8L4.6 3.4H-4.6z", "M0-5L5 0L0 5L-5 0z",
  "M0 4.8L4.6-3.4H-4.6z", "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
];
const MOST_MARKERS = 60;

const pathOf = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const show = (element, attributes) => Object.entries({ ...attributes, visibility: "visible" }).forEach((pair) => element.setAttribute(...pair));

// spec: x {scale, low, high, words, format, whole, ticks}, y {scale, words}, shades [[low, high]], and
// lines [{key, label, colour, marker, dash, level, width, faint, points, expected [[x, y]], mark [x, y]}], where
// points are [{x, y, low, high, filled, dots}]; tip(line, point, lines) gives what the tooltip holds.
function plot(host, spec) {
  const lines = spec.lines.filter((line) => line.points.length);
  host.tip = make("div", { class: "tip", role: "status" });
  host.raise = () => {};
  if (!lines.length) {
    host.replaceChildren(make("p", { class: "note" }, "No line is selected: press an entry of the legend."), host.tip);
    return;
  }
  const width = Math.max(host.clientWidth, 260), height = Math.round(Math.min(430, Math.max(270, width * 0.5)));
  const [low, high] = verticalRange(lines, spec.y.scale);
  const labels = ticks(spec.y.scale, low, high, 6).map((tick) => [tick, String(tick)]);
  const box = { left: 30 + 7 * Math.max(5, ...labels.map(([, label]) => label.length)), right: width - 12, top: 10, bottom: height - 46 };
  const X = pixels(spec.x.scale, spec.x.low, spec.x.high, box.left, box.right);
  const warpedY = pixels(spec.y.scale, low, high, box.bottom, box.top);
  const Y = (value) => warpedY(spec.y.scale === "log" ? Math.max(value, low) : value);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  const cross = make("line", { class: "cross", y1: box.top, y2: box.bottom, visibility: "hidden" });
  const ring = make("circle", { class: "ring", r: 7, visibility: "hidden" });
  svg.append(...frame(spec, box, X, warpedY, labels, width, height), cross, ...lines.map((line) => drawLine(line, X, Y, box)), ring);
  host.replaceChildren(svg, host.tip);

  // one line stands out, the others step back; none for null
  host.raise = (key) => $$(".line", svg).forEach((group) => group.classList.toggle("back", key !== null && lines.length > 2 && group.dataset.key !== key));
  function read(line, point) {
    const x = line.level ? (box.left + box.right) / 2 : X(point.x), y = Y(point.y);
    host.raise(line.key);
    show(cross, { x1: x, x2: x });
    show(ring, { cx: x, cy: y });
    host.tip.replaceChildren(...spec.tip(line, point, lines));
    place(host, x / width, y / height, height);
  }
  function leave() {
    host.raise(null);
    for (const element of [cross, ring]) element.setAttribute("visibility", "hidden");
    host.tip.replaceChildren();
  }
  listen(host, svg, lines, X, Y, width, read, leave);
}

function verticalRange(lines, scale) {
  const values = lines.flatMap((line) => [
    ...line.points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y, ...(point.dots ?? [])]),
    ...(line.expected ?? []).map(([, y]) => y).filter((y) => y !== null),
  ]).filter((value) => scale !== "log" || value > 0);
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  if (scale === "log") return [low / 1.15, high * 1.15];
  const room = 0.07 * (high - low || Math.abs(high) || 0.1);
  return [low >= 0 && low - room < 0.3 * high ? -0.02 * (high + room) : low - room, high + room]; // a marker at zero is whole
}

function frame(spec, box, X, Y, labels, width, height) {
  const found = (spec.shades ?? []).map(([from, to]) => {
    const left = Math.max(X(from), box.left);
    return make("rect", { class: "shade", x: left, y: box.top, width: Math.max(0, Math.min(X(to), box.right) - left), height: box.bottom - box.top });
  });
  for (const [tick, label] of labels) {
    const y = Y(tick);
    found.push(make("line", { class: "grid", x1: box.left, x2: box.right, y1: y, y2: y }), make("text", { x: box.left - 7, y: y + 4, "text-anchor": "end" }, label));
  }
  let taken = -Infinity;
  for (const tick of spec.x.ticks ?? ticks(spec.x.scale, spec.x.low, spec.x.high, width < 500 ? 5 : 10, spec.x.whole)) {
    const x = X(tick), label = spec.x.format(tick), room = label.length * 7 + 8;
    found.push(make("line", { class: "frame", x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4 }));
    if (x - room / 2 < taken) continue;
    taken = x + room / 2;
    found.push(make("text", { x, y: box.bottom + 18, "text-anchor": "middle" }, label));
  }
  found.push(
    make("line", { class: "frame", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
    make("text", { class: "title", x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, spec.x.words),
    make("text", { class: "title", transform: `translate(13 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, spec.y.words),
  );
  return found;
}

function drawLine(line, X, Y, box) {
  const group = make("g", { class: "line", "data-key": line.key, fill: line.colour, stroke: line.colour });
  const points = line.points;
  if (line.level) { // nothing is frozen from scratch: its error is a level
    const y = Y(points[0].y);
    group.append(make("line", { x1: box.left, x2: box.right, y1: y, y2: y, "stroke-width": 1.6, "stroke-dasharray": line.dash ?? "" }));
    return group;
  }
  const ranged = points.filter((point) => (point.low ?? null) !== null);
  if (ranged.length > 1) {
    const edge = [...ranged.map((point) => [X(point.x), Y(point.high)]), ...ranged.reverse().map((point) => [X(point.x), Y(point.low)])];
    group.append(make("path", { d: `${pathOf(edge)}Z`, stroke: "none", "fill-opacity": line.faint ?? 0.14 }));
  }
  for (const point of points) {
    for (const dot of point.dots ?? []) {
      group.append(make("circle", { class: "dot", cx: X(point.x).toFixed(1), cy: Y(dot).toFixed(1), r: 1.9, stroke: "none", "fill-opacity": line.faint ? 0.35 : 0.6 }));
    }
  }
  group.append(make("path", { d: pathOf(points.map((point) => [X(point.x), Y(point.y)])), fill: "none", "stroke-width": line.width ?? 2, "stroke-linejoin": "round", "stroke-dasharray": line.dash ?? "" }));
  for (const part of stretches(line.expected ?? [])) {
    group.append(make("path", { class: "expected", d: pathOf(part.map(([x, y]) => [X(x), Y(y)])), fill: "none", "stroke-width": 1.3, "stroke-dasharray": "5 3" }));
  }
  if (line.marker !== undefined && points.length <= MOST_MARKERS) {
    for (const point of points) {
      group.append(make("path", {
        class: "mark", d: MARKERS[line.marker], transform: `translate(${X(point.x).toFixed(1)} ${Y(point.y).toFixed(1)})`,
        fill: point.filled ? line.colour : "var(--raised)", "stroke-width": 1.6,
      }));
    }
  }
  if (line.mark) group.append(make("circle", { class: "interpolates", cx: X(line.mark[0]), cy: Y(line.mark[1]), r: 4.5, stroke: "var(--raised)", "stroke-width": 1.5 }));
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

// the tooltip beside a position, given as shares of the plot; on a narrow screen under the plot
function place(host, across, down, height) {
  const docked = host.clientWidth < 560;
  host.tip.classList.toggle("docked", docked);
  if (docked) { host.tip.removeAttribute("style"); return; }
  const x = across * host.clientWidth, box = host.tip.getBoundingClientRect();
  const left = x + 16 + box.width <= host.clientWidth ? x + 16 : Math.max(0, x - 16 - box.width);
  host.tip.style.left = `${Math.min(left, Math.max(0, host.clientWidth - box.width))}px`;
  host.tip.style.top = `${Math.max(0, Math.min(down * height - box.height / 2, height - box.height - 40))}px`;
}

function listen(host, svg, lines, X, Y, width, read, leave) {
  let at = null; // indices of the line and point read now
  const go = (i, j) => { at = [i, j]; read(lines[i], lines[i].points[j]); };
  const gone = () => { at = null; leave(); };
  host.onpointermove = host.onpointerdown = (event) => {
    const box = svg.getBoundingClientRect(), scale = width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = null, least = Infinity;
    lines.forEach((line, i) => line.points.forEach((point, j) => {
      // along x first: the tooltip shows all lines at a position, and the nearest in bold
      const far = (line.level ? 45 : Math.abs(X(point.x) - x) * 3) + Math.abs(Y(point.y) - y) * (line.level ? 2 : 0.6);
      if (far < least) { least = far; best = [i, j]; }
    }));
    if (best) go(...best);
  };
  host.onpointerleave = (event) => { if (event.pointerType === "mouse" && document.activeElement !== host) gone(); };
  host.onblur = gone;
  host.onkeydown = (event) => {
    if (event.key === "Escape") { gone(); return; }
    const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    if (!at) { go(0, 0); return; }
    const [down, along] = moves[event.key], i = (at[0] + down + lines.length) % lines.length, points = lines[i].points;
    if (down) {
      const x = lines[at[0]].points[at[1]].x;
      go(i, points.reduce((best, point, j) => (Math.abs(point.x - x) < Math.abs(points[best].x - x) ? j : best), 0));
    } else go(i, Math.min(points.length - 1, Math.max(0, at[1] + along)));
  };
}
