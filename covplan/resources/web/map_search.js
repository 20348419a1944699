/* Search by hamlet, commune or id, with or without tone marks. */
(function () {
  "use strict";

  const MOST = 12;
  const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[đĐ]/g, "d").toLowerCase();
  // Names were escaped for the page; one searches for what one reads.
  const NAMED = {"&lt;": "<", "&gt;": ">", "&quot;": "\"", "&#x27;": "'", "&amp;": "&"};
  const read = (text) => text.replace(/&(?:lt|gt|quot|#x27|amp);/g, (found) => NAMED[found]);

  // Goes to a part of a layer and opens its popup.
  covplan.show = function (part) {
    const map = covplan.state.map, at = part.getBounds ? part.getBounds() : L.latLngBounds([part.getLatLng()]);
    map.fitBounds(at, {maxZoom: 13, animate: false, padding: [80, 80]});
    const group = Object.values(covplan.state.layers).find((one) => one.layer.hasLayer(part));
    const one = part.eachLayer ? part.getLayers()[0] : part;
    if (!group) { return; }
    if (!map.hasLayer(group.layer)) { group.layer.addTo(map); }
    one.fire("click", {latlng: one.getLatLng ? one.getLatLng() : at.getCenter(), layer: one}, true);
    group.layer.closeTooltip();  // a click opens it too
  };

  covplan.search = function (map) {
    const hamlets = covplan.state.layers.hamlets, communes = covplan.state.layers.communes, entries = [];
    const districts = new Map();
    (hamlets ? hamlets.parts : []).forEach((part) => {
      const one = part.feature.properties, where = [one.commune, one.district].filter(Boolean).join(", ");
      entries.push({html: `<b>${one.name || one.id}</b> <small>${where}</small>`, rank: 1, go: () => covplan.show(part),
        key: plain(read(`${one.name || ""}`)), all: plain(read([one.name, where, one.id].filter(Boolean).join(" ")))});
      if (one.commune) {
        const bounds = part.getBounds ? part.getBounds() : L.latLngBounds([part.getLatLng()]);
        districts.set(one.commune, (districts.get(one.commune) || L.latLngBounds([])).extend(bounds));
      }
    });
    (communes ? communes.spec.names : []).forEach(([lat, lon, text, rank]) => {
      const bounds = districts.get(text);
      entries.push({html: `<b>${text}</b> <small>${covplan.say(rank === "commune" ? "commune" : "district")}</small>`, rank: 0,
        go: () => (bounds && rank === "commune" ? map.fitBounds(bounds, {animate: false, padding: [60, 60]})
          : map.setView([lat, lon], rank === "commune" ? 12 : 10.5, {animate: false})),
        key: plain(read(text)), all: plain(read(text))});
    });

    const box = map.getContainer().querySelector(".covplan-box"), form = L.DomUtil.create("div", "covplan-search");
    box.insertBefore(form, box.querySelector("details"));
    form.innerHTML = `<input type="search" placeholder="${covplan.say("search_how")}" aria-label="${covplan.say("search")}"
      autocomplete="off"><ul role="listbox" hidden></ul>`;
    const input = form.querySelector("input"), list = form.querySelector("ul");
    let found = [], at = 0;

    function mark() {
      [...list.children].forEach((item, number) => item.setAttribute("aria-selected", String(number === at)));
    }
    function choose(number) {
      if (!found[number]) { return; }
      list.hidden = true;
      input.blur();
      found[number].go();
    }
    function look() {
      const wanted = plain(input.value.trim()), words = wanted.split(/\s+/);
      // What begins so before what contains it, communes before hamlets.
      const score = (one) => (one.key === wanted ? 0 : one.key.startsWith(wanted) ? 1 : one.key.includes(wanted) ? 2 : 3);
      found = wanted ? entries.filter((one) => words.every((word) => one.all.includes(word)))
        .map((one, number) => [score(one), one.rank, number, one])
        .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]).slice(0, MOST).map((row) => row[3]) : [];
      at = 0;
      list.innerHTML = found.length ? found.map((one, number) =>
        `<li role="option" data-number="${number}">${one.html}</li>`).join("")
        : (wanted ? `<li class="covplan-none">${covplan.say("nothing_found")}</li>` : "");
      list.hidden = !wanted;
      mark();
    }
    input.addEventListener("input", look);
    input.addEventListener("focus", look);
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") { choose(at); }
      if (event.key === "Escape") { list.hidden = true; }
      const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
      if (by && found.length) { event.preventDefault(); at = (at + by + found.length) % found.length; mark(); }
    });
    list.addEventListener("mousedown", (event) => {
      const item = event.target.closest("[data-number]");
      event.preventDefault();
      if (item) { choose(Number(item.dataset.number)); }
    });
    input.addEventListener("blur", () => { list.hidden = true; });
  };
})();
