#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PAGE 4096
/* The buffer begins so far into a page: replies lie at the start of the kernel's pages, and a copy
 * to just ahead of that would crawl (see request.h). */
#define BUFFER_OFFSET (PAGE - 64)

static char *new_buffer(void) {
  return (char *)aligned_alloc(PAGE, RECEIVE_BYTES + PAGE) + BUFFER_OFFSET;
}

void connection_adopt(connection *c, int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->fd = fd;
  if (c->buffer == NULL) c->buffer = new_buffer();
  c->start = c->end = 0;
}

int connection_open(connection *c, const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    errno = EINVAL;
    return -1;
  }
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  struct timeval deadline = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
  connection_adopt(c, fd);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

void connection_close(connection *c) {
  close(c->fd);
  c->fd = -1;
}

void connection_free(connection *c) {
  free(c->buffer - BUFFER_OFFSET);
  c->buffer = NULL;
}

int connection_send(connection *c, struct iovec *parts, int count) {
  while (count > 0) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return -1;
    size_t left = (size_t)sent;
    for (; count > 0 && left >= parts->iov_len; parts++, count--) left -= parts->iov_len;
    if (count > 0) {
      parts->iov_base = (char *)parts->iov_base + left;
      parts->iov_len -= left;
    }
  }
  return 0;
}

static ssize_t receive(connection *c) {
  if (c->start == c->end) c->start = c->end = 0;
  if (c->end == RECEIVE_BYTES) {
    memmove(c->buffer, c->buffer + c->start, c->end - c->start);
    c->end -= c->start;
    c->start = 0;
  }
  ssize_t n;
  do n = recv(c->fd, c->buffer + c->end, RECEIVE_BYTES - c->end, 0);
  while (n < 0 && errno == EINTR);
  if (n == 0) errno = ECONNRESET;
  if (n > 0) c->end += (size_t)n;
  return n;
}

size_t connection_peek(connection *c, const char **at) {
  if (c->start == c->end && receive(c) <= 0) return 0;
  *at = c->buffer + c->start;
  return c->end - c->start;
}

char *connection_line(connection *c) {
  size_t looked = 0;
  for (;;) {
    char *from = c->buffer + c->start;
    char *lf = memchr(from + looked, '\n', c->end - c->start - looked);
    if (lf != NULL) {
      c->start += (size_t)(lf + 1 - from);
      lf[lf > from && lf[-1] == '\r' ? -1 : 0] = 0;
      return from;
    }
    looked = c->end - c->start;
    if (looked == RECEIVE_BYTES || receive(c) <= 0) return NULL;
  }
}

int connection_skip(connection *c, size_t n) {
  const char *at;
  while (n > 0) {
    size_t have = connection_peek(c, &at);
    if (have == 0) return -1;
    if (have > n) have = n;
    c->start += have;
    n -= have;
  }
  return 0;
}
