"""A PKCS #11 library that several threads use at one time, and its log-in.

python-pkcs11 tells the library that one thread alone will call it (``C_Initialize`` without
arguments), and ends the whole program's log-in with the session that it was made in. Both calls are
made here, past it, through the table of functions that every library has.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pkcs11

_OK = 0
_ALREADY_LOGGED_IN = 0x100
_USER = 1
_OS_LOCKING = 2
# CK_FUNCTION_LIST: which of the functions after the version each is (PKCS #11 section 5.2).
_INITIALIZE, _FINALIZE, _LOGIN = 0, 1, 18


class _Arguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = [
        ("mutexes", ctypes.c_void_p * 4),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    ]


class _Functions(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST."""

    _fields_ = [("version", ctypes.c_ubyte * 2), ("each", ctypes.c_void_p * (_LOGIN + 1))]


@dataclass(slots=True)
class _Library:
    functions: Any
    turn: contextlib.AbstractContextManager[Any]
    """To be held around every use: a lock where the library cannot lock by itself."""


@dataclass(slots=True)
class _Pins:
    """What a token has said of PINs since somebody logged in there."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    refused: set[str] = field(default_factory=set, repr=False)


_libraries: dict[str, _Library] = {}
_loading = threading.Lock()
_pins: dict[tuple[str, ...], _Pins] = {}


def loaded(path: str) -> Any:
    """The library, ready for threads. Raises what python-pkcs11 raises."""
    import pkcs11

    with _loading:
        found = pkcs11.lib(path)
        if path not in _libraries:
            restarted(path)
        return found


def restarted(path: str) -> None:
    """Have the library that is loaded lock by itself; no session outlives this."""
    import pkcs11

    functions = _functions(path)
    _call(functions, _FINALIZE, None)
    arguments = _Arguments(flags=_OS_LOCKING)
    turn: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if _call(functions, _INITIALIZE, ctypes.byref(arguments)) != _OK:
        turn = threading.RLock()
        if (code := _call(functions, _INITIALIZE, None)) != _OK:
            raise pkcs11.PKCS11Error(f"C_Initialize: {code:#x}")
    _libraries[path] = _Library(functions, turn)


def turn(path: str) -> contextlib.AbstractContextManager[Any]:
    """To be held around whatever is done with a session; it waits for others only where the library
    is not fit for several threads."""
    found = _libraries.get(path)
    return contextlib.nullcontext() if found is None else found.turn


class PinKnownRefused(Exception):
    """The token has refused this PIN before, and was not asked again."""


@contextlib.contextmanager
def pin_tried(pin: str, *token: str) -> Iterator[None]:
    """Around a log-in to the ``token``, named by its library and what else tells it from others.

    A token counts the PINs that it refuses and locks itself after a few. So one that was refused is
    tried no more in this process, by whichever key, until somebody has logged in, with which a
    token begins to count anew; and no two threads try at one time. Raises PinKnownRefused.
    """
    pins = _pins.setdefault(token, _Pins())
    with pins.turn:
        if pin in pins.refused:
            raise PinKnownRefused
        try:
            yield
        except pin_refused():
            pins.refused.add(pin)
            raise
        pins.refused.clear()


def log_in(path: str, session: pkcs11.Session, pin: str) -> None:
    """The log-in is the whole program's: a second session finds it done, and it ends with none.
    Raises PKCS11Error, by its kind where it is about the PIN."""
    import pkcs11

    written = pin.encode()
    handle: int = session.handle  # type: ignore[attr-defined]
    code = _call(
        _libraries[path].functions,
        _LOGIN,
        ctypes.c_ulong(handle),
        ctypes.c_ulong(_USER),
        ctypes.c_char_p(written),
        ctypes.c_ulong(len(written)),
    )
    if code not in (_OK, _ALREADY_LOGGED_IN):
        kinds = {
            0xA0: pkcs11.PinIncorrect,
            0xA1: pkcs11.PinInvalid,
            0xA2: pkcs11.PinLenRange,
            0xA3: pkcs11.PinExpired,
            0xA4: pkcs11.PinLocked,
            0x102: pkcs11.UserPinNotInitialized,
        }
        raise kinds.get(code, pkcs11.PKCS11Error)(f"C_Login: {code:#x}")


def pin_refused() -> tuple[type[Exception], ...]:
    """How a token says that the PIN is wrong."""
    import pkcs11

    return pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange


def _functions(path: str) -> Any:
    import pkcs11

    found = ctypes.POINTER(_Functions)()
    give = ctypes.CDLL(path).C_GetFunctionList
    give.restype = ctypes.c_ulong
    if give(ctypes.byref(found)) != _OK:
        raise pkcs11.PKCS11Error("C_GetFunctionList")
    return found.contents.each


def _call(functions: Any, which: int, *arguments: Any) -> int:
    """While it runs, other threads go on."""
    function = ctypes.CFUNCTYPE(ctypes.c_ulong)(functions[which])
    code: int = function(*arguments)
    return code
