// Planets: floating point with square roots and divisions.
struct body { double x, y, z, vx, vy, vz, m; };
static struct body sky[5] = {
    {0, 0, 0, 0, 0, 0, 39.47},
    {4.84, -1.16, -0.10, 0.60, 2.81, -0.02, 0.037},
    {8.34, 4.12, -0.4, -1.01, 1.82, 0.008, 0.011},
    {12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017},
    {15.37, -25.9, 0.179, 0.97, 0.59, -0.034, 0.002}};

__attribute__((export_name("run"))) unsigned run(unsigned n) {
  const double dt = 0.001;
  for (unsigned r = 0; r < n; r++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        struct body *a = &sky[i], *b = &sky[j];
        double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
        double d2 = dx * dx + dy * dy + dz * dz, mag = dt / (d2 * __builtin_sqrt(d2));
        a->vx -= dx * b->m * mag, a->vy -= dy * b->m * mag, a->vz -= dz * b->m * mag;
        b->vx += dx * a->m * mag, b->vy += dy * a->m * mag, b->vz += dz * a->m * mag;
      }
    for (int i = 0; i < 5; i++)
      sky[i].x += dt * sky[i].vx, sky[i].y += dt * sky[i].vy, sky[i].z += dt * sky[i].vz;
  }
  return (unsigned)(int)(sky[0].x * 1e9) ^ (unsigned)(int)(sky[4].y * 1e6);
}
