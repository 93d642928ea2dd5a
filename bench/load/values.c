#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFSETS (1u << 17)
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
  size_t words = size / 8 + 1 + OFFSETS;
  free(pattern);
  pattern = malloc(words * 8);
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

const unsigned char *value_of(uint64_t key) {
  return pattern + 8 * ((key * 40503) & (OFFSETS - 1));
}

int value_matches(const unsigned char *got, const unsigned char *want, size_t n, int whole) {
  if (whole || n <= 2 * SAMPLE) return memcmp(got, want, n) == 0;
  for (size_t at = 0; at + SAMPLE <= n; at += STRIDE)
    if (memcmp(got + at, want + at, SAMPLE) != 0) return 0;
  return memcmp(got + n - SAMPLE, want + n - SAMPLE, SAMPLE) == 0;
}

size_t key_write(char *to, size_t value_size, uint64_t key) {
  return (size_t)snprintf(to, KEY_MAX, "bench:%zu:%08llx", value_size, (unsigned long long)key);
}

void key_digits(char *end, uint64_t key) {
  for (int i = 1; i <= KEY_DIGITS; i++, key >>= 4) end[-i] = "0123456789abcdef"[key & 15];
}
