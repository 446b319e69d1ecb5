"""Holds a warm process pool, or a cluster on this machine, and measures no-op tasks in it, as told on stdin: `round_trip N`,
`throughput N`, `chunked N`, `end 0`."""

import contextlib
import io
import os
import sys
import tempfile
import time


def nothing(value):
    return value


class Dask:
    def __init__(self, workers):
        from distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
        self.client = Client(cluster)

    def submit(self, function, value):
        return self.client.submit(function, value, pure=False)

    def close(self):
        self.client.shutdown()


class Ray:
    def __init__(self, workers):
        import ray

        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        self.get, self.shutdown, self.remote = ray.get, ray.shutdown, ray.remote(nothing)

    def submit(self, function, value):
        reference = self.remote.remote(value)
        return Later(lambda: self.get(reference))

    def close(self):
        self.shutdown()


class Parsl:
    def __init__(self, workers):
        import parsl
        from parsl.config import Config
        from parsl.executors import HighThroughputExecutor
        from parsl.providers import LocalProvider

        # It looks for programs of its own there.
        os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        executor = HighThroughputExecutor(
            address="127.0.0.1", max_workers_per_node=workers, provider=LocalProvider(init_blocks=1, max_blocks=1)
        )
        parsl.load(Config(executors=[executor], run_dir=tempfile.mkdtemp()))
        self.app, self.close = parsl.python_app(nothing), parsl.dfk().cleanup

    def submit(self, function, value):
        return self.app(value)


class HyperQueue:
    """Tasks are programs: `true`."""

    def __init__(self, workers):
        from hyperqueue import LocalCluster
        from hyperqueue.cluster import WorkerConfig

        self.cluster = LocalCluster()
        self.cluster.start_worker(WorkerConfig(cores=workers))
        self.client, self.close = self.cluster.client(), self.cluster.stop

    def run(self, tasks):
        from hyperqueue import Job

        job = Job()
        for _ in range(tasks):
            job.program(["true"], stdout=None, stderr=None)
        with contextlib.redirect_stderr(io.StringIO()):
            self.client.wait_for_jobs([self.client.submit(job)])


class Later:
    def __init__(self, result):
        self.result = result


def make(name, workers):
    clusters = {"Dask distributed": Dask, "Ray": Ray, "Parsl": Parsl, "HyperQueue": HyperQueue}
    if name in clusters:
        return contextlib.closing(clusters[name](workers))
    if name == "loky":
        import loky

        return loky.ProcessPoolExecutor(max_workers=workers)
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn" if "spawn" in name else "fork")
    return ProcessPoolExecutor(max_workers=workers, mp_context=context)


def round_trip(pool, tasks):
    for task in range(tasks):
        pool.submit(nothing, task).result()


def throughput(pool, tasks):
    if isinstance(pool, HyperQueue):
        return pool.run(tasks)
    for future in [pool.submit(nothing, task) for task in range(tasks)]:
        future.result()


def chunked(pool, tasks):
    for _ in pool.map(nothing, range(tasks), chunksize=100):
        pass


def main():
    name, workers = sys.argv[1], int(sys.argv[2])
    # Servers print there.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        pool = make(name, workers)
    except ImportError as error:
        print(f"skipped: {error}", file=out, flush=True)
        return
    with pool as pool:
        throughput(pool, 50 * workers)
        print("ready", file=out, flush=True)
        for line in sys.stdin:
            what, tasks = line.split()
            if what == "end":
                break
            start = time.perf_counter()
            {"round_trip": round_trip, "throughput": throughput, "chunked": chunked}[what](pool, int(tasks))
            print((time.perf_counter() - start) / int(tasks), file=out, flush=True)


if __name__ == "__main__":
    main()
