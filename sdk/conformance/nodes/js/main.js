// The six entries of sdk/conformance, for sdk/js.

export const manifest = {
  name: "conformance",
  description: "The six entries that every SDK has.",
  entries: {
    total: {
      description: "Adds up an order.",
      input: {
        type: "object",
        required: ["customer", "lines"],
        properties: {
          customer: { type: "string" },
          lines: {
            type: "array",
            items: {
              type: "object",
              required: ["sku", "quantity", "cents"],
              properties: { sku: { type: "string" }, quantity: { type: "integer", minimum: 0 }, cents: { type: "integer" } },
            },
          },
        },
      },
      output: {
        type: "object",
        required: ["customer", "cents", "lines"],
        properties: { customer: { type: "string" }, cents: { type: "integer" }, lines: { type: "integer" } },
      },
      config: { type: "object", properties: { factor: { type: "integer" } } },
    },
  },
};

export const echo = (input) => input;

export function total(order, node) {
  const bad = (what) => new NodeError("bad_input", what);
  if (typeof order !== "object" || order === null) throw bad("an order is an object");
  if (typeof order.customer !== "string") throw bad("customer is no string");
  if (!Array.isArray(order.lines)) throw bad("lines is no array");
  const factor = node.config?.factor ?? 1;
  if (!Number.isInteger(factor)) throw new NodeError("bad_config", "factor is no integer");
  let cents = 0;
  for (const line of order.lines) {
    if (typeof line?.sku !== "string") throw bad("sku is no string");
    if (!Number.isInteger(line.quantity) || line.quantity < 0) throw bad("quantity is no number of things");
    if (!Number.isInteger(line.cents)) throw bad("cents is no integer");
    cents += line.quantity * line.cents;
  }
  return {
    customer: order.customer.replace(/[a-z]/g, (c) => c.toUpperCase()),
    cents: cents * factor,
    lines: order.lines.length,
  };
}

export function fail({ code, message, retryable }) {
  throw new NodeError(code, message, { retryable });
}

export function feedback(_, node) {
  const list = node.feedback;
  return { count: list.length, pointers: list.map((v) => v.pointer), keywords: list.map((v) => v.keyword) };
}

export async function ask({ capability, method, payload }, node) {
  return { answer: await node.call(capability, method, payload) };
}

export function log({ lines }, node) {
  for (let i = 0; i < lines; i++) node.log.info(`line ${i}`, { i });
  return { lines };
}
