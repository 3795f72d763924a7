"""The explorer's scripts in Node, without a document."""

import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

import pytest

from ratedist.explorer.server import FOLDER

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None, reason="the explorer's scripts are run by Node, which is not here"
)

RUNNER = """
const fs = require('fs'), vm = require('vm'), given = JSON.parse(fs.readFileSync(0, 'utf8'));
for (const path of given.scripts) vm.runInThisContext(fs.readFileSync(path, 'utf8'), { filename: path });
const answer = vm.runInThisContext(`(given) => { ${given.body} }`)(given.input);
process.stdout.write(JSON.stringify(answer));
"""


def scripts() -> list[pathlib.Path]:
    """All scripts of the page in its order, but the one that needs a document."""
    names = re.findall(r'<script src="(\w+\.js)">', (FOLDER / "index.html").read_text())
    assert names[-1] == "frame.js"
    return [FOLDER / name for name in names[:-1]]


def in_node(body: str, given: Any = None) -> Any:
    """What ``body``, the inside of a function of ``given``, returns after all scripts have run."""
    message = json.dumps({"scripts": [str(path) for path in scripts()], "body": body, "input": given})
    assert NODE is not None
    done = subprocess.run([NODE, "-e", RUNNER], input=message, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
