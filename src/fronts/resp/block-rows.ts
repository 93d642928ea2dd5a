import type { CodedStore } from "../../tiers/coded/coded-store.ts";
import { type Collection, Collections } from "./collections.ts";
import { type ScanFilter, type ScanSource, formatCursor, parseCursor, scan } from "./cursor.ts";
import type { FrontState } from "./front-state.ts";

/** What is known of a key without its value. */
export interface BlockRow {
  readonly key: Buffer;
  readonly bytes: number;
  /** Milliseconds since 1970, or 0 for never. */
  readonly expiresAt: number;
  readonly idleMs: number;
  readonly hits: number;
  /** The nearest that has it; `coded` for what is kept encoded alone; a type for lists and hashes. */
  readonly tier: string;
}

export interface RowPage {
  /** Where to go on; `0` at the end. */
  readonly next: string;
  readonly rows: readonly BlockRow[];
}

const CODED = "coded:";
const START = "0";

/** About `count` rows from a cursor on, those that are kept encoded last; nothing for no cursor. */
export function blockRows(
  front: FrontState,
  cursor: string,
  count: number,
  filter: ScanFilter,
): RowPage | undefined {
  const { coded } = front;
  const isCoded = cursor.startsWith(CODED);
  const from = parseCursor(isCoded ? cursor.slice(CODED.length) : cursor);
  if (from === undefined || (isCoded && coded === undefined)) return undefined;
  const rows: BlockRow[] = [];
  const source = isCoded ? codedSource(front, coded!) : front;
  const next = formatCursor(scan(source, from, count, filter, collect(front, source, rows)));
  if (next !== START) return { next: isCoded ? `${CODED}${next}` : next, rows };
  return { next: isCoded || coded === undefined ? START : `${CODED}${START}`, rows };
}

function codedSource(front: FrontState, { tiers }: CodedStore): ScanSource {
  const now = (): number => front.now();
  return { tiers, ram: tiers.ram, collections: new Collections(0, now), now };
}

function collect(front: FrontState, source: ScanSource, rows: BlockRow[]) {
  const { tiers } = source;
  const isCoded = source !== front;
  return {
    block: (place: number, key: Buffer) => {
      // What came up again is listed where it is nearest.
      if (isCoded && front.tiers.find(key, 0, key.length, tiers.keyspace(place)) !== 0) return;
      rows.push({
        key: Buffer.from(key),
        bytes: tiers.length(place),
        expiresAt: tiers.expiresAt(place),
        idleMs: tiers.idleMs(place),
        hits: tiers.hits(place),
        tier: isCoded ? "coded" : tiers.tierOf(place),
      });
    },
    collection: ({ key, bytes, expiresAt, usedAt, type }: Collection) =>
      rows.push({
        key: Buffer.from(key, "latin1"),
        bytes,
        expiresAt,
        idleMs: Math.max(0, front.now() - usedAt),
        hits: 0,
        tier: type,
      }),
  };
}
