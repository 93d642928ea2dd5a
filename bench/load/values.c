#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (1u << 20)
#define PAGE 4096
#define LARGE (16u << 10)
/* Ahead of where a socket's page takes it, behind the longest request's head: see request.h. */
#define IN_PAGE 256
#define SAMPLE 64
#define STRIDE 4096

static unsigned char *pattern;
static size_t reserved;

static uint64_t word(uint64_t n) {
  uint64_t z = (n + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

void values_reserve(size_t size) {
  if (pattern != NULL && size <= reserved) return;
  size_t words = (size + WINDOW + IN_PAGE) / 8 + 1;
  free(pattern);
  pattern = aligned_alloc(PAGE, (words * 8 + PAGE - 1) / PAGE * PAGE);
  if (pattern == NULL) {
    fprintf(stderr, "load: no memory for values of %zu bytes\n", size);
    exit(1);
  }
  for (size_t i = 0; i < words; i++) {
    uint64_t w = word(i);
    memcpy(pattern + i * 8, &w, 8);
  }
  reserved = size;
}

const unsigned char *value_of(uint64_t key, size_t size) {
  if (size > LARGE) return pattern + (key * PAGE & (WINDOW - 1)) + IN_PAGE;
  return pattern + (key * 40503 * 8 & (WINDOW - 1));
}

int value_matches(const unsigned char *got, const unsigned char *want, size_t n, int whole) {
  if (whole || n <= 2 * SAMPLE) return memcmp(got, want, n) == 0;
  for (size_t at = 0; at + SAMPLE <= n; at += STRIDE)
    if (memcmp(got + at, want + at, SAMPLE) != 0) return 0;
  return memcmp(got + n - SAMPLE, want + n - SAMPLE, SAMPLE) == 0;
}
