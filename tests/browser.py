"""Pages in a real browser, for tests: opened in a frame of a chosen width, and asked what is there."""

import html
import json
import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
WIDTHS_PIXELS = (390, 1400)

NEEDS_BROWSER = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

# A frame takes any width, where the window of the browser has a least one; its page runs before the probe does.
FRAME = """<!doctype html><meta charset="utf-8">
<iframe id="frame" style="border:0" width="{width}" height="900" srcdoc="{page}"></iframe>
<pre id="findings"></pre>
<script>
onload = () => {{
  const page = document.getElementById("frame").contentWindow;
  let findings;
  try {{ findings = (({probe}))(page, page.document); }} catch (error) {{ findings = {{ failed: String(error) }}; }}
  findings.faults = page.faults;
  findings.width = page.innerWidth;
  document.getElementById("findings").textContent = JSON.stringify(findings);
}};
</script>"""
COLLECTOR = """<script>window.faults = []; addEventListener('error', event => faults.push(event.message));
addEventListener('securitypolicyviolation', event => faults.push(event.violatedDirective));</script>"""


def examine(folder, page, width, probe, script=True):
    """Open a page in a frame of this width and return what the probe finds there."""
    collected = page.replace("<head>", f"<head>{COLLECTOR}", 1)
    frame = FRAME.format(width=width, page=html.escape(collected), probe=probe)
    if not script:
        frame = frame.replace("<iframe", '<iframe sandbox="allow-same-origin"', 1)
    path = folder / "frame.html"
    path.write_text(frame, encoding="utf-8")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        f"--user-data-dir={folder / 'profile'}", "--window-size=1500,1000", "--virtual-time-budget=10000",
        "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(html.unescape(re.search(r'<pre id="findings">(.*?)</pre>', shown, re.DOTALL)[1]))
