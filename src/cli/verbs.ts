import type { DefineVerb } from "./verb.ts";

/** One verb: its line in the help, and its module, which only its own use loads. */
export interface VerbEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ define: DefineVerb }>;
}

/** All verbs in the order of the help. */
export const verbs: readonly VerbEntry[] = [
  { name: "serve", summary: "start a server", load: () => import("./commands/serve.ts") },
  {
    name: "config",
    summary: "check, show or describe the configuration",
    load: () => import("./commands/config.ts"),
  },
  { name: "ping", summary: "is the server there?", load: () => import("./commands/ping.ts") },
  {
    name: "describe",
    summary: "what the server is and how it does",
    load: () => import("./commands/describe.ts"),
  },
  {
    name: "doctor",
    summary: "what is wrong with this machine and with stores on others",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "stat",
    summary: "one line of traffic per interval",
    load: () => import("./commands/stat.ts"),
  },
  {
    name: "ls",
    summary: "what is kept, by family, model and rank",
    load: () => import("./commands/ls.ts"),
  },
  {
    name: "exists",
    summary: "are keys there, and in which tiers",
    load: () => import("./commands/exists.ts"),
  },
  {
    name: "usage",
    summary: "how much memory blocks take, with all overhead",
    load: () => import("./commands/usage.ts"),
  },
  {
    name: "monitor",
    summary: "what clients ask for, as it comes",
    load: () => import("./commands/monitor.ts"),
  },
  { name: "get", summary: "read a block", load: () => import("./commands/get.ts") },
  { name: "put", summary: "store a block", load: () => import("./commands/put.ts") },
  { name: "rm", summary: "remove blocks", load: () => import("./commands/rm.ts") },
  {
    name: "clear",
    summary: "remove blocks by model, prefix, tier or age",
    load: () => import("./commands/clear.ts"),
  },
  {
    name: "warm",
    summary: "bring blocks from disk up to RAM",
    load: () => import("./commands/warm.ts"),
  },
  {
    name: "demote",
    summary: "let blocks leave RAM that are on disk",
    load: () => import("./commands/demote.ts"),
  },
  {
    name: "compress",
    summary: "let the server keep blocks encoded",
    load: () => import("./commands/compress.ts"),
  },
  {
    name: "decompress",
    summary: "bring encoded blocks back to RAM",
    load: () => import("./commands/decompress.ts"),
  },
  {
    name: "jobs",
    summary: "long operations on the server: list, wait, cancel",
    load: () => import("./commands/jobs.ts"),
  },
  {
    name: "pin",
    summary: "keep blocks from being evicted",
    load: () => import("./commands/pin.ts"),
  },
  {
    name: "unpin",
    summary: "let blocks be evicted again",
    load: () => import("./commands/unpin.ts"),
  },
  {
    name: "keys",
    summary: "hash tokens and print the keys of their blocks",
    load: () => import("./commands/keys.ts"),
  },
  {
    name: "lookup",
    summary: "how much of a prompt is there, and in which tier",
    load: () => import("./commands/lookup.ts"),
  },
  {
    name: "explain",
    summary: "which chunk of a prompt is missing, and why",
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "ssd",
    summary: "check, repair, compact, export or import a data directory",
    load: () => import("./commands/ssd.ts"),
  },
  {
    name: "bench",
    summary: "a short load through the socket, bytes verified",
    load: () => import("./commands/bench.ts"),
  },
  {
    name: "trace",
    summary: "replay a request trace, or sum one up",
    load: () => import("./commands/trace.ts"),
  },
  {
    name: "demo",
    summary: "a real model with and without a store: time to first token",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "chat-server",
    summary: "chats by OpenAI's API, with a model whose prompts come from a store",
    load: () => import("./commands/chat-server.ts"),
  },
];
