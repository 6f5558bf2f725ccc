/* The form works without this. With it, the browser shows by some work that it is no mass of requests, and in a frame
   the page around it learns how high it is. It is run before the form is shown, so nobody can send it too early. */
(function () {
  var text = new TextEncoder(), waiting = null, sent = false;
  async function work(challenge, bits) {
    for (var number = 0; ; number++) {
      var found = new DataView(await crypto.subtle.digest("SHA-256", text.encode(challenge + "." + number)));
      if (found.getUint32(0) >>> (32 - bits) === 0) return number;
    }
  }
  function prove(form) {
    // Whoever is lucky, or corrects a line at once, waits too: a form that comes in less than a second counts as software's.
    var second = new Promise(function (over) { setTimeout(over, 1000); });
    Promise.all([work(form.dataset.challenge, +form.dataset.bits), second]).catch(function () {
      return ["0"]; // No proof, but sent: the page that comes back says what to do.
    }).then(function (both) {
      form.elements.p.value = both[0];
      if (waiting) send(form);
    });
  }
  function send(form) {
    form.querySelector("button").disabled = false; // for whoever stops the page while it loads
    form.submit();
  }
  function able() { return window.crypto && crypto.subtle; }
  document.addEventListener("submit", function (event) {
    var form = event.target;
    sent = true;
    if (!able() || form.elements.p.value !== "") return;
    event.preventDefault();
    waiting = form;
    form.querySelector("button").disabled = true;
  });
  document.addEventListener("DOMContentLoaded", function () {
    var form = document.querySelector("form[data-challenge]");
    if (form) {
      if (able()) prove(form);
      try { form.elements.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone; } catch (unknown) { /* it is asked nowhere else */ }
    }
    if (window.parent !== window) {
      var tell = function () { parent.postMessage({ sequencer: document.documentElement.scrollHeight }, "*"); };
      addEventListener("load", tell);
      if (window.ResizeObserver) new ResizeObserver(tell).observe(document.body);
    }
  });
  addEventListener("pageshow", function (event) {
    // Whoever comes back to what they sent may send it again, with a challenge that was not used.
    if (event.persisted && sent) location.reload();
  });
})();
