#include "sink.h"

#include "connection.h"
#include "request.h"
#include "values.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SINK_VALUE_MAX (64u << 20)
#define SMALL (16 << 10)
#define REPLIES (64 << 10)

typedef struct {
  connection wire;
  size_t pending;
  char replies[REPLIES];
} session;

static int flush(session *s) {
  struct iovec part = {s->replies, s->pending};
  s->pending = 0;
  return part.iov_len == 0 ? 0 : connection_send(&s->wire, &part, 1);
}

static int reply(session *s, const void *bytes, size_t n) {
  if (s->pending + n > REPLIES && flush(s) != 0) return -1;
  memcpy(s->replies + s->pending, bytes, n);
  s->pending += n;
  return 0;
}

static int reply_value(session *s, const char *key) {
  size_t size;
  uint64_t number;
  if (!key_read(key, &size, &number) || size > SINK_VALUE_MAX) return reply(s, "$-1\r\n", 5);
  char head[32];
  size_t n = (size_t)sprintf(head, "$%zu\r\n", size);
  unsigned char *value = (unsigned char *)value_of(number, size);
  if (size <= SMALL)
    return reply(s, head, n) || reply(s, value, size) || reply(s, "\r\n", 2) ? -1 : 0;
  struct iovec parts[4] = {{s->replies, s->pending}, {head, n}, {value, size}, {"\r\n", 2}};
  s->pending = 0;
  return connection_send(&s->wire, parts, 4);
}

static int answer(session *s) {
  char *line = connection_line(&s->wire);
  if (line == NULL) return -1;
  int words = atoi(line + 1);
  char verb[16] = "", key[KEY_MAX] = "";
  for (int i = 0; i < words; i++) {
    if ((line = connection_line(&s->wire)) == NULL) return -1;
    size_t length = strtoull(line + 1, NULL, 10);
    if (i == 2) {
      if (connection_skip(&s->wire, length + 2) != 0) return -1;
      continue;
    }
    if ((line = connection_line(&s->wire)) == NULL) return -1;
    snprintf(i == 0 ? verb : key, i == 0 ? sizeof verb : sizeof key, "%s", line);
  }
  if (verb[0] == 'G') return reply_value(s, key);
  if (verb[0] == 'P') return reply(s, "+PONG\r\n", 7);
  return verb[0] == 'E' ? reply(s, ":1\r\n", 4) : reply(s, "+OK\r\n", 5);
}

static void *serve(void *argument) {
  session *s = argument;
  while (answer(s) == 0) {
    if (s->wire.start == s->wire.end && flush(s) != 0) break;
  }
  connection_close(&s->wire);
  connection_free(&s->wire);
  free(s);
  return NULL;
}

int sink_run(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
      listen(listener, 128) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
    perror("load: sink");
    return 1;
  }
  values_reserve(SINK_VALUE_MAX);
  printf("{\"event\":\"ready\",\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) continue;
    session *s = calloc(1, sizeof *s);
    connection_adopt(&s->wire, fd);
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, s) == 0) pthread_detach(thread);
  }
}
