"""A browser that a test drives as a person does: addresses, keys, files, a clipboard and downloads.

It is spoken to over two pipes (`--remote-debugging-pipe`), so that no package and no port is needed.
"""

import base64
import json
import os
import select
import signal
import subprocess
import time
from contextlib import contextmanager

from browser import BROWSER

PATIENCE_SECONDS = 60


class Session:
    """One tab of a browser without a window.

    Args:
        commands: Descriptor that commands are written to.
        answers: Descriptor that answers and events are read from.
        downloads: Folder that downloads go to.
    """

    def __init__(self, commands, answers, downloads):
        self._commands, self._answers, self._waiting, self._number = commands, answers, b"", 0
        self.downloads = downloads
        self.events = []
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read(time.monotonic() + PATIENCE_SECONDS)
            if answer.get("id") != self._number:
                self._take(answer)
            elif "error" in answer:
                raise AssertionError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def _take(self, event):
        self.events.append(event)
        if event.get("method") == "Page.javascriptDialogOpening":  # it holds up all else
            answer = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
            os.write(self._commands, json.dumps(answer | {"sessionId": self._session}).encode() + b"\0")

    def _read(self, until):
        while b"\0" not in self._waiting:
            if not select.select([self._answers], [], [], max(0, until - time.monotonic()))[0]:
                raise AssertionError("the browser does not answer")
            self._waiting += os.read(self._answers, 1 << 20)
        message, _, self._waiting = self._waiting.partition(b"\0")
        return json.loads(message)

    def open(self, address, width=1400, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("window.isOld = true")
        self.call("Page.navigate", url=address)
        self.until("!window.isOld && document.readyState === 'complete'")

    def ask(self, expression):
        """The value of an expression in the page; what it promises is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, expression):
        """Wait until it holds."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (value := self.ask(expression)):
            assert time.monotonic() < end, f"never came true: {expression}"
            time.sleep(0.05)
        return value

    def press(self, key, *, control=False, shift=False):
        """Press a key; a digit with Shift is the sign that stands over it on an American keyboard."""
        codes = {"Enter": 13, "Backspace": 8, "Tab": 9, "Escape": 27, "ArrowRight": 39, "ArrowLeft": 37}
        stroke = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        stroke["modifiers"] = 2 * control + 8 * shift
        if key.isdigit():
            stroke |= {"code": f"Digit{key}", "key": ")!@#$%^&*("[int(key)] if shift else key}
        self.call("Input.dispatchKeyEvent", type="keyDown" if len(key) == 1 else "rawKeyDown", **stroke)
        self.call("Input.dispatchKeyEvent", type="keyUp", **stroke)

    def type(self, text):
        """Put a text where the focus is, as pasting does."""
        self.call("Input.insertText", text=text)

    def choose_files(self, selector, *paths):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def downloaded(self, pattern):
        """The bytes of the one file whose name fits, once it is there; it is taken away."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := [path for path in self.downloads.glob(pattern) if path.suffix != ".crdownload"]):
            assert time.monotonic() < end, f"{pattern} never came; there are {os.listdir(self.downloads)}"
            time.sleep(0.05)
        (path,) = found
        content = path.read_bytes()
        path.unlink()
        return content

    def faults(self):
        """What went wrong in the page: errors of scripts, and what its policy stopped."""
        self.ask("1")
        logged = [event["params"]["entry"] for event in self.events if event.get("method") == "Log.entryAdded"]
        thrown = [event["params"] for event in self.events if event.get("method") == "Runtime.exceptionThrown"]
        # That an answer had another status than 200 is logged too, and shown to the user by the page.
        return [x["text"] for x in logged if x["level"] == "error" and x["source"] != "network"] + thrown

    def addresses(self):
        """Every address that was asked for."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def picture(self, path, whole=True):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browsing(folder):
    """A browser whose profile and downloads lie in a folder; it ends with the block."""
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    read_commands, write_commands = os.pipe()
    read_answers, write_answers = os.pipe()

    def pipes():
        # Chromium reads commands from 3 and writes answers to 4; copies first, as either may be one of ours.
        commands, answers = os.dup2(read_commands, 103), os.dup2(write_answers, 104)
        os.dup2(commands, 3)
        os.dup2(answers, 4)

    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, preexec_fn=pipes, close_fds=False, start_new_session=True, stderr=subprocess.DEVNULL
    )
    os.close(read_commands)
    os.close(write_answers)
    try:
        yield Session(write_commands, read_answers, downloads)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(write_commands)
        os.close(read_answers)
