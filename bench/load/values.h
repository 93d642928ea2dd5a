/* Values follow from their key's number, so any reply can be checked without a store.
 *
 * All values are windows into one pattern of pseudo-random 64-bit words: making one costs nothing,
 * comparing one costs a read of the pattern. Large ones start at the same place
 * of a page, so that sending them is equally fast for every key; they repeat every 256 keys, small ones every 131072. */
#ifndef KEEPWARM_BENCH_VALUES_H
#define KEEPWARM_BENCH_VALUES_H

#include <stddef.h>
#include <stdint.h>

/** Makes the pattern long enough for values of `size` bytes. Not thread-safe. */
void values_reserve(size_t size);

/** The `size` bytes of key number `key`; at most as many as reserved. */
const unsigned char *value_of(uint64_t key, size_t size);

/** Whether `n` bytes are as wanted: all of them, or 64 in each 4 KiB and at both ends. */
int value_matches(const unsigned char *got, const unsigned char *want, size_t n, int whole);

#endif
