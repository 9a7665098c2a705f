"""How far is it? A bar with rate and time left, on a terminal only.

Imported where a bar is shown: a question needs none, and would wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from lsr.cli.output import Bar, console, shows_bars


@contextmanager
def progress_bar(description: str, total: int | None) -> Iterator[Bar]:
    """Show a bar with rate and time left while the block runs, on a terminal only.

    Args:
        description: what is counted, such as ``documents``.
        total: how many there will be; None when nobody knows.
    """
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    hidden = not shows_bars()
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(description, total=total, n_tokens=0)
        yield _Counter(progress, task)


class _Counter:
    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task
        self._n_tokens = 0

    def advance(self, n: int = 1, n_tokens: int = 0) -> None:
        self._n_tokens += n_tokens
        self._progress.update(self._task, advance=n, n_tokens=self._n_tokens)


class _RateColumn(ProgressColumn):
    """Things a second, and the tokens that were read of them."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        rates = [] if speed is None else [f"{speed:,.0f}/s"]
        if task.fields["n_tokens"] and task.elapsed:
            rates.append(f"{task.fields['n_tokens'] / task.elapsed:,.0f} tokens/s")
        return Text(", ".join(rates))
