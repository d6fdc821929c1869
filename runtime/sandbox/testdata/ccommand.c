// A command for the sandbox's tests: it upper-cases stdin, and asks for things
// that a node has not.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (fopen("/etc/passwd", "r") != NULL) return 10;
  if (getenv("HOME") != NULL || getenv("PATH") != NULL) return 11;
  if (isatty(0) || isatty(1) || argc != 1) return 12;
  struct timespec a, b, wait = {.tv_sec = 3};
  clock_gettime(CLOCK_MONOTONIC, &a);
  nanosleep(&wait, NULL);
  clock_gettime(CLOCK_MONOTONIC, &b);
  if (b.tv_sec - a.tv_sec != 3) return 13;
  if (lseek(0, 0, SEEK_SET) != -1) return 14;
  const char *config = getenv("CHAINRUN_CONFIG");
  if (config != NULL && strcmp(config, "\"abort\"") == 0) abort();
  int c;
  while ((c = getchar()) != EOF) putchar(toupper(c));
  fprintf(stderr, "done at %lld\n", (long long)time(NULL));
  return 0;
}
