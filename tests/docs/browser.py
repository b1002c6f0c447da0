"""A headless Chromium, spoken to in the DevTools protocol over a pair of pipes."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]

START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find() -> str | None:
    """The path of a Chromium, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page of a Chromium; what goes wrong on it is kept in `problems`."""

    def __init__(self, profile: Path) -> None:
        pipes = [*os.pipe(), *os.pipe()]
        # Chromium reads commands from descriptor 3 and answers on 4, so none of ours may be one of these.
        commands, write, read, answers = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in pipes)
        start = [sys.executable, "-c", START, str(commands), str(answers)]
        self.process = subprocess.Popen(
            [*start, str(find()), *QUIET, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (*pipes, commands, answers):
            os.close(end)
        self.output, self.input = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        self.number, self.session, self.problems, self.loaded = 0, "", list[str](), False
        self.rest = b""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        # The colours that were chosen on one page are remembered for the next.
        self.send("Page.addScriptToEvaluateOnNewDocument", source="localStorage.clear()")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.input.write(json.dumps(message).encode() + b"\0")
        self.input.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, page: Path, width: int = 1200, dark: bool = False) -> None:
        """Load a page, wait until it is there and its fonts are."""
        self.problems.clear()
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.loaded = False
        self.send("Page.navigate", url=page.as_uri())
        while not self.loaded:
            self._read()
        self.evaluate("document.fonts.ready.then(() => 0)")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def screenshot(self, path: Path, full: bool = False) -> None:
        """Save what is seen, or the full length of the page."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.output.close()
        self.input.close()

    def _read(self) -> dict[str, Any]:
        """The next message; events are looked at here."""
        while b"\0" not in self.rest:
            chunk = os.read(self.output.fileno(), 1 << 16)
            if not chunk:
                raise RuntimeError("Chromium has closed its pipe")
            self.rest += chunk
        text, _, self.rest = self.rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        event, details = message.get("method"), message.get("params", {})
        if event == "Page.loadEventFired":
            self.loaded = True
        elif event == "Runtime.exceptionThrown":
            self.problems.append(str(details["exceptionDetails"]))
        elif event == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.problems.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")
        elif event == "Runtime.consoleAPICalled" and details["type"] == "error":
            self.problems.append(str(details["args"]))
        elif event == "Network.requestWillBeSent" and not details["request"]["url"].startswith(
            ("file:", "data:", "blob:", "about:")
        ):
            self.problems.append(f"asks for {details['request']['url']}")
        return message
