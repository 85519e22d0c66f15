"""Headless Chromium, driven by its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import pathlib
import re
import shutil
import subprocess
from contextlib import contextmanager

import requests
import websocket

from tests.support.waiting import wait_until

__all__ = ["PROGRAM", "Page", "chromium"]

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One tab."""

    def __init__(self, address):
        self._socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        self._numbers = itertools.count(1)

    def call(self, method, **parameters):
        """Call a method of the protocol and return its result; events on the way are dropped."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("id") == number:
                assert "error" not in told, told
                return told["result"]

    def run(self, script):
        """Return the value of a JavaScript expression."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def open(self, url):
        """Go to a page and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        self.wait(f"location.href.startsWith({url!r}) && document.readyState === 'complete'")

    def reload(self):
        """Load the page again."""
        self.run("window.before = true")
        self.call("Page.reload")
        self.wait("!window.before && document.readyState === 'complete'")

    def wait(self, script):
        """Wait until a JavaScript expression is true."""

        def holds():
            told = self.call("Runtime.evaluate", expression=script, returnByValue=True)
            return told["result"].get("value") is True

        wait_until(holds, timeout=60, what=script)

    def type(self, text):
        """Type a text where the cursor is, and press Enter."""
        # A page is loaded before it puts the cursor into its field: what is typed in between goes nowhere.
        self.wait("document.activeElement.matches('input, textarea')")
        self.call("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
            )

    def texts(self, selector):
        """Return the texts of all elements that a selector finds."""
        return self.run(f"[...document.querySelectorAll({selector!r})].map((each) => each.textContent)")

    def screenshot(self, path):
        """Write a picture of the page."""
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self):
        self._socket.close()


@contextmanager
def chromium(folder, size="900,700"):
    """Start a browser with a profile of its own in a folder; give its page."""
    command = [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--no-proxy-server"]
    command += ["--remote-debugging-port=0", f"--window-size={size}", f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            found = re.search(r"DevTools listening on ws://([\d.]+:\d+)/", line)
            if found:
                break
        else:
            raise AssertionError("".join(said))
        with requests.Session() as session:
            session.trust_env = False
            tabs = session.get(f"http://{found[1]}/json/list", timeout=60).json()
        page = Page(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        try:
            yield page
        finally:
            page.call("Browser.close")
            page.close()
    finally:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()
