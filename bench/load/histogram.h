/* Log-linear latency histogram: 64 steps in each power of two of nanoseconds, so a reading is
 * within 1.6 % of the truth. */
#ifndef KEEPWARM_BENCH_HISTOGRAM_H
#define KEEPWARM_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 6
#define HISTOGRAM_SLOTS (64 << HISTOGRAM_BITS)

typedef struct {
  uint64_t count;
  uint64_t slots[HISTOGRAM_SLOTS];
} histogram;

static inline void histogram_add(histogram *h, uint64_t ns) {
  uint64_t slot = ns;
  if (ns >> HISTOGRAM_BITS) {
    int shift = 63 - __builtin_clzll(ns) - HISTOGRAM_BITS;
    slot = ((uint64_t)(shift + 1) << HISTOGRAM_BITS) + ((ns >> shift) & ((1 << HISTOGRAM_BITS) - 1));
  }
  h->slots[slot]++;
  h->count++;
}

static inline void histogram_merge(histogram *into, const histogram *from) {
  into->count += from->count;
  for (int i = 0; i < HISTOGRAM_SLOTS; i++) into->slots[i] += from->slots[i];
}

/** The smallest latency, in microseconds, that `share` of all readings do not exceed. */
static inline double histogram_us(const histogram *h, double share) {
  uint64_t seen = 0;
  for (uint64_t i = 0; i < HISTOGRAM_SLOTS; i++) {
    seen += h->slots[i];
    if (seen == 0 || seen < share * (double)h->count) continue;
    uint64_t shift = i >> HISTOGRAM_BITS, low = i & ((1 << HISTOGRAM_BITS) - 1);
    if (shift == 0) return (double)low / 1e3;
    return (double)(((1ull << HISTOGRAM_BITS) + low + 1) << (shift - 1)) / 1e3;
  }
  return 0;
}

#endif
