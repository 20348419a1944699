/* Tools: coordinates, measuring, candidate masts as GeoJSON, printing. */
(function () {
  "use strict";

  const MARK = {color: "#c2185b", weight: 2.5, opacity: 1, fillColor: "#c2185b", fillOpacity: 0.12, interactive: false};
  const CONTROLS = 220;  // pixels of the controls at the lower left
  const figure = covplan.figure, say = covplan.say;
  const escaped = (text) => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);

  function inWords(crs, at) {
    const lonlat = `WGS 84: ${at.lat.toFixed(6)}, ${at.lng.toFixed(6)}`;
    if (!crs) { return [lonlat]; }
    const [x, y] = covplan.geodesy.toPlane(crs, at.lng, at.lat);
    return [`${crs.name} (EPSG:${crs.epsg})`, say("plane", {north: figure(y, 2), east: figure(x, 2)}), lonlat];
  }

  function copy(text, button) {
    const done = () => {
      const before = button.textContent;
      button.textContent = say("copied");
      setTimeout(() => { button.textContent = before; }, 1500);
    };
    // A page opened from a file may not use the clipboard: then the old way.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.appendChild(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (copied) { done(); } else if (navigator.clipboard) { navigator.clipboard.writeText(text).then(done, () => {}); }
  }

  covplan.tools = function (map, spec) {
    const container = map.getContainer(), crs = spec.projection;

    // Coordinates: of the pointer, and kept of the last click.
    const accuracy = crs ? say("accuracy", {metres: figure(crs.accuracy || 1, 0)}) : "";
    const coordinates = covplan.control(map, "bottomright", "covplan-coordinates", "").getContainer();
    coordinates.title = accuracy;
    coordinates.innerHTML = `<div></div><div class="covplan-clicked" hidden><span></span>
      <button type="button">${say("copy")}</button></div>`;
    const live = coordinates.firstChild, clicked = coordinates.querySelector(".covplan-clicked");
    const keep = (at) => {
      clicked.hidden = false;
      clicked.querySelector("span").innerHTML = inWords(crs, at).join("<br>");
    };
    live.textContent = say("click_for_coordinates");
    map.on("mousemove", (event) => { live.innerHTML = inWords(crs, event.latlng).slice(-2).join("<br>"); });
    map.on("click", (event) => keep(event.latlng));
    map.on("popupopen", (event) => keep(event.popup.getLatLng()));
    clicked.querySelector("button").addEventListener("click", (event) =>
      copy(clicked.querySelector("span").innerText, event.target));

    // The buttons.
    const box = container.querySelector(".covplan-box"), bar = L.DomUtil.create("div", "covplan-tools");
    box.insertBefore(bar, box.querySelector("details"));
    bar.innerHTML = `<button type="button" data-tool="length" aria-pressed="false">${say("measure_length")}</button>
      <button type="button" data-tool="area" aria-pressed="false">${say("measure_area")}</button>
      <button type="button" data-tool="mast" aria-pressed="false">${say("place_mast")}</button>
      <button type="button" data-tool="print">${say("print")}</button>`;
    const told = L.DomUtil.create("div", "covplan-told");
    bar.after(told);
    told.hidden = true;
    told.setAttribute("aria-live", "polite");

    let active = null, points = [], ended = false, drawn = null;
    const indicators = box.querySelector("details");
    const tell = (html) => {
      told.innerHTML = html;
      told.hidden = !html;
      if (box.offsetHeight > map.getSize().y - CONTROLS) { indicators.open = false; }  // else it covers the zoom
    };
    function choose(tool) {
      active = tool;
      points = [];
      ended = false;
      if (drawn) { drawn.remove(); drawn = null; }
      bar.querySelectorAll("[aria-pressed]").forEach((button) =>
        button.setAttribute("aria-pressed", String(button.dataset.tool === tool)));
      container.classList.toggle("covplan-working", Boolean(tool));
      map.doubleClickZoom[tool ? "disable" : "enable"]();
      if (tool) { map.closePopup(); }
      tell(tool === "mast" && masts.length ? form() : (tool ? say(`how_${tool}`) : ""));
    }
    bar.addEventListener("click", (event) => {
      const tool = event.target.dataset.tool;
      if (tool === "print") { window.print(); } else if (tool) { choose(active === tool ? null : tool); }
    });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && active) { choose(null); } });

    // While a tool is at work a click is its own, wherever it lands: also on a hamlet.
    container.addEventListener("click", (event) => {
      if (!active || !event.target.closest(".leaflet-map-pane") || event.target.closest(".leaflet-popup")) { return; }
      if (event.target.closest(".covplan-mast")) { return; }
      event.stopPropagation();
      const at = map.mouseEventToLatLng(event);
      keep(at);
      if (active === "mast") { place(at); } else if (event.detail < 2) { measure(at); }
    }, true);
    container.addEventListener("dblclick", (event) => {
      if (!active || !event.target.closest(".leaflet-map-pane")) { return; }
      event.stopPropagation();
      ended = true;
    }, true);

    function measure(at) {
      if (ended) { points = []; ended = false; }
      points.push(at);
      if (drawn) { drawn.remove(); }
      const lines = active === "area" ? L.polygon(points, MARK) : L.polyline(points, MARK);
      drawn = L.layerGroup([lines, ...points.map((one) => L.circleMarker(one, {...MARK, radius: 4, fillOpacity: 1}))]);
      drawn.addTo(map);
      const path = active === "area" ? [...points, points[0]] : points;
      const metres = path.slice(1).reduce((sum, one, number) => sum + covplan.geodesy.length(path[number], one), 0);
      const reads = metres < 2000 ? `${figure(metres, 1)} m` : `${figure(metres / 1000, 3)} km`;
      if (active === "length") { tell(say("length", {length: `<b>${reads}</b>`})); return; }
      const size = points.length > 2 ? covplan.geodesy.area(points) : 0;
      const square = size < 1e6 ? `${figure(size / 1e4, 2)} ha` : `${figure(size / 1e6, 3)} km²`;
      tell(`${say("area", {area: `<b>${square}</b>`})}<br>${say("perimeter", {length: reads})}`);
    }

    // Candidate masts: features that covplan.what_if takes.
    const masts = [];
    let chosen = null, number = 0;
    function place(at) {
      const used = new Set([...spec.stations, ...masts.map((one) => one.properties.station_id)]);
      do { number += 1; } while (used.has(`CAND-${number}`));
      const mast = {at: at, properties: {station_id: `CAND-${number}`, operator: spec.operators[0][0], height_m: 42,
        antenna_height_m: 39, technologies: "4G"}};
      mast.marker = L.marker(at, {draggable: true, keyboard: true, icon: L.divIcon({className: "covplan-mast",
        html: "<span>✚</span>", iconSize: [26, 26]})}).addTo(map);
      mast.marker.on("drag", () => { mast.at = mast.marker.getLatLng(); keep(mast.at); });
      mast.marker.on("click", () => { chosen = mast; if (active !== "mast") { choose("mast"); } tell(form()); });
      masts.push(mast);
      chosen = mast;
      tell(form());
    }
    const feature = (mast) => {
      const lon = Number(mast.at.lng.toFixed(6)), lat = Number(mast.at.lat.toFixed(6));
      return {type: "Feature", properties: {...mast.properties, lon: lon, lat: lat},
        geometry: {type: "Point", coordinates: [lon, lat]}};
    };
    const collection = () => JSON.stringify({type: "FeatureCollection", features: masts.map(feature)}, null, 1);

    function form() {
      if (!chosen) { chosen = masts[masts.length - 1]; }
      const one = chosen.properties, option = ([code, name]) =>
        `<option value="${escaped(code)}"${code === one.operator ? " selected" : ""}>${name}</option>`;
      const technology = (code) => `<option${code === one.technologies ? " selected" : ""}>${code}</option>`;
      return `<div class="covplan-form"><label>${say("station_id")} <input name="station_id" value="${escaped(one.station_id)}"></label>
        <label>${say("operator")} <select name="operator">${spec.operators.map(option).join("")}</select></label>
        <label>${say("technology")} <select name="technologies">${["4G", "5G", "4G;5G"].map(technology).join("")}</select></label>
        <label>${say("mast_height")} <input name="height_m" type="number" min="3" max="150" value="${one.height_m}"></label>
        <label>${say("antenna_height")} <input name="antenna_height_m" type="number" min="2" max="150" value="${one.antenna_height_m}"></label>
        <div><button type="button" data-do="copy">${say("copy_geojson", {count: masts.length})}</button>
        <button type="button" data-do="save">${say("download")}</button> <button type="button" data-do="drop">${say("remove_mast")}</button></div>
        <small>${say("what_if", {code: `<code>covplan.what_if(study, add=covplan.read_drawn("${say("file")}"))</code>`})}</small></div>`;
    }
    told.addEventListener("change", (event) => {
      const name = event.target.name;
      if (!name || !chosen) { return; }
      chosen.properties[name] = event.target.type === "number" ? Number(event.target.value) : event.target.value.trim();
    });
    told.addEventListener("click", (event) => {
      const does = event.target.dataset.do;
      if (does === "copy") { copy(collection(), event.target); }
      if (does === "save") {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([collection()], {type: "application/geo+json"}));
        link.download = say("file");
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      }
      if (does === "drop") {
        chosen.marker.remove();
        masts.splice(masts.indexOf(chosen), 1);
        chosen = null;
        tell(masts.length ? form() : say("how_mast"));
      }
    });
    told.addEventListener("keydown", (event) => event.stopPropagation());
    covplan.drawn = () => JSON.parse(collection());
  };
})();
