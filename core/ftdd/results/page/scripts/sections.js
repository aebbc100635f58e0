"use strict";
// The section in view is marked in the navigation; what is folded is open in print.
{
  const links = new Map($$("nav a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-30% 0px -65% 0px" });
  $$("main section").forEach((section) => watch.observe(section));

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = $$("details:not([open])");
    folded.forEach((element) => { element.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((element) => { element.open = false; }));
}
