/* The load program of the bench: one blocking thread per connection, see README.md beside the bench.
 *
 *   load --port 6379 --op SET --size 1048576 --connections 8 --seconds 1
 *   load --stdin      one trial per line of options, one line of JSON each
 *   load --sink       the other end in C
 */
#include "sink.h"
#include "trial.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const operations[] = {"SET", "GET", "PING", "EXISTS", "MIXED", "FILL"};

static const struct option names[] = {
    {"host", required_argument, 0, 'h'},     {"port", required_argument, 0, 'p'},
    {"op", required_argument, 0, 'o'},       {"size", required_argument, 0, 's'},
    {"connections", required_argument, 0, 'c'}, {"pipeline", required_argument, 0, 'P'},
    {"keys", required_argument, 0, 'k'},     {"count", required_argument, 0, 'n'},
    {"seconds", required_argument, 0, 't'},  {"warmup", required_argument, 0, 'w'},
    {"auth", required_argument, 0, 'a'},     {"verify-every", required_argument, 0, 'v'},
    {"server-pid", required_argument, 0, 'u'}, {"protocol", required_argument, 0, 'l'},
    {"stdin", no_argument, 0, 'i'},          {"sink", no_argument, 0, 'S'},
    {0, 0, 0, 0},
};

static int refuse(const char *why) {
  fprintf(stderr, "load: %s\n", why);
  return -1;
}

static int parse_operation(trial_options *o, const char *text) {
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    if (strcasecmp(operations[i], text) != 0) continue;
    o->op = (operation)i;
    return 0;
  }
  return refuse("--op is one of SET, GET, PING, EXISTS, MIXED, FILL");
}

/* 0 for a trial, -1 for a mistake, else the letter of the mode that was asked for. */
static int parse(trial_options *o, int argc, char **argv) {
  *o = (trial_options){.host = "127.0.0.1", .connections = 1, .pipeline = 1, .op = OP_GET,
                       .size = 1024, .keys = 1024, .seconds = 1, .verify_every = 16};
  optind = 0;
  for (int letter; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (letter) {
    case 'h': o->host = optarg; break;
    case 'p': o->port = atoi(optarg); break;
    case 'o': if (parse_operation(o, optarg) != 0) return -1; break;
    case 's': o->size = strtoull(optarg, NULL, 10); break;
    case 'c': o->connections = atoi(optarg); break;
    case 'P': o->pipeline = atoi(optarg); break;
    case 'k': o->keys = strtoull(optarg, NULL, 10); break;
    case 'n': o->count = strtoull(optarg, NULL, 10); break;
    case 't': o->seconds = strtod(optarg, NULL); break;
    case 'w': o->warmup = strtod(optarg, NULL); break;
    case 'a': o->auth = optarg; break;
    case 'v': o->verify_every = atoi(optarg); break;
    case 'u': o->server_pid = atoi(optarg); break;
    case 'l':
      o->lm = strcmp(optarg, "lm") == 0;
      if (!o->lm && strcmp(optarg, "resp") != 0) return refuse("--protocol is resp or lm");
      break;
    case 'i':
    case 'S': return letter;
    default: return -1;
    }
  }
  if (optind < argc) return refuse("options only, no words");
  if (o->port < 1 || o->port > 65535) return refuse("--port is missing");
  if (o->connections < 1 || o->connections > CONNECTIONS_MAX) return refuse("--connections 1 to 256");
  if (o->pipeline < 1 || o->pipeline > 1024) return refuse("--pipeline 1 to 1024");
  if (o->size < 1 || o->size > (512u << 20)) return refuse("--size 1 to 536870912");
  if (o->keys < 1) return refuse("--keys 1 or more");
  if (o->lm && (o->op == OP_PING || o->op == OP_MIXED || o->pipeline > 1))
    return refuse("--protocol lm is for SET, GET, EXISTS and FILL, one at a time");
  return 0;
}

static void print_text(const char *text) {
  putchar('"');
  for (; *text != 0; text++)
    if ((unsigned char)*text >= ' ' && *text != '"' && *text != '\\') putchar(*text);
  putchar('"');
}

static int run(const trial_options *o) {
  static trial_result r;
  trial_run(o, &r);
  printf("{\"op\":\"%s\",\"ops\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"opsPerSecond\":%.1f,"
         "\"bytesPerSecond\":%.0f,\"errors\":%llu,"
         "\"mismatches\":%llu,\"missing\":%llu,\"p50us\":%.1f,\"p99us\":%.1f,\"p999us\":%.1f,"
         "\"clientCpuSeconds\":%.6f,\"serverCpuSeconds\":%.6f,\"error\":",
         operations[o->op], (unsigned long long)r.ops, (unsigned long long)r.bytes, r.seconds,
         r.ops_per_second, r.bytes_per_second, (unsigned long long)r.errors,
         (unsigned long long)r.mismatches, (unsigned long long)r.missing,
         histogram_us(&r.latency, 0.5), histogram_us(&r.latency, 0.99),
         histogram_us(&r.latency, 0.999), r.client_cpu, r.server_cpu);
  print_text(r.error);
  printf("}\n");
  fflush(stdout);
  return r.errors + r.mismatches > 0;
}

static int run_lines(void) {
  char line[1024];
  while (fgets(line, sizeof line, stdin) != NULL) {
    char *words[64] = {"load"};
    int count = 1;
    for (char *word = strtok(line, " \n"); word != NULL && count < 63; word = strtok(NULL, " \n"))
      words[count++] = word;
    words[count] = NULL;
    trial_options o;
    if (parse(&o, count, words) != 0) return 2;
    run(&o);
  }
  return 0;
}

int main(int argc, char **argv) {
  trial_options o;
  int mode = parse(&o, argc, argv);
  if (mode == 'S') return sink_run();
  if (mode == 'i') return run_lines();
  return mode == 0 ? run(&o) : 2;
}
