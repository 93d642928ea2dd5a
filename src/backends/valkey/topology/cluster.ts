import { KeepwarmError } from "../../../errors.ts";
import type { ReplyError } from "../../../wire/resp/reply.ts";
import { connectAddress } from "../client.ts";
import type { ValkeyNode } from "../node.ts";
import type { TlsOptions } from "../read-socket.ts";
import { formatEndpoint, type Endpoint } from "../store-url.ts";
import type { RespAddress } from "../url.ts";
import { clusterSlot, clusterSlots } from "../../../keys/cluster-slot.ts";
import { Refresher, settledBy } from "./refresher.ts";
import { parseRedirection, parseSlotRanges, type SlotRange } from "./slot-ranges.ts";
import type { Route, Topology } from "./topology.ts";

export interface ClusterOptions {
  /** Some of the cluster's nodes; the others become known. */
  readonly seeds: readonly Endpoint[];
  readonly nodeAddress: (endpoint: Endpoint) => RespAddress;
  readonly tls: TlsOptions;
  readonly connectDeadlineMs: number;
  readonly createNode: (endpoint: Endpoint, onOutage: () => void) => ValkeyNode;
}

interface Member {
  readonly endpoint: Endpoint;
  readonly node: ValkeyNode;
  /** When an ASK last pointed to it, in milliseconds of `performance.now()`. */
  askedAt: number;
}

/** A node that holds no slot yet is kept this long after an ASK. */
const askedKeptMs = 10_000;

/**
 * The primaries of a cluster by slot. The map is read from any node at the beginning, when a node
 * fails, and when a MOVED shows that it is old; the MOVED itself is believed at once.
 */
export class ClusterTopology implements Topology {
  readonly #options: ClusterOptions;
  readonly #refresher = new Refresher(() => this.#refresh());
  readonly #slots: (Member | undefined)[] = Array.from({ length: clusterSlots });
  readonly #members = new Map<string, Member>();
  /** Nodes that hold slots; nothing when slots have changed since they were gathered. */
  #nodes: readonly ValkeyNode[] | undefined;
  #first: Promise<void> | undefined;
  #known = false;
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  get lastError(): string | undefined {
    return this.#refresher.lastError;
  }

  route(key: Uint8Array): ValkeyNode | undefined {
    return this.#slots[clusterSlot(key)]?.node;
  }

  nodes(): readonly ValkeyNode[] {
    return (this.#nodes ??= [...new Set(this.#slots)].flatMap((member) => member?.node ?? []));
  }

  async ready(due: number): Promise<void> {
    if (this.#known || this.#closed) return;
    await settledBy((this.#first ??= this.#refresher.run()), due);
  }

  async redirect(reply: ReplyError, from: ValkeyNode): Promise<Route | undefined> {
    if (reply.code === "CLUSTERDOWN") void this.#refresher.run();
    if (reply.code !== "MOVED" && reply.code !== "ASK") return undefined;
    const target = parseRedirection(reply.message, from.address);
    if (target === undefined || this.#closed) return undefined;
    const member = this.#member(target.endpoint);
    const asking = reply.code === "ASK";
    if (asking) member.askedAt = performance.now();
    else {
      this.#slots[target.slot] = member;
      this.#nodes = undefined;
      void this.#refresher.run();
    }
    return { node: member.node, asking };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#refresher.close();
    await Promise.all([...this.#members.values()].map(({ node }) => node.close()));
  }

  /** Reads the map; content when all its primaries answer. */
  async #refresh(): Promise<boolean> {
    const ranges = await this.#readMap();
    if (this.#closed) return true;
    this.#slots.fill(undefined);
    for (const { from, to, primary } of ranges)
      this.#slots.fill(this.#member(primary), from, to + 1);
    this.#nodes = undefined;
    this.#known = true;
    this.#dropStrangers();
    return ranges.length > 0 && this.nodes().every((node) => node.available);
  }

  #dropStrangers(): void {
    const holders = new Set(this.#slots);
    const since = performance.now() - askedKeptMs;
    for (const [name, member] of this.#members)
      if (!holders.has(member) && member.askedAt < since) {
        this.#members.delete(name);
        void member.node.close();
      }
  }

  async #readMap(): Promise<SlotRange[]> {
    const { nodeAddress, seeds, tls, connectDeadlineMs: deadlineMs } = this.#options;
    let failure: unknown;
    for (const endpoint of this.#candidates(seeds)) {
      if (this.#closed) break;
      try {
        const connection = await connectAddress(nodeAddress(endpoint), { tls, deadlineMs });
        try {
          const reply = await connection.command(["CLUSTER", "SLOTS"]);
          const ranges = parseSlotRanges(reply, endpoint);
          if (ranges !== undefined) return ranges;
        } finally {
          await connection.close();
        }
      } catch (error) {
        failure = error;
      }
    }
    const why = failure instanceof Error ? `: ${failure.message}` : "";
    throw new KeepwarmError("CONNECTION_FAILED", `no node tells the cluster's slots${why}`, {
      cause: failure,
      remedy: "Check the addresses of its nodes, and that they run in cluster mode.",
    });
  }

  /** Whom to ask for the map: members that answer, then seeds, then the other members. */
  #candidates(seeds: readonly Endpoint[]): Endpoint[] {
    const members = [...this.#members.values()];
    const well = members.filter(({ node }) => node.available);
    const ill = members.filter(({ node }) => !node.available);
    const all = [...well.map(({ endpoint }) => endpoint), ...seeds, ...ill.map((m) => m.endpoint)];
    return [...new Map(all.map((endpoint) => [formatEndpoint(endpoint), endpoint])).values()];
  }

  #member(endpoint: Endpoint): Member {
    const name = formatEndpoint(endpoint);
    let member = this.#members.get(name);
    if (member === undefined) {
      const node = this.#options.createNode(endpoint, () => void this.#refresher.run());
      member = { endpoint, node, askedAt: -Infinity };
      this.#members.set(name, member);
    }
    return member;
  }
}
