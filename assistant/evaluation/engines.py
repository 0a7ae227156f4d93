"""Where jobs run: in this process, in several, or on Ray. What comes out is the same; the order may not be."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context

from eligen.assistant.evaluation.runner import Done, Engine, Job, work
from eligen.tools.errors import UserError

AGAIN = "what is finished is kept: run the same command again to go on"


def get_engine(name: str, *, workers: int = 1, address: str | None = None) -> Engine:
    """Return an engine: `local` with so many processes, or `ray`; UserError when there is none of that name."""
    if name == "ray":
        return partial(on_ray, workers=workers, address=address)
    if name != "local":
        raise UserError(f"unknown engine {name!r}: known are local, ray")
    if address is not None:
        raise UserError("--address belongs to --engine ray")
    return here if workers == 1 else partial(in_processes, workers=workers)


def here(jobs: Sequence[Job]) -> Iterator[Done]:
    """Yield jobs done one after the other in this process."""
    yield from map(work, jobs)


def in_processes(jobs: Sequence[Job], *, workers: int) -> Iterator[Done]:
    """Yield jobs as processes finish them."""
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise UserError(f"a worker died, perhaps for want of memory; {AGAIN}") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def on_ray(jobs: Sequence[Job], *, workers: int, address: str | None) -> Iterator[Done]:
    """Yield jobs as Ray's actors finish them: on the cluster at an address, else on one started here and stopped."""
    try:
        import ray
        from ray.util import ActorPool
    except ImportError:
        raise UserError("Ray is not installed: pip install 'eligen-assistant[ray]'") from None
    options = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True, **options)
    except Exception as error:  # Ray raises nothing narrower when a node does not come up
        raise UserError(f"no Ray at {address or 'this machine'}: {' '.join(str(error).split())[:200]}") from error
    try:
        worker = ray.remote(num_cpus=1)(_Worker)
        pool = ActorPool([worker.remote() for _ in range(min(workers, max(len(jobs), 1)))])
        yield from pool.map_unordered(lambda actor, job: actor.work.remote(job), list(jobs))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from None
        raise
    except ray.exceptions.RayActorError:
        raise UserError(f"a worker on Ray died; {AGAIN}") from None
    finally:
        ray.shutdown()


class _Worker:
    """Keeps models loaded between jobs."""

    def work(self, job: Job) -> Done:
        return work(job)
