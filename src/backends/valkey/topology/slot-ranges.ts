import { replyText, type Reply } from "../../../wire/resp/reply.ts";
import { clusterSlots } from "../../../keys/cluster-slot.ts";
import type { Endpoint } from "../store-url.ts";

/** Slots in a row and the primary that holds them. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly primary: Endpoint;
}

/**
 * What CLUSTER SLOTS answers: `[[from, to, [host, port, id, …], replica, …], …]`. A host that the
 * node does not know of itself is the one that was asked.
 */
export function parseSlotRanges(reply: Reply, asked: Endpoint): SlotRange[] | undefined {
  if (!Array.isArray(reply)) return undefined;
  const ranges: SlotRange[] = [];
  for (const row of reply) {
    if (!Array.isArray(row)) return undefined;
    const [from, to, primary] = row;
    if (!isSlot(from) || !isSlot(to) || !Array.isArray(primary)) return undefined;
    const [host, port] = primary;
    if (typeof port !== "number") return undefined;
    ranges.push({ from, to, primary: { host: hostOr(replyText(host), asked), port } });
  }
  return ranges;
}

/** Where `MOVED 3999 127.0.0.1:6381` and `ASK 3999 127.0.0.1:6381` point to. */
export function parseRedirection(
  message: string,
  asked: Endpoint,
): { readonly slot: number; readonly endpoint: Endpoint } | undefined {
  const match = /^(?:MOVED|ASK) (\d+) (.*):(\d+)$/.exec(message);
  const slot = Number(match?.[1]);
  if (!match || !isSlot(slot)) return undefined;
  return { slot, endpoint: { host: hostOr(match[2], asked), port: Number(match[3]) } };
}

function hostOr(host: string | undefined, asked: Endpoint): string {
  return host === undefined || host === "" || host === "?" ? asked.host : host;
}

function isSlot(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < clusterSlots;
}
