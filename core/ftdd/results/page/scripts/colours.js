"use strict";
// Colours: Okabe and Ito's for a few lines, shades of viridis where there are more or where they have an order.
const dark = matchMedia("(prefers-color-scheme: dark)");
const NAMED = {
  light: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B27A00", "#3A9AD0"],
  dark: ["#56B4E9", "#E69F00", "#2DC79B", "#E39BC4", "#F0E442", "#F0793A"],
};
const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

function viridis(share) {
  // without the end that does not stand out from the ground
  const [low, high] = dark.matches ? [0.22, 1] : [0, 0.86];
  const at = (low + (high - low) * share) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return `rgb(${VIRIDIS[i].map((from, k) => Math.round(from + (VIRIDIS[i + 1][k] - from) * (at - i))).join(" ")})`;
}
function colour(index, count, ordered) {
  const named = NAMED[dark.matches ? "dark" : "light"];
  return ordered || count > named.length ? viridis(count > 1 ? index / (count - 1) : 0.4) : named[index];
}
