/* Requests and replies of LMCache's lm:// protocol, as its own client sends them: the header of a PUT
 * and its value in two sends. */
#ifndef KEEPWARM_BENCH_LM_H
#define KEEPWARM_BENCH_LM_H

#include "connection.h"

#include <stddef.h>
#include <stdint.h>

typedef enum { LM_PUT = 1, LM_GET = 2, LM_EXIST = 3 } lm_command;

/** Sends the header of a request for a key of values of `size` bytes; 0, or -1 with errno set. */
int lm_send(connection *c, lm_command command, uint64_t key, size_t size);

/** The next reply: its code in `*code`, the bytes that follow in `*length`; 0, or -1. */
int lm_receive(connection *c, int32_t *code, int32_t *length);

#endif
