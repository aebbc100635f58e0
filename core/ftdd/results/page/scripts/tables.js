"use strict";
// Tables that are sorted by their headings, and the filter of the table of runs.
function cellValue(text) {
  if (text === "" || text === "–") return null;
  const plain = text.replace(/,(?=\d{3}\b)/g, "").match(/^[-−]?\d+(\.\d+)?(e[-+]?\d+)?(?=$| [±(]| of )/i);
  return plain ? Number(plain[0].replace("−", "-")) : text;
}
function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}
for (const table of $$("table.sortable")) {
  const headings = $$("thead th", table);
  headings.forEach((heading, column) => {
    const button = make("button", { type: "button" }, make("span", {}, ...heading.childNodes));
    heading.append(button);
    button.onclick = () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = $$("tbody tr", table).map((element) => [cellValue(element.cells[column].textContent.trim()), element]);
      // a missing value is last, whatever the order
      rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : up ? compare(a, b) : compare(b, a)));
      $("tbody", table).append(...rows.map(([, element]) => element));
    };
  });
}
{
  const filter = $("#runs-filter"), count = $("#runs-count"), rows = $$("#all-runs tbody tr");
  const names = $$("#all-runs thead th").map((heading) => heading.textContent.trim());
  const texts = rows.map((element) => [...element.cells].map((cell, i) => `${cell.textContent} ${names[i]}=${cell.textContent}`.toLowerCase()));
  // every word must be in some cell; setting=value means that cell, whole
  function filterRuns() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (cells) => words.every((word) => cells.some((cell) => (word.includes("=") ? cell.endsWith(` ${word}`) : cell.includes(word))));
    let there = 0;
    rows.forEach((element, i) => { there += !(element.hidden = !fits(texts[i])); });
    count.textContent = there === rows.length ? `${there.toLocaleString("en")} runs` : `${there} of ${rows.length.toLocaleString("en")} runs`;
  }
  function showTarget() {
    const target = location.hash.startsWith("#run-") && document.getElementById(location.hash.slice(1));
    if (!target) return;
    filter.value = "";
    filterRuns();
    target.scrollIntoView({ block: "center" });
  }
  filter.oninput = filterRuns;
  addEventListener("hashchange", showTarget);
  addEventListener("load", showTarget);
}
