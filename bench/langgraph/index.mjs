// LangGraph.js on a chain of ten nodes. It is told over standard input what to do,
// a line of JSON at a time, and answers each line with one: how long it took. So
// the program that starts it can let it take turns with chainrun.
//
//   {"way": "memory" | "sqlite" | "full", "runs": 10, "atOnce": 1}

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";

const nodes = 10;
const folder = process.argv[2];

function chain(checkpointer) {
  const state = Annotation.Root({ doc: Annotation() });
  let graph = new StateGraph(state);
  let last = START;
  for (let i = 0; i < nodes; i++) {
    const name = `n${i}`;
    graph = graph.addNode(name, ({ doc }) => ({ doc: { text: doc.text } }));
    graph = graph.addEdge(last, name);
    last = name;
  }
  return graph.addEdge(last, END).compile({ checkpointer });
}

// saver is the checkpointer. "sqlite" is as it comes; with "full" SQLite has the disk
// keep each commit before it goes on, which is what chainrun always does.
function saver(way) {
  const s = SqliteSaver.fromConnString(join(folder, `langgraph-${way}.db`));
  s.setup();
  if (way === "full") s.db.pragma("synchronous = FULL");
  return s;
}

const savers = { sqlite: saver("sqlite"), full: saver("full") };
const graphs = { memory: chain(), sqlite: chain(savers.sqlite), full: chain(savers.full) };

let threads = 0;

async function invoke(way) {
  const thread = `t${threads++}`;
  const text = `${thread} `.padEnd(970, "0123456789abcdef");
  const config = way === "memory" ? {} : { durability: "sync", configurable: { thread_id: thread } };
  const { doc } = await graphs[way].invoke({ doc: { text } }, config);
  if (doc.text !== text) throw new Error("the chain gave something else");
}

async function work({ way, runs, atOnce }) {
  const begin = process.hrtime.bigint();
  for (let done = 0; done < runs; done += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, () => invoke(way)));
  }
  return { nanoseconds: Number(process.hrtime.bigint() - begin), steps: runs * nodes };
}

function version(name) {
  return createRequire(import.meta.url)(`./node_modules/${name}/package.json`).version;
}

const synchronous = ["OFF", "NORMAL", "FULL", "EXTRA"];
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

say({
  node: process.version,
  langgraph: version("@langchain/langgraph"),
  saver: version("@langchain/langgraph-checkpoint-sqlite"),
  driver: version("better-sqlite3"),
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
