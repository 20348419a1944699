/* Timeline and swipe: the proposals up to a year, and today beside it. */
(function () {
  "use strict";

  const STEP_MS = 1100, BILLION = 1e9, say = covplan.say;

  covplan.time = function (map, spec) {
    const state = covplan.state, proposals = state.layers.proposals;
    state.last = spec.years[spec.years.length - 1];
    if (!proposals || !spec.years.length) { return; }
    const steps = [0, ...spec.years], container = map.getContainer();
    const box = L.DomUtil.create("div", "covplan-time", container);
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.disableScrollPropagation(box);
    box.innerHTML = `<div class="covplan-time-row"><button type="button" class="covplan-play" aria-label="${say("play")}">▶</button>
      <label><span class="covplan-sr">${say("year")}</span><input type="range" min="0" max="${steps.length - 1}" step="1" value="0"
      list="covplan-years"></label><output></output>
      <button type="button" class="covplan-swipe-button" aria-pressed="false">${say("compare")}</button></div>
      <div class="covplan-ticks">${steps.map((year) => `<span>${year || say("today")}</span>`).join("")}</div>
      <div class="covplan-gain"></div>`;
    const slider = box.querySelector("input"), output = box.querySelector("output");
    const gain = box.querySelector(".covplan-gain"), play = box.querySelector(".covplan-play");

    function told(year) {
      if (!year) { return say("move_time", {proposals: covplan.thousands(proposals.all.length)}); }
      const due = proposals.all.filter((one) => one.properties.from && one.properties.from <= year);
      const cost = Math.round(due.reduce((sum, one) => sum + (one.properties.vnd || 0), 0) / BILLION * 10) / 10;
      const unplaced = spec.unplaced[spec.years.indexOf(year)];
      const hamlets = (state.layers.hamlets ? state.layers.hamlets.gained(year, 0).length : 0) + unplaced;
      const undated = proposals.all.filter((one) => !one.properties.from).length;
      return say("until", {proposals: covplan.thousands(due.length), hamlets: covplan.thousands(hamlets),
        cost: covplan.figure(cost, Number.isInteger(cost) ? 0 : 1)}) +
        (unplaced ? ` (${say("unplaced", {hamlets: covplan.thousands(unplaced)})})` : "") +
        (undated ? ` · ${say("undated", {proposals: covplan.thousands(undated)})}` : "");
    }

    function toYear(year, keepLayer) {
      state.year = year;
      slider.value = String(steps.indexOf(year));
      output.textContent = year ? say("to_year", {year: year}) : say("today");
      gain.textContent = told(year);
      if (year && !keepLayer && !map.hasLayer(proposals.layer)) { proposals.layer.addTo(map); }
      Object.values(state.layers).forEach((one) => one.toYear());
      state.sort();
      if (!year) { swipe(false); }
      if (after) { after.textContent = output.textContent; }
    }
    slider.addEventListener("input", () => { stop(); toYear(steps[Number(slider.value)]); });
    // Who switches the proposals on wants to see them.
    map.on("overlayadd", (event) => {
      if (event.layer === proposals.layer && !state.year) { toYear(state.last, true); }
    });

    let running = null;
    function stop() {
      clearInterval(running);
      running = null;
      play.textContent = "▶";
    }
    play.addEventListener("click", () => {
      if (running) { stop(); return; }
      play.textContent = "❚❚";
      if (Number(slider.value) === steps.length - 1) { toYear(0); }
      running = setInterval(() => {
        toYear(steps[Number(slider.value) + 1]);
        if (Number(slider.value) === steps.length - 1) { stop(); }
      }, STEP_MS);
    });

    // The swipe: today left of a bar, the year of the timeline right of it.
    let bar = null, share = 0.5, after = null;
    const button = box.querySelector(".covplan-swipe-button");
    function place() {
      const x = Math.round(map.getSize().x * share);
      state.canvas.covplanDivider = bar ? map.containerPointToLayerPoint([x, 0]).x : null;
      if (bar) {
        bar.style.left = `${x}px`;
        bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
      }
      state.canvas.covplanRepaint();
    }
    function swipe(on) {
      if (on === Boolean(bar)) { return; }
      button.setAttribute("aria-pressed", String(on));
      if (on) {
        bar = L.DomUtil.create("div", "covplan-swipe", container);
        bar.innerHTML = `<b class="covplan-swipe-before">${say("today")}</b><b class="covplan-swipe-after"></b><i>◂ ▸</i>`;
        bar.tabIndex = 0;
        bar.setAttribute("role", "slider");
        bar.setAttribute("aria-label", say("divider"));
        bar.setAttribute("aria-valuemin", "0");
        bar.setAttribute("aria-valuemax", "100");
        L.DomEvent.disableClickPropagation(bar);
        after = bar.querySelector(".covplan-swipe-after");
        const move = (event) => {
          const at = event.clientX - container.getBoundingClientRect().left;
          share = Math.min(Math.max(at / map.getSize().x, 0.02), 0.98);
          place();
        };
        bar.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          bar.setPointerCapture(event.pointerId);
          bar.addEventListener("pointermove", move);
        });
        bar.addEventListener("pointerup", () => bar.removeEventListener("pointermove", move));
        bar.addEventListener("keydown", (event) => {
          const by = {ArrowLeft: -0.02, ArrowRight: 0.02}[event.key];
          if (!by) { return; }
          event.preventDefault();
          event.stopPropagation();
          share = Math.min(Math.max(share + by, 0.02), 0.98);
          place();
        });
        map.on("move resize", place);
        if (!state.year) { toYear(state.last); }
        after.textContent = output.textContent;
      } else {
        map.off("move resize", place);
        bar.remove();
        bar = null;
        after = null;
      }
      place();
    }
    button.addEventListener("click", () => swipe(!bar));

    covplan.showProposal = function (number) {
      const part = proposals.parts[number], from = part.feature.properties.from || state.last;
      if (!state.year || state.year < from) { toYear(from); }
      if (!map.hasLayer(proposals.layer)) { proposals.layer.addTo(map); }
      covplan.show(part);
    };
    toYear(0);
  };
})();
