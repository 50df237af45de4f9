"""A Ray cluster of several nodes on loopback, for a test that kills some of it: runs in a process of its own.

    python ray_cluster.py NODES     prints one JSON object once it is up, then obeys lines on standard input:
    busy                            prints the numbers of the nodes that have a portion in hand, but for the head's
    kill N                          ends all processes of node N without a warning
    workers N                       ends the processes in which node N works, not the node

It ends with its standard input. Ray's folder is RAY_TMPDIR, its token RAY_AUTH_TOKEN.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil
from ray.cluster_utils import Cluster

STORE_BYTES = 80_000_000


def main() -> None:
    Path(os.environ["RAY_TMPDIR"], "ray").mkdir(parents=True, exist_ok=True)
    common: dict[str, Any] = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**common, "include_dashboard": False})
    nodes = [cluster.head_node, *(cluster.add_node(**common) for _ in range(int(sys.argv[1]) - 1))]
    say({"address": cluster.address})
    for line in sys.stdin:
        command, *number = line.split()
        if command == "busy":
            say([place for place, node in enumerate(nodes) if place and node and working(node)])
        elif command == "kill":
            node, nodes[int(number[0])] = nodes[int(number[0])], None
            workers = raylet(node).children(recursive=True)
            cluster.remove_node(node, allow_graceful=False)
            end(workers)
            say("killed")
        elif command == "workers":
            end(working(nodes[int(number[0])]))
            say("killed")
    cluster.shutdown()


def raylet(node: Any) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def working(node: Any) -> list[psutil.Process]:
    return [one for one in raylet(node).children(recursive=True) if "(make)" in " ".join(one.cmdline())]


def end(processes: list[psutil.Process]) -> None:
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
