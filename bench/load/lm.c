#include "lm.h"

#include <stdio.h>
#include <string.h>

#define REQUEST_BYTES 186
#define KEY_AT 36
#define KEY_BYTES 150
#define REPLY_BYTES 36

int lm_send(connection *c, lm_command command, uint64_t key, size_t size) {
  char header[REQUEST_BYTES + 1];
  /* command, length, format, dtype, location, shape: a row of bytes */
  int32_t fields[9] = {command, 0, 1, 6, 0, 1, 1, 1, (int32_t)size};
  if (command == LM_PUT) fields[1] = (int32_t)size;
  memcpy(header, fields, sizeof fields);
  memset(header + KEY_AT, ' ', KEY_BYTES);
  int n = snprintf(header + KEY_AT, KEY_BYTES, "bench-%zu@1@0@%llx@uint8", size,
                   (unsigned long long)key + 1);
  header[KEY_AT + n] = ' ';
  struct iovec part = {header, REQUEST_BYTES};
  return connection_send(c, &part, 1);
}

int lm_receive(connection *c, int32_t *code, int32_t *length) {
  char header[REPLY_BYTES];
  for (size_t have = 0; have < REPLY_BYTES;) {
    const char *at;
    size_t n = connection_peek(c, &at);
    if (n == 0) return -1;
    if (n > REPLY_BYTES - have) n = REPLY_BYTES - have;
    memcpy(header + have, at, n);
    c->start += n;
    have += n;
  }
  memcpy(code, header, 4);
  memcpy(length, header + 4, 4);
  return 0;
}
