"""Executors for tests."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

from sqlite_zblob.migration.workers import Job


class InlineExecutor(Executor):
    """Runs everything in the calling thread, like a worker on another host: it has to be sent the values."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        arguments = tuple(self._elsewhere(each) for each in arguments)
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future

    @staticmethod
    def _elsewhere(argument: Any) -> Any:
        if not isinstance(argument, Job):
            return argument
        return replace(argument, source=replace(argument.source, identity=("another host", 0, 0)))
