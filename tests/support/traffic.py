# Copyright: (c) 2026, The scaleout.webapp builders
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded HTTP load on a site, and what its clients saw.

A request has failed when it is idempotent and has no 2xx/3xx answer within 10 s after at most two retries on connection
errors. A POST is never sent twice; its results are counted, not judged.
"""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 10.0
CONNECT_PATIENCE = 3.0
PAUSES = (0.5, 1.5)  # before the first and the second retry
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[int], bytes] | None = None
    """Makes the body from the number of the request, so that each write can be told from the others."""


@dataclass(frozen=True)
class Outcome:
    """What one request came to. `status` is None where no answer came; `problems` are the connection errors; `ended` is
    when it ended, by a clock that starts anywhere.
    """

    number: int
    request: Request
    status: int | None
    seconds: float
    instance: str | None
    problems: tuple[str, ...]
    ended: float = 0.0

    @property
    def answered(self) -> bool:
        return self.status is not None and 200 <= self.status < 400 and self.seconds <= PATIENCE

    @property
    def failed(self) -> bool:
        return self.request.method in IDEMPOTENT and not self.answered

    def __str__(self) -> str:
        problems = "; ".join(self.problems) or "no connection error"
        what = f"#{self.number} {self.request.method} {self.request.path}"
        return f"{what}: {self.status} after {self.seconds:.2f} s ({problems})"


@dataclass(frozen=True)
class Report:
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def total(self) -> int:
        return len(self.outcomes)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.failed]

    @property
    def first_try_failures(self) -> int:
        """Idempotent requests that a client without retries would have lost."""
        return sum(
            1
            for outcome in self.outcomes
            if outcome.request.method in IDEMPOTENT and (outcome.problems or not outcome.answered)
        )

    @property
    def posts(self) -> dict[str, int]:
        return dict(Counter(str(o.status) for o in self.outcomes if o.request.method == "POST"))

    @property
    def acknowledged(self) -> list[int]:
        """Numbers of the POSTs that were answered with success."""
        return [o.number for o in self.outcomes if o.request.method == "POST" and o.answered]

    @property
    def write_pause(self) -> float:
        """The longest time, in seconds, between two POSTs that were answered with success."""
        ends = sorted(o.ended for o in self.outcomes if o.request.method == "POST" and o.answered)
        return max((later - earlier for earlier, later in zip(ends, ends[1:])), default=0.0)

    @property
    def slowest(self) -> float:
        return max((outcome.seconds for outcome in self.outcomes), default=0.0)

    @property
    def instances(self) -> dict[str, int]:
        return dict(Counter(o.instance for o in self.outcomes if o.instance is not None))

    def figures(self) -> dict[str, Any]:
        return {
            "requests": self.total,
            "failed": len(self.failed),
            "first_try_failures": self.first_try_failures,
            "posts": self.posts,
            "write_pause_seconds": round(self.write_pause, 3),
            "slowest_seconds": round(self.slowest, 3),
            "per_second": round(self.total / self.seconds, 1) if self.seconds else 0.0,
            "instances": self.instances,
        }

    def text(self) -> str:
        lines = [f"{name}: {value}" for name, value in self.figures().items()]
        return "\n".join([*lines, *(f"failed {outcome}" for outcome in self.failed[:10])])


class Client:
    """One connection at a time to one site."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"traffic needs a URL such as http://192.0.2.1/, not {url!r}")
        self.address = (parts.hostname, parts.port or 80)
        self.connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def send(self, number: int, request: Request) -> Outcome:
        began = time.monotonic()
        deadline = began + PATIENCE
        body = request.body(number) if request.body else None
        pauses = iter(PAUSES if request.method in IDEMPOTENT else ())
        problems: list[str] = []
        while True:
            try:
                status, instance = self._try(request, body, deadline)
                break
            except (OSError, http.client.HTTPException) as error:
                self.close()
                problems.append(f"{type(error).__name__}: {error}")
                pause = next(pauses, None)
                if pause is None or time.monotonic() + pause >= deadline:
                    status, instance = None, None
                    break
                time.sleep(pause)
        ended = time.monotonic()
        return Outcome(number, request, status, ended - began, instance, tuple(problems), ended)

    def _try(self, request: Request, body: bytes | None, deadline: float) -> tuple[int, str | None]:
        if self.connection is None:
            connection = http.client.HTTPConnection(*self.address, timeout=min(CONNECT_PATIENCE, self._left(deadline)))
            connection.connect()
            self.connection = connection
        self.connection.sock.settimeout(self._left(deadline))
        self.connection.request(request.method, request.path, body=body, headers=dict(request.headers))
        response = self.connection.getresponse()
        response.read()
        if response.will_close:
            self.close()
        return response.status, response.getheader("X-Served-By")

    @staticmethod
    def _left(deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no answer within {PATIENCE:g} s")
        return left


class Traffic:
    """Sends the requests in turn from several threads, while the block runs; `finish` says what came of them.

    Every second thread keeps its connection, the others open one per request. Stops by itself at `count` requests or
    after `seconds`. `pause` is how long, in seconds, a thread waits after each request.
    """

    def __init__(
        self,
        url: str,
        requests: Sequence[Request],
        *,
        workers: int = 8,
        count: int = 20_000,
        seconds: float = 120,
        pause: float = 0,
    ) -> None:
        if not requests or workers < 1:
            raise ValueError("traffic needs at least one request and one worker")
        self._url = url
        self._requests = requests
        self._count = count
        self._seconds = seconds
        self._pause = pause
        self._numbers = itertools.count()
        self._outcomes: list[Outcome] = []
        self._errors: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(worker % 2 == 0,)) for worker in range(workers)]
        self._began = 0.0

    def __enter__(self) -> Traffic:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int) -> None:
        """Until that many requests in all have come to an end."""
        while len(self._outcomes) < count:
            if not any(thread.is_alive() for thread in self._threads):
                ended = f"traffic ended after {len(self._outcomes)} requests, {count} were wanted"
                raise RuntimeError(f"{ended}\n{self.so_far().text()}")
            time.sleep(0.02)

    def wait_more(self, count: int) -> None:
        self.wait_for(len(self._outcomes) + count)

    def finish(self) -> Report:
        self.__exit__()
        return self.so_far()

    def so_far(self) -> Report:
        if self._errors:
            raise self._errors[0]
        return Report(tuple(self._outcomes), time.monotonic() - self._began)

    def _work(self, keep_alive: bool) -> None:
        client = Client(self._url)
        try:
            self._send_all(client, keep_alive)
        except Exception as error:  # a defect of the generator must not pass for less traffic
            self._errors.append(error)
        finally:
            client.close()

    def _send_all(self, client: Client, keep_alive: bool) -> None:
        while not self._stop.is_set() and time.monotonic() - self._began < self._seconds:
            number = next(self._numbers)
            if number >= self._count:
                break
            self._outcomes.append(client.send(number, self._requests[number % len(self._requests)]))
            if not keep_alive:
                client.close()
            if self._pause:
                self._stop.wait(self._pause)
