// LangGraph.js on the chain of ten nodes. It is told over standard input what to do,
// a line of JSON at a time, and answers each line with one: how long it took. So
// the program that starts it can let it take turns with chainrun.
//
//   {"way": "memory" | "checked" | "sqlite" | "full", "runs": 10, "atOnce": 1, "order": {…, "n": 0}}

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

// saver is the checkpointer. "sqlite" is as it comes; with "full" SQLite has the disk
// keep each commit before it goes on, which is what chainrun always does.
function saver(way) {
  const s = SqliteSaver.fromConnString(join(folder, `langgraph-js-${way}.db`));
  s.setup();
  if (way === "full") s.db.pragma("synchronous = FULL");
  return s;
}

const savers = { sqlite: saver("sqlite"), full: saver("full") };
const graphs = { memory: chain(plain), checked: chain(checked), sqlite: chain(plain, savers.sqlite), full: chain(plain, savers.full) };

let runs = 0;

async function invoke(way, order) {
  const id = ++runs;
  const config = way in savers ? { durability: "sync", configurable: { thread_id: `t${id}` } } : {};
  const doc = { ...order, id };
  if (way === "checked") Order.parse(doc);
  const out = await graphs[way].invoke({ doc }, config);
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
  settings: Object.fromEntries(
    Object.entries(savers).map(([way, { db }]) => [
      way,
      `journal_mode ${db.pragma("journal_mode", { simple: true })}, synchronous ${synchronous[db.pragma("synchronous", { simple: true })]}`,
    ]),
  ),
});
for await (const line of createInterface({ input: process.stdin })) {
  say(await work(JSON.parse(line)));
}
