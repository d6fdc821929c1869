// LangGraph.js on the chain of ten nodes. It is told over standard input what to do,
// a line of JSON at a time, and answers each line with one: how long it took. So
// the program that starts it can let it take turns with chainrun.
//
//   {"way": "memory", "runs": 10, "atOnce": 1, "order": {…, "n": 0}}
//
// The ways are "memory" and "checked", without a checkpointer; "sync", "async" and
// "exit", which are LangGraph's words for when a step is stored, with SQLite told to
// have the disk keep each commit; and "comes", the checkpointer as it comes.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";
import { z } from "zod";

const nodes = 10;
const folder = process.argv[2];

// Order is the schema that chainrun checks each node's input and output by.
const Order = z.strictObject({
  id: z.int(),
  n: z.int(),
  items: z.array(
    z.looseObject({
      sku: z.string().regex(/^[A-Z]-[0-9]+$/),
      quantity: z.int().min(1).optional(),
      note: z.string().max(80).optional(),
    }),
  ),
});

const plain = ({ doc }) => ({ doc: { ...doc, n: doc.n + 1 } });
// What one node has put out is not checked again before the next one.
const checked = ({ doc }) => ({ doc: Order.parse({ ...doc, n: doc.n + 1 }) });

function chain(node, checkpointer) {
  const state = Annotation.Root({ doc: Annotation() });
  let graph = new StateGraph(state);
  let last = START;
  for (let i = 0; i < nodes; i++) {
    const name = `n${i}`;
    graph = graph.addNode(name, node);
    graph = graph.addEdge(last, name);
    last = name;
  }
  return graph.addEdge(last, END).compile({ checkpointer });
}

function saver(name, synchronous) {
  const s = SqliteSaver.fromConnString(join(folder, `langgraph-js-${name}.db`));
  s.setup();
  if (synchronous) s.db.pragma(`synchronous = ${synchronous}`);
  return s;
}

const savers = { full: saver("full", "FULL"), comes: saver("comes") };
const stored = chain(plain, savers.full);
const graphs = { memory: chain(plain), checked: chain(checked), sync: stored, async: stored, exit: stored, comes: chain(plain, savers.comes) };

function settings(way, id) {
  if (way === "memory" || way === "checked") return {};
  const configurable = { thread_id: `t${id}` };
  return way === "comes" ? { configurable } : { configurable, durability: way };
}

let runs = 0;

async function invoke(way, order) {
  const id = ++runs;
  const doc = { ...order, id };
  if (way === "checked") Order.parse(doc);
  const out = await graphs[way].invoke({ doc }, settings(way, id));
  if (out.doc.id !== id || out.doc.n !== order.n + nodes) throw new Error("the chain gave something else");
  return out.doc;
}

async function work({ way, runs, atOnce, order }) {
  const used = process.cpuUsage();
  const begin = process.hrtime.bigint();
  let docs;
  for (let done = 0; done < runs; done += atOnce) {
    docs = await Promise.all(Array.from({ length: atOnce }, () => invoke(way, order)));
  }
  const nanoseconds = Number(process.hrtime.bigint() - begin);
  const cpu = process.cpuUsage(used);
  if (JSON.stringify(docs[0].items) !== JSON.stringify(order.items)) throw new Error("the chain lost something");
  return { nanoseconds, cpuNanoseconds: (cpu.user + cpu.system) * 1000, steps: runs * nodes };
}

function version(name) {
  return `${name} ${createRequire(import.meta.url)(`./node_modules/${name}/package.json`).version}`;
}

const synchronous = ["OFF", "NORMAL", "FULL", "EXTRA"];
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

say({
  versions: [
    `node ${process.version}`,
    ...["@langchain/langgraph", "@langchain/langgraph-checkpoint-sqlite", "better-sqlite3", "zod"].map(version),
  ].join(", "),
  synchronous: Object.fromEntries(Object.entries(savers).map(([name, { db }]) => [name, synchronous[db.pragma("synchronous", { simple: true })]])),
});
for await (const line of createInterface({ input: process.stdin })) {
  say(await work(JSON.parse(line)));
}
