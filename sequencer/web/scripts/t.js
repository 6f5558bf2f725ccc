/* Tells which pages a visitor looks at, once they agreed. sequencer.consent(true) says so, sequencer.consent(false)
   takes it back. Do Not Track and Global Privacy Control are kept. No third party. */
(function (window, document, navigator, location) {
  var asks = ASKS, name = "sq_v", year = 31536000, queue = [], started = 0, timer, token, query, referrer;
  var to = document.currentScript.src.replace(/t\.js.*/, "t");
  function cookie() {
    return (document.cookie.match(/(?:^|; )sq_v=([0-9a-f]{32})(?:;|$)/) || [])[1];
  }
  function keep(id, age) {
    // As wide as the browser allows, so that a form on a sister host knows the visitor too.
    var parts = location.hostname.split("."), i = parts.length, domain;
    while (i-- > 0) {
      domain = parts.slice(i).join(".");
      document.cookie = name + "=" + id + "; path=/; max-age=" + age + "; samesite=lax; domain=" + domain +
        (location.protocol == "https:" ? "; secure" : "");
      if (age && cookie()) return;
    }
    document.cookie = name + "=" + id + "; path=/; max-age=" + age + "; samesite=lax";
  }
  function flush() {
    clearTimeout(timer);
    timer = 0;
    var id = cookie(), now = Date.now();
    if (!id || !queue.length) return;
    navigator.sendBeacon(to, JSON.stringify({ v: id, s: token, q: query, r: referrer,
      p: queue.splice(0).map(function (one) { return [one[0], now - one[1]]; }) }));
    token = query = referrer = undefined;
  }
  function see() {
    if (!started) return;
    queue.push([location.pathname, Date.now()]);
    if (queue.length > 20) flush();
    else if (!timer) timer = setTimeout(flush, 3000);
  }
  function start() {
    if (started || navigator.doNotTrack == 1 || navigator.globalPrivacyControl || navigator.webdriver) return;
    started = 1;
    if (!cookie()) keep(Array.from(crypto.getRandomValues(new Uint8Array(16)), function (byte) {
      return (byte + 256).toString(16).slice(1);
    }).join(""), year);
    see();
  }
  // A link of a mail names its reader: whoever copies the address must not pass that on.
  token = (location.search.match(/[?&]sq=([^&#]+)/) || [])[1];
  query = (location.search.match(/(utm_\w+|\w*clk?id|[gw]braid|li_fat_id)=[^&#]*/g) || []).join("&") || undefined;
  referrer = document.referrer || undefined;
  if (token) history.replaceState(history.state, "",
    location.pathname + location.search.replace(/([?&])sq=[^&#]*&?/, "$1").replace(/[?&]$/, "") + location.hash);
  ["pushState", "replaceState"].forEach(function (method) {
    var before = history[method];
    history[method] = function () {
      var path = location.pathname, result = before.apply(this, arguments);
      if (path != location.pathname) see();
      return result;
    };
  });
  addEventListener("popstate", see);
  document.addEventListener("visibilitychange", function () { if (document.visibilityState == "hidden") flush(); });
  addEventListener("pagehide", flush);
  // A form of ours that comes later in this page still needs the token.
  window.sequencer = { token: token, consent: function (yes) {
    if (yes) return start();
    started = 0;
    queue = [];
    keep("", 0);
  } };
  if (!asks || cookie()) start();
})(window, document, navigator, location);
