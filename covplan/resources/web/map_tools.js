/* Tools: coordinates, measuring, candidate masts as GeoJSON, printing. */
(function () {
  "use strict";

  const MARK = {color: "#c2185b", weight: 2.5, opacity: 1, fillColor: "#c2185b", fillOpacity: 0.12, interactive: false};
  const figure = (value, decimals) => {
    const [whole, part] = value.toFixed(decimals).split(".");
    return whole.replace(/\B(?=(\d{3})+$)/g, ".") + (part ? `,${part}` : "");
  };
  const escaped = (text) => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);

  function inWords(crs, at) {
    const lonlat = `WGS 84: ${at.lat.toFixed(6)}, ${at.lng.toFixed(6)}`;
    if (!crs) { return [lonlat]; }
    const [x, y] = covplan.geodesy.toPlane(crs, at.lng, at.lat);
    return [`${crs.name} (EPSG:${crs.epsg})`, `X (Bắc) ${figure(y, 2)} · Y (Đông) ${figure(x, 2)}`, lonlat];
  }

  function copy(text, button) {
    const done = () => {
      const before = button.textContent;
      button.textContent = "Đã chép ✓";
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
    const accuracy = crs ? "Phép chiếu chính xác đến 1 mm so với PROJ; chuyển hệ VN-2000 ↔ WGS 84 theo tham số EPSG, " +
      `sai số khoảng ${figure(crs.accuracy || 1, 0)} m. Phần thập phân của WGS 84: độ.` : "";
    const coordinates = covplan.control(map, "bottomright", "covplan-coordinates", "").getContainer();
    coordinates.title = accuracy;
    coordinates.innerHTML = `<div></div><div class="covplan-clicked" hidden><span></span>
      <button type="button">Chép</button></div>`;
    const live = coordinates.firstChild, clicked = coordinates.querySelector(".covplan-clicked");
    const keep = (at) => {
      clicked.hidden = false;
      clicked.querySelector("span").innerHTML = inWords(crs, at).join("<br>");
    };
    live.textContent = "Bấm vào bản đồ để lấy toạ độ";
    map.on("mousemove", (event) => { live.innerHTML = inWords(crs, event.latlng).slice(-2).join("<br>"); });
    map.on("click", (event) => keep(event.latlng));
    map.on("popupopen", (event) => keep(event.popup.getLatLng()));
    clicked.querySelector("button").addEventListener("click", (event) =>
      copy(clicked.querySelector("span").innerText, event.target));

    // The buttons.
    const box = container.querySelector(".covplan-box"), bar = L.DomUtil.create("div", "covplan-tools");
    box.insertBefore(bar, box.querySelector("details"));
    bar.innerHTML = `<button type="button" data-tool="length" aria-pressed="false">Đo dài</button>
      <button type="button" data-tool="area" aria-pressed="false">Đo diện tích</button>
      <button type="button" data-tool="mast" aria-pressed="false">Đặt cột thử</button>
      <button type="button" data-tool="print">In</button>`;
    const told = L.DomUtil.create("div", "covplan-told");
    bar.after(told);
    told.hidden = true;
    told.setAttribute("aria-live", "polite");

    let active = null, points = [], ended = false, drawn = null;
    const tell = (html) => { told.innerHTML = html; told.hidden = !html; };
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
      const words = {length: "Bấm từng điểm; bấm đúp để kết thúc.", area: "Bấm từng đỉnh; bấm đúp để kết thúc.",
        mast: "Bấm vào bản đồ để đặt cột thử; kéo để dời."};
      tell(tool === "mast" && masts.length ? form() : (words[tool] || ""));
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
      if (active === "length") { tell(`Chiều dài: <b>${reads}</b> (trên elipxoit)`); return; }
      const size = points.length > 2 ? covplan.geodesy.area(points) : 0;
      tell(`Diện tích: <b>${size < 1e6 ? `${figure(size / 1e4, 2)} ha` : `${figure(size / 1e6, 3)} km²`}</b>` +
        `<br>Chu vi: ${reads}`);
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
      return `<div class="covplan-form"><label>Mã trạm <input name="station_id" value="${escaped(one.station_id)}"></label>
        <label>Nhà mạng <select name="operator">${spec.operators.map(option).join("")}</select></label>
        <label>Công nghệ <select name="technologies">${["4G", "5G", "4G;5G"].map(technology).join("")}</select></label>
        <label>Cột cao (m) <input name="height_m" type="number" min="3" max="150" value="${one.height_m}"></label>
        <label>Anten cao (m) <input name="antenna_height_m" type="number" min="2" max="150" value="${one.antenna_height_m}"></label>
        <div><button type="button" data-do="copy">Chép GeoJSON (${masts.length})</button>
        <button type="button" data-do="save">Tải về</button> <button type="button" data-do="drop">Xoá cột này</button></div>
        <small>Tính thử: <code>covplan.what_if(study, add=covplan.read_drawn("cot_thu.geojson"))</code>. Cần mã trạm mới,
        nhà mạng và vị trí (lon, lat); các cột khác như lớp trạm BTS.</small></div>`;
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
        link.download = "cot_thu.geojson";
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      }
      if (does === "drop") {
        chosen.marker.remove();
        masts.splice(masts.indexOf(chosen), 1);
        chosen = null;
        tell(masts.length ? form() : "Bấm vào bản đồ để đặt cột thử; kéo để dời.");
      }
    });
    told.addEventListener("keydown", (event) => event.stopPropagation());
    covplan.drawn = () => JSON.parse(collection());
  };
})();
