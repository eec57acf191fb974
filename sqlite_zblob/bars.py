"""Progress that people see: a bar on a terminal or in a notebook, and a line now and then elsewhere.

Every long function takes `progress`: a function of the caller's, or "bar", which is this.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, cast

from .errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

LINE_SECONDS = 10.0  # between two lines where there is no terminal
NOTEBOOK_SECONDS = 0.2  # between two changes of a notebook's output
WIDE = 10_000  # characters per line where there is no terminal: nothing is cut off

Bar = Literal["bar"]
Show = Callable[[str, "float | None", str], None]  # what is being done; the share that is done, if known; more

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Callable[..., None])


def takes_bar(adapt: Callable[[Show], Callable[..., None]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function with a keyword `progress` takes "bar" as well. That of a generator is there for as long as it runs.

    :param adapt: makes the function's kind of callback out of what shows a bar.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        whole: Any = function

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            with _adapted(adapt, kwargs) as progress:
                return whole(*args, **kwargs | progress)

        @functools.wraps(function)
        def iterate(*args: P.args, **kwargs: P.kwargs) -> Any:
            with _adapted(adapt, kwargs) as progress:
                yield from whole(*args, **kwargs | progress)

        return cast(Callable[P, R], iterate if inspect.isgeneratorfunction(function) else call)

    return decorate


@contextmanager
def _adapted(adapt: Callable[[Show], Callable[..., None]], given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The argument `progress` in place of "bar"; nothing in place of another one."""
    wanted = given.get("progress")
    if wanted is None or callable(wanted):
        yield {}
        return
    if wanted != "bar":
        raise OptionError(f'progress is a function or "bar", not {wanted!r}')
    with bar() as show:
        yield {"progress": adapt(show)}


def callback_of(progress: C | Bar | None) -> C | None:
    """What a function that `takes_bar` is given in the end, for type checkers."""
    return None if isinstance(progress, str) else progress


class StepCallback(Protocol):
    """Called with what is being done, how many of its parts are done, if that is known, and how many there are."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None: ...


def show_step(show: Show) -> StepCallback:
    """A callback for work that consists of steps, of what shows a bar."""

    def report(step: str, done: int = 0, total: int | None = None) -> None:
        if total:
            show(step, min(1.0, done / total), f"{done:,} of {total:,}")
        else:
            show(step, None, f"{done:,}" if done else "")

    return report


@contextmanager
def bar() -> Iterator[Show]:
    """What shows progress where this program runs, on standard error or in the notebook's cell."""
    if is_notebook():
        yield from _in_notebook()
        return
    err = console(err=True)
    if err.is_terminal:
        yield from _on_terminal(err)
    else:
        yield _lines(err)


def console(*, err: bool = False) -> Console:
    """No markup, no highlighting: names from a database are printed as they are."""
    from rich.console import Console

    made = Console(stderr=err, markup=False, highlight=False, emoji=False, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=err, markup=False, highlight=False, emoji=False, width=WIDE)


def is_notebook() -> bool:
    """Does this process run the cells of a notebook? IPython on a terminal is none."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _on_terminal(err: Any) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[more]}"),
    )
    with Progress(*columns, console=err, transient=True) as made:
        task = made.add_task("", total=None, more="", visible=False)

        def show(step: str, done: float | None, more: str) -> None:
            total = None if done is None else 1.0
            made.update(task, description=step, total=total, completed=done or 0.0, more=more, visible=True)

        yield show


def _in_notebook() -> Iterator[Show]:
    """One output that changes, as HTML and as text. It needs no widgets."""
    import IPython.display

    display: Any = IPython.display.display
    output = display({"text/plain": ""}, raw=True, display_id=True)
    last = [0.0]

    def show(step: str, done: float | None, more: str) -> None:
        if time.monotonic() - last[0] >= NOTEBOOK_SECONDS or done == 1.0:
            last[0] = time.monotonic()
            element = "<progress></progress>" if done is None else f'<progress value="{done:.3f}"></progress>'
            text = {"text/plain": _line(step, done, more), "text/html": f"{element} {escape(_line(step, done, more))}"}
            output.update(text, raw=True)

    yield show


def _line(step: str, done: float | None, more: str) -> str:
    return step + ("" if done is None else f": {done:.0%}") + (f", {more}" if more else "")


def _lines(err: Any) -> Show:
    last = [time.monotonic()]

    def show(step: str, done: float | None, more: str) -> None:
        if time.monotonic() - last[0] >= LINE_SECONDS:
            last[0] = time.monotonic()
            err.print(_line(step, done, more))

    return show
