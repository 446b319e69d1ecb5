"""A map of so many cheap items, killed with SIGKILL when half of them are done, and resumed.

`resumed.py PEER COUNT` prints, as JSON, the version of the peer, the seconds from the start of the resumed program to its
first new item, how many items were done twice, and how many bytes were on the disk when it was killed; or
`skipped: WHY`. Each item leaves eight bytes in a file, by which they are counted.
"""

import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def mark(n):
    """An item is done."""
    file = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, n.to_bytes(8, "little"))
    os.close(file)


def work(n):
    mark(n)
    return n ^ 1


def with_joblib(folder, count):
    import joblib

    item = joblib.Memory(folder, verbose=0).cache(work)
    with joblib.Parallel(n_jobs=2) as parallel:
        return parallel(joblib.delayed(item)(n) for n in range(count))


def with_redun(folder, count):
    import redun
    from redun.config import Config

    redun.namespace("bench")

    @redun.task(name="item")
    def item(n):
        return work(n)

    @redun.task(name="flow")
    def flow(count):
        return [item(n) for n in range(count)]

    scheduler = redun.Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{folder}/redun.db"}}))
    scheduler.load()
    return scheduler.run(flow(count))


def with_dbos(folder, count):
    from dbos import DBOS, SetWorkflowID

    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
            "application_version": "1",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def item(n):
        return work(n)

    @DBOS.workflow()
    def flow(count):
        return [item(n) for n in range(count)]

    # What was pending goes on by itself.
    DBOS.launch()
    with SetWorkflowID("bench"):
        return DBOS.start_workflow(flow, count).get_result()


SNAKEFILE = """
rule all:
    input: expand("done/{n}", n=range(COUNT))

rule item:
    output: "done/{n}"
    shell: "echo $(({wildcards.n} ^ 1)) > {output}; printf 8.bytes. >> $MARKS"
"""


def with_snakemake(folder, count):
    file = os.path.join(folder, "Snakefile")
    if not os.path.exists(file):
        with open(file, "w") as to:
            to.write(SNAKEFILE.replace("COUNT", str(count)))
    else:
        subprocess.run(["snakemake", "--unlock", "--quiet", "all"], cwd=folder, check=True)
    command = ["snakemake", "--cores", "2", "--rerun-incomplete", "--quiet", "all"]
    subprocess.run(command, cwd=folder, check=True)
    values = []
    for n in range(count):
        with open(os.path.join(folder, "done", str(n))) as done:
            values.append(int(done.read()))
    return values


PEERS = {"joblib": with_joblib, "redun": with_redun, "DBOS": with_dbos, "Snakemake": with_snakemake}


def size(folder):
    """The bytes that the files in a folder take up on the disk."""
    files = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(file).st_blocks * 512 for file in files)


def measure(peer, count):
    folder = tempfile.mkdtemp()
    marks = os.path.join(folder, "marks")
    store = os.path.join(folder, "store")
    os.mkdir(store)

    started = []

    def start():
        command = [sys.executable, os.path.abspath(__file__), "--run", peer, store, str(count)]
        path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        log = open(os.path.join(folder, "log"), "a")
        environment = dict(os.environ, MARKS=marks, PATH=path)
        started.append(subprocess.Popen(command, env=environment, start_new_session=True, stdout=log, stderr=log))
        return started[-1]

    def done():
        return os.stat(marks).st_size // 8 if os.path.exists(marks) else 0

    def wait_for(items, running):
        while done() < items:
            if running.poll() is not None:
                with open(os.path.join(folder, "log")) as log:
                    sys.exit(f"{peer} ended after {done()} items\n{log.read()}")
            time.sleep(0.0005)

    try:
        running = start()
        wait_for(count // 2, running)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        before, stored = done(), size(store)
        begin = time.perf_counter()
        running = start()
        wait_for(before + 1, running)
        first = time.perf_counter() - begin
        if running.wait() != 0:
            with open(os.path.join(folder, "log")) as log:
                sys.exit(f"{peer} failed\n{log.read()}")
        return {"first": first, "twice": done() - count, "bytes": stored}
    finally:
        for running in started:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
        shutil.rmtree(folder)


def main():
    if sys.argv[1] == "--run":
        _, _, peer, folder, count = sys.argv
        values = PEERS[peer](folder, int(count))
        assert list(values) == [n ^ 1 for n in range(int(count))]
        os._exit(0)
    peer, count = sys.argv[1], int(sys.argv[2])
    try:
        version = importlib.metadata.version(peer.lower())
    except importlib.metadata.PackageNotFoundError as missing:
        print(f"skipped: {missing}")
        return
    print(json.dumps({"version": version, **measure(peer, count)}))


if __name__ == "__main__":
    main()
