"""Both coders of labels."""

import pytest


@pytest.fixture(params=["huffman", "ans"])
def coder(request: pytest.FixtureRequest) -> str:
    if request.param == "ans":
        pytest.importorskip("constriction")
    return request.param
