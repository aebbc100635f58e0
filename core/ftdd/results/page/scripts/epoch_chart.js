"use strict";
// Errors over epochs: a curve for each depth of one setting, or for each setting at one depth.
if (data.charts) {
  const { curves, depth: depthWords, settings } = data.charts;
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
      const side = curve[state.side], group = JSON.stringify(curve.at);
      return {
        key: byDepth ? `d${curve.depth}` : `g${group}`, label: byDepth ? String(curve.depth) : words(group), curve,
        colour: colour(byDepth ? depths.indexOf(curve.depth) : i, byDepth ? depths.length : chosen.length, byDepth),
        width: 1.8, faint: chosen.length > 6 ? 0.07 : 0.13, mark: side.mark === null ? null : [curve.interpolates, side.mark],
        points: curve.epoch.map((epoch, k) => ({ x: epoch, y: side.mean[k], low: side.low?.[k] ?? null, high: side.high?.[k] ?? null })),
      };
    }).filter((line) => line.points.every((point) => point.y !== null));
  }
  function tip(state, line, point, lines) {
    const epoch = line.curve.interpolates;
    const row = (other, one) => [
      other.label || `${state.side} error`, formatError(one.y), one.low === null ? "" : `${formatError(one.low)} to ${formatError(one.high)}`, `n = ${other.curve.n}`,
    ];
    const title = state.by === "depth" ? `${line.label} ${depthWords}` : line.label;
    const more = epoch === null ? "fewer than half of the runs interpolate" : `interpolates at epoch ${formatShort(epoch)}`;
    return tooltip(`epoch ${point.x}`, lines, line, (other) => other.points.find((one) => one.x === point.x), row, `${title}: ${more}`);
  }
  function spec(state) {
    const lines = linesOf(state);
    return {
      lines, legend: state.by === "depth" ? depthWords : titles,
      x: { scale: "logzero", low: 0, high: last * 1.05, words: "epochs of target training", format: formatShort, ticks: marked },
      y: { scale: state.scale, words: data.charts.error === "error" ? `${state.side} error` : `squared ${state.side} error` },
      note: `${lines.some((line) => line.curve.n > 1) ? "Line and band: mean and range over seeds." : "One run per line, so no band."}`
        + `${lines.some((line) => line.mark) ? ` Dot: the median epoch at which runs interpolate (${data.charts.interpolates}).` : ""}`,
      tip: (line, point, drawn) => tip(state, line, point, drawn),
    };
  }
  const start = { by: depths.length > 1 || groups.length < 2 ? "depth" : "group", group: groups[0], depth: String(depths[0]), side: "test", scale: data.charts.log ? "log" : "linear" };
  chart("chart-epochs", "Errors over epochs", start, (state, set) => [
    segments("error", [["test", "test"], ["train", "train"]], state.side, (side) => set({ side })),
    depths.length > 1 && groups.length > 1 ? segments("lines", [["depth", depthWords], ["group", titles]], state.by, (by) => set({ by })) : null,
    groups.length > 1 && state.by === "depth" ? selection(titles, groups.map((group) => [group, words(group)]), state.group, (group) => set({ group })) : null,
    depths.length > 1 && state.by === "group" ? selection(depthWords, depths.map((depth) => [String(depth), String(depth)]), state.depth, (depth) => set({ depth })) : null,
    scaleControl(state, set),
  ], spec);
}
