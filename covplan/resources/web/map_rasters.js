/* Pictures of rasters: the relief below everything, coverage one at a time. */
(function () {
  "use strict";

  const RELIEF_HEIGHT = 210, COVERAGE_HEIGHT = 220;  // above web tiles, below the plan's layers

  function lay(map, one, pane, opacity) {
    return L.imageOverlay(one.image, [[one.south, one.west], [one.north, one.east]],
      {pane: pane, opacity: opacity, className: pane, interactive: false});
  }

  function row(list, title) {
    const heading = L.DomUtil.create("h2", "", list);
    heading.textContent = title;
    return L.DomUtil.create("div", "covplan-raster-box", list);
  }

  covplan.rasters = function (map, spec) {
    const list = map.getContainer().querySelector(".covplan-panel .leaflet-control-layers-list");
    map.createPane("covplan-relief").style.zIndex = RELIEF_HEIGHT;
    map.createPane("covplan-coverage").style.zIndex = COVERAGE_HEIGHT;
    if (spec.coverage.length) { coverage(map, spec, list); }
    if (spec.relief) {
      const box = row(list, covplan.say("ground")), label = L.DomUtil.create("label", "", box);
      label.innerHTML = `<span><input type="checkbox" class="leaflet-control-layers-selector covplan-relief-switch">
        <span>${covplan.say("relief")}</span></span>`;
      const picture = lay(map, spec.relief, "covplan-relief", 0.9), input = label.querySelector("input");
      const show = () => (input.checked ? picture.addTo(map) : picture.remove());
      input.checked = spec.shown;
      input.addEventListener("change", show);
      show();
    }
  };

  function coverage(map, spec, list) {
    const first = L.DomUtil.create("div", "covplan-coverage-box");
    list.prepend(first);
    const box = row(first, covplan.say("coverage_rsrp"));
    const choice = L.DomUtil.create("select", "covplan-coverage-choice", box);
    choice.setAttribute("aria-label", covplan.say("coverage"));
    choice.innerHTML = `<option value="">${covplan.say("not_shown")}</option>` +
      spec.coverage.map((one, number) => `<option value="${number}">${one.title}</option>`).join("");
    const printed = L.DomUtil.create("div", "covplan-printed", box), more = L.DomUtil.create("div", "", box);
    more.innerHTML = `<label class="covplan-opacity"><span>${covplan.say("opacity")}</span><input type="range" min="10" max="100" value="85"></label>
      <ul>${spec.legend.map((one) => `<li><i style="background:${one.colour}"></i>${one.label}</li>`).join("")}</ul>
      ${spec.note ? `<p>${spec.note}</p>` : ""}`;
    const opacity = more.querySelector("input");
    let shown = null;
    const show = () => {
      if (shown) { shown.remove(); shown = null; }
      if (choice.value !== "") {
        shown = lay(map, spec.coverage[Number(choice.value)], "covplan-coverage", opacity.value / 100).addTo(map);
      }
      more.hidden = !shown;
      first.classList.toggle("covplan-off", !shown);
      printed.innerHTML = shown ? spec.coverage[Number(choice.value)].title : "";
      // The hamlets become outlines, so that what lies below them is seen.
      if (covplan.state.faded !== Boolean(shown)) {
        covplan.state.faded = Boolean(shown);
        if (covplan.state.layers.hamlets) { covplan.state.layers.hamlets.repaint(); }
        covplan.state.sort();
      }
    };
    choice.addEventListener("change", show);
    opacity.addEventListener("input", () => shown && shown.setOpacity(opacity.value / 100));
    show();
  }
})();
