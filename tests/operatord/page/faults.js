// What keeps somebody from reading a page (WCAG 2.2 AA, as far as a program sees it): a list of sentences.
() => {
  const faults = [];
  const say = (what, one) => faults.push(what + ": " + (one.outerHTML || "").slice(0, 120));
  const rgb = (text) => { const found = text.match(/[\d.]+/g).map(Number); return found.length < 4 ? [...found, 1] : found; };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const ground = (one) => {
    const layers = [];
    for (let at = one; at; at = at.parentElement) { layers.push(rgb(getComputedStyle(at).backgroundColor)); }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => { const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y); return (bright + 0.05) / (dark + 0.05); };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || one.closest("script,noscript,style,svg") || !one.checkVisibility()) { continue; }
    const below = ground(one), ink = over(rgb(getComputedStyle(one).color), below);
    if (contrast(ink, below) < 4.5) { say("contrast " + contrast(ink, below).toFixed(2), one); }
  }
  if (!document.documentElement.lang) { say("no lang", document.documentElement); }
  if (!document.title) { say("no title", document.documentElement); }
  if (document.querySelectorAll("h1").length !== 1) { say("one h1 is needed", document.body); }
  let level = 0;
  for (const one of document.querySelectorAll("h1,h2,h3,h4")) {
    const now = Number(one.tagName[1]);
    if (now > level + 1) { say("a heading skips a level", one); }
    level = now;
  }
  for (const one of document.querySelectorAll("input:not([type=hidden]),select,textarea")) {
    if (!one.labels.length && !one.ariaLabel) { say("no label", one); }
  }
  for (const one of document.querySelectorAll("th")) { if (!one.scope) { say("th without scope", one); } }
  for (const one of document.querySelectorAll("table")) { if (!one.caption) { say("table without caption", one); } }
  for (const one of document.querySelectorAll("svg:not([aria-hidden])")) { if (!one.getAttribute("aria-label")) { say("picture without words", one); } }
  for (const one of document.querySelectorAll("a,button")) { if (!(one.innerText || one.ariaLabel || "").trim()) { say("nothing to press", one); } }
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  if (new Set(ids).size !== ids.length) { say("an id twice", document.body); }
  for (const one of document.querySelectorAll("[aria-labelledby]")) {
    if (!document.getElementById(one.getAttribute("aria-labelledby"))) { say("labelled by nothing", one); }
  }
  for (const one of document.querySelectorAll("[style],script:not([src]),style")) { say("style or script in the page", one); }
  if (document.documentElement.scrollWidth > window.innerWidth) { say("wider than the window", document.documentElement); }
  return faults;
}
