"""Holds a warm process pool and measures no-op tasks in it, as told on stdin: `round_trip N`,
`throughput N`, `chunked N`, `end 0`."""

import sys
import time


def nothing(value):
    return value


def make(name, workers):
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
    for future in [pool.submit(nothing, task) for task in range(tasks)]:
        future.result()


def chunked(pool, tasks):
    for _ in pool.map(nothing, range(tasks), chunksize=100):
        pass


def main():
    name, workers = sys.argv[1], int(sys.argv[2])
    try:
        pool = make(name, workers)
    except ImportError as error:
        print(f"skipped: {error}", flush=True)
        return
    with pool:
        throughput(pool, 50 * workers)
        print("ready", flush=True)
        for line in sys.stdin:
            what, tasks = line.split()
            if what == "end":
                break
            start = time.perf_counter()
            {"round_trip": round_trip, "throughput": throughput, "chunked": chunked}[what](pool, int(tasks))
            print((time.perf_counter() - start) / int(tasks), flush=True)


if __name__ == "__main__":
    main()
