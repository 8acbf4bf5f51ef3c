"""Runs named checks and prints one line for each: `ok NAME`, or `not ok NAME: WHY`."""

import os
import traceback

_checks = {}


def check(function):
    """Marks a function as a check; its name is the check's name."""
    _checks[function.__name__] = function
    return function


def base_url():
    """The address of the server under test."""
    return os.environ["CHATMOCK_URL"]


def route():
    """The route by which the server under test answers: `codex`, `plan` or `api`."""
    return os.environ["CHATMOCK_CHECKED_ROUTE"]


def same(found, wanted, what="value"):
    """Fails unless both are equal, and says what was found."""
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}, not {wanted!r}")


def holds(condition, what):
    """Fails with `what` unless the condition is true."""
    if not condition:
        raise AssertionError(what)


def raises(kind, call):
    """Fails unless the call raises an error of this kind; returns the error."""
    try:
        outcome = call()
    except kind as error:
        return error
    names = [each.__name__ for each in kind] if isinstance(kind, tuple) else kind.__name__
    raise AssertionError(f"no {names}, but {outcome!r}")


def main():
    """Runs every check in the order of its definition."""
    for name, function in _checks.items():
        try:
            function()
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)
            own = [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in where if frame.name == name]
            why = f"{own[-1] if own else '?'}: {type(error).__name__}: {error}"
            print(f"not ok {name}: " + why.replace("\n", "\\n"), flush=True)
        else:
            print(f"ok {name}", flush=True)
