"""Put first on PYTHONPATH, so that Python programs reach the sandbox unchanged.

Two libraries read no variable that would lead them there. aiohttp, which twilio's asynchronous
client is built on, ignores proxy variables unless its session is made with ``trust_env``. certifi,
which twilio before 7.9 takes its certificates from whatever the variables say, knows only its own.
Each is changed when the program imports it, and not otherwise. Runs on every Python 3.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys


def _aiohttp(module):
    session = module.ClientSession
    original = session.__init__

    def init(self, *args, **kwargs):
        kwargs.setdefault("trust_env", True)
        original(self, *args, **kwargs)

    session.__init__ = init


def _certifi(module):
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle and os.path.isfile(bundle):
        module.where = lambda: bundle


_CHANGES = {"aiohttp.client": _aiohttp, "certifi": _certifi}


class _Loader(importlib.abc.Loader):
    """The module's own loader, and then our change."""

    def __init__(self, loader, change):
        self._loader = loader
        self._change = change

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._change(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        change = _CHANGES.get(name)
        if change is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, change)
        return spec


def _next_sitecustomize():
    """The one that this file stands in front of: the machine's or the person's own."""
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


sys.meta_path.insert(0, _Finder())
_next_sitecustomize()
