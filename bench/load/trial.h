/* One trial: threads that each drive one blocking connection for a given time or count. */
#ifndef KEEPWARM_BENCH_TRIAL_H
#define KEEPWARM_BENCH_TRIAL_H

#include "histogram.h"

#include <stddef.h>
#include <stdint.h>

typedef enum { OP_SET, OP_GET, OP_PING, OP_EXISTS, OP_MIXED, OP_FILL } operation;

#define CONNECTIONS_MAX 256

typedef struct {
  const char *host, *auth;
  int port, connections, pipeline;
  int lm;              /* speak lm:// instead of RESP */
  operation op;
  size_t size;
  uint64_t keys;
  uint64_t count;      /* stop after so many operations; 0: by time only */
  double seconds;      /* measured */
  double warmup;       /* before that, not measured */
  int verify_every;    /* GETs between two that are compared whole; 0: compare nothing */
  int server_pid;      /* whose CPU time is measured too; 0: nobody's */
} trial_options;

typedef struct {
  uint64_t ops, bytes;             /* answered; value bytes moved */
  uint64_t errors, mismatches, missing;
  double seconds;                  /* of the longest thread */
  double ops_per_second, bytes_per_second;
  double client_cpu, server_cpu;   /* seconds of this process and of `server_pid` */
  char error[160];                 /* the first one */
  histogram latency;               /* from the first byte sent of a batch to its last reply */
} trial_result;

/** Runs a trial. Errors, mismatches and missing keys count in the warm-up too, all else does not. */
void trial_run(const trial_options *options, trial_result *result);

#endif
