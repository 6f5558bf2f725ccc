"""Pictures of HTML by a headless Chromium: one browser for all of them, spoken to through a pair of pipes.

The DevTools protocol (https://chromedevtools.github.io/devtools-protocol/) as far as a screenshot needs it:
`--remote-debugging-pipe` reads JSON objects, each ended by a NUL, from file descriptor 3 and writes them to 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from types import TracebackType
from typing import Any, Final

from sequencer.errors import SequencerError
from sequencer.settings import variables

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ELSEWHERE: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
PATIENCE: Final = 30.0
"""Seconds for one answer, and for a mail's pictures to be loaded; what is missing then is missing in the picture."""
PATIENCE_TO_END: Final = 5.0
"""Seconds that it may take to end by itself."""
SHARP: Final = 2
"""Pixels of the picture for one of the mail's."""
TALLEST: Final = 8_000
"""Of the mail's pixels that are shown; Chromium's own limit is twice that, at this sharpness."""


def find() -> str:
    """Where Chromium is. Raises SequencerError."""
    found = next(filter(None, map(shutil.which, NAMES)), None) or next(filter(os.path.exists, ELSEWHERE), None)
    if found is None:
        raise SequencerError(
            "--png needs Chromium or Google Chrome, and neither is on the path: install one "
            "(`apt install chromium`, `brew install --cask chromium`), or look at the mails with `sequencer preview`"
        )
    return found


class Chromium:
    """A browser, for one thread, from `with` to its end."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._number = 0
        self._unread = b""

    def __enter__(self) -> "Chromium":
        self._profile = tempfile.TemporaryDirectory(prefix="sequencer-chromium-", ignore_cleanup_errors=True)
        theirs_in, self._to = _pipe()
        self._from, theirs_out = _pipe()
        options = [
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={self._profile.name}",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            "--no-first-run",
            # Its own sandbox refuses to run as root, as which containers run; no script is run in any mail.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
        ]
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        pipes = [(os.POSIX_SPAWN_DUP2, theirs_in, 3), (os.POSIX_SPAWN_DUP2, theirs_out, 4)]
        arguments = [self._program, *options]
        self._pid = os.posix_spawn(self._program, arguments, variables(), file_actions=[*nothing, *pipes])
        os.close(theirs_in)
        os.close(theirs_out)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._to)  # it ends when nobody speaks to it any more
        until = time.monotonic() + PATIENCE_TO_END
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > until:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                break
            time.sleep(0.02)
        os.close(self._from)
        self._profile.cleanup()

    def picture(self, html: str, width: int) -> bytes:
        """A PNG of the whole page, in a window of this width. Raises SequencerError."""
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        window = {"width": width, "height": 600, "deviceScaleFactor": SHARP, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", window, session)
        self._ask("Emulation.setScriptExecutionDisabled", {"value": True}, session)
        self._ask("Page.enable", {}, session)
        encoded = base64.b64encode(html.encode()).decode()
        self._ask("Page.navigate", {"url": f"data:text/html;charset=utf-8;base64,{encoded}"}, session)
        self._await("Page.loadEventFired", session)
        size = self._ask("Page.getLayoutMetrics", {}, session)["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width, "height": min(size["height"], TALLEST), "scale": 1}
        shot = self._ask("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}, session)
        self._ask("Target.closeTarget", {"targetId": target})
        return base64.b64decode(shot["data"])

    def _ask(self, method: str, given: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": given, **({"sessionId": session} if session else {})}
        try:
            raw = json.dumps(asked).encode() + b"\0"
            while raw:
                raw = raw[os.write(self._to, raw) :]
        except OSError as error:
            raise SequencerError(f"Chromium ended before it made a picture ({self._program})") from error
        until = time.monotonic() + PATIENCE
        while True:
            told = self._next(until)
            if told is None:
                raise SequencerError(f"Chromium did not answer within {PATIENCE:.0f} seconds")
            if told.get("id") == self._number:
                if "error" in told:
                    raise SequencerError(f"Chromium: {method}: {told['error'].get('message', '')}")
                result: dict[str, Any] = told["result"]
                return result

    def _await(self, event: str, session: str) -> None:
        """Until the event, or until PATIENCE is over."""
        until = time.monotonic() + PATIENCE
        while (told := self._next(until)) is not None:
            if told.get("method") == event and told.get("sessionId") == session:
                return

    def _next(self, until: float) -> dict[str, Any] | None:
        """What it says next; None when the time is up."""
        while b"\0" not in self._unread:
            if not select.select([self._from], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            more = os.read(self._from, 1 << 20)
            if not more:
                raise SequencerError(f"Chromium ended before it made a picture ({self._program})")
            self._unread += more
        raw, _, self._unread = self._unread.partition(b"\0")
        told: dict[str, Any] = json.loads(raw)
        return told


def _pipe() -> tuple[int, int]:
    """Both ends, with numbers that are out of the way of those that Chromium gets."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
