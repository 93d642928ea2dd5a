/* A blocking loopback connection with one reused receive buffer, read line by line or by length. */
#ifndef KEEPWARM_BENCH_CONNECTION_H
#define KEEPWARM_BENCH_CONNECTION_H

#include <stddef.h>
#include <sys/uio.h>

#define RECEIVE_BYTES (1 << 20)

typedef struct {
  int fd;
  char *buffer; /* RECEIVE_BYTES */
  size_t start, end;
} connection;

/** Connects with a 10 s deadline on every later send and receive; 0, or -1 with errno set. */
int connection_open(connection *c, const char *host, int port);

/** Takes over an accepted socket. */
void connection_adopt(connection *c, int fd);
void connection_close(connection *c);

/** Frees the buffer, which outlives its connection for the next one otherwise. */
void connection_free(connection *c);

/** Sends everything; 0, or -1 with errno set. May change `parts`. */
int connection_send(connection *c, struct iovec *parts, int count);

/** Bytes at hand in `*at`, receiving if there are none; 0 at the end of the stream or on error. */
size_t connection_peek(connection *c, const char **at);

/** The next line without its CRLF, NUL-terminated in the buffer; NULL at the end or on error. */
char *connection_line(connection *c);

/** Drops `n` bytes; 0, or -1 if the stream ended before. */
int connection_skip(connection *c, size_t n);

#endif
