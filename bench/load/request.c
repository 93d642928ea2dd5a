#include "request.h"

#include <stdio.h>
#include <string.h>

#define DIGITS 8
#define PAD_MASK 63

static const char pad[PAD_MASK + 1] = {[0 ... PAD_MASK] = 'x'};

static void form_key(request_form *form, const char *verb, size_t size, int words) {
  char name[KEY_MAX];
  int n = snprintf(name, sizeof name, "bench:%zu:", size);
  /* Two digits always: the shortest name has 16 bytes and the longest below 100. */
  form->before_length = (size_t)sprintf(form->before, "*%d\r\n$%zu\r\n%s\r\n$%d\r\n%s", words,
                                        strlen(verb), verb, n + DIGITS, name);
  form->digits_at = form->before_length - (size_t)n - 4;
  form->has_key = 1;
}

void request_form_plain(request_form *form, const char *verb) {
  form->before_length =
      (size_t)sprintf(form->before, "*1\r\n$%zu\r\n%s\r\n", strlen(verb), verb);
  form->has_key = 0;
}

void request_form_key(request_form *form, const char *verb, size_t size) {
  form_key(form, verb, size, 2);
  form->after_length = (size_t)sprintf(form->after, "\r\n");
}

void request_form_value(request_form *form, const char *verb, size_t size) {
  form_key(form, verb, size, 3);
  form->after_length = (size_t)sprintf(form->after, "\r\n$%zu\r\n", size);
}

size_t request_write(char *to, const request_form *form, uint64_t key) {
  memcpy(to, form->before, form->before_length);
  if (!form->has_key) return form->before_length;
  size_t padding = (size_t)(key * 7) & PAD_MASK;
  char *digits = to + form->digits_at;
  int length = (digits[0] - '0') * 10 + digits[1] - '0' + (int)padding;
  digits[0] = (char)('0' + length / 10);
  digits[1] = (char)('0' + length % 10);
  char *at = to + form->before_length + DIGITS;
  for (int i = 1; i <= DIGITS; i++, key >>= 4) at[-i] = "0123456789abcdef"[key & 15];
  memcpy(at, pad, padding);
  memcpy(at + padding, form->after, form->after_length);
  return form->before_length + DIGITS + padding + form->after_length;
}

int key_read(const char *name, size_t *size, uint64_t *key) {
  unsigned long long number;
  if (sscanf(name, "bench:%zu:%8llx", size, &number) != 2) return 0;
  *key = number;
  return 1;
}
