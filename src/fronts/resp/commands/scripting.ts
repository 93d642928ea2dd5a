import type { CommandSpec } from "../command.ts";

const names = [
  "eval",
  "evalsha",
  "eval_ro",
  "evalsha_ro",
  "script",
  "fcall",
  "fcall_ro",
  "function",
];

/** Scripts are known so that they can be refused in words. */
export const scriptingCommands: readonly CommandSpec[] = names.map((name) => ({
  name,
  arity: -1,
  flags: ["nomulti"],
  group: "scripting",
  summary: "Refused: Keepwarm runs no scripts.",
  run: ({ reply }) =>
    reply.error(
      `ERR ${name.toUpperCase()} is not supported: Keepwarm runs no scripts. For the prefix hit of a chain use KW.MATCH key [key ...]`,
    ),
}));
