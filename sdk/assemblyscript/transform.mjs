// What asc runs to make a node of index.ts: it reads and writes the classes that
// are marked @document, and gives every exported function an entry of the ABI.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NodeKind, Parser, Source, SourceKind, Tokenizer } from "assemblyscript";
import { Transform } from "assemblyscript/transform";

const ENTRY = "chainrun_run_v1";

export default class Chainrun extends Transform {
  afterParse(parser) {
    const sources = parser.sources.filter((s) => s.sourceKind === SourceKind.UserEntry || s.sourceKind === SourceKind.User);
    this.config = null;
    for (const source of sources) {
      if (isLibrary(source)) continue;
      for (const statement of source.statements) {
        if (statement.kind === NodeKind.ClassDeclaration) this.document(parser, source, statement);
      }
    }
    this.entries = [];
    for (const source of sources) {
      if (source.sourceKind === SourceKind.UserEntry && !isLibrary(source)) this.node(parser, source);
    }
  }

  // document gives a class the members that read, write and describe it.
  document(parser, source, declaration) {
    const marks = (declaration.decorators ?? []).map((d) => d.name.text);
    if (!marks.includes("document") && !marks.includes("config")) return;
    const name = text(declaration.name);
    if (marks.includes("config")) this.config = { name, source };
    if (declaration.extendsType) throw complaint(`${place(declaration)}: ${name}: a document cannot extend another class`);
    const chainrun = library(source);
    const read = [], write = [], schema = [];
    for (const member of declaration.members) {
      if (member.kind !== NodeKind.FieldDeclaration || member.flags & STATIC) continue;
      const field = text(member.name);
      const type = text(member.type);
      const mayMiss = marks.includes("config") || (member.decorators ?? []).some((d) => d.name.text === "optional");
      const key = JSON.stringify(field);
      read.push(mayMiss
        ? `this.${field} = ${chainrun}.optional<${type}>(__j, ${key}, this.${field});`
        : `this.${field} = ${chainrun}.field<${type}>(__j, ${key});`);
      write.push(`__out.member(${key}); ${chainrun}.write<${type}>(this.${field}, __out);`);
      schema.push(`__s.field<${type}>(${key}, ${mayMiss});`);
    }
    for (const code of [
      `__read(__j: ${chainrun}.Json): void { if (!${chainrun}.object(__j)) return; ${read.join(" ")} }`,
      `__write(__out: ${chainrun}.Writer): void { __out.byte(0x7b); ${write.join(" ")} __out.byte(0x7d); }`,
      `__schema(): ${chainrun}.Json { const __s = new ${chainrun}.ObjectSchema(); ${schema.join(" ")} return __s.json; }`,
    ]) {
      const member = parser.parseClassMember(tokenizer(parser, code, source), declaration);
      if (!member) throw complaint(`${place(declaration)}: cannot make a document of ${name}`);
      declaration.members.push(member);
    }
  }

  // node adds the exports of the ABI to the file that is compiled.
  node(parser, source) {
    const chainrun = library(source);
    const about = this.about();
    const describe = [];
    for (const [key, value] of Object.entries(about)) describe.push(`__m.set("${key}", ${json(chainrun, value)});`);
    const code = [`export function chainrun_alloc(size: u32): usize { return ${chainrun}.__alloc(size); }`];
    for (const f of [...source.statements]) {
      if (f.kind !== NodeKind.FunctionDeclaration || !(f.flags & EXPORT)) continue;
      const name = text(f.name);
      const { parameters, returnType } = f.signature;
      if (parameters.length !== 1) throw complaint(`${place(f)}: ${name} is exported, so it is an entry: it takes one document and returns one`);
      const input = text(parameters[0].type), output = text(returnType);
      if (!input || !output) throw complaint(`${place(f)}: the entry ${name} needs types: function ${name}(input: Input): Output`);
      const main = name === "main";
      this.entries.push({ name, symbol: `__entry_${name}`, export: main ? ENTRY : `${ENTRY}:${name}` });
      code.push(`export function __entry_${name}(input: usize, len: u32): u64 { return ${chainrun}.__run<${input}, ${output}>(input, len, ${name}); }`);
      const schemas = (to) => [["input", input], ["output", output]].map(([key, type]) => `${to}.set("${key}", ${chainrun}.schema<${type}>());`).join(" ");
      describe.push(main ? schemas("__m") : `{ const __e = ${chainrun}.Json.object(); ${schemas("__e")} __entries.set(${JSON.stringify(name)}, __e); }`);
    }
    if (this.entries.length === 0) throw complaint(`${source.normalizedPath} exports no function, so the node has no entry`);
    if (this.config) {
      if (this.config.source !== source) throw complaint(`${this.config.source.normalizedPath}: the @config class belongs to ${source.normalizedPath}`);
      describe.push(`__m.set("config", ${chainrun}.schema<${this.config.name}>());`);
    }
    code.push(`export function chainrun_describe_v1(): u64 { const __m = ${chainrun}.Json.object(), __entries = ${chainrun}.Json.object(); ${describe.join(" ")}
      if (__entries.length > 0) __m.set("entries", __entries); return ${chainrun}.__give(__m); }`);
    for (const line of code) source.statements.push(parser.parseTopLevelStatement(tokenizer(parser, line, source)));
  }

  // about is what package.json says of the module.
  about() {
    let of = {};
    try {
      of = JSON.parse(readFileSync(join(this.baseDir, "package.json"), "utf8"));
    } catch (e) {
      if (e.code !== "ENOENT") throw e;
    }
    const author = typeof of.author === "object" ? of.author?.name : of.author;
    const all = { name: of.name, version: of.version, description: of.description, author, license: of.license, homepage: of.homepage, capabilities: of.chainrun?.capabilities };
    return Object.fromEntries(Object.entries(all).filter(([, v]) => v));
  }

  // afterCompile leaves the ABI's names as the only exports.
  afterCompile(module) {
    for (const e of this.entries ?? []) {
      module.removeExport(e.symbol);
      if (!module.hasExport?.(e.export)) module.addFunctionExport(this.symbol(e.symbol), e.export);
      module.removeExport(e.name);
    }
  }

  symbol(name) {
    for (const [internal] of this.program.instancesByName) {
      if (internal.endsWith("/" + name)) return internal;
    }
    throw complaint(`no function ${name}`);
  }
}

const EXPORT = 1 << 1, STATIC = 1 << 5; // CommonFlags of asc

// complaint is an error that asc shows without a stack.
function complaint(text) {
  const e = new Error(text);
  e.stack = text;
  return e;
}

const text = (node) => node ? node.range.toString() : "";
const place = (node) => {
  const source = node.range.source;
  return `${source.normalizedPath}:${source.text.slice(0, node.range.start).split("\n").length}`;
};
const isLibrary = (source) => source.normalizedPath.startsWith("~lib/") || /(^|\/)chainrun\/chainrun\.ts$/.test(source.normalizedPath);

// library is the name under which a file has imported chainrun.ts.
function library(source) {
  for (const s of source.statements) {
    if (s.kind === NodeKind.Import && s.namespaceName && /(^|\/)chainrun$/.test(s.path.value)) return text(s.namespaceName);
  }
  throw complaint(`${source.normalizedPath}: it needs import * as chainrun from "./chainrun/chainrun"`);
}

function tokenizer(parser, code, source) {
  return new Tokenizer(new Source(source.sourceKind, source.normalizedPath, code), parser.diagnostics);
}

// json is an expression that makes a value.
function json(chainrun, value) {
  if (Array.isArray(value)) return `${chainrun}.Json.array()${value.map((v) => `.push(${json(chainrun, v)})`).join("")}`;
  return `${chainrun}.Json.string(${JSON.stringify(String(value))})`;
}
