"use strict";
// Opens the folded part that a link leads to, and all of them for printing.
(function () {
  function show() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var fold = target && target.closest("details");
    if (fold) {
      fold.open = true;
      fold.scrollIntoView();
    }
  }
  var closed = [];
  addEventListener("hashchange", show);
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) {
      show();
    }
  });
  addEventListener("beforeprint", function () {
    closed = Array.from(document.querySelectorAll("details.fold:not([open])"));
    closed.forEach(function (fold) { fold.open = true; });
  });
  addEventListener("afterprint", function () {
    closed.forEach(function (fold) { fold.open = false; });
  });
  show();
})();
