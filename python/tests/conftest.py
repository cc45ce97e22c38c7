"""What a test needs of other packages."""

import importlib
import os

import pytest


@pytest.fixture(scope="session")
def need():
    """Imports a module, or skips the test where it is not there; unless REQUIRED names it, as scripts/test-python has
    it, so that no test is skipped there for want of it."""

    def need(name):
        if name in os.environ.get("REQUIRED", "").split():
            return importlib.import_module(name)
        return pytest.importorskip(name)

    return need
