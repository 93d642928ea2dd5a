import { setImmediate as nextTurn } from "node:timers/promises";
import { parseKey } from "../../../keys/family.ts";
import { type BlockRow, blockRows } from "../block-rows.ts";
import type { FrontState } from "../front-state.ts";

/** Which blocks a job is for: those that are named, or those of which all that is given holds. */
export interface Selection {
  readonly keyspace: number;
  readonly keys?: readonly Buffer[];
  readonly match?: Buffer;
  readonly prefix?: Buffer;
  readonly family?: string;
  readonly model?: string;
  readonly tier?: string;
  readonly idleMs?: number;
}

export interface SelectedPage {
  /** Keys that were looked at for it. */
  readonly scanned: number;
  readonly rows: readonly BlockRow[];
}

/** Keys that one turn of the event loop looks at. */
const PAGE = 500;

/** The chosen blocks, some at a time, each page in a turn of its own. */
export async function* selected(
  front: FrontState,
  selection: Selection,
): AsyncGenerator<SelectedPage> {
  const { keyspace, keys, match } = selection;
  if (keys !== undefined) {
    for (let at = 0; at < keys.length; at += PAGE) {
      const page = keys.slice(at, at + PAGE);
      yield { scanned: page.length, rows: page.map((key) => rowOf(front, key, keyspace)) };
      await nextTurn();
    }
    return;
  }
  const isMeant = predicate(selection);
  for (let cursor = "0"; ;) {
    const page = blockRows(front, cursor, PAGE, { keyspace, ...(match && { match }) });
    if (page === undefined) return;
    yield { scanned: page.rows.length, rows: page.rows.filter(isMeant) };
    if (page.next === "0") return;
    cursor = page.next;
    await nextTurn();
  }
}

/** What is known of a key that was named; no bytes and no tier when it is not here. */
function rowOf(front: FrontState, key: Buffer, keyspace: number): BlockRow {
  const { tiers, coded } = front;
  const place = tiers.find(key, 0, key.length, keyspace);
  const nothing = { key, bytes: 0, expiresAt: 0, idleMs: 0, hits: 0, tier: "" };
  if (place !== 0) return { ...nothing, bytes: tiers.length(place), tier: tiers.tierOf(place) };
  if (coded?.isKept(key, keyspace) !== true) return nothing;
  const at = coded.tiers.find(key, 0, key.length, keyspace);
  return { ...nothing, bytes: coded.tiers.length(at), tier: "coded" };
}

function predicate(selection: Selection): (row: BlockRow) => boolean {
  const { prefix, family, model, tier, idleMs } = selection;
  return (row) => {
    if (prefix !== undefined && !row.key.subarray(0, prefix.length).equals(prefix)) return false;
    if (tier !== undefined && row.tier !== tier) return false;
    if (idleMs !== undefined && row.idleMs < idleMs) return false;
    if (family === undefined && model === undefined) return true;
    const facts = parseKey(row.key);
    return (
      (family === undefined || facts.family === family) &&
      (model === undefined || facts.model === model)
    );
  };
}
