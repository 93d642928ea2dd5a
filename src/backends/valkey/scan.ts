import type { EntryInfo } from "../../store/contract.ts";
import { KeepwarmError } from "../../errors.ts";
import { ReplyError, replyText, type Reply } from "../../wire/resp/reply.ts";
import type { Call, Commands } from "./commands.ts";
import type { BlockKey, Layout } from "./formats/layout.ts";
import { timeLeft } from "./formats/transfer.ts";
import { startsWith } from "./key-names.ts";
import type { ValkeyNode } from "./node.ts";

/** Keys that one step of SCAN looks at: a fraction of a millisecond of the server's time. */
const stepKeys = "256";

export interface Walk {
  readonly prefix: Uint8Array;
  readonly keyspace: number;
  /** A step's deadline and signal. */
  readonly call: () => Call;
}

/**
 * The blocks on all servers, each once; the servers do other work between the steps.
 *
 * @throws KeepwarmError when a server fails, since a list that ends early must not pass for a whole
 */
export async function* scanBlocks(
  commands: Commands,
  nodes: readonly ValkeyNode[],
  layout: Layout,
  walk: Walk,
): AsyncGenerator<EntryInfo> {
  for await (const blocks of scanKeys(commands, nodes, layout, walk))
    yield* await describeBlocks(commands, layout, blocks, walk.call());
}

/** The keys of {@link scanBlocks}, step by step. */
export async function* scanKeys(
  commands: Commands,
  nodes: readonly ValkeyNode[],
  layout: Layout,
  { prefix, keyspace, call }: Walk,
): AsyncGenerator<readonly BlockKey[]> {
  const pattern = layout.pattern(prefix, keyspace);
  const seen = new Set<string>();
  for (const node of nodes) {
    let cursor = "0";
    do {
      const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", stepKeys];
      const [next, names] = scanReply(await commands.ask(node, args, call()));
      cursor = next;
      const fresh: BlockKey[] = [];
      for (const name of names) {
        const block = layout.listed(name, keyspace);
        if (block === undefined || !startsWith(block.key, prefix)) continue;
        const id = Buffer.from(block.key).toString("latin1");
        if (seen.has(id)) continue;
        seen.add(id);
        fresh.push(block);
      }
      if (fresh.length > 0) yield fresh;
    } while (cursor !== "0");
  }
}

async function describeBlocks(
  commands: Commands,
  layout: Layout,
  blocks: readonly BlockKey[],
  call: Call,
): Promise<EntryInfo[]> {
  const replies = await commands.lookups(
    blocks.flatMap((block) => {
      const name = layout.valueName(block);
      return [
        { name, args: ["STRLEN", name] },
        { name, args: ["PTTL", name] },
        { name, args: ["OBJECT", "IDLETIME", name] },
      ];
    }),
    call,
    true,
  );
  return blocks.flatMap((block, index) => {
    const [stored, pttl, idle] = replies.slice(3 * index, 3 * index + 3);
    // Neither what is no string nor what has gone meanwhile is a block.
    if (typeof stored !== "number" || pttl === -2) return [];
    return {
      key: Buffer.from(block.key),
      bytes: layout.blockBytes(stored, block),
      ttlMs: pttl instanceof Error ? undefined : timeLeft(pttl),
      // A server that counts uses instead of time does not know this one.
      idleMs: typeof idle === "number" ? 1000 * idle : 0,
      hits: 0,
    };
  });
}

function scanReply(reply: Reply): [cursor: string, names: Buffer[]] {
  const [cursor, names] = Array.isArray(reply) ? reply : [];
  const text = replyText(cursor);
  if (text === undefined || !Array.isArray(names) || reply instanceof ReplyError)
    throw new KeepwarmError("PROTOCOL", "a server answered SCAN with no cursor and keys");
  return [text, names.filter((name) => Buffer.isBuffer(name))];
}
