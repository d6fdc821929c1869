// What a chainrun node in JavaScript or TypeScript finds beside the language.
// Keep this file beside your script (`chainrun node new` puts it there) and say
//
//   /// <reference path="./chainrun.d.ts" />
//
// or list it in tsconfig.json. `chainrun node pack` needs it not: it takes types
// away without looking at them.

/** A JSON value. */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The second argument of every entry: the attempt's way to its host. */
interface ChainrunNode<Config = any> {
  /** The node's config, as the graph gives it; null where it gives none. */
  readonly config: Config;

  /**
   * Why the host refused the output of the attempt before this one, at most 50
   * violations; empty in a first attempt.
   */
  readonly feedback: readonly Violation[];

  /**
   * The input document as it was written, for numbers beyond 2^53. Read them with
   * the third argument of JSON.parse's reviver, write them with JSON.rawJSON.
   */
  readonly text: string;

  /**
   * Asks a capability that the graph granted, and gives its answer, null where
   * there is none. It does not return a promise; awaiting it does no harm.
   * Throws a CallError where the host refused or the world did; one that is not
   * caught makes the attempt fail as the call did.
   */
  call<Answer = any>(capability: string, method: string, payload?: unknown): Answer;

  /** Asks 1 to 64 at once; each answers with one of both, in the order of the list. */
  batch(calls: readonly { capability: string; method: string; payload?: unknown }[]): { answer?: any; error?: CallError }[];

  /** The run's log. attrs should be an object that JSON can write. */
  readonly log: {
    debug(message: unknown, attrs?: object): void;
    info(message: unknown, attrs?: object): void;
    warn(message: unknown, attrs?: object): void;
    error(message: unknown, attrs?: object): void;
  };
}

/** One complaint about an output. */
interface Violation {
  /** A JSON Pointer into the output, "" for all of it. */
  readonly pointer: string;
  /** The schema's rule, such as "type" or "maximum". */
  readonly keyword: string;
  readonly message: string;
  readonly found?: Json;
}

/**
 * Makes the attempt fail with a code, which a graph's edges can select by
 * (`when = "error.reason == 'unknown_sku'"`). With retryable the host may try
 * again. Any other error has the code "error", and its stack goes to the log.
 */
interface NodeError extends Error {
  readonly code: string;
  readonly retryable: boolean;
}
interface NodeErrorConstructor {
  new (code: string, message?: string, options?: { retryable?: boolean; cause?: unknown }): NodeError;
  readonly prototype: NodeError;
}
declare var NodeError: NodeErrorConstructor;

/** Why a capability did not answer. */
interface CallError extends Error {
  /** "capability_denied" or "capability_error". */
  readonly code: string;
  /** The capability's own code, such as "http_429"; may be empty. */
  readonly reason: string;
  readonly retryable: boolean;
  readonly capability: string;
  readonly method: string;
}
interface CallErrorConstructor {
  readonly prototype: CallError;
}
declare var CallError: CallErrorConstructor & ((...args: never) => unknown);

/** What a script exports as `manifest`. Every field may be absent. */
interface ChainrunManifest {
  name?: string;
  version?: string;
  description?: string;
  author?: string;
  license?: string;
  homepage?: string;
  /** JSON Schemas of the default function. */
  input?: object | boolean;
  output?: object | boolean;
  config?: object | boolean;
  /** Of the other exported functions, by their names. */
  entries?: { [name: string]: { description?: string; input?: object | boolean; output?: object | boolean; config?: object | boolean } };
  /** The capabilities that the node needs. */
  capabilities?: string[];
  /** What the author suggests; a graph is free to set others. */
  limits?: { fuel?: number; memory_bytes?: number; timeout?: string };
}

/** The same things as a module, for whoever prefers imports to globals. */
declare module "chainrun" {
  export const node: ChainrunNode;
  export const NodeError: NodeErrorConstructor;
  export type NodeError = NodeErrorConstructor["prototype"];
  export const CallError: typeof globalThis.CallError;
  export type CallError = CallErrorConstructor["prototype"];
  export type Node<Config = any> = ChainrunNode<Config>;
  export type Manifest = ChainrunManifest;
}

// The rest is as on the web, in part.

declare const console: {
  /** All of these write to the run's log: log and info as info, trace as debug. */
  debug(...values: unknown[]): void;
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  assert(ok: unknown, ...values: unknown[]): void;
};

/** The clock of an attempt moves on by the delay; nobody waits. */
declare function setTimeout(f: (...args: any[]) => void, delay?: number, ...args: any[]): number;
declare function setInterval(f: (...args: any[]) => void, delay?: number, ...args: any[]): number;
declare function clearTimeout(id?: number): void;
declare function clearInterval(id?: number): void;
declare function queueMicrotask(f: () => void): void;
declare function atob(text: string): string;
declare function btoa(text: string): string;

declare const performance: { now(): number };

/** Seeded from the run, the step and the attempt, like Math.random. */
declare const crypto: {
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): string;
};

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
}

declare class TextDecoder {
  constructor(encoding?: string, options?: { fatal?: boolean });
  readonly encoding: "utf-8";
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}
