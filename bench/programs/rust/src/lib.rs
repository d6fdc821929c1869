//! Programs for the benchmarks in Rust as one would write them: slices with
//! their bounds checks, iterators, the standard library's collections. A module
//! with an export for each; a count goes in and a checksum comes out.

mod json;
mod sha256;

use std::collections::HashMap;

/// Recursion without loops: nothing but calls.
#[export_name = "fib"]
pub extern "C" fn run_fib(n: u32) -> u32 {
    fib(n)
}

#[inline(never)]
fn fib(n: u32) -> u32 {
    if n < 2 {
        n
    } else {
        fib(n - 1).wrapping_add(fib(n - 2))
    }
}

/// The generator of C's programs.
struct Numbers(u32);

impl Iterator for Numbers {
    type Item = u32;
    fn next(&mut self) -> Option<u32> {
        self.0 = self.0.wrapping_mul(1664525).wrapping_add(1013904223);
        Some(self.0)
    }
}

/// The standard library's map, with its own hash function.
#[export_name = "hashmap"]
pub extern "C" fn run_hashmap(n: u32) -> u32 {
    let mut seen: HashMap<u32, u32, std::hash::BuildHasherDefault<std::hash::DefaultHasher>> = HashMap::default();
    let mut sum = 0u32;
    for key in Numbers(7).take(n as usize) {
        let count = seen.entry(key % 4000).or_insert(0);
        *count += 1;
        sum = sum.wrapping_add(*count);
    }
    sum
}

#[export_name = "json"]
pub extern "C" fn run_json(n: u32) -> u32 {
    let text = json::example();
    let mut sum = 0u32;
    for _ in 0..n {
        let value = json::parse(&text).expect("the example is JSON");
        sum = sum.wrapping_add(value.weight());
    }
    sum
}

/// A floating-point loop with a hard exit.
#[export_name = "mandelbrot"]
pub extern "C" fn run_mandelbrot(n: u32) -> u32 {
    let mut inside = 0;
    for py in 0..n {
        for px in 0..n {
            let (cx, cy) = (3.0 * f64::from(px) / f64::from(n) - 2.0, 2.0 * f64::from(py) / f64::from(n) - 1.0);
            let (mut x, mut y, mut i) = (0.0, 0.0, 0);
            while i < 200 && x * x + y * y <= 4.0 {
                (x, y) = (x * x - y * y + cx, 2.0 * x * y + cy);
                i += 1;
            }
            inside += i;
        }
    }
    inside
}

/// Matrix product in doubles, by vectors of rows.
#[export_name = "matmul"]
pub extern "C" fn run_matmul(n: u32) -> u32 {
    const N: usize = 64;
    let fill = |p: usize, q: usize, m: usize| -> Vec<Vec<f64>> {
        (0..N).map(|i| (0..N).map(|j| ((i * p + j * q) % m) as f64).collect()).collect()
    };
    let (mut a, b, mut c) = (fill(7, 3, 11), fill(5, 2, 13), fill(0, 0, 1));
    let mut sum = 0.0;
    for r in 0..n as usize {
        for i in 0..N {
            for j in 0..N {
                c[i][j] = (0..N).map(|k| a[i][k] * b[k][j]).sum();
            }
        }
        a[r % N][r * 3 % N] = c[r % N][r % N] / 1024.0;
        sum += c[r * 5 % N][r * 11 % N];
    }
    sum as u32
}

#[derive(Clone, Copy)]
struct Body {
    at: [f64; 3],
    speed: [f64; 3],
    mass: f64,
}

/// Planets: floating point with square roots and divisions.
#[export_name = "nbody"]
pub extern "C" fn run_nbody(n: u32) -> u32 {
    let body = |x, y, z, vx, vy, vz, mass| Body { at: [x, y, z], speed: [vx, vy, vz], mass };
    let mut sky = [
        body(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.47),
        body(4.84, -1.16, -0.10, 0.60, 2.81, -0.02, 0.037),
        body(8.34, 4.12, -0.4, -1.01, 1.82, 0.008, 0.011),
        body(12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017),
        body(15.37, -25.9, 0.179, 0.97, 0.59, -0.034, 0.002),
    ];
    let dt = 0.001;
    for _ in 0..n {
        for i in 0..sky.len() {
            let (head, tail) = sky.split_at_mut(i + 1);
            let a = &mut head[i];
            for b in tail {
                let d: [f64; 3] = std::array::from_fn(|k| a.at[k] - b.at[k]);
                let d2: f64 = d.iter().map(|x| x * x).sum();
                let mag = dt / (d2 * d2.sqrt());
                for k in 0..3 {
                    a.speed[k] -= d[k] * b.mass * mag;
                    b.speed[k] += d[k] * a.mass * mag;
                }
            }
        }
        for body in &mut sky {
            for k in 0..3 {
                body.at[k] += dt * body.speed[k];
            }
        }
    }
    (sky[0].at[0] * 1e9) as i32 as u32 ^ (sky[4].at[1] * 1e6) as i32 as u32
}

/// Substring search: the standard library's, and a naive loop beside it.
#[export_name = "search"]
pub extern "C" fn run_search(n: u32) -> u32 {
    let letters = b"etaoin shr";
    let text: String = Numbers(3).take(50_000).map(|r| letters[(r >> 16) as usize % letters.len()] as char).collect();
    let mut found = 0;
    for r in 0..n as usize {
        let from = r * 977 % (text.len() - 100);
        let needle = &text[from..from + 6];
        found += text.matches(needle).count();
        found += text.as_bytes().windows(6).filter(|w| *w == needle.as_bytes()).count();
    }
    found as u32
}

#[export_name = "sha256"]
pub extern "C" fn run_sha256(n: u32) -> u32 {
    let data: Vec<u8> = (0..4096u32).map(|i| (i * 31) as u8).collect();
    let mut state = sha256::START;
    for _ in 0..n {
        for block in data.chunks_exact(64) {
            sha256::block(&mut state, block);
        }
    }
    state[0] ^ state[7]
}

/// Sieve of Eratosthenes: the tightest loops there are.
#[export_name = "sieve"]
pub extern "C" fn run_sieve(n: u32) -> u32 {
    const N: usize = 200_000;
    let mut composite = vec![false; N];
    let mut count = 0;
    for _ in 0..n {
        composite.fill(false);
        let mut i = 2;
        while i * i < N {
            if !composite[i] {
                for j in (i * i..N).step_by(i) {
                    composite[j] = true;
                }
            }
            i += 1;
        }
        count += composite[2..].iter().filter(|c| !**c).count();
    }
    count as u32
}

/// Sort with comparison closures: strings, then numbers.
#[export_name = "sort"]
pub extern "C" fn run_sort(n: u32) -> u32 {
    let mut sum = 0u32;
    for r in 0..n {
        let mut names: Vec<String> = Numbers(r + 1).take(1000).map(|x| format!("{x:08x}")).collect();
        names.sort();
        let mut numbers: Vec<u32> = Numbers(r + 2).take(4000).collect();
        if r % 2 == 0 {
            numbers.sort_by(|a, b| b.cmp(a));
        } else {
            numbers.sort_unstable();
        }
        sum = sum.wrapping_add(u32::from(names[r as usize % 1000].as_bytes()[3])).wrapping_add(numbers[r as usize % 4000]);
    }
    sum
}
