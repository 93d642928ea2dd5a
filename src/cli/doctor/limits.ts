import { formatBytes } from "../../util/units.ts";
import type { Findings } from "./finding.ts";
import type { ServerFacts } from "./server-facts.ts";

const MIB = 1024 ** 2;
/** Blocks are seldom longer than this. */
const longBlock = 64 * MIB;

/** Limits that blocks of several MiB run into. */
export function checkLimits(facts: ServerFacts, found: Findings, valueBytes: number): void {
  if (facts.settings.size === 0) {
    found.hint(
      "settings",
      "does not tell its settings, so they are judged by INFO alone",
      "Let the user of the URL run CONFIG GET, for example `ACL SETUSER NAME +config|get`.",
    );
    return;
  }
  checkBulkLength(facts, found, valueBytes);
  checkClientBuffers(facts, found);
  checkReplicaBuffers(facts, found);
}

function checkBulkLength({ settings }: ServerFacts, found: Findings, valueBytes: number): void {
  const most = Number(settings.get("proto-max-bulk-len") ?? 512 * MIB);
  const what = `values may have at most ${formatBytes(most)}`;
  const fix = `\`CONFIG SET proto-max-bulk-len ${valueBytes}\`.`;
  if (most < Math.min(longBlock, valueBytes))
    found.problem("value length", `${what}: longer blocks break the connection`, fix);
  else if (most < valueBytes)
    found.hint("value length", `${what}, and limits.valueBytes is ${formatBytes(valueBytes)}`, fix);
  else found.ok("value length", what);
}

function checkClientBuffers({ settings }: ServerFacts, found: Findings): void {
  const limits = outputLimits(settings.get("client-output-buffer-limit") ?? "");
  const normal = limits.get("normal");
  const fix = '`CONFIG SET client-output-buffer-limit "normal 0 0 0"`.';
  if (normal === undefined) return;
  const { hard, soft } = normal;
  const least = Math.min(hard || Infinity, soft || Infinity);
  const what = `closes clients with ${formatBytes(least)} of replies to read`;
  if (least < longBlock) found.problem("client buffers", `${what}: less than one long block`, fix);
  else if (least < Infinity)
    found.hint("client buffers", `${what}: a few long blocks at once`, fix);
  else found.ok("client buffers", "no limit for replies to clients");
}

/** A burst of big writes must not break the link to a replica. */
function checkReplicaBuffers({ info, settings }: ServerFacts, found: Findings): void {
  const replicated = Number(info.get("connected_slaves") ?? 0) > 0 || info.get("role") === "slave";
  if (!replicated) return;
  const limits = outputLimits(settings.get("client-output-buffer-limit") ?? "");
  const replica = limits.get("replica") ?? limits.get("slave");
  const least = replica && Math.min(replica.hard || Infinity, replica.soft || Infinity);
  if (least !== undefined && least < 512 * MIB)
    found.hint(
      "replica buffers",
      `drops a replica that is ${formatBytes(least)} behind: a burst of blocks, then a full copy`,
      '`CONFIG SET client-output-buffer-limit "replica 2gb 1gb 60"`.',
    );
  else found.ok("replica buffers", "a replica may be far behind before it is dropped");
  const backlog = Number(settings.get("repl-backlog-size") ?? Infinity);
  if (backlog < 64 * MIB)
    found.hint(
      "replica backlog",
      `${formatBytes(backlog)} of writes are kept for a replica that was away: a few blocks`,
      "`CONFIG SET repl-backlog-size 512mb`.",
    );
}

/** `normal 0 0 0 slave 268435456 67108864 60 …` */
function outputLimits(text: string): Map<string, { readonly hard: number; readonly soft: number }> {
  const words = text.split(/\s+/);
  const limits = new Map<string, { hard: number; soft: number }>();
  for (let i = 0; i + 3 < words.length; i += 4)
    limits.set(words[i], { hard: Number(words[i + 1]), soft: Number(words[i + 2]) });
  return limits;
}
