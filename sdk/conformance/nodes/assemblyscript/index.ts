// The six entries that every SDK must have, in AssemblyScript.

import * as chainrun from "./chainrun/chainrun";

@document
class Line {
  sku: string = "";
  quantity: u32 = 0;
  cents: i64 = 0;
}

@document
class Order {
  customer: string = "";
  lines: Line[] = [];
}

@document
class Total {
  customer: string = "";
  cents: i64 = 0;
  lines: i32 = 0;
}

@config
class Config {
  factor: i64 = 1;
}

export function echo(document: chainrun.Json): chainrun.Json {
  return document;
}

export function total(order: Order): Total {
  const sum = new Total();
  for (let i = 0; i < order.lines.length; i++) {
    sum.cents += <i64>order.lines[i].quantity * order.lines[i].cents;
  }
  sum.cents *= chainrun.config<Config>().factor;
  sum.lines = order.lines.length;
  sum.customer = upper(order.customer);
  return sum;
}

function upper(s: string): string {
  const codes: i32[] = [];
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    codes.push(c >= 0x61 && c <= 0x7a ? c - 0x20 : c);
  }
  return String.fromCharCodes(codes);
}

@document
class Wanted {
  code: string = "";
  message: string = "";
  retryable: bool = false;
}

export function fail(with_: Wanted): chainrun.Json {
  return chainrun.fail<chainrun.Json>(with_.code, with_.message, with_.retryable);
}

@document
class Seen {
  count: i32 = 0;
  pointers: string[] = [];
  keywords: string[] = [];
}

export function feedback(_: chainrun.Json): Seen {
  const seen = new Seen(), violations = chainrun.feedback();
  seen.count = violations.length;
  for (let i = 0; i < violations.length; i++) {
    seen.pointers.push(violations[i].pointer);
    seen.keywords.push(violations[i].keyword);
  }
  return seen;
}

@document
class Question {
  capability: string = "";
  method: string = "";
  payload: chainrun.Json = chainrun.Json.nothing();
}

@document
class Answer {
  answer: chainrun.Json = chainrun.Json.nothing();
}

export function ask(q: Question): Answer {
  const got = chainrun.call<chainrun.Json, chainrun.Json>(q.capability, q.method, q.payload);
  if (got.failed) return chainrun.failWith<Answer>(got.failure!);
  const answer = new Answer();
  answer.answer = got.value;
  return answer;
}

@document
class Lines {
  lines: i32 = 0;
}

export function log(n: Lines): Lines {
  for (let i = 0; i < n.lines; i++) {
    chainrun.info("line " + i.toString(), chainrun.Json.object().set("i", chainrun.Json.integer(i)));
  }
  return n;
}

// What AssemblyScript's test asks for beside the six.
export function abort_(document: chainrun.Json): chainrun.Json {
  assert(document.isNull(), "ouch: " + document.toString());
  return document;
}

@document
class Wide {
  flag: bool = false;
  small: u8 = 0;
  signed: i16 = 0;
  exact: u64 = 0;
  half: f32 = 0;
  real: f64 = 0;
  name: string | null = null;
  @optional
  note: string = "none";
  @optional
  rows: f64[][] = [];
  next: Wide | null = null;
  rest: chainrun.Json = chainrun.Json.nothing();
}

// Every type of field, read and written.
export function wide(document: Wide): Wide {
  return document;
}

// Two calls at once.
export function both(keys: string[]): chainrun.Json {
  const batch = new chainrun.Batch();
  for (let i = 0; i < keys.length; i++) batch.add<string>("kv", "get", keys[i]);
  const list = chainrun.Json.array(), answers = batch.send();
  for (let i = 0; i < answers.length; i++) {
    const failure = answers[i].failure;
    list.push(failure !== null ? chainrun.Json.string(failure.message) : answers[i].value);
  }
  return list;
}
