// The table of schools: filter, sort, page, measure distance. Works from a folder without a server; without this script the first page and the
// CSV remain. What is chosen is kept in the address (after #), so that "back" from a school's page finds the table as it was.
(function () {
  "use strict";
  var PER_PAGE = 50, MOST_PRINTED = 1000, MOST_OFFERED = 20;
  var form = document.getElementById("filters"), table = document.getElementById("table"), pager = document.getElementById("pager");
  var count = document.getElementById("count"), chosen = document.getElementById("chosen"), note = document.getElementById("near-note");
  var text = document.getElementById("f-text"), near = document.getElementById("f-near"), within = document.getElementById("f-within");
  var KM = { key: "km", label: "Distance (km)", decimals: 1, place: "shown" };
  var data, place = {}, search, km, centre = null, found = [], page = 0, sortKey = "name", descending = false, waiting, view = null, ticked = [], guessed = false, scale = null;
  var SVG = "http://www.w3.org/2000/svg";
  var views = document.getElementById("views"), compare = document.getElementById("compare");

  var script = document.createElement("script");
  script.src = "assets/schools.js";
  script.onload = start;
  document.head.appendChild(script);

  function all(selector) { return Array.prototype.slice.call(form.querySelectorAll(selector)); }

  function start() {
    data = window.SCHOOLS;
    data.keys.forEach(function (key, i) { place[key] = i; });
    search = data.rows.map(function (row) {
      var trust = place.trust === undefined || row[place.trust] === null ? "" : " " + fold(data.levels.trust[row[place.trust]]);
      var code = place.postcode === undefined || row[place.postcode] === null ? "" : " " + fold(row[place.postcode]);
      return fold(row[place.name]) + " " + row[place.urn] + code + trust;
    });
    form.hidden = false;
    var figures = data.rows.map(function (row) { return place.attendance === undefined ? null : row[place.attendance]; }).filter(function (v) { return v !== null; }).sort(function (a, b) { return a - b; });
    scale = figures.length > 1 && figures[0] < figures[figures.length - 1] ? [figures[Math.floor(figures.length / 100)], figures[figures.length - 1] + 0.5] : null;
    restore();
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("reset", function () { sortKey = "name"; descending = false; view = null; ticked = []; setTimeout(changed, 0); });
    views.addEventListener("click", look);
    table.addEventListener("change", tick);
    form.addEventListener("input", function (event) {
      clearTimeout(waiting);
      if (event.target === near) { offer(); }
      waiting = setTimeout(changed, event.target.tagName === "SELECT" || event.target.type === "checkbox" ? 0 : 200);
    });
    table.tHead.addEventListener("click", function (event) { if (event.target.dataset.sort) { sortBy(event.target.dataset.sort); } });
    pager.addEventListener("click", turn);
    document.getElementById("save").addEventListener("click", save);
    document.getElementById("print").addEventListener("click", function () { document.body.classList.add("print-table"); window.print(); });
    window.addEventListener("beforeprint", function () { draw(found.length <= MOST_PRINTED ? found.length : PER_PAGE); });
    window.addEventListener("afterprint", function () { document.body.classList.remove("print-table"); draw(PER_PAGE); });
    window.addEventListener("hashchange", function () { if (location.hash.indexOf("#f:") === 0) { restore(); changed(); } });
    changed();
  }

  function fold(words) { return String(words).normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[\u2018\u2019]/g, "'").toLowerCase(); }
  function places(value, decimals) {
    return value.toLocaleString("en-GB", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).replace("-", "\u2212");
  }
  function many(n) { return n === 1 ? "1 school" : places(n, 0) + " schools"; }
  function wordsOf(string) { return fold(string).trim().split(/\s+/).filter(Boolean); }
  function holdsAll(i, wanted) { return wanted.every(function (word) { return search[i].indexOf(word) >= 0; }); }

  // Letters to change, add or leave out until a beginning of `word` is `typed`; more than `most` count as `most` + 1.
  function steps(typed, word, most) {
    var line = [], best = most + 1;
    for (var j = 0; j <= word.length; j += 1) { line.push(j); }
    for (var i = 1; i <= typed.length; i += 1) {
      var last = line.slice();
      line[0] = i;
      for (j = 1; j <= word.length; j += 1) {
        line[j] = Math.min(last[j] + 1, line[j - 1] + 1, last[j - 1] + (typed[i - 1] === word[j - 1] ? 0 : 1));
      }
    }
    line.forEach(function (n, j) { if (Math.abs(j - typed.length) <= most) { best = Math.min(best, n); } });
    return best;
  }
  function nearly(i, wanted) {
    var has = search[i].split(/[^a-z0-9]+/);
    return wanted.every(function (word) {
      var most = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
      return has.some(function (one) { return one.indexOf(word) === 0 || (most && steps(word, one, most) <= most); });
    });
  }
  function wordsIn(text) {
    var code = /\b([a-z]{1,2}\d[a-z\d]?)\s+(\d[a-z]{2})\b/i; // a postcode is one word
    return wordsOf(text.replace(code, "$1$2"));
  }

  // ---- ready-made views, and schools side by side
  function look(event) {
    var key = event.target.dataset.view, chosenView = key && data.views.filter(function (v) { return v.key === key; })[0];
    if (!chosenView) { return; }
    view = view && view.key === key ? null : chosenView;
    sortKey = view ? view.sort : "name";
    descending = Boolean(view && view.descending);
    apply();
    keep();
  }

  function tick(event) {
    var i = event.target.dataset.tick;
    if (i === undefined) { return; }
    i = Number(i);
    ticked = ticked.filter(function (one) { return one !== i; });
    if (event.target.checked) { ticked.push(i); }
    if (ticked.length > 4) { ticked.shift(); draw(PER_PAGE); }
    beside();
  }

  function beside() {
    compare.hidden = ticked.length < 2;
    if (compare.hidden) { compare.replaceChildren(); return; }
    var box = document.createElement("table"), caption = box.createCaption(), top = box.createTHead().insertRow(), body = box.createTBody();
    box.className = "compact";
    caption.textContent = "Side by side";
    cell(top, "th", "", "col");
    ticked.forEach(function (i) {
      var link = document.createElement("a");
      link.href = "schools/" + data.rows[i][place.urn] + ".html";
      link.textContent = data.rows[i][place.name];
      cell(top, "th", "", "col").appendChild(link);
    });
    data.columns.forEach(function (column) {
      if (column.place === "hidden" || column.key === "name") { return; }
      var row = body.insertRow();
      cell(row, "th", column.label, "row");
      ticked.forEach(function (i) { cell(row, "td", shown(i, column)); });
    });
    compare.replaceChildren(box);
  }
  function cell(row, kind, words, scope) {
    var made = document.createElement(kind);
    if (scope) { made.scope = scope; }
    made.textContent = words;
    row.appendChild(made);
    return made;
  }
  function known(value) { return value.trim() !== "" && isFinite(Number(value)); }

  // ---- where distances are measured from
  function nameOf(i) {
    var row = data.rows[i], la = place.la === undefined || row[place.la] === null ? "" : ", " + data.levels.la[row[place.la]];
    return row[place.name] + la + " (" + row[place.urn] + ")";
  }

  function offer() {
    var wanted = wordsOf(near.value.replace(/\(.*/, "")), list = document.getElementById("near-list");
    list.replaceChildren();
    for (var i = 0; wanted.length && i < data.rows.length && list.children.length < MOST_OFFERED; i += 1) {
      if (holdsAll(i, wanted)) { list.appendChild(new Option(nameOf(i), nameOf(i))); }
    }
  }

  function locate() {
    var typed = near.value.trim(), point = /^(\d{4,6})\s*,\s*(\d{4,7})$/.exec(typed), urn = /^(?:.*\()?(\d{6})\)?$/.exec(typed), row = -1;
    centre = null;
    note.textContent = "";
    if (!typed || place.easting === undefined) { return; }
    if (point) { centre = { x: Number(point[1]), y: Number(point[2]), name: "the point " + typed, urn: 0 }; return; }
    if (urn) {
      row = data.rows.findIndex(function (r) { return r[place.urn] === Number(urn[1]); });
    } else {
      var hits = [], same = [];
      data.rows.forEach(function (r, i) { if (holdsAll(i, wordsOf(typed))) { hits.push(i); if (fold(r[place.name]) === fold(typed)) { same.push(i); } } });
      if (hits.length === 1) { row = hits[0]; } else if (same.length === 1) { row = same[0]; } else if (hits.length) {
        note.textContent = many(hits.length) + " have this in their name. Choose one from the list, or type its URN.";
        return;
      }
    }
    if (row < 0) { note.textContent = "No school of this pack has this name or URN."; return; }
    var x = data.rows[row][place.easting], y = data.rows[row][place.northing];
    if (x === null || y === null) { note.textContent = "The place of this school is not known. Choose another one nearby."; return; }
    centre = { x: x, y: y, name: data.rows[row][place.name], urn: data.rows[row][place.urn] };
  }

  function measure() {
    km = centre && data.rows.map(function (row) {
      var x = row[place.easting], y = row[place.northing];
      return x === null || y === null ? null : Math.hypot(x - centre.x, y - centre.y) / 1000;
    });
  }

  function value(i, key) { return key === "km" ? km[i] : data.rows[i][place[key]]; }

  // ---- what is asked for: tests on a row, and the same in words
  function asked() {
    var tests = [], told = [], wanted = wordsIn(text.value);
    guessed = wanted.length > 0 && !data.rows.some(function (row, i) { return holdsAll(i, wanted); });
    if (view) {
      var only = {};
      view.urns.forEach(function (urn) { only[urn] = true; });
      if (view.urns.length) { tests.push(function (i) { return only[data.rows[i][place.urn]]; }); }
      told.push(view.label);
    }
    if (wanted.length) { tests.push(function (i) { return guessed ? nearly(i, wanted) : holdsAll(i, wanted); }); told.push((guessed ? "name, trust or postcode is much like" : "name, URN, trust or postcode holds") + " \u201c" + text.value.trim() + "\u201d"); }
    all("select").forEach(function (select) {
      if (select.value === "") { return; }
      var at = place[select.dataset.key], level = data.levels[select.dataset.key].indexOf(select.value);
      tests.push(function (i) { return data.rows[i][at] === level; });
      told.push(select.dataset.label + ": " + select.value);
    });
    all("fieldset[data-key]").forEach(function (range) {
      var ends = range.querySelectorAll("input"), low = ends[0].value, high = ends[1].value, at = place[range.dataset.key];
      if (!known(low) && !known(high)) { return; }
      tests.push(function (i) {
        var v = data.rows[i][at];
        return v !== null && (!known(low) || v >= Number(low)) && (!known(high) || v <= Number(high));
      });
      told.push(range.dataset.label + ": " + (known(low) && known(high) ? low + " to " + high : known(low) ? low + " or more" : high + " or less"));
    });
    if (centre && known(within.value)) {
      tests.push(function (i) { return km[i] !== null && km[i] <= Number(within.value); });
      told.push("within " + within.value + " km of " + centre.name);
    } else if (centre) { told.push("distances from " + centre.name); }
    return { tests: tests, told: told };
  }

  function changed() {
    var was = centre && centre.name;
    locate();
    measure();
    if (centre && centre.name !== was) { sortKey = "km"; descending = false; }
    if (!centre && sortKey === "km") { sortKey = "name"; }
    apply();
    keep();
  }

  function apply() {
    var ask = asked();
    found = [];
    for (var i = 0; i < data.rows.length; i += 1) {
      if (ask.tests.every(function (test) { return test(i); })) { found.push(i); }
    }
    page = 0;
    chosen.textContent = ask.told.length ? "Chosen: " + ask.told.join("; ") + "." : "";
    chosen.hidden = !ask.told.length;
    views.querySelectorAll("button").forEach(function (button) { button.setAttribute("aria-pressed", view && button.dataset.view === view.key ? "true" : "false"); });
    sort();
    draw(PER_PAGE);
  }

  function sortBy(key) {
    descending = key === sortKey ? !descending : false;
    sortKey = key;
    page = 0;
    sort();
    draw(PER_PAGE);
    keep();
    var button = table.querySelector('[data-sort="' + key + '"]');
    if (button) { button.focus(); }
  }

  function sort() {
    var sign = descending ? -1 : 1, words = sortKey === "name";
    // Levels are in alphabetical order, so their numbers sort like their names. Missing always comes last.
    found.sort(function (a, b) {
      var x = words ? a : value(a, sortKey), y = words ? b : value(b, sortKey);
      if (x === y) { return a - b; }
      if (x === null) { return 1; }
      if (y === null) { return -1; }
      return sign * (x - y);
    });
  }

  // ---- the table
  function columns() {
    var more = all("[data-column]").reduce(function (on, box) { on[box.dataset.column] = box.checked; return on; }, {});
    var shown = data.columns.filter(function (c) { return c.key in more ? more[c.key] : c.place === "shown"; });
    if (centre) { shown.splice(1, 0, KM); }
    return shown;
  }

  function shown(i, column) {
    var v = value(i, column.key);
    if (v === null) { return "\u2013"; }
    if (data.levels[column.key]) { return data.levels[column.key][v]; }
    return column.key === "urn" || column.decimals === null ? String(v) : places(v, column.decimals);
  }

  function head(list) {
    var line = document.createElement("tr");
    plainHead(line, "tick", "Side by side", true);
    list.forEach(function (column) {
      var cell = document.createElement("th"), button = document.createElement("button");
      cell.scope = "col";
      cell.dataset.key = column.key;
      if (column.decimals !== null) { cell.className = "n"; }
      if (column.key === sortKey) { cell.setAttribute("aria-sort", descending ? "descending" : "ascending"); }
      button.type = "button";
      button.dataset.sort = column.key;
      button.textContent = column.label;
      cell.appendChild(button);
      line.appendChild(cell);
    });
    if (scale) { plainHead(line, "strip", "\u25cb last \u25c6 minimum \u2506 typical", false); }
    table.tHead.replaceChildren(line);
  }

  function plainHead(line, key, words, hide) {
    var head = cell(line, "th", "", "col"), span = document.createElement("span");
    head.dataset.key = key;
    span.textContent = words;
    if (hide) { span.className = "hidden-words"; }
    head.appendChild(span);
  }

  // A school's figures on one line that all rows share: last year a ring, the minimum a diamond, what is typical a broken line.
  function strip(i) {
    var box = document.createElementNS(SVG, "svg");
    function draw(kind, given) {
      var shape = document.createElementNS(SVG, kind);
      Object.keys(given).forEach(function (name) { shape.setAttribute(name, given[name]); });
      box.appendChild(shape);
    }
    function x(v) { return 6 + 138 * Math.min(1, Math.max(0, (v - scale[0]) / (scale[1] - scale[0]))); }
    var last = value(i, "attendance"), minimum = value(i, "minimum"), typical = value(i, "typical");
    box.setAttribute("viewBox", "0 0 150 18");
    box.setAttribute("class", "chart");
    box.setAttribute("aria-hidden", "true");
    draw("line", { x1: 0, x2: 150, y1: 9, y2: 9, "class": "rail" });
    if (typical !== null) { draw("line", { x1: x(typical), x2: x(typical), y1: 1, y2: 17, "class": "before" }); }
    if (last !== null) { draw("circle", { cx: x(last), cy: 9, r: 4.5, "class": "dot" }); }
    if (minimum !== null) { draw("path", { d: "M" + x(minimum) + " 4l5 5l-5 5l-5 -5z", "class": "minimum" }); }
    return box;
  }

  function line(i, list) {
    var row = document.createElement("tr"), first = cell(row, "td", ""), box = document.createElement("input");
    first.className = "tick";
    box.type = "checkbox";
    box.checked = ticked.indexOf(i) >= 0;
    box.dataset.tick = i;
    box.setAttribute("aria-label", "Side by side: " + data.rows[i][place.name]);
    first.appendChild(box);
    list.forEach(function (column) {
      var cell = document.createElement(column.key === "name" ? "th" : "td");
      if (column.key === "name") {
        var link = document.createElement("a");
        link.href = "schools/" + data.rows[i][place.urn] + ".html";
        link.textContent = shown(i, column);
        cell.scope = "row";
        cell.appendChild(link);
        var beneath = document.createElement("span");
        beneath.className = "beneath";
        beneath.textContent = under(i);
        cell.appendChild(beneath);
      } else {
        cell.textContent = shown(i, column);
        if (column.decimals !== null) { cell.className = "n"; }
      }
      row.appendChild(cell);
    });
    if (scale) { var last = cell(row, "td", ""); last.className = "strip-cell"; last.appendChild(strip(i)); }
    return row;
  }

  function under(i) {
    var told = ["la", "phase"].map(function (key) {
      var v = place[key] === undefined ? null : value(i, key);
      return v === null ? "" : key === "phase" ? data.levels[key][v].toLowerCase() : data.levels[key][v];
    });
    var pupils = place.roll === undefined ? null : value(i, "roll");
    if (pupils !== null) { told.push(places(pupils, 0) + (pupils === 1 ? " pupil" : " pupils")); }
    return told.filter(Boolean).join(", ");
  }

  function draw(perPage) {
    var list = columns(), body = document.createElement("tbody"), pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    var all = perPage > PER_PAGE, first = all ? 0 : page * PER_PAGE, last = Math.min(first + perPage, found.length);
    if (!list.some(function (c) { return c.key === sortKey; })) { sortKey = "name"; descending = false; sort(); }
    head(list);
    found.slice(first, last).forEach(function (i) { body.appendChild(line(i, list)); });
    table.tBodies[0].replaceWith(body);
    table.parentNode.hidden = found.length === 0;
    var column = list.filter(function (c) { return c.key === sortKey; })[0], number = column.decimals !== null;
    var order = "by " + column.label + (number ? descending ? ", highest first" : ", lowest first" : descending ? ", Z to A" : ", A to Z");
    count.textContent = found.length === 0 ? "No school matches what is chosen. Change one of the filters, or clear them all."
      : (found.length === data.rows.length ? "All " + many(found.length) : many(found.length) + " of " + places(data.rows.length, 0)) +
        (pages > 1 && !all ? "; here " + places(first + 1, 0) + " to " + places(last, 0) : "") + ", " + order + ".";
    pager.hidden = pages === 1;
    document.getElementById("page").textContent = "Page " + places(page + 1, 0) + " of " + places(pages, 0);
    pager.querySelectorAll("button").forEach(function (button) {
      var back = button.dataset.step === "first" || button.dataset.step === "previous";
      button.disabled = back ? page === 0 : page === pages - 1;
    });
  }

  function turn(event) {
    var step = event.target.dataset.step, last = Math.ceil(found.length / PER_PAGE) - 1;
    if (!step) { return; }
    page = step === "first" ? 0 : step === "last" ? last : Math.min(last, Math.max(0, page + (step === "next" ? 1 : -1)));
    draw(PER_PAGE);
    if (event.target.disabled) { pager.querySelector("button:not(:disabled)").focus(); }
  }

  function save() {
    var quote = function (v) { return '"' + String(v === null ? "" : v).replace(/"/g, '""') + '"'; };
    var list = (centre ? [KM] : []).concat(data.columns);
    var lines = [list.map(function (c) { return quote(c.label); }).join(",")];
    found.forEach(function (i) {
      lines.push(list.map(function (c) {
        var v = value(i, c.key);
        return quote(v !== null && data.levels[c.key] ? data.levels[c.key][v] : v !== null && c.key === "km" ? v.toFixed(1) : v);
      }).join(","));
    });
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = "schools.csv";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }

  // ---- the address
  function controls() { return all("input, select").filter(function (c) { return c.id; }); }

  function keep() {
    var state = controls().filter(function (c) { return c.type === "checkbox" ? c.checked !== c.defaultChecked : c.value !== ""; }).map(function (c) {
      return encodeURIComponent(c.id) + "=" + encodeURIComponent(c.type === "checkbox" ? Number(c.checked) : c.value);
    });
    if (view) { state.push("view=" + view.key); }
    if (sortKey !== "name" || descending) { state.push("sort=" + sortKey + (descending ? "-" : "")); }
    var wanted = state.length ? "#f:" + state.join("&") : location.hash.indexOf("#f:") === 0 ? "#schools" : location.hash;
    if (wanted !== location.hash) { try { history.replaceState(null, "", wanted); } catch (error) { /* some browsers refuse this for files: then only "back" forgets */ } }
  }

  function restore() {
    if (location.hash.indexOf("#f:") !== 0) { return; }
    var state = {};
    location.hash.slice(3).split("&").forEach(function (pair) {
      var at = pair.indexOf("=");
      try { state[decodeURIComponent(pair.slice(0, at))] = decodeURIComponent(pair.slice(at + 1)); } catch (error) { /* a broken address is no reason to stop */ }
    });
    form.reset();
    controls().forEach(function (c) {
      if (!(c.id in state)) { return; }
      if (c.type === "checkbox") { c.checked = state[c.id] === "1"; } else { c.value = state[c.id]; }
      var shut = c.closest("details");
      if (shut) { shut.open = true; }
    });
    view = data.views.filter(function (v) { return v.key === state.view; })[0] || null;
    locate();
    var key = (state.sort || "name").replace(/-$/, "");
    if (key in place || (key === "km" && centre)) { sortKey = key; descending = /-$/.test(state.sort || ""); }
    document.getElementById("schools").scrollIntoView();
  }
})();
