// Keeps the page as it is in the service: when something has changed it asks for the same page again and replaces the
// parts that are other ones. Focus, scroll and what is opened stay. Without it the page works as well.
(() => {
  "use strict";
  const stream = document.body.dataset.events;
  const phone = document.body.dataset.phone;
  const pulse = document.getElementById("pulse");
  // not more often than that, however much happens
  const PACE = 1000;
  const AGAIN = 15000;
  let asking = false;
  let wanted = false;
  let last = 0;

  const show = (live) => {
    if (!pulse) return;
    pulse.hidden = false;
    pulse.classList.toggle("away", !live);
    const word = live ? "live" : "not live";
    const place = pulse.querySelector(".word");
    if (place.textContent !== word) place.textContent = word;
  };

  // the way to an element from the part that is replaced, so that the one in its place is found
  const path = (element, top) => {
    const steps = [];
    for (let at = element; at !== top; at = at.parentElement) {
      steps.unshift([...at.parentElement.children].indexOf(at));
    }
    return steps;
  };
  const follow = (steps, top) => steps.reduce((at, step) => at && at.children[step], top);
  const twin = (element, from, to) => {
    const address = element.getAttribute("href");
    const same = address && [...to.querySelectorAll("a")].find((link) => link.getAttribute("href") === address);
    return same || follow(path(element, from), to);
  };

  const replace = (part, fresh) => {
    const focused = part.contains(document.activeElement) && document.activeElement !== part ? document.activeElement : null;
    const next = fresh.cloneNode(true);
    const goesTo = focused && twin(focused, part, next);
    for (const opened of part.querySelectorAll("details[open]")) {
      const same = follow(path(opened, part), next);
      if (same && same.tagName === "DETAILS") same.open = true;
    }
    const scrolled = [...part.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    part.replaceChildren(...next.childNodes);
    part.querySelectorAll(".scroll").forEach((box, position) => { box.scrollLeft = scrolled[position] || 0; });
    if (goesTo) goesTo.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (asking) { wanted = true; return; }
    asking = true;
    wanted = false;
    last = Date.now();
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const other = fresh.getElementById(part.id);
          if (other && other.innerHTML !== part.innerHTML) replace(part, other);
        }
        // a part that was not there before, or is not there any more, is no part of this page
        const parts = (page) => [...page.querySelectorAll("[data-live]")].map((part) => part.id).join();
        if (parts(document) !== parts(fresh)) {
          const main = document.getElementById("main");
          const other = fresh.getElementById("main");
          if (main && other && !main.contains(document.activeElement)) replace(main, other);
        }
      }
    } catch {
      // the service is away; the stream tells when it is back
    } finally {
      asking = false;
      if (wanted) soon();
    }
  };

  let timer = 0;
  const soon = () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      refresh();
    }, Math.max(0, last + PACE - Date.now()));
  };

  const concerns = (change) =>
    !phone || change.more > 0 || change.phones.some((other) => other.mac === phone) || change.phones.length === 0;

  // A browser has few connections to one host, and a stream holds one: a page that nobody looks at has none.
  let events = null;
  let stale = false;
  let retry = 0;

  const rest = () => {
    clearTimeout(retry);
    if (events) events.close();
    events = null;
    stale = true;
  };

  const listen = () => {
    clearTimeout(retry);
    if (events || document.hidden) return;
    events = new EventSource(stream);
    events.addEventListener("hello", () => {
      show(true);
      // what happened between two streams was told to nobody
      if (stale) soon();
      stale = true;
    });
    events.addEventListener("change", (event) => { if (concerns(JSON.parse(event.data))) soon(); });
    events.addEventListener("missed", soon);
    events.addEventListener("error", () => {
      show(false);
      if (events && events.readyState === EventSource.CLOSED) {
        rest();
        retry = setTimeout(listen, AGAIN);
      }
    });
  };

  if (stream) {
    listen();
    document.addEventListener("visibilitychange", () => { if (document.hidden) rest(); else listen(); });
    addEventListener("pagehide", rest);
    addEventListener("pageshow", listen);
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        // without leave to copy it is selected, for a key to copy it
        getSelection().selectAllChildren(text);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();
