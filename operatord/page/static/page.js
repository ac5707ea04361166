// Keeps a page of the operator's up to date: asks for what changed and puts it in place. Without it everything is there all the same.
"use strict";
(() => {
  const live = document.getElementById("live");
  const state = document.getElementById("state");
  const body = document.getElementById("sessions");
  const PAUSE_MS = 1000, SLOW_MS = 5000;
  let version = live.dataset.version, order = live.dataset.order, stopped = false, timer = 0;

  const say = (text) => { if (state.textContent !== text) { state.textContent = text; } };

  const wait = (ms) => { clearTimeout(timer); timer = setTimeout(ask, ms); };

  // A fragment of a table is none without its table.
  const rowOf = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  const putPart = (name, digest, html) => {
    const part = document.getElementById("part-" + name);
    if (!part) { return; }
    const CAN = "a, summary, [tabindex]";
    const focused = [...part.querySelectorAll(CAN)].indexOf(document.activeElement);
    const scrolled = [...part.querySelectorAll(".wide")].map((one) => one.scrollLeft);
    const open = [...part.querySelectorAll("details")].map((one) => one.open);
    part.innerHTML = html;
    part.querySelectorAll("details").forEach((one, at) => { one.open = Boolean(open[at]); });
    part.querySelectorAll(".wide").forEach((one, place) => { one.scrollLeft = scrolled[place] || 0; });
    if (focused >= 0) { part.querySelectorAll(CAN)[focused]?.focus({ preventScroll: true }); }
    part.dataset.digest = digest;
  };

  // Below the row of `above`, or first.
  const putRow = (grant, html, above) => {
    const old = document.getElementById("s" + grant), place = document.getElementById("s" + above);
    const made = rowOf(html);
    made.classList.add("changed");
    const focused = old?.contains(document.activeElement);
    old?.remove();
    if (place) { place.after(made); } else { body.prepend(made); }
    if (focused) { made.querySelector("a")?.focus({ preventScroll: true }); }
  };

  const put = (page) => {
    for (const [name, [digest, html]] of Object.entries(page.parts)) { putPart(name, digest, html); }
    if (page.rows && body) {
      for (const grant of page.gone) { document.getElementById("s" + grant)?.remove(); }
      for (const [grant, html, above] of page.rows) { putRow(grant, html, above); }
      document.getElementById("count").textContent = page.count.toLocaleString("en");
      document.getElementById("nobody").hidden = page.count > 0;
    }
    version = page.version;
    order = page.order ?? "";
    document.getElementById("as-of").textContent = page.as_of;
  };

  const ask = async () => {
    if (stopped || document.hidden) { return; }
    const began = performance.now();
    const query = new URLSearchParams(live.dataset.query);
    query.set("place", live.dataset.place);
    query.set("epoch", live.dataset.epoch);
    query.set("since", version);
    query.set("order", order);
    for (const part of document.querySelectorAll("[data-part]")) { query.append("seen", part.dataset.digest); }
    try {
      const answer = await fetch("/changes?" + query, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) {
        const words = (await answer.json().catch(() => ({}))).words || "Nobody is logged in here any more.";
        say(words + " ");
        const link = document.createElement("a");
        link.href = "/login";
        link.textContent = "Log in";
        state.append(link);
        return;
      }
      if (!answer.ok) { throw new Error(String(answer.status)); }
      const page = await answer.json();
      if (page.reload) { location.reload(); return; }
      put(page);
      say("");
      requestAnimationFrame(() => setTimeout(() => { live.dataset.updateMs = (performance.now() - began).toFixed(1); }));
      wait(PAUSE_MS);
    } catch (error) {
      say("The page cannot be reached; what is shown is old. It is asked again.");
      wait(SLOW_MS);
    }
  };

  // What moves by itself can be held (WCAG 2.2.2).
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Pause updates";
  button.addEventListener("click", () => {
    stopped = !stopped;
    button.textContent = stopped ? "Go on with updates" : "Pause updates";
    say(stopped ? "Updates are paused." : "");
    if (!stopped) { ask(); }
  });
  state.parentElement.append(" ", button);

  document.addEventListener("visibilitychange", () => { if (!document.hidden) { wait(0); } });
  wait(PAUSE_MS);
})();
