#include "trial.h"

#include "connection.h"
#include "lm.h"
#include "request.h"
#include "values.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOIN_MAX (16 << 10) /* values up to this size are joined into one send per batch */

typedef struct {
  const trial_options *options;
  pthread_barrier_t *barrier;
  int index;
  connection wire;
  char *requests;
  size_t requests_capacity;
  request_form form, get_form; /* the second for the reading half of OP_MIXED */
  uint64_t random, next_key, done;
  int failed;
  trial_result result;
} worker;

/* Kept from trial to trial, so that no trial pays for first touches of its buffers. */
static worker workers[CONNECTIONS_MAX];

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* CPU seconds of all threads of a process, also those that ended, to the nanosecond. */
static double cpu_seconds(int pid) {
  clockid_t clock;
  struct timespec t;
  if (pid < 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(worker *w, const char *what) {
  w->result.errors++;
  if (w->result.error[0] == 0) snprintf(w->result.error, sizeof w->result.error, "%s", what);
}

static void broken(worker *w) {
  fail(w, errno == EAGAIN ? "no answer for 10 s" : strerror(errno));
  w->failed = 1;
}

static void prepare(worker *w) {
  const trial_options *o = w->options;
  if (o->op == OP_PING) request_form_plain(&w->form, "PING");
  else if (o->op == OP_GET) request_form_key(&w->form, "GET", o->size);
  else if (o->op == OP_EXISTS) request_form_key(&w->form, "EXISTS", o->size);
  else request_form_value(&w->form, "SET", o->size);
  request_form_key(&w->get_form, "GET", o->size);
  size_t each = REQUEST_MAX + (o->size <= JOIN_MAX ? o->size : 0) + 2;
  if (each * (size_t)o->pipeline > w->requests_capacity) {
    w->requests_capacity = each * (size_t)o->pipeline;
    free(w->requests);
    w->requests = malloc(w->requests_capacity);
  }
  w->random = 0x9E3779B97F4A7C15ull * (uint64_t)(w->index + 1);
  w->next_key = (uint64_t)w->index;
  w->done = 0;
  w->failed = 0;
  memset(&w->result, 0, sizeof w->result);
}

static uint64_t pick_key(worker *w) {
  if (w->options->op == OP_FILL) {
    uint64_t key = w->next_key;
    w->next_key += (uint64_t)w->options->connections;
    return key;
  }
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return (w->random >> 11) % w->options->keys;
}

typedef struct {
  operation op;
  uint64_t key;
} request;

static int send_batch(worker *w, request *batch, int depth) {
  const trial_options *o = w->options;
  char *to = w->requests;
  for (int i = 0; i < depth; i++) {
    request *r = &batch[i];
    r->key = pick_key(w);
    r->op = o->op == OP_FILL ? OP_SET : o->op;
    if (o->op == OP_MIXED) r->op = (w->done + (uint64_t)i) % 4 == 0 ? OP_SET : OP_GET;
    int reading = o->op == OP_MIXED && r->op == OP_GET;
    to += request_write(to, reading ? &w->get_form : &w->form, r->key);
    if (r->op != OP_SET) continue;
    const unsigned char *value = value_of(r->key, o->size);
    if (o->size <= JOIN_MAX) {
      memcpy(to, value, o->size);
      memcpy(to + o->size, "\r\n", 2);
      to += o->size + 2;
      continue;
    }
    struct iovec parts[3] = {{w->requests, (size_t)(to - w->requests)},
                             {(void *)value, o->size},
                             {(void *)"\r\n", 2}};
    if (connection_send(&w->wire, parts, 3) != 0) return -1;
    to = w->requests;
  }
  struct iovec rest = {w->requests, (size_t)(to - w->requests)};
  return rest.iov_len == 0 ? 0 : connection_send(&w->wire, &rest, 1);
}

/* Compares as the bytes come: while they are still in the cache, and never a second time. */
static int receive_bytes(worker *w, uint64_t key) {
  const trial_options *o = w->options;
  const unsigned char *want = value_of(key, o->size);
  int check = o->verify_every > 0;
  int whole = check && w->result.ops % (uint64_t)o->verify_every == 0;
  int good = 1;
  for (size_t left = o->size; left > 0;) {
    const char *at;
    size_t have = connection_peek(&w->wire, &at);
    if (have == 0) return -1;
    if (have > left) have = left;
    if (check && good) good = value_matches((const unsigned char *)at, want, have, whole);
    want += have;
    left -= have;
    w->wire.start += have;
  }
  if (!good) w->result.mismatches++;
  return 0;
}

static int receive_value(worker *w, uint64_t key, char *line) {
  const trial_options *o = w->options;
  if (line[1] == '-') {
    w->result.missing++;
    return 0;
  }
  char *end;
  if (strtoull(line + 1, &end, 10) != o->size) {
    w->result.mismatches++;
    w->failed = 1; /* where the value ends is anyone's guess */
    return 0;
  }
  if (receive_bytes(w, key) != 0) return -1;
  return connection_skip(&w->wire, 2);
}

static int receive_reply(worker *w, const request *r) {
  char *line = connection_line(&w->wire);
  if (line == NULL) return -1;
  size_t moved = r->op == OP_SET ? w->options->size : 0;
  if (line[0] == '-') {
    fail(w, line + 1);
    moved = 0;
  } else if (r->op == OP_GET && line[0] == '$') {
    moved = line[1] == '-' ? 0 : w->options->size;
    if (receive_value(w, r->key, line) != 0) return -1;
  } else if (r->op == OP_EXISTS && line[0] == ':') {
    w->result.missing += line[1] != '1';
  } else if (line[0] != '+') {
    fail(w, "unexpected reply");
    w->failed = 1;
  }
  w->result.ops++;
  w->result.bytes += moved;
  return 0;
}

/* One operation of lm://. A PUT has no reply: asking for the key behind it shows when it is done. */
static int lm_operation(worker *w) {
  const trial_options *o = w->options;
  uint64_t key = pick_key(w);
  int storing = o->op == OP_SET || o->op == OP_FILL;
  if (storing) {
    struct iovec value = {(void *)value_of(key, o->size), o->size};
    if (lm_send(&w->wire, LM_PUT, key, o->size) != 0) return -1;
    if (connection_send(&w->wire, &value, 1) != 0) return -1;
  }
  if (lm_send(&w->wire, o->op == OP_GET ? LM_GET : LM_EXIST, key, o->size) != 0) return -1;
  int32_t code, length;
  if (lm_receive(&w->wire, &code, &length) != 0) return -1;
  w->result.ops++;
  if (code != 200) {
    w->result.missing++;
    return 0;
  }
  if (o->op == OP_EXISTS) return 0;
  if (o->op == OP_GET) {
    if ((size_t)length != o->size) {
      w->result.mismatches++;
      w->failed = 1;
      return 0;
    }
    if (receive_bytes(w, key) != 0) return -1;
  }
  w->result.bytes += o->size;
  return 0;
}

/* Runs until the deadline or the quota, whichever is first. */
static void drive(worker *w, uint64_t deadline, uint64_t quota, histogram *latency) {
  request batch[w->options->pipeline];
  uint64_t begun = now_ns();
  while (w->done < quota && begun < deadline && !w->failed) {
    int depth = w->options->pipeline;
    if (quota - w->done < (uint64_t)depth) depth = (int)(quota - w->done);
    int sound = (w->options->lm ? lm_operation(w) : send_batch(w, batch, depth)) == 0;
    for (int i = 0; i < depth && sound && !w->failed && !w->options->lm; i++)
      sound = receive_reply(w, &batch[i]) == 0;
    if (!sound) broken(w);
    w->done += (uint64_t)depth;
    uint64_t ended = now_ns();
    if (latency != NULL && sound) histogram_add(latency, ended - begun);
    begun = ended;
  }
}

static void authenticate(worker *w) {
  char text[256];
  int n = snprintf(text, sizeof text, "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n",
                   strlen(w->options->auth), w->options->auth);
  struct iovec part = {text, (size_t)n};
  char *line = NULL;
  if (n < (int)sizeof text && connection_send(&w->wire, &part, 1) == 0)
    line = connection_line(&w->wire);
  if (line != NULL && line[0] == '+') return;
  fail(w, line == NULL ? "AUTH failed" : line);
  w->failed = 1;
}

static void *work(void *argument) {
  worker *w = argument;
  const trial_options *o = w->options;
  if (connection_open(&w->wire, o->host, o->port) != 0) broken(w);
  else if (o->auth != NULL) authenticate(w);
  pthread_barrier_wait(w->barrier);
  if (o->warmup > 0 && o->op != OP_FILL) drive(w, now_ns() + (uint64_t)(o->warmup * 1e9), UINT64_MAX, NULL);
  w->result.ops = w->result.bytes = 0;
  pthread_barrier_wait(w->barrier);

  uint64_t total = o->op == OP_FILL ? o->keys : o->count;
  uint64_t share = total / (uint64_t)o->connections +
                   ((uint64_t)w->index < total % (uint64_t)o->connections);
  uint64_t begun = now_ns();
  uint64_t deadline = o->op == OP_FILL ? UINT64_MAX : begun + (uint64_t)(o->seconds * 1e9);
  drive(w, deadline, total == 0 ? UINT64_MAX : w->done + share, &w->result.latency);
  w->result.seconds = (double)(now_ns() - begun) / 1e9;
  connection_close(&w->wire);
  return NULL;
}

static void merge(trial_result *into, const trial_result *from) {
  into->ops += from->ops;
  into->bytes += from->bytes;
  into->errors += from->errors;
  into->mismatches += from->mismatches;
  into->missing += from->missing;
  if (from->seconds > into->seconds) into->seconds = from->seconds;
  /* Rates add up; dividing the sum by the longest thread's time would punish an uneven end. */
  if (from->seconds > 0) {
    into->ops_per_second += (double)from->ops / from->seconds;
    into->bytes_per_second += (double)from->bytes / from->seconds;
  }
  if (into->error[0] == 0) memcpy(into->error, from->error, sizeof into->error);
  histogram_merge(&into->latency, &from->latency);
}

void trial_run(const trial_options *options, trial_result *result) {
  pthread_t threads[CONNECTIONS_MAX];
  pthread_barrier_t barrier;
  values_reserve(options->size);
  pthread_barrier_init(&barrier, NULL, (unsigned)options->connections + 1);
  memset(result, 0, sizeof *result);
  int server = options->server_pid > 0 ? options->server_pid : -1;
  for (int i = 0; i < options->connections; i++) {
    workers[i].options = options;
    workers[i].barrier = &barrier;
    workers[i].index = i;
    prepare(&workers[i]);
    if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
      fprintf(stderr, "load: cannot start thread %d\n", i);
      exit(1);
    }
  }
  pthread_barrier_wait(&barrier); /* connected */
  pthread_barrier_wait(&barrier); /* warm */
  double client_cpu = cpu_seconds(0), server_cpu = cpu_seconds(server);
  for (int i = 0; i < options->connections; i++) pthread_join(threads[i], NULL);
  result->client_cpu = cpu_seconds(0) - client_cpu;
  result->server_cpu = cpu_seconds(server) - server_cpu;
  for (int i = 0; i < options->connections; i++) merge(result, &workers[i].result);
  pthread_barrier_destroy(&barrier);
}
