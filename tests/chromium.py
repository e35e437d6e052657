"""Chromium without a window, which shows what a page says, what it loads, and what it does with keys.

Its own protocol runs over two pipes: JSON with a zero byte at the end of each message
(`--remote-debugging-pipe`), so that no package is needed beside the browser itself.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from base64 import b64decode

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
# becomes the browser, which reads from the file 3 and writes to 4
STARTS = """
import fcntl, os, sys
reads, writes, *command = sys.argv[1:]
high = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in (reads, writes)]
os.dup2(high[0], 3)
os.dup2(high[1], 4)
os.execv(command[0], command)
"""
KEYS = {
    "Tab": 9,
    "Enter": 13,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


class Browser:
    """One page in one browser.

    `complaints` holds the errors and warnings of the console, and `asked` the address of each request.
    """

    def __init__(self, profile):
        (ours, theirs_out), (theirs_in, to_it) = os.pipe(), os.pipe()

        command = [sys.executable, "-c", STARTS, str(theirs_in), str(theirs_out)]
        command += [PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), **silent)
        os.close(theirs_in)
        os.close(theirs_out)
        self.ours, self.to_it = ours, to_it
        self.rest, self.count, self.session, self.events = b"", 0, None, []
        self.complaints, self.asked = [], []
        (target,) = [one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.to_it)

    def call(self, method, **given):
        """What the browser answers to a method of its protocol."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": given}
        message |= {} if self.session is None else {"sessionId": self.session}
        os.write(self.to_it, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next(60)
            if found.get("id") == self.count:
                assert "error" not in found, (method, found["error"])
                return found["result"]

    def _next(self, seconds):
        until = time.monotonic() + seconds
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.ours], [], [], left)[0]:
                raise TimeoutError("the browser says nothing")
            self.rest += os.read(self.ours, 1 << 20)
        message, _, self.rest = self.rest.partition(b"\0")
        found = json.loads(message)
        self._hear(found.get("method"), found.get("params", {}))
        return found

    def _hear(self, method, given):
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(given["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
            self.complaints.append(
                " ".join(str(one.get("value", one.get("description"))) for one in given["args"])
            )
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])

    def open(self, address):
        """Show a page, and wait until it is ready."""
        for each in (
            "about:blank",
            address,
        ):  # an address with another anchor alone would not load the page anew
            self.events.clear()
            self.call("Page.navigate", url=each)
            while "Page.loadEventFired" not in self.events:
                self._next(60)
        self.value("document.fonts.ready.then(() => 0)")

    def value(self, expression):
        """The value of an expression of JavaScript, of a promise what it holds."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key, modifiers=0):
        """Press a key as a reader does."""
        given = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": modifiers}
        text = {"Enter": "\r", " ": " "}.get(key)
        self.call("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **given)

    def follow(self, link):
        """Go where a link leads by Enter, as a reader does who has no mouse."""
        self.value(f"{link}.focus()")
        self.events.clear()
        self.press("Enter")
        while "Page.loadEventFired" not in self.events:
            self._next(60)

    def size(self, width, height=900, *, dark=False):
        """A window of that size, and a reader who likes it light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def screen(self, *, whole=False):
        """A picture of the window, or of the whole page, as the bytes of a PNG."""
        return b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def pdf(self):
        """The page as it is printed."""
        return b64decode(self.call("Page.printToPDF", printBackground=False)["data"])
