/* Shows a form of ours in a page of yours: <script async src="…/f.js" data-form="ebook"></script>. No third party. */
(function (me) {
  var base = me.src.replace(/\/f\.js.*/, ""), frame = document.createElement("iframe");
  var visitor = (document.cookie.match(/(?:^|; )sq_v=([0-9a-f]{32})(?:;|$)/) || [])[1] || "";
  // Whichever script of ours is there first: t.js takes the token out of the address.
  var token = (location.search.match(/[?&]sq=([^&#]+)/) || [])[1] || (window.sequencer || {}).token || "";
  frame.src = base + "/f/" + encodeURIComponent(me.dataset.form) + "?framed=1&v=" + visitor + "&sq=" + token +
    "&q=" + encodeURIComponent(location.search.slice(0, 1500)) + "&r=" + encodeURIComponent(document.referrer.slice(0, 500));
  frame.title = me.dataset.title || "Form";
  frame.style.cssText = "width:100%;border:0;height:30rem";
  addEventListener("message", function (event) {
    if (event.source === frame.contentWindow && event.data && event.data.sequencer > 0)
      frame.style.height = Math.min(event.data.sequencer, 4000) + "px";
  });
  me.after(frame);
})(document.currentScript);
