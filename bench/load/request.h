/* Requests as RESP: a form per command, and a key's name filled in.
 *
 * Names differ in length, by up to 63 bytes, so that values start at all places of a cache line. Where
 * source and target of a copy lie in their pages can cost a factor of ten (`rep movsb` of AMD, when
 * the target is a little ahead), and no server should win or lose by one lucky length. */
#ifndef KEEPWARM_BENCH_REQUEST_H
#define KEEPWARM_BENCH_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#define REQUEST_MAX 256 /* bytes of a request before its value */
#define KEY_MAX 128

typedef struct {
  char before[REQUEST_MAX]; /* all up to the 8 hex digits of the key */
  size_t before_length, digits_at;
  char after[48];
  size_t after_length;
  int has_key;
} request_form;

/** A command without arguments, one of a key, or one of a key and a value of `size` bytes. */
void request_form_plain(request_form *form, const char *verb);
void request_form_key(request_form *form, const char *verb, size_t size);
void request_form_value(request_form *form, const char *verb, size_t size);

/** Writes a request up to its value and returns its length. */
size_t request_write(char *to, const request_form *form, uint64_t key);

/** Reads size and number from a key's name; 0 for any other name. */
int key_read(const char *name, size_t *size, uint64_t *key);

#endif
