/* The form works without this. With it, the browser shows by some work that it is no mass of requests, and in a frame
   the page around it learns how high it is. */
(function () {
  var form = document.querySelector("form[data-challenge]");
  if (window.parent !== window) {
    var tell = function () { parent.postMessage({ sequencer: document.documentElement.scrollHeight }, "*"); };
    addEventListener("load", tell);
    new ResizeObserver(tell).observe(document.body);
  }
  if (!form) return;
  try { form.elements.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone; } catch (unknown) { /* it is asked nowhere else */ }
  if (!window.crypto || !crypto.subtle) return;
  var text = new TextEncoder(), challenge = form.dataset.challenge, bits = +form.dataset.bits, waiting = false;
  async function work() {
    for (var number = 0; ; number++) {
      var found = new DataView(await crypto.subtle.digest("SHA-256", text.encode(challenge + "." + number)));
      if (found.getUint32(0) >>> (32 - bits) === 0) return number;
    }
  }
  work().then(function (number) {
    form.elements.p.value = number;
    if (waiting) form.submit();
  });
  form.addEventListener("submit", function (event) {
    if (form.elements.p.value !== "") return;
    waiting = true;
    event.preventDefault();
    form.querySelector("button").disabled = true;
  });
})();
