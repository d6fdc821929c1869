// Mandelbrot: a floating-point loop with a hard exit.
__attribute__((export_name("run"))) unsigned run(unsigned n) {
  unsigned inside = 0;
  for (unsigned py = 0; py < n; py++)
    for (unsigned px = 0; px < n; px++) {
      double cx = 3.0 * px / n - 2.0, cy = 2.0 * py / n - 1.0, x = 0, y = 0;
      unsigned i = 0;
      for (; i < 200 && x * x + y * y <= 4; i++) {
        double t = x * x - y * y + cx;
        y = 2 * x * y + cy, x = t;
      }
      inside += i;
    }
  return inside;
}
