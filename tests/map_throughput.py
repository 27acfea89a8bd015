"""How fast a distributed Map goes through the rows of a CSV object in the hosted S3, and
what memory that takes: Express children with one Pass state.

    make bench-map [ROWS=1000000]

Prints one row of docs/performance.md. Uses the release binary, or WINDLASS_BIN."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from server import ROLE, Server, client

ROWS = int(os.environ.get("ROWS", "1000000"))
KIND = os.environ.get("KIND", "EXPRESS")


def resident_mib(pid, name):
    for line in Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) // 1024
    return 0


def main():
    folder = Path(os.environ.get("BENCH_FOLDER") or tempfile.mkdtemp(prefix="windlass-map-"))
    server = Server(folder / "server").start()
    try:
        s3 = client("s3", server.endpoint, signature_version="s3v4")
        s3.create_bucket(Bucket="rows")
        source = folder / "rows.csv"
        with source.open("w") as rows:
            rows.write("id,name,amount\n")
            for number in range(ROWS):
                rows.write("%d,name-%d,%d.50\n" % (number, number, number % 1000))
        s3.upload_file(str(source), "rows", "rows.csv")
        processor = {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": KIND},
            "StartAt": "P",
            "States": {"P": {"Type": "Pass", "End": True}},
        }
        state = {
            "Type": "Map",
            "ItemProcessor": processor,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "Parameters": {"Bucket": "rows", "Key": "rows.csv"},
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": "rows", "Prefix": "results"},
                "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"},
            },
            "End": True,
        }
        states = server.states()
        definition = json.dumps({"StartAt": "M", "States": {"M": state}})
        machine = states.create_state_machine(name="rows", definition=definition, roleArn=ROLE)["stateMachineArn"]
        before = resident_mib(server.process.pid, "VmRSS")
        began = time.monotonic()
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]
        children_seconds = None
        while True:
            found = states.describe_execution(executionArn=execution)
            runs = states.list_map_runs(executionArn=execution)["mapRuns"]
            run = states.describe_map_run(mapRunArn=runs[0]["mapRunArn"]) if runs else None
            if run and children_seconds is None and run["executionCounts"]["succeeded"] == ROWS:
                children_seconds = time.monotonic() - began
            if found["status"] != "RUNNING":
                break
            time.sleep(0.1)
        seconds = time.monotonic() - began
        counts = run["executionCounts"]
        if found["status"] != "SUCCEEDED" or counts["succeeded"] != ROWS or counts["total"] != ROWS:
            sys.exit("the counts do not match: %s %s" % (found, counts))
        peak = resident_mib(server.process.pid, "VmHWM")
        store = sum(file.stat().st_size for file in server.data.glob("store.sqlite*")) >> 20
        print("| what | items | items per second | with results in S3 | s | memory before, MiB | peak, MiB | store, MiB |")
        print("|---|---|---|---|---|---|---|---|")
        print(
            "| distributed Map, %s children | %d | %.0f | %.0f | %.1f | %d | %d | %d |"
            % (KIND.title(), ROWS, ROWS / (children_seconds or seconds), ROWS / seconds, seconds, before, peak, store)
        )
    finally:
        server.kill()


main()
