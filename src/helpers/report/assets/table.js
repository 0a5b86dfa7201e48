// The table of schools: filter, sort, page. Works from a folder without a server; without this script the first page and the CSV remain.
(function () {
  "use strict";
  var PER_PAGE = 50;
  var form = document.getElementById("filters");
  var table = document.getElementById("table");
  var count = document.getElementById("count");
  var pager = document.getElementById("pager");
  var text = document.getElementById("f-text");
  var selects = Array.prototype.slice.call(form.querySelectorAll("select"));
  var place = {}, data, found, page = 0, sortKey = "name", descending = false, waiting;

  function load() {
    var script = document.createElement("script");
    script.src = "assets/schools.js";
    script.onload = start;
    document.head.appendChild(script);
  }

  function start() {
    data = window.SCHOOLS;
    data.columns.forEach(function (column, i) { place[column.key] = i; });
    data.search = data.rows.map(function (row) { return fold(row[place.name]) + " " + row[place.urn]; });
    table.querySelectorAll("thead th").forEach(function (cell) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      button.addEventListener("click", function () { sortBy(cell.dataset.key); });
      cell.replaceChildren(button);
    });
    form.hidden = false;
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("reset", function () { setTimeout(apply, 0); });
    text.addEventListener("input", function () { clearTimeout(waiting); waiting = setTimeout(apply, 150); });
    selects.forEach(function (select) { select.addEventListener("change", apply); });
    pager.addEventListener("click", turn);
    document.getElementById("save").addEventListener("click", save);
    apply();
  }

  function fold(words) { return String(words).normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[\u2018\u2019]/g, "'").toLowerCase(); }

  function apply() {
    var wanted = fold(text.value).trim().split(/\s+/).filter(Boolean);
    var tests = selects.filter(function (s) { return s.value !== ""; }).map(function (s) { return [place[s.dataset.key], Number(s.value)]; });
    found = [];
    data.rows.forEach(function (row, i) {
      if (tests.every(function (t) { return row[t[0]] === t[1]; }) && wanted.every(function (w) { return data.search[i].indexOf(w) >= 0; })) { found.push(i); }
    });
    page = 0;
    sort();
    draw();
  }

  function sortBy(key) {
    descending = key === sortKey ? !descending : false;
    sortKey = key;
    page = 0;
    sort();
    draw();
  }

  function sort() {
    var at = place[sortKey], sign = descending ? -1 : 1, words = sortKey === "name";
    // Levels are in alphabetical order, so their numbers sort like their names. Missing always comes last.
    found.sort(function (a, b) {
      var x = data.rows[a][at], y = data.rows[b][at];
      if (words || x === y) { return (words ? sign : 1) * (a - b); }
      if (x === null) { return 1; }
      if (y === null) { return -1; }
      return sign * (x - y);
    });
  }

  function shown(row, column) {
    var value = row[place[column.key]];
    if (value === null) { return "\u2013"; }
    if (data.levels[column.key]) { return data.levels[column.key][value]; }
    if (column.key === "urn" || column.decimals === null) { return String(value); }
    return value.toLocaleString("en-GB", { minimumFractionDigits: column.decimals, maximumFractionDigits: column.decimals }).replace("-", "\u2212");
  }

  function draw() {
    var columns = data.columns.filter(function (c) { return c.shown; });
    var first = page * PER_PAGE, pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    var body = document.createElement("tbody");
    found.slice(first, first + PER_PAGE).forEach(function (i) {
      var row = data.rows[i], line = document.createElement("tr");
      columns.forEach(function (column) {
        var cell = document.createElement(column.key === "name" ? "th" : "td");
        if (column.key === "name") {
          var link = document.createElement("a");
          link.href = "schools/" + row[place.urn] + ".html";
          link.textContent = shown(row, column);
          cell.scope = "row";
          cell.appendChild(link);
        } else {
          cell.textContent = shown(row, column);
          if (column.decimals !== null) { cell.className = "n"; }
        }
        line.appendChild(cell);
      });
      body.appendChild(line);
    });
    table.tBodies[0].replaceWith(body);
    table.querySelectorAll("thead th").forEach(function (cell) {
      if (cell.dataset.key === sortKey) { cell.setAttribute("aria-sort", descending ? "descending" : "ascending"); } else { cell.removeAttribute("aria-sort"); }
    });
    var total = found.length.toLocaleString("en-GB");
    count.textContent = found.length === 0 ? "No school matches. Change or clear the filters."
      : "Schools " + (first + 1).toLocaleString("en-GB") + " to " + Math.min(first + PER_PAGE, found.length).toLocaleString("en-GB") + " of " + total + ".";
    pager.hidden = pages === 1;
    document.getElementById("page").textContent = "Page " + (page + 1) + " of " + pages;
    pager.querySelectorAll("button").forEach(function (button) {
      var back = button.dataset.step === "first" || button.dataset.step === "previous";
      button.disabled = back ? page === 0 : page === pages - 1;
    });
  }

  function turn(event) {
    var step = event.target.dataset.step, last = Math.ceil(found.length / PER_PAGE) - 1;
    if (!step) { return; }
    page = step === "first" ? 0 : step === "last" ? last : Math.min(last, Math.max(0, page + (step === "next" ? 1 : -1)));
    draw();
  }

  function save() {
    var quote = function (value) { return '"' + String(value === null ? "" : value).replace(/"/g, '""') + '"'; };
    var lines = [data.columns.map(function (c) { return quote(c.label); }).join(",")];
    found.forEach(function (i) {
      lines.push(data.columns.map(function (c) {
        var value = data.rows[i][place[c.key]];
        return quote(value !== null && data.levels[c.key] ? data.levels[c.key][value] : value);
      }).join(","));
    });
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = "schools.csv";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }

  load();
})();
