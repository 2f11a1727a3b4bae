"use strict";
(() => {
  const away = document.getElementById("away");
  let timer = 0, busy = false, again = false;
  const later = (ms) => { timer = timer || setTimeout(fresh, ms); };
  async function fresh() {
    timer = 0;
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      away.hidden = true;
    } catch { away.hidden = false; }
    busy = false;
    if (again) { again = false; later(1000); }
  }
  function replace(page) {
    const next = page.querySelector("main"), focus = document.activeElement && document.activeElement.closest("details");
    for (const was of document.querySelectorAll("details")) {
      const is = next.querySelector("#" + CSS.escape(was.id));
      if (is && was.open !== "open" in was.dataset) is.open = was.open;
    }
    const scrolled = [...document.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
    document.querySelector("main").replaceWith(next);
    document.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] || 0; });
    document.title = page.title;
    const back = focus && focus.id && document.getElementById(focus.id);
    if (back) back.querySelector("summary").focus({ preventScroll: true });
  }
  function listen() {
    const events = new EventSource("v1/scaleio/events");
    events.onmessage = () => later(1000);
    events.onerror = () => {
      later(3000);
      if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    };
  }
  listen();
  setInterval(() => later(0), 30000);
})();
