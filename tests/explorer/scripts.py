"""The explorer's scripts in Node, without a document."""

import atexit
import functools
import json
import pathlib
import re
import shutil
import subprocess
import threading
from typing import Any

import pytest

from ratedist.explorer.server import FOLDER

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None, reason="the explorer's scripts are run by Node, which is not here"
)

# One process answers all questions, each in a world of its own.
RUNNER = """
const fs = require('fs'), vm = require('vm'), readline = require('readline');
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const given = JSON.parse(line), world = vm.createContext({ URLSearchParams });
  let found;
  try {
    for (const filename of given.scripts) {
      vm.runInContext(fs.readFileSync(filename, 'utf8'), world, { filename });
    }
    found = { answer: vm.runInContext(`(given) => { ${given.body} }`, world)(given.input) };
  } catch (error) {
    found = { fault: String(error && error.stack) };
  }
  process.stdout.write(JSON.stringify(found) + '\\n');
});
"""


def scripts() -> list[pathlib.Path]:
    """All scripts of the page in its order, but the one that needs a document."""
    names = re.findall(r'<script src="(\w+\.js)">', (FOLDER / "index.html").read_text())
    assert names[-1] == "frame.js"
    return [FOLDER / name for name in names[:-1]]


@functools.cache
def _node() -> subprocess.Popen[str]:
    assert NODE is not None
    process = subprocess.Popen(
        [NODE, "-e", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    atexit.register(process.__exit__, None, None, None)
    return process


def in_node(body: str, given: Any = None) -> Any:
    """What ``body``, the inside of a function of ``given``, returns after all scripts have run."""
    message = json.dumps({"scripts": [str(path) for path in scripts()], "body": body, "input": given})
    process = _node()
    assert process.stdin is not None
    assert process.stdout is not None
    patience = threading.Timer(300, process.kill)
    patience.start()
    try:
        process.stdin.write(message + "\n")
        process.stdin.flush()
        found = json.loads(process.stdout.readline())
    finally:
        patience.cancel()
    assert "fault" not in found, found["fault"]
    return found.get("answer")
