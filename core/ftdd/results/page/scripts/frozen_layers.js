"use strict";
// The slider over the ways in which a network was frozen.
for (const part of $$(".network")) {
  const ways = data.networks[Number(part.dataset.network)], slider = $(".slider input", part);
  if (!slider) continue;
  const layers = $$(".layers tbody tr", part), hashes = $$(".proof tbody tr", part), line = $(".ledger", part);
  const label = () => slider.setAttribute("aria-valuetext", `${ways[Number(slider.value)].count} layers frozen`);
  slider.oninput = () => {
    const way = ways[Number(slider.value)];
    layers.forEach((element, i) => {
      const frozen = way.frozen[i] === "1", [before, after] = way.hashes[i];
      element.classList.toggle("frozen", frozen);
      element.cells[1].textContent = frozen ? "frozen" : "trained";
      [before, after].forEach((hash, k) => { $("code", hashes[i].cells[k + 1]).textContent = hash; });
      hashes[i].cells[3].textContent = before === after ? "the same" : "changed";
    });
    line.textContent = way.words;
    label();
  };
  label();
}
