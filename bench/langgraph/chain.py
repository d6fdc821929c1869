"""LangGraph (Python) on the chain of ten nodes, told over standard input what to
do, a line of JSON at a time, as chain.mjs is:

    {"way": "memory", "runs": 10, "atOnce": 1, "order": {…, "n": 0}}

The ways are those of chain.mjs; as it comes, SQLite has the disk keep each commit
here, so "comes" has the checkpointer of the others.
"""

import itertools
import json
import platform
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from os.path import join
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, ConfigDict, Field

NODES = 10
folder = sys.argv[1]


class Item(BaseModel):
    model_config = ConfigDict(extra="allow")
    sku: Annotated[str, Field(pattern=r"^[A-Z]-[0-9]+$")]
    quantity: Annotated[int, Field(ge=1)] | None = None
    note: Annotated[str, Field(max_length=80)] | None = None


class Order(BaseModel):
    """The schema that chainrun checks each node's input and output by."""

    model_config = ConfigDict(extra="forbid")
    id: int
    n: int
    items: list[Item]


class State(TypedDict):
    doc: dict[str, Any]


def plain(state: State) -> State:
    doc = state["doc"]
    return {"doc": {**doc, "n": doc["n"] + 1}}


def checked(state: State) -> State:
    """What one node has put out is not checked again before the next one."""
    doc = state["doc"]
    doc = {**doc, "n": doc["n"] + 1}
    Order.model_validate(doc)
    return {"doc": doc}


def chain(node, checkpointer=None):
    graph = StateGraph(State)
    last = START
    for i in range(NODES):
        name = f"n{i}"
        graph.add_node(name, node)
        graph.add_edge(last, name)
        last = name
    graph.add_edge(last, END)
    return graph.compile(checkpointer=checkpointer)


saver = SqliteSaver(sqlite3.connect(join(folder, "langgraph-python.db"), check_same_thread=False))
saver.setup()
graphs = {"memory": chain(plain), "checked": chain(checked)}
stored = chain(plain, saver)
ids = itertools.count(1)


def invoke(way, order):
    number = next(ids)
    doc = {**order, "id": number}
    if way == "checked":
        Order.model_validate(doc)
    if way in graphs:
        out = graphs[way].invoke({"doc": doc})["doc"]
    else:
        durability = {} if way == "comes" else {"durability": way}
        out = stored.invoke({"doc": doc}, {"configurable": {"thread_id": f"t{number}"}}, **durability)["doc"]
    if out["id"] != number or out["n"] != order["n"] + NODES:
        raise RuntimeError("the chain gave something else")
    return out


def work(way, runs, atOnce, order):
    used, begin = time.process_time_ns(), time.perf_counter_ns()
    if atOnce == 1:
        docs = [invoke(way, order) for _ in range(runs)]
    else:
        with ThreadPoolExecutor(atOnce) as threads:
            docs = list(threads.map(lambda _: invoke(way, order), range(runs)))
    nanoseconds, cpu = time.perf_counter_ns() - begin, time.process_time_ns() - used
    if docs[0]["items"] != order["items"]:
        raise RuntimeError("the chain lost something")
    return {"nanoseconds": nanoseconds, "cpuNanoseconds": cpu, "steps": runs * NODES}


def say(answer):
    print(json.dumps(answer), flush=True)


def synchronous(connection):
    (number,) = connection.execute("PRAGMA synchronous").fetchone()
    return ["OFF", "NORMAL", "FULL", "EXTRA"][number]


say({
    "versions": ", ".join(
        [f"Python {platform.python_version()}"]
        + [f"{name} {version(name)}" for name in ("langgraph", "langgraph-checkpoint-sqlite", "pydantic")]
    ),
    "synchronous": {"comes": synchronous(saver.conn)},
})
for line in sys.stdin:
    say(work(**json.loads(line)))
