// Matrix product in doubles: nested counted loops over memory.
#define N 64
static double a[N][N], b[N][N], c[N][N];

__attribute__((export_name("run"))) unsigned run(unsigned n) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = (i * 7 + j * 3) % 11;
      b[i][j] = (i * 5 + j * 2) % 13;
    }
  double sum = 0;
  for (unsigned r = 0; r < n; r++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        double s = 0;
        for (int k = 0; k < N; k++) s += a[i][k] * b[k][j];
        c[i][j] = s;
      }
    a[r % N][(r * 3) % N] = c[r % N][r % N] / 1024;
    sum += c[(r * 5) % N][(r * 11) % N];
  }
  return (unsigned)sum;
}
