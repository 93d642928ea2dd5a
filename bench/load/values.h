/* Values and keys: both follow from a key's number, so any reply can be checked without a store.
 *
 * All values are windows into one pattern of pseudo-random 64-bit words. Making one costs nothing,
 * comparing one costs a read of the pattern, and the first 131072 keys differ from each other. */
#ifndef KEEPWARM_BENCH_VALUES_H
#define KEEPWARM_BENCH_VALUES_H

#include <stddef.h>
#include <stdint.h>

#define KEY_DIGITS 8
#define KEY_MAX 64

/** Makes the pattern long enough for values of `size` bytes. Not thread-safe. */
void values_reserve(size_t size);

/** The bytes of key number `key`; valid for the reserved size. */
const unsigned char *value_of(uint64_t key);

/** Whether `n` bytes are as wanted: all of them, or 64 in each 4 KiB and at both ends. */
int value_matches(const unsigned char *got, const unsigned char *want, size_t n, int whole);

/** Writes the key's name, `bench:<size>:<8 hex digits>`, and returns its length. */
size_t key_write(char *to, size_t value_size, uint64_t key);

/** Overwrites the 8 hex digits that end at `end`. */
void key_digits(char *end, uint64_t key);

#endif
