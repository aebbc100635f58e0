"use strict";
// Findings, filtered by answer and analysis.
if ($("#findings-filter")) {
  const bar = $("#findings-filter"), findings = $$(".finding"), select = $("select", bar), buttons = $$("button", bar);
  function filterFindings() {
    const { answer } = $("[aria-pressed=true]", bar).dataset;
    let there = 0;
    for (const one of findings) there += !(one.hidden = (answer && one.dataset.answer !== answer) || (select.value && one.dataset.analysis !== select.value));
    for (const group of $$(".group")) {
      group.hidden = !$(".finding:not([hidden])", group);
      group.open ||= there < findings.length;
    }
    $("[role=status]", bar).textContent = there === findings.length ? "" : `${there} of ${findings.length} findings`;
  }
  select.onchange = filterFindings;
  for (const button of buttons) button.onclick = () => { press(buttons, button); filterFindings(); };
}
