// Programs for the benchmarks in AssemblyScript as one would write them: classes,
// the standard library's collections, garbage collection. A module with an export
// for each; a count goes in and a checksum comes out.

import { example, Parser } from "./json";
import { block, start } from "./sha256";

// The generator of C's programs.
let seed: u32 = 0;
function next(): u32 {
  seed = seed * 1664525 + 1013904223;
  return seed;
}

// Recursion without loops: nothing but calls.
export function fib(n: u32): u32 {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

export function hashmap(n: u32): u32 {
  const seen = new Map<u32, u32>();
  let sum: u32 = 0;
  seed = 7;
  for (let i: u32 = 0; i < n; i++) {
    const key = next() % 4000;
    const count = seen.has(key) ? seen.get(key) + 1 : 1;
    seen.set(key, count);
    sum += count;
  }
  return sum;
}

export function json(n: u32): u32 {
  const text = example();
  let sum: u32 = 0;
  for (let r: u32 = 0; r < n; r++) sum += new Parser(text).value().weight();
  return sum;
}

// A floating-point loop with a hard exit.
export function mandelbrot(n: u32): u32 {
  let inside: u32 = 0;
  for (let py: u32 = 0; py < n; py++) {
    for (let px: u32 = 0; px < n; px++) {
      const cx = 3.0 * f64(px) / f64(n) - 2.0, cy = 2.0 * f64(py) / f64(n) - 1.0;
      let x = 0.0, y = 0.0, i: u32 = 0;
      for (; i < 200 && x * x + y * y <= 4; i++) {
        const t = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = t;
      }
      inside += i;
    }
  }
  return inside;
}

const N = 64;

function filled(p: i32, q: i32, m: i32): Array<Float64Array> {
  const rows = new Array<Float64Array>();
  for (let i = 0; i < N; i++) {
    const row = new Float64Array(N);
    for (let j = 0; j < N; j++) row[j] = f64((i * p + j * q) % m);
    rows.push(row);
  }
  return rows;
}

// Matrix product in doubles, by arrays of rows.
export function matmul(n: u32): u32 {
  const a = filled(7, 3, 11), b = filled(5, 2, 13), c = filled(0, 0, 1);
  let sum = 0.0;
  for (let r = 0; r < i32(n); r++) {
    for (let i = 0; i < N; i++) {
      for (let j = 0; j < N; j++) {
        let s = 0.0;
        for (let k = 0; k < N; k++) s += a[i][k] * b[k][j];
        c[i][j] = s;
      }
    }
    a[r % N][r * 3 % N] = c[r % N][r % N] / 1024;
    sum += c[r * 5 % N][r * 11 % N];
  }
  return u32(sum);
}

class Body {
  constructor(
    public x: f64, public y: f64, public z: f64, public vx: f64, public vy: f64, public vz: f64, public m: f64,
  ) {}
}

// Planets: floating point with square roots and divisions.
export function nbody(n: u32): u32 {
  const sky = [
    new Body(0, 0, 0, 0, 0, 0, 39.47),
    new Body(4.84, -1.16, -0.10, 0.60, 2.81, -0.02, 0.037),
    new Body(8.34, 4.12, -0.4, -1.01, 1.82, 0.008, 0.011),
    new Body(12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017),
    new Body(15.37, -25.9, 0.179, 0.97, 0.59, -0.034, 0.002),
  ];
  const dt = 0.001;
  for (let r: u32 = 0; r < n; r++) {
    for (let i = 0; i < sky.length; i++) {
      const a = sky[i];
      for (let j = i + 1; j < sky.length; j++) {
        const b = sky[j];
        const dx = a.x - b.x, dy = a.y - b.y, dz = a.z - b.z;
        const d2 = dx * dx + dy * dy + dz * dz, mag = dt / (d2 * Math.sqrt(d2));
        a.vx -= dx * b.m * mag;
        a.vy -= dy * b.m * mag;
        a.vz -= dz * b.m * mag;
        b.vx += dx * a.m * mag;
        b.vy += dy * a.m * mag;
        b.vz += dz * a.m * mag;
      }
    }
    for (let i = 0; i < sky.length; i++) {
      const a = sky[i];
      a.x += dt * a.vx;
      a.y += dt * a.vy;
      a.z += dt * a.vz;
    }
  }
  return u32(i32(sky[0].x * 1e9)) ^ u32(i32(sky[4].y * 1e6));
}

// Substring search: the standard library's, and a naive loop beside it.
export function search(n: u32): u32 {
  const letters = "etaoin shr";
  const parts = new Array<string>();
  seed = 3;
  for (let i = 0; i < 20000; i++) parts.push(letters.charAt((next() >> 16) % letters.length));
  const text = parts.join("");
  let found: u32 = 0;
  for (let r = 0; r < i32(n); r++) {
    const from = r * 977 % (text.length - 100);
    const needle = text.substring(from, from + 6);
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) found++;
    for (let i = 0; i + 6 <= text.length; i++) {
      let k = 0;
      while (k < 6 && text.charCodeAt(i + k) == needle.charCodeAt(k)) k++;
      if (k == 6) found++;
    }
  }
  return found;
}

export function sha256(n: u32): u32 {
  const data = new Uint8Array(4096);
  for (let i = 0; i < data.length; i++) data[i] = u8(i * 31);
  const state = start();
  for (let r: u32 = 0; r < n; r++) {
    for (let i = 0; i < data.length; i += 64) block(state, data, i);
  }
  return state[0] ^ state[7];
}

// Sieve of Eratosthenes: the tightest loops there are.
export function sieve(n: u32): u32 {
  const size = 200000;
  const composite = new Uint8Array(size);
  let count: u32 = 0;
  for (let r: u32 = 0; r < n; r++) {
    composite.fill(0);
    for (let i = 2; i * i < size; i++) {
      if (!composite[i]) for (let j = i * i; j < size; j += i) composite[j] = 1;
    }
    for (let i = 2; i < size; i++) if (!composite[i]) count++;
  }
  return count;
}

// Sort with comparison functions: strings, then numbers.
export function sort(n: u32): u32 {
  let sum: u32 = 0;
  for (let r = 0; r < i32(n); r++) {
    seed = u32(r) + 1;
    const names = new Array<string>();
    for (let i = 0; i < 500; i++) names.push(next().toString(16));
    names.sort();
    const numbers = new Uint32Array(2000);
    for (let i = 0; i < numbers.length; i++) numbers[i] = next();
    numbers.sort((a, b) => i32(a < b) - i32(a > b));
    sum += u32(names[r % 500].charCodeAt(1)) + numbers[r % 2000];
  }
  return sum;
}
