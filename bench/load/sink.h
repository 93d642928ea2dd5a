/* The other end of the line in C: a RESP server that keeps nothing, as the ceiling of what the load
 * program and the loopback can carry. It drops SETs and makes up GETs; PING and EXISTS answer too. */
#ifndef KEEPWARM_BENCH_SINK_H
#define KEEPWARM_BENCH_SINK_H

/** Serves 127.0.0.1 on a free port until killed; prints `{"event":"ready","port":N}` first. */
int sink_run(void);

#endif
