/* covplan's map on plain Leaflet: layers that can be coloured by several columns, one panel that is switch and legend.
   The other files of this folder add to it: rasters, timeline and swipe, search, tools.
   Every text that arrives here was escaped when the page was written, so it may be used as HTML. Its own words come
   with the page, in the page's language: `speak` takes them, `say` gives one with its figures filled in. */
var covplan = (function () {
  "use strict";

  // Points drawn as circle or polygon on the shared canvas.
  const CORNERS = {
    square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
    diamond: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
    triangle: [[0, -1.2], [1.15, 0.85], [-1.15, 0.85]],
    pentagon: [[0, -1.2], [1.05, -0.3], [0.75, 0.95], [-0.75, 0.95], [-1.05, -0.3]],
  };
  const AREA_OPACITY = 0.35;  // of a place's area, below its symbol
  const GAINED = {color: "#111111", weight: 1.6, opacity: 1};  // edge of what a proposal has changed
  const TODAY = 0;

  // What the parts of the map share: the year shown, whether a raster lies below, the layers by name.
  const state = {year: TODAY, faded: false, layers: {}};

  let words = {};
  function speak(map, spoken) {
    words = spoken;
    document.documentElement.lang = words.lang;
  }
  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_whole, name) => values[name]);

  // Numbers as the page's language writes them.
  const figure = (value, decimals) => {
    const [whole, part] = value.toFixed(decimals).split(".");
    return thousands(whole) + (part ? words.decimal + part : "");
  };
  const thousands = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, words.thousands);

  // A canvas that can show two states of a layer: `covplanBefore` left of the divider (null: nothing), the layer's own
  // options right of it. Layers without that property look the same on both sides.
  function onBothSides(canvas, layer, draw) {
    const before = layer.covplanBefore, at = canvas.covplanDivider, ctx = canvas._ctx;
    if (before === undefined || at === null || at === undefined) { draw(); return; }
    const bounds = canvas._bounds, after = layer.options;
    const side = (from, to, options) => {
      if (to <= from) { return; }
      ctx.save();
      ctx.beginPath();
      ctx.rect(from, bounds.min.y, to - from, bounds.max.y - bounds.min.y);
      ctx.clip();
      layer.options = options;
      draw();
      layer.options = after;
      ctx.restore();
    };
    if (before) { side(bounds.min.x, Math.min(at, bounds.max.x), {...after, ...before}); }
    side(Math.max(at, bounds.min.x), bounds.max.x, after);
  }
  const Canvas = L.Canvas.extend({
    _updatePoly: function (layer, closed) {
      onBothSides(this, layer, () => L.Canvas.prototype._updatePoly.call(this, layer, closed));
    },
    _updateCircle: function (layer) {
      onBothSides(this, layer, () => L.Canvas.prototype._updateCircle.call(this, layer));
    },
    covplanRepaint: function () {
      if (!this._map || !this._ctx) { return; }
      this._redrawBounds = null;
      this._redraw();
    },
  });

  // Small where the whole province is in view, larger nearer.
  const growth = (zoom) => Math.min(Math.max(0.7 + 0.2 * (zoom - 9.5), 0.7), 1.6);
  const Symbol = L.CircleMarker.extend({
    _updateBounds: function () {
      if (!this._map) { return; }  // Leaflet restyles what was taken off the map, too
      this._radius = this.options.radius * growth(this._map.getZoom());
      L.CircleMarker.prototype._updateBounds.call(this);
    },
    _updatePath: function () {
      this._radius = this.options.radius * growth(this._map.getZoom());
      const corners = CORNERS[this.options.symbol], canvas = this._renderer, at = this._point, size = this._radius;
      if (!corners || !canvas._ctx) { return L.CircleMarker.prototype._updatePath.call(this); }
      if (!canvas._drawing || this._empty()) { return; }
      onBothSides(canvas, this, () => {
        canvas._ctx.beginPath();
        corners.forEach(([x, y]) => canvas._ctx.lineTo(at.x + size * x, at.y + size * y));
        canvas._ctx.closePath();
        canvas._fillStroke(canvas._ctx, this);
      });
    },
  });

  // Pixels at the edges that the boxes cover; `fit` and popups keep clear of them.
  const free = {topLeft: [10, 10], bottomRight: [10, 24]};
  function measure(map) {
    const box = map.getContainer(), wide = map.getSize().x >= 900;
    const size = (name, side) => (box.querySelector(name) || {})[side] || 0;
    free.topLeft[0] = 14 + (wide ? size(".covplan-box", "offsetWidth") : 0);
    free.topLeft[1] = 10 + size(".covplan-banner", "offsetHeight");
    free.bottomRight[1] = 32 + size(".covplan-time", "offsetHeight");
    free.bottomRight[0] = 14 + (wide ? size(".covplan-panel", "offsetWidth") : 0);
    const foot = size(".leaflet-control-attribution", "offsetHeight");
    box.style.setProperty("--covplan-foot", `${foot}px`);
    free.bottomRight[1] += Math.max(foot - 16, 0);
    box.style.setProperty("--covplan-top", `${size(".covplan-banner", "offsetHeight")}px`);
  }

  function swatch(style) {
    const fill = style.fillColor || "none", edge = style.color === "#ffffff" ? "#8a8a8a" : style.color;
    const look = `fill="${fill}" fill-opacity="${style.fillOpacity || 0}" stroke="${edge}"`;
    let shape = `<rect x="1" y="2" width="16" height="10" ${look} stroke-width="${style.edge || 0.5}"/>`;
    if (style.symbol === "line") {
      shape = `<line x1="0" y1="7" x2="18" y2="7" stroke="${edge}" stroke-width="${Math.max(style.weight, 1)}"
        stroke-opacity="${style.opacity}" stroke-dasharray="${style.dashArray || ""}"/>`;
    } else if (style.shape === "point") {
      const corners = (CORNERS[style.symbol] || []).map(([x, y]) => `${9 + x * 4.5},${7 + y * 4.5}`).join(" ");
      shape = corners ? `<polygon points="${corners}" ${look} stroke-width="0.6"/>`
        : `<circle cx="9" cy="7" r="${Math.min(style.radius + 1, 6)}" ${look} stroke-width="0.6"/>`;
    }
    return `<svg width="18" height="14" aria-hidden="true">${shape}</svg>`;
  }

  function popup(spec, properties) {
    const table = (columns) => `<table>${columns.filter((column) => column in properties)
      .map((column) => `<tr><th>${spec.columns[column]}</th><td>${properties[column]}</td></tr>`).join("")}</table>`;
    const all = Object.keys(spec.columns), lead = spec.lead.length ? spec.lead : all;
    const rest = all.filter((column) => !lead.includes(column) && column in properties);
    const sheet = properties.sheet
      ? `<p><a href="${properties.sheet}" target="_blank" rel="noopener">${say("hamlet_page")}</a></p>` : "";
    return `<div class="covplan-kind">${spec.title}</div><h2>${properties[spec.heading] || ""}</h2>` + sheet +
      proposalsOf(properties) + table(lead) + nearest(properties) +
      (rest.length ? `<details><summary>${say("details", {count: rest.length})}</summary>${table(rest)}</details>` : "");
  }

  // Proposals that serve a hamlet or place; a click shows the proposal.
  function proposalsOf(properties) {
    const of = state.layers.proposals;
    if (!of || !properties.by) { return ""; }
    const items = properties.by.map((number) => {
      const one = of.parts[number].feature.properties;
      const told = [one.from ? say("in_year", {year: one.from}) : say("no_year"), one.cost].filter(Boolean).join(" · ");
      return `<li><button type="button" data-proposal="${number}">${one[of.spec.heading]}</button> <small>${told}</small></li>`;
    });
    return `<h3>${say("proposals")}</h3><ul class="covplan-by">${items.join("")}</ul>`;
  }

  function nearest(properties) {
    if (!properties.near) { return ""; }
    const rows = properties.near.map(([id, away, who]) => `<tr><th>${id}</th><td>${away}</td><td>${who}</td></tr>`);
    return `<h3>${say("nearest_masts")}</h3><table class="covplan-near-masts">${rows.join("")}</table>`;
  }

  // The class of a feature in a theme as of a year, and whether a proposal made it so.
  function classAt(feature, theme, year) {
    const gain = (feature.properties.gains || []).find(([of, from]) => of === theme && from <= year);
    return gain ? [gain[2], true] : [feature.properties.classes[theme], false];
  }

  function look(spec, theme, feature, year) {
    const [code, gained] = classAt(feature, theme, year);
    let style = {...spec.themes[theme].styles[code]};
    const kind = feature.geometry.type;
    if (spec.layer === "proposals" && kind.includes("Line")) {
      style = {...style, color: style.fillColor, weight: 3, opacity: 0.95, fill: false};
    }
    if (spec.layer === "hamlets" && state.faded) {
      style = {...style, color: style.fillColor, fillOpacity: 0.05, weight: 0.8, opacity: 0.9};
    }
    return gained ? {...style, ...GAINED} : style;
  }

  // A layer of the plan. `spec.themes` are the columns it can be coloured by; a feature knows its class in each.
  function layer(spec) {
    let current = 0;
    const parts = [];
    const made = L.geoJSON(spec.data, {
      interactive: spec.interactive,
      bubblingMouseEvents: false,
      style: (feature) => look(spec, current, feature, state.year),
      pointToLayer: (feature, at) => new Symbol(at, {bubblingMouseEvents: false}),
      onEachFeature: (feature, part) => {
        parts.push(part);
        if (!part.eachLayer) { return; }
        // A place is its area and a symbol: both answer with the same feature.
        part.eachLayer((one) => {
          one.feature = feature;
          if (one instanceof L.Polygon) {
            one.setStyle = (style) => L.Path.prototype.setStyle.call(one, {...style, fillOpacity: AREA_OPACITY});
          }
        });
        part.getElement = () => null;  // Leaflet 1.9.3 asks groups too when it binds a tooltip
      },
    });
    if (spec.interactive) {
      made.bindPopup((part) => popup(spec, part.feature.properties), {
        maxWidth: 350, maxHeight: 430, autoPanPaddingTopLeft: free.topLeft, autoPanPaddingBottomRight: free.bottomRight,
      });
      made.bindTooltip((part) => part.feature.properties[spec.heading] || spec.title, {sticky: true});
    }
    const each = (part, does) => (part.eachLayer ? part.eachLayer(does) : does(part));
    const paint = (part) => {
      const gained = classAt(part.feature, current, state.year)[1];
      each(part, (one) => {
        one.covplanBefore = gained ? look(spec, current, part.feature, TODAY)
          : (spec.layer === "proposals" ? null : undefined);
      });
      made.resetStyle(part);
    };
    const gainers = parts.filter((part) => part.feature.properties.gains);
    // Proposals whose place is not published: counted, not drawn.
    const nowhere = spec.data.features.filter((feature) => !feature.geometry);
    const due = (feature) => (feature.properties.from || state.last) <= state.year;
    made.covplan = {
      spec: spec,
      parts: parts,
      all: [...parts.map((part) => part.feature), ...nowhere],
      layer: made,
      theme: () => current,
      colourBy: (theme) => { current = theme; parts.forEach(paint); },
      repaint: () => parts.forEach(paint),
      gained: (year, theme) => gainers.filter((part) => classAt(part.feature, theme, year)[1]),
      // Proposals show up in their year; hamlets and places change with them.
      toYear: () => {
        if (spec.layer === "proposals") {
          parts.forEach((part) => {
            const there = state.year !== TODAY && due(part.feature);
            if (there !== made.hasLayer(part)) { there ? made.addLayer(part) : made.removeLayer(part); }
          });
          parts.forEach(paint);
        } else { gainers.forEach(paint); }
        if (made.covplan.legend) { made.covplan.legend(); }
      },
      count: (code) => parts.filter((part) => classAt(part.feature, current, state.year)[0] === code &&
        (spec.layer !== "proposals" || made.hasLayer(part))).length +
        nowhere.filter((feature) => due(feature) && feature.properties.classes[current] === code).length,
    };
    state.layers[spec.layer] = made.covplan;
    if (spec.names.length) {
      const names = L.layerGroup(spec.names.map(([lat, lon, text, rank]) => L.marker([lat, lon], {
        interactive: false, keyboard: false, pane: "covplan-names",
        icon: L.divIcon({className: `covplan-name covplan-name-${rank}`, html: `<span>${text}</span>`, iconSize: [0, 0]}),
      })));
      made.on("add", (event) => names.addTo(event.target._map));
      made.on("remove", () => names.remove());
    }
    return made;
  }

  function legend(of) {
    const box = L.DomUtil.create("div", "covplan-legend"), themes = of.spec.themes;
    const list = L.DomUtil.create("ul", "");
    const changing = of.spec.layer === "proposals" || of.parts.some((part) => part.feature.properties.gains);
    const printed = L.DomUtil.create("div", "covplan-printed", box);
    const fill = () => {
      const theme = themes[of.theme()], later = state.year !== TODAY && changing;
      printed.innerHTML = themes.length > 1 ? theme.title : "";
      list.innerHTML = theme.legend.map((one) => `<li>${swatch(one.style)}<span>${one.label}</span>` +
        `<b>${later ? thousands(of.count(one.code)) : one.count}</b></li>`).join("");
      const more = later ? of.gained(state.year, of.theme()).length : 0;
      if (more) {
        const style = {...GAINED, edge: GAINED.weight, fillColor: "#ffffff", fillOpacity: 1};
        list.innerHTML += `<li>${swatch(style)}<span>${say("gained")}</span><b>${thousands(more)}</b></li>`;
      }
    };
    of.legend = fill;
    if (themes.length > 1) {
      const choice = L.DomUtil.create("select", "", box);
      choice.setAttribute("aria-label", of.spec.title);
      choice.innerHTML = themes.map((theme, number) =>
        `<option value="${number}"${number === of.theme() ? " selected" : ""}>${theme.title}</option>`).join("");
      choice.addEventListener("change", () => { of.colourBy(Number(choice.value)); fill(); });
    }
    box.appendChild(list);
    if (of.spec.note) { L.DomUtil.create("p", "", box).innerHTML = of.spec.note; }
    fill();
    return box;
  }

  // Leaflet's layer control with headings, and below each layer its legend.
  const Panel = L.Control.Layers.extend({
    _update: function () {
      this._heading = null;
      this._groups = [];
      const made = L.Control.Layers.prototype._update.call(this);
      this._mark();
      return made;
    },
    // On paper a heading without a layer below it is left out.
    _mark: function () {
      this._groups.forEach(({heading, layers}) =>
        heading.classList.toggle("covplan-off", !layers.some((one) => this._map.hasLayer(one))));
    },
    _addItem: function (item) {
      const of = item.layer.covplan, heading = of ? of.spec.group : say("base_maps");
      if (heading !== this._heading) {
        this._groups.push({heading: L.DomUtil.create("h2", "", this._overlaysList), layers: []});
        this._groups[this._groups.length - 1].heading.innerHTML = heading;
        this._heading = heading;
      }
      this._groups[this._groups.length - 1].layers.push(item.layer);
      const row = L.Control.Layers.prototype._addItem.call(this, item);
      if (of) {
        const box = this._overlaysList.appendChild(legend(of)), map = this._map;
        const show = () => { box.hidden = !map.hasLayer(item.layer); };
        row.querySelector("input").addEventListener("change", () => setTimeout(show));
        show();
      }
      return row;
    },
  });

  function panel(map, base, overlays) {
    const narrow = map.getSize().x < 760;
    const made = new Panel(base, overlays, {collapsed: narrow, position: "topright"}).addTo(map);
    made.getContainer().classList.add("covplan-panel");
    made.getContainer().querySelector(".leaflet-control-layers-toggle").title = say("layers");
    L.DomEvent.disableScrollPropagation(made.getContainer());
    // One canvas keeps every layer clickable; what is switched on goes back to its place in the pile.
    const pile = Object.values(overlays).filter((one) => one.covplan)
      .sort((one, other) => one.covplan.spec.height - other.covplan.spec.height);
    const sort = () => pile.forEach((one) => map.hasLayer(one) && one.bringToFront());
    state.sort = sort;
    map.on("overlayadd", sort);
    map.on("overlayadd overlayremove", () => made._mark());
    sort();
    // A popup names the proposals that serve a hamlet; a click on one leads there.
    map.getContainer().addEventListener("click", (event) => {
      const button = event.target.closest("[data-proposal]");
      if (button) { covplan.showProposal(Number(button.dataset.proposal)); }
    });
  }

  function control(map, position, className, html) {
    const made = L.control({position: position});
    made.onAdd = () => {
      const box = L.DomUtil.create("div", className);
      box.innerHTML = html;
      L.DomEvent.disableClickPropagation(box);
      L.DomEvent.disableScrollPropagation(box);
      return box;
    };
    return made.addTo(map);
  }

  function furnish(map, texts) {
    state.map = map;
    state.canvas = map.options.renderer = new Canvas({padding: 0.1});
    const container = map.getContainer();
    container.classList.add("covplan-map");
    if (texts.banner) {
      const banner = L.DomUtil.create("div", "covplan-banner", container);
      banner.setAttribute("role", "note");
      banner.innerHTML = texts.banner;
    }
    map.createPane("covplan-names").style.zIndex = 450;
    map.getPane("covplan-names").style.pointerEvents = "none";
    L.control.scale({imperial: false, maxWidth: 120}).addTo(map);
    control(map, "bottomleft", "covplan-north", texts.north);
    L.control.zoom({position: "bottomleft", zoomInTitle: say("zoom_in"), zoomOutTitle: say("zoom_out")}).addTo(map);
    control(map, "topleft", "covplan-box", texts.box);
    const box = container.querySelector(".covplan-box details");
    if (map.getSize().x < 760 || map.getSize().y < 520) { box.open = false; }
    map.attributionControl.setPrefix("Leaflet").addAttribution(texts.provenance);
    const near = () => container.classList.toggle("covplan-near", map.getZoom() >= 11);
    map.on("zoomend", near);
    near();
    map.on("popupopen", (event) => {
      const button = event.popup.getElement().querySelector(".leaflet-popup-close-button");
      if (button) { button.setAttribute("aria-label", say("close")); }
    });
  }

  // The province in the space the boxes leave free; once more when a hidden page gets its size.
  function fit(map, bounds) {
    const view = () => {
      measure(map);
      map.fitBounds(bounds, {animate: false, paddingTopLeft: free.topLeft, paddingBottomRight: free.bottomRight});
    };
    map.on("resize", () => measure(map));
    const hidden = !map.getSize().x;
    view();
    if (hidden) { map.once("resize", view); }
  }

  return {layer: layer, panel: panel, speak: speak, say: say, furnish: furnish, fit: fit, state: state, control: control,
    figure: figure, thousands: thousands};
})();
