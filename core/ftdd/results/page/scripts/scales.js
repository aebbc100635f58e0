"use strict";
// Scales and ticks of axes. logzero is a log scale that has a position for 0: linear up to 1.
const WARPS = {
  linear: (value) => value,
  log: (value) => Math.log10(value),
  logzero: (value) => (value <= 1 ? 0.35 * value : 0.35 + Math.log10(value)),
};

// from a value to pixels
function pixels(scale, low, high, from, to) {
  const warp = WARPS[scale], first = warp(low), span = warp(high) - first || 1;
  return (value) => from + ((warp(value) - first) / span) * (to - from);
}

function ticks(scale, low, high, most, whole) {
  if (scale === "logzero") {
    const found = [0];
    for (let tick = 1; tick <= high; tick *= 10) found.push(...(high > 300 ? [tick] : [tick, 3 * tick]).filter((one) => one <= high));
    return found;
  }
  if (scale === "log") {
    const decades = Math.log10(high / low), steps = decades > 2.5 ? [1] : decades > 1 ? [1, 3] : [1, 2, 3, 5, 7];
    const found = [];
    for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10) {
      found.push(...steps.map((step) => step * decade).filter((tick) => tick >= low * 0.999 && tick <= high * 1.001));
    }
    if (found.length > 1) return found.map((tick) => Number(tick.toPrecision(10)));
  }
  let step = 10 ** Math.floor(Math.log10((high - low || 1) / most));
  step *= [1, 2, 5, 10].find((factor) => (high - low) / (step * factor) <= most) ?? 1;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(Number((i * step).toPrecision(10)));
  return found;
}
