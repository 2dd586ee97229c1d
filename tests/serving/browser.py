"""Drives the page in a headless Chromium, that of QtWebEngine, and prints what it showed as JSON.

``python browser.py light|dark ADDRESS FOLDER PICTURE NO_PICTURE``, in the environment that ``test_page`` gives it: the
picture is chosen by keyboard and by mouse, then dropped; what is no picture is chosen after that. In dark colours only
the first is done. A screenshot goes into the folder.
"""

import base64
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile, QWebEngineUrlRequestInterceptor
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

PATIENCE = 100  # seconds
SIZE = (1200, 950)
DONE = "document.getElementById('spinner').hidden && !!document.getElementById('status').textContent"
FAILED = "document.getElementById('spinner').hidden && !document.getElementById('alert').hidden"
SHOWN = """({
  status: document.getElementById('status').textContent,
  alert: document.getElementById('alert').hidden ? null : document.getElementById('alert').textContent,
  texts: [...document.querySelectorAll('#codes code')].map((code) => code.textContent),
  outlines: document.querySelectorAll('.outline').length,
  dots: [...document.querySelectorAll('.cells')].map((path) => path.getAttribute('d').split('M').length - 1),
  colours: [...document.querySelectorAll('.cells')].map((path) => path.getAttribute('stroke')),
  viewBox: document.getElementById('picture').getAttribute('viewBox'),
  focused: document.activeElement.id,
})"""
WAIT = """(() => {
  const timer = setInterval(() => {
    if (!(%s)) return;
    clearInterval(timer);
    document.title = '%s';
  }, 50);
})()"""
DROP = """(() => {
  const bytes = Uint8Array.from(atob('%s'), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], 'dropped.jpg', {type: 'image/jpeg'}));
  const options = {dataTransfer: carried, bubbles: true, cancelable: true};
  document.getElementById('status').textContent = '';
  document.getElementById('file').dispatchEvent(new DragEvent('drop', options));
})()"""


class Requests(QWebEngineUrlRequestInterceptor):
    """Remembers every address that the page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def interceptRequest(self, info: Any) -> None:
        self.addresses.append(info.requestUrl().toString())


class Page(QWebEnginePage):
    """A page whose file dialogue is answered at once."""

    def __init__(self, profile: QWebEngineProfile) -> None:
        super().__init__(profile)
        self.file, self.messages = "", list[str]()

    def chooseFiles(self, *_: object) -> list[str]:
        return [self.file]

    def javaScriptConsoleMessage(self, *told: object) -> None:
        self.messages.append(str(told[1]))


class Browser:
    """A window that nobody sees."""

    def __init__(self, address: str, folder: Path) -> None:
        self.profile, self.requests, self.folder = QWebEngineProfile(), Requests(), folder
        self.profile.setUrlRequestInterceptor(self.requests)
        self.page, self.view, self.waited = Page(self.profile), QWebEngineView(), 0
        self.view.setPage(self.page)
        self.view.resize(*SIZE)
        self.view.show()
        loaded: list[bool] = []
        self.page.loadFinished.connect(loaded.append)
        self.page.load(QUrl(address))
        until(lambda: bool(loaded))
        assert loaded == [True], address

    def run(self, script: str) -> Any:
        """The value of a script."""
        answers: list[Any] = []
        self.page.runJavaScript(script, 0, answers.append)
        until(lambda: bool(answers))
        return answers[0]

    def wait(self, condition: str) -> None:
        """Waits until a condition is true; PySide loses a reference to None at every answer, so the title tells it."""
        self.waited += 1
        name = f"waited {self.waited}"
        self.run(WAIT % (condition, name))
        until(lambda: self.page.title() == name)

    def shown(self) -> Any:
        """What the page shows, as soon as the answers are there."""
        self.wait(DONE)
        return json.loads(self.run(f"JSON.stringify({SHOWN})"))

    def choose(self, file: str, how: Callable[[Any], None]) -> None:
        """Opens the file dialogue and chooses a file."""
        self.page.file = str(Path(file).absolute())
        self.run("document.getElementById('status').textContent = ''")
        how(self.view.focusProxy())

    def screenshot(self, name: str) -> None:
        """Saves what the window shows, once it has been painted."""
        QTest.qWait(1500)
        assert self.view.grab().save(str(self.folder / name))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        QTest.qWait(20)


def by_keyboard(target: Any) -> None:
    QTest.keyClick(target, Qt.Key.Key_Tab)
    QTest.qWait(200)
    QTest.keyClick(target, Qt.Key.Key_Space)


def by_mouse(target: Any) -> None:
    QTest.mouseClick(target, Qt.MouseButton.LeftButton, pos=QPoint(SIZE[0] // 2, 150))


def use(browser: Browser, picture: str, no_picture: str) -> dict[str, Any]:
    """Uses the page as a person would; what it showed at each step."""
    told = {}
    browser.choose(picture, by_mouse)
    told["mouse"] = browser.shown()
    browser.run(DROP % base64.b64encode(Path(picture).read_bytes()).decode())
    told["dropped"] = browser.shown()
    browser.run("[...document.querySelectorAll('#codes button')].find((b) => b.textContent === 'Show closely').click()")
    told["closely"] = browser.shown()
    browser.choose(no_picture, by_mouse)
    browser.wait(FAILED)
    told["refused"] = json.loads(browser.run(f"JSON.stringify({SHOWN})"))
    return told


def main(scheme: str, address: str, folder: str, picture: str, no_picture: str) -> None:
    """Looks at the page; with the system's dark colours only for the colours."""
    _application = QApplication(sys.argv[:1])
    browser = Browser(address, Path(folder))
    browser.choose(picture, by_keyboard)
    told = {"keyboard": browser.shown()}
    browser.screenshot(f"{scheme}.png")
    if scheme == "light":
        told |= use(browser, picture, no_picture)
    told["ground"] = browser.run("getComputedStyle(document.body).backgroundColor")
    told["messages"], told["addresses"] = browser.page.messages, browser.requests.addresses
    print(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)  # QtWebEngine ends slowly, and not always well


if __name__ == "__main__":
    main(*sys.argv[1:])
