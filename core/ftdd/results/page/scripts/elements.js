"use strict";
// Elements of the page, its data, and numbers for a reader. Scripts of the page share these names; no library, no network.
// Everything that comes from a recipe reaches the page as text, never as HTML.
const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const data = JSON.parse(document.getElementById("data").textContent);
document.documentElement.classList.add("js");

const SVG = new Set(["svg", "g", "path", "line", "rect", "text", "circle"]);
function make(tag, attributes = {}, ...children) {
  const element = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// one of some buttons is pressed
function press(buttons, button) {
  buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
}

const formatError = (value) => (value === null ? "–" : Math.abs(value) >= 10 ? value.toPrecision(4) : value.toFixed(3));
const formatPercent = (value) => `${(100 * value).toFixed(value > 0 && value < 0.0995 ? 1 : 0)}%`;
function formatShort(number) {
  for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= limit * 0.9995) return `${Number((number / limit).toPrecision(3))}${unit}`;
  }
  return String(Number(number.toPrecision(4)));
}
