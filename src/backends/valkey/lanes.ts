import type { KeepwarmError } from "../../errors.ts";
import type { RespConnection } from "./connection.ts";
import type { Job } from "./job.ts";
import { JobQueue, type QueueLimits } from "./job-queue.ts";

export interface LanesOptions extends QueueLimits {
  readonly label: string;
  /** Connections. */
  readonly count: number;
  /** Calls in flight on each of them. */
  readonly depth: number;
  connect(): Promise<RespConnection>;
  /** No lane could be connected: what waits is in vain. */
  unreachable(error: unknown): void;
}

interface Lane {
  connection: RespConnection | undefined;
  connecting: boolean;
  /** Not to be connected before, in milliseconds of `performance.now()`, if others are up. */
  notBefore: number;
  inFlight: number;
  /** Has its share of small values, and takes no more before half of them are done: few writes. */
  full: boolean;
}

/**
 * Small values share a connection, up to so many bytes of them: then one read brings several. Large
 * ones are spread, since a server makes its replies on one connection at once.
 */
const packedBytes = 512 * 1024;
const mostPacked = 32;

/** A server that refuses one connection more, and serves the others, is not asked all the time. */
const reconnectPauseMs = 250;

/**
 * Connections to one server that share its calls: each call goes to the connection with the fewest
 * in flight, and waits when all have their share. Connections are made when there is something to do
 * and replaced when they break.
 */
export class Lanes {
  readonly queue: JobQueue;
  readonly #options: LanesOptions;
  readonly #lanes: Lane[];
  /** Length of the values that were moved lately. */
  #typicalBytes = Infinity;
  #closed = false;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.queue = new JobQueue(options.label, options);
    this.#lanes = Array.from({ length: options.count }, () => ({
      connection: undefined,
      connecting: false,
      notBefore: 0,
      inFlight: 0,
      full: false,
    }));
  }

  /** Connections that are up. */
  get connected(): number {
    return this.#lanes.filter(({ connection }) => connection?.usable).length;
  }

  get inFlight(): number {
    return this.#lanes.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  /** A value of this length was moved. */
  moved(bytes: number): void {
    this.#typicalBytes =
      this.#typicalBytes === Infinity
        ? bytes
        : this.#typicalBytes + (bytes - this.#typicalBytes) / 16;
  }

  submit(job: Job): void {
    const lane = this.queue.length === 0 ? this.#freest() : undefined;
    if (lane === undefined) {
      this.queue.add(job);
      this.#pump();
    } else void this.#run(lane, lane.connection!, job);
  }

  /** Takes over a connection that somebody else has made; false when there is no need of it. */
  adopt(connection: RespConnection): boolean {
    const lane = this.#lanes.find((each) => !each.connection?.usable && !each.connecting);
    if (lane === undefined || this.#closed) return false;
    this.#install(lane, connection);
    this.#pump();
    return true;
  }

  /** Fails what waits and what is in flight. */
  abandon(reason: KeepwarmError): void {
    this.queue.rejectAll(reason);
    for (const { connection } of this.#lanes) connection?.abandon(reason);
  }

  /** Fails what waits, and closes connections once what is in flight is done or overdue. */
  async close(reason: KeepwarmError): Promise<void> {
    this.#closed = true;
    this.queue.rejectAll(reason);
    const connections = this.#lanes.flatMap(({ connection }) => connection ?? []);
    await Promise.all(connections.map((connection) => connection.close()));
  }

  #pump(): void {
    while (this.queue.length > 0) {
      const lane = this.#freest();
      if (lane === undefined) return this.#connectMore();
      const job = this.queue.take();
      if (job !== undefined) void this.#run(lane, lane.connection!, job);
    }
  }

  /** The connection with the least to do; while values are small, the one with the most. */
  #freest(): Lane | undefined {
    const packed = Math.min(Math.floor(packedBytes / this.#typicalBytes), mostPacked);
    const packing = packed > this.#options.depth;
    const depth = packing ? packed : this.#options.depth;
    let best: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.inFlight >= depth) lane.full = packing;
      else if (lane.inFlight <= depth / 2) lane.full = false;
      if (!lane.connection?.usable || lane.full || lane.inFlight >= depth) continue;
      if (best === undefined || lane.inFlight > best.inFlight === packing) best = lane;
    }
    return best;
  }

  async #run(lane: Lane, connection: RespConnection, job: Job): Promise<void> {
    lane.inFlight++;
    await job.start(connection);
    if (lane.connection === connection) lane.inFlight--;
    this.#pump();
  }

  /** Connects as many lanes as there are calls that wait, if there are so many. */
  #connectMore(): void {
    const since = this.#lanes.some(isAlive) ? performance.now() : Infinity;
    let wanted = this.queue.length;
    for (const lane of this.#lanes) {
      if (wanted === 0) return;
      if (lane.connecting) wanted--;
      else if (!lane.connection?.usable && lane.notBefore < since) {
        wanted--;
        void this.#connect(lane);
      }
    }
  }

  async #connect(lane: Lane): Promise<void> {
    lane.connecting = true;
    try {
      const connection = await this.#options.connect();
      lane.connecting = false;
      if (this.#closed) await connection.close();
      else {
        this.#install(lane, connection);
        this.#pump();
      }
    } catch (error) {
      lane.connecting = false;
      lane.notBefore = performance.now() + reconnectPauseMs;
      if (!this.#closed && !this.#lanes.some(isAlive)) this.#options.unreachable(error);
    }
  }

  #install(lane: Lane, connection: RespConnection): void {
    lane.connection = connection;
    lane.inFlight = 0;
    lane.full = false;
  }
}

function isAlive({ connection, connecting }: Lane): boolean {
  return connecting || connection?.usable === true;
}
