"""The built documentation as a reader meets it: its links, its pictures, its scripts.

Every page under docs/_build/html is parsed, and then opened in a headless Chromium that is driven
over DevTools' pipe. No other host is reached. Scripts that pages need, such as MathJax, come with
them and are checked like the rest. What a page asks of another host is not checked, and the page
must do without it.
"""

import json
import os
import shutil
import subprocess
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from time import monotonic
from urllib.parse import unquote, urljoin, urlsplit

import pytest

HTML = Path(__file__).resolve().parents[1] / "docs" / "_build" / "html"
PAGES = sorted(page.relative_to(HTML).as_posix() for page in HTML.rglob("*.html"))
# What themes keep there is raw material.
PAGES = [page for page in PAGES if not page.startswith("_static/")]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, BROWSERS) if path), None)
LOAD_SECONDS = 120

pytestmark = pytest.mark.skipif(
    not PAGES, reason="the documentation is not built: python -m sphinx docs docs/_build/html"
)


class Page(HTMLParser):
    """The addresses that a page names, and the places in it that an address can name."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.places = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note what a tag names."""
        attrs = dict(attrs)
        self.places |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        self.addresses += [attrs[name] for name in ("href", "src", "xlink:href") if attrs.get(name)]
        for candidate in (attrs.get("srcset") or "").split(","):
            self.addresses += candidate.split()[:1]


def broken(pages):
    """List what is wrong with a dict of pages by their paths: targets that are not there.

    A target that is no page is looked for under `HTML`.
    """
    parsed = {path: Page(text) for path, text in pages.items()}
    found = []
    for path, page in parsed.items():
        for address in page.addresses:
            parts = urlsplit(urljoin(f"http://here/{path}", address))
            if parts.scheme not in ("http", "https") or parts.netloc != "here":
                continue
            target, place = unquote(parts.path).lstrip("/"), unquote(parts.fragment)
            target = target + "index.html" if target.endswith("/") or not target else target
            if target in parsed:
                if place and place not in parsed[target].places:
                    found.append(f"{path}: {address} names a place that {target} has not")
            elif not (HTML / target).is_file():
                found.append(f"{path}: {address} is not there")
    return found


def test_a_broken_page_is_found():
    good = '<h1 id="top">A</h1><a href="b.html#end">B</a><a href="https://elsewhere.org/x">C</a>'
    assert broken({"a.html": good, "b.html": '<p id="end"><a href="a.html">A</a>'}) == []
    bad = '<a href="b.html#no">B</a><a href="no.html">C</a><img src="no.png" srcset="no.svg 2x">'
    assert len(broken({"a.html": bad, "b.html": ""})) == 4


@pytest.fixture(scope="module")
def pages():
    return {path: (HTML / path).read_text(encoding="utf-8") for path in PAGES}


def test_links_lead_somewhere_and_pictures_are_there(pages):
    assert "\n".join(broken(pages)) == ""


class Quiet(SimpleHTTPRequestHandler):
    """A file server that writes no log."""

    def log_message(self, *args):
        """Write nothing."""


@pytest.fixture(scope="module")
def address():
    """Serve the pages on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HTML)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Browser:
    """Chromium without a window, spoken to in JSON over two pipes, a zero byte after a message."""

    def __init__(self, folder):
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        command = [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
        ]
        # It reads from its descriptor 3 and writes to 4.
        pipes = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["bash", "-c", pipes, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = session["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def receive(self, deadline):
        """Return the next message."""
        while b"\0" not in self.buffer:
            ready, _, _ = select([self.read_end], [], [], max(0.0, deadline - monotonic()))
            part = os.read(self.read_end, 1 << 16) if ready else b""
            assert part, "the browser does not answer"
            self.buffer += part
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, **params):
        """Call a method of DevTools, and keep the events that come before its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        deadline = monotonic() + LOAD_SECONDS
        while (answer := self.receive(deadline)).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url):
        """Load a page; return what its own scripts, styles and pictures had to complain about."""
        self.events = []
        self.call("Log.clear")
        self.call("Page.navigate", url=url)
        deadline = monotonic() + LOAD_SECONDS
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive(deadline))
        # What was queued while the page loaded comes before the answer to this.
        self.call("Runtime.evaluate", expression="1")
        return list(self.complaints(url))

    def complaints(self, url):
        """List errors among the events, without those of other hosts."""
        here = urlsplit(url).netloc
        for event in self.events:
            params = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                yield details.get("exception", {}).get("description", details["text"])
            elif event.get("method") == "Log.entryAdded":
                entry = params["entry"]
                parts = urlsplit(entry.get("url", url))
                # The picture for the tab is asked for by the browser, not by the page.
                own = parts.netloc == here and parts.path != "/favicon.ico"
                if entry["level"] == "error" and own:
                    yield f"{entry['text']} ({entry.get('url')})"

    def close(self):
        """End the browser."""
        self.session = None
        self.call("Browser.close")
        self.process.wait(LOAD_SECONDS)
        os.close(self.write_end)
        os.close(self.read_end)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("needs Chromium to open the pages in")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def test_the_browser_tells_of_errors(browser, address):
    page = HTML / "_a_page_with_errors.html"
    page.write_text(
        "<script>no_such_function()</script><img src='no.png'><script src='https://else.org/a.js'>"
    )
    try:
        complaints = browser.open(f"{address}/{page.name}")
    finally:
        page.unlink()
    missing, script = sorted(complaints)
    assert "404" in missing
    assert "no_such_function is not defined" in script


def test_every_page_opens_without_an_error(browser, address):
    complaints = {path: browser.open(f"{address}/{path}") for path in PAGES}
    assert "\n".join(f"{path}: {text}" for path in PAGES for text in complaints[path]) == ""
