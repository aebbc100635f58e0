"use strict";
// Errors at the end of training. A cell, runs that differ in their seeds alone, is a point of one line.
if (data.charts) {
  const { axes, cells, measures, settings } = data.charts;
  const DASHES = { selffer: "6 3", random: "2 3", scratch: "8 3 2 3" }, CROSSED = ["", "7 3", "2 3", "9 3 2 3"];
  const controlAt = settings.findIndex((one) => one.path === "control");
  const several = new Set(cells.map((cell) => cell.depth)).size > 1;
  const axisOf = (state) => axes.findIndex((axis) => axis.key === state.axis);
  const measureOf = (state) => measures.findIndex((one) => one.key === state.measure);

  // lines: cells that share all settings but the one on the axis, and the depth where that is a setting
  function linesOf(state) {
    const named = settings.map((_, i) => i).filter((i) => settings[i].path !== state.axis);
    const withDepth = several && settings.some((one) => one.path === state.axis);
    const found = new Map();
    for (const cell of cells) {
      if (cell.values[measureOf(state)] === null || cell.x[axisOf(state)] === null) continue;
      const order = [...named.map((i) => cell.at[i]), ...(withDepth ? [cell.depth] : [])], key = JSON.stringify(order);
      if (!found.has(key)) found.set(key, { key, order, cells: [] });
      found.get(key).cells.push(cell);
    }
    const groups = [...found.values()].sort((a, b) => a.order.map((one, i) => one - b.order[i]).find(Boolean) ?? 0);
    // many lines of several settings: the one with most values has the shades, the next one dashes and markers
    const [most, next] = named.filter((i) => i !== controlAt).sort((a, b) => settings[b].labels.length - settings[a].labels.length);
    const crossed = groups.length > 6 && next !== undefined && !withDepth && settings[next].labels.length <= CROSSED.length;
    const lines = groups.map((group, i) => {
      const { at, control, depth } = group.cells[0];
      const look = crossed
        ? { colour: colour(at[most], settings[most].labels.length, settings[most].ordered), dash: DASHES[control] ?? CROSSED[at[next]], marker: at[next] }
        : { colour: colour(i, groups.length, withDepth && !named.length), dash: DASHES[control], marker: groups.length > 6 ? 0 : i % MARKERS.length };
      const points = pointsOf(group.cells, state);
      return {
        key: group.key, ...look, points, level: control === "scratch" && state.axis === "depth",
        label: [...named.map((k) => settings[k].labels[at[k]]), ...(withDepth ? [depth] : [])].join(" · "),
        faint: groups.length > 4 ? 0.05 : undefined,
        expected: state.measure === "final_test_error" ? points.map((point) => [point.x, point.cell.expected]) : [],
      };
    });
    return [lines, [...named.map((k) => settings[k].words), ...(withDepth ? [data.charts.depth] : [])].join(" · ")];
  }
  function pointsOf(same, state) {
    const axis = axisOf(state), measure = measureOf(state);
    return same.map((cell) => {
      const [y, low, high, deviation, n] = cell.values[measure];
      const dots = n > 1 ? cell.runs.map((run) => run[measure]).filter((value) => value !== null) : [];
      return { x: cell.x[axis], y, low, high, deviation, n, dots, filled: cell.interpolates, cell };
    }).sort((a, b) => a.x - b.x || a.cell.depth - b.cell.depth);
  }
  // the stretches of the axis at which every line interpolates
  function shades(lines, axis) {
    const filled = new Map(), found = [];
    for (const line of lines) for (const point of line.points) filled.set(point.x, (filled.get(point.x) ?? true) && point.filled);
    axis.positions.forEach((position, i) => {
      if (!filled.get(position)) return;
      if (found.length && found[found.length - 1][1] === axis.edges[i]) found[found.length - 1][1] = axis.edges[i + 1];
      else found.push([axis.edges[i], axis.edges[i + 1]]);
    });
    return found;
  }
  function tip(state, line, point, lines) {
    const { cell } = point, measure = measureOf(state), axis = axes[axisOf(state)];
    const [, trainable, flops] = cell.x;
    const heading = ["depth", "trainable", "flops"].includes(axis.key)
      ? `${cell.depth} ${data.charts.depth} · ${formatShort(trainable ?? 0)} trainable parameters · ${formatPercent(flops ?? 0)} of FLOPs trained`
      : `${axis.words} ${formatShort(point.x)}`;
    const here = (other) => (other.level ? other.points[0] : other.points.find((one) => one.cell.depth === cell.depth && one.x === point.x)
      ?? (["trainable", "flops"].includes(axis.key) ? other.points.find((one) => one.cell.depth === cell.depth) : undefined));
    const row = (other, one) => [
      other.label || measures[measure].words, `${formatError(one.y)}${one.deviation === null ? "" : ` ± ${formatError(one.deviation)}`}`, `n = ${one.n}`,
    ];
    const named = data.charts.seeded ? "seed" : "run";
    const single = cell.labels.length ? `${named} ${cell.labels.map((label, i) => `${label}: ${formatError(cell.runs[i][measure])}`).join(", ")}`
      : `${point.n} ${named}s from ${formatError(point.low)} to ${formatError(point.high)}`;
    return tooltip(heading, lines, line, here, row, `${line.label ? `${line.label}; ` : ""}${single}; ${cell.epochs}`);
  }
  function spec(state) {
    const [lines, legend] = linesOf(state), axis = axes[axisOf(state)];
    const some = (test) => lines.some((line) => line.points.some(test));
    return {
      lines, legend,
      x: {
        ...axis, whole: axis.key === "depth", format: axis.key === "flops" ? formatPercent : formatShort,
        ticks: axis.key === "depth" && axis.positions.length <= 16 ? axis.positions : undefined,
      },
      y: { scale: state.scale, words: measures[measureOf(state)].words },
      shadesOf: (drawn) => shades(drawn, axis),
      note: [
        some((point) => point.n > 1) ? "Line and band: mean and range over seeds; small dots: single runs." : "One run at each position, so no band.",
        `Filled markers, and shading where all drawn lines agree: every run interpolates (${data.charts.interpolates}).`,
        some((point) => point.cell.expected !== null) && state.measure === "final_test_error" ? "Dashed: expected by theory." : "",
        data.charts.left_out,
      ].filter(Boolean).join(" "),
      tip: (line, point, drawn) => tip(state, line, point, drawn),
    };
  }
  // an axis with one position says nothing: a study without freezing begins with its first setting of numbers
  const first = several || axes.length < 4 ? "depth" : axes[3].key;
  chart("chart-end", "Errors at the end of training", { axis: first, measure: measures[0].key, scale: data.charts.log ? "log" : "linear" }, (state, set) => [
    segments("horizontal axis", axes.map((axis) => [axis.key, axis.button]), state.axis, (axis) => set({ axis })),
    segments("error", measures.map((one) => [one.key, one.words.replace("squared ", "").replace(/^(test|train) error, /, "$1, ")]), state.measure, (measure) => set({ measure })),
    scaleControl(state, set),
  ], spec);
}
