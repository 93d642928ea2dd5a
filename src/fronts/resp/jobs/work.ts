import { once } from "node:events";
import type { CodecRule } from "../../../store/wrappers/codec-rules.ts";
import { LEAST_BYTES, type MoveOutcome } from "../../../tiers/coded/block-mover.ts";
import type { BlockRow } from "../block-rows.ts";
import type { FrontState } from "../front-state.ts";
import type { BlockOutcome, JobKind } from "./job.ts";

/** What a job does for one block. */
export interface Work {
  /** Whether a block that a walk meets counts at all: the job may have moved it there itself. Default: all do. */
  readonly isAbout?: (row: BlockRow) => boolean;
  /** Whether there may be something to do; a job that changes nothing counts by it. */
  readonly isFor: (row: BlockRow) => boolean;
  readonly run: (row: BlockRow) => Promise<BlockOutcome> | BlockOutcome;
}

/** How blocks are encoded that no rule of the configuration names. */
export type Encoding = Pick<CodecRule, "codec" | "layout" | "bins">;

/** How long one block may take to come up, in ms. */
const BRING_MS = 10_000;
const COLLECTIONS = new Set(["list", "hash"]);

const asIs = (why: string): BlockOutcome => ({ status: "as-is", why });

/**
 * The work of a kind; a sentence where this server cannot do it.
 *
 * @param encoding for `compress`: what holds for all blocks instead of the rules
 */
export function workOf(
  front: FrontState,
  kind: JobKind,
  keyspace: number,
  encoding: Encoding | undefined,
): Work | string {
  const mover = front.options.coding?.mover;
  const isCoding = kind === "compress" || kind === "decompress";
  if (isCoding && mover === undefined) return "there is no room for encoded blocks: set coded.size";
  switch (kind) {
    case "clear":
      return { isFor: ({ tier }) => tier !== "", run: (row) => clear(front, row, keyspace) };
    case "warm":
      return {
        isFor: ({ tier }) => tier !== "ram" && tier !== "" && !COLLECTIONS.has(tier),
        run: (row) => warm(front, row, keyspace),
      };
    case "demote":
      return { isFor: ({ tier }) => tier === "ram", run: (row) => demote(front, row, keyspace) };
    case "compress":
      return {
        isAbout: ({ tier }) => tier !== "coded",
        isFor: (row) =>
          row.tier !== "coded" &&
          row.bytes >= LEAST_BYTES &&
          encodingFor(front, row, encoding) !== undefined,
        run: async (row) => {
          const how = encodingFor(front, row, encoding);
          if (how === undefined) return asIs("no-rule");
          return outcomeOf(await mover!.encode(row.key, keyspace, how, false));
        },
      };
    default: {
      // What was read is in RAM as well.
      const isKept = ({ key }: BlockRow): boolean => mover!.coded.isKept(key, keyspace);
      return {
        isAbout: isKept,
        isFor: isKept,
        run: async (row) => outcomeOf(await mover!.decode(row.key, keyspace)),
      };
    }
  }
}

function encodingFor(
  front: FrontState,
  { key }: BlockRow,
  encoding: Encoding | undefined,
): Encoding | undefined {
  return encoding ?? front.options.coding?.rules.find(key);
}

function outcomeOf(outcome: MoveOutcome): BlockOutcome {
  if (outcome.status !== "moved") return outcome;
  return { status: "done", bytes: outcome.before, bytesAfter: outcome.after };
}

function clear(front: FrontState, row: BlockRow, keyspace: number): BlockOutcome {
  const { key, bytes } = row;
  const { tiers, collections } = front;
  const place = tiers.find(key, 0, key.length, keyspace);
  if (place !== 0) tiers.remove(place);
  else {
    // Where it is encoded, and on other machines.
    tiers.removeRemote(key, 0, key.length, keyspace);
    const collection = collections.find(key.toString("latin1"), keyspace);
    if (collection !== undefined) collections.remove(collection);
  }
  return { status: "done", bytes, bytesAfter: 0 };
}

async function warm(front: FrontState, row: BlockRow, keyspace: number): Promise<BlockOutcome> {
  const { tiers, ram } = front;
  const { key } = row;
  if (ram.find(key, 0, key.length, keyspace) !== 0) return asIs("done-already");
  const come = new AbortController();
  const timer = setTimeout(() => come.abort(), BRING_MS).unref();
  const bringing = tiers.newBringing(() => come.abort());
  try {
    tiers.bring(key, 0, key.length, keyspace, bringing);
    if (bringing.pending > 0) await once(come.signal, "abort");
    const entry = ram.find(key, 0, key.length, keyspace);
    if (entry === 0) return { status: "failed", why: "unreadable" };
    const bytes = ram.slots.length(ram.entries.slot(entry));
    return { status: "done", bytes, bytesAfter: bytes };
  } finally {
    clearTimeout(timer);
    bringing.release();
  }
}

function demote(front: FrontState, { key, bytes }: BlockRow, keyspace: number): BlockOutcome {
  const entry = front.ram.find(key, 0, key.length, keyspace);
  // A pair leaves together: one that is gone already left with its other half.
  if (entry !== 0 && !front.tiers.demote(entry)) return asIs("not-below");
  return { status: "done", bytes, bytesAfter: 0 };
}
