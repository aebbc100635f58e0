"use strict";
// Copy buttons.
for (const button of $$("[data-copy]")) {
  button.onclick = async () => {
    const element = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(element.textContent);
    } catch { // some browsers have no clipboard for a page from disk
      getSelection().selectAllChildren(element);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  };
}
