import { isKeepwarmError, KeepwarmError } from "../../errors.ts";
import type { Logger } from "../../observe/logger.ts";
import { Breaker, type BreakerState, Failure } from "./breaker.ts";
import { connectAddress } from "./client.ts";
import type { RespConnection } from "./connection.ts";
import type { Job } from "./job.ts";
import { Lanes } from "./lanes.ts";
import type { TlsOptions } from "./read-socket.ts";
import type { RespAddress } from "./url.ts";

/** What a node needs of a store's settings. */
export interface NodeSettings {
  readonly tls: TlsOptions;
  readonly connections: number;
  readonly pipelineDepth: number;
  readonly deadlineMs: number;
  readonly connectDeadlineMs: number;
  readonly queueBytes: number;
  readonly queueCalls: number;
  readonly logger: Logger;
}

/** Whom a call may wait for, and how long. */
export interface NodeCall {
  /** Milliseconds of `performance.now()`. */
  readonly due: number;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a block that it writes. Default 0. */
  readonly bytes?: number;
}

/** One server as it is now. */
export interface NodeStats {
  /** Its URL without a password. */
  readonly url: string;
  /** `open`: it does not answer and is not asked; `trial`: it has just come back. */
  readonly breaker: BreakerState;
  readonly connections: number;
  readonly inFlight: number;
  readonly waiting: number;
  /** Bytes of blocks that wait to be written. */
  readonly waitingBytes: number;
  /** Writes given up because too many waited. */
  readonly dropped: number;
  /** Times the breaker opened. */
  readonly outages: number;
  /** What went wrong last. */
  readonly lastError: string | undefined;
}

/** Look-ups in flight on the connection that carries no values: whole pipelines, so never many. */
const lookupDepth = 256;

/**
 * One server: connections for values, one for everything small, which therefore never waits behind
 * a value, and a breaker that probes in the background, so that no call pays for finding out.
 */
export class ValkeyNode {
  readonly address: RespAddress;
  readonly #settings: NodeSettings;
  readonly #onOutage: (node: ValkeyNode) => void;
  readonly #breaker = new Breaker();
  readonly #values: Lanes;
  readonly #lookups: Lanes;
  #timer: NodeJS.Timeout | undefined;
  #lastReadAt = 0;
  /** How long the slower calls that carry values took lately, once they were on a connection. */
  #typicalMs = 0;
  #outages = 0;
  #lastError: string | undefined;
  /** What calls fail with while the breaker is open; one for all, since making one takes its time. */
  #outage: KeepwarmError | undefined;
  #closed = false;

  /** @param onOutage Hears when the breaker opens. */
  constructor(
    address: RespAddress,
    settings: NodeSettings,
    onOutage: (node: ValkeyNode) => void = () => {},
  ) {
    this.address = address;
    this.#settings = settings;
    this.#onOutage = onOutage;
    const { pipelineDepth, connections } = settings;
    this.#values = this.#lanes(connections, pipelineDepth);
    this.#lookups = this.#lanes(1, lookupDepth);
  }

  /** Whether it is worth asking. */
  get available(): boolean {
    return !this.#closed && this.#breaker.state !== "open";
  }

  /** Makes a call that carries a value, on the connection with the least to do. */
  value<T>(
    call: NodeCall,
    make: (connection: RespConnection, deadlineMs: number) => Promise<T>,
  ): Promise<T> {
    return this.#submit(this.#values, call, async (connection, leftMs) => {
      const late = performance.now() >= call.due;
      if (late || leftMs < Math.min(this.#typicalMs, this.#settings.deadlineMs / 4))
        throw this.#tooLate();
      const began = performance.now();
      const result = await make(connection, leftMs);
      const tookMs = performance.now() - began;
      this.#typicalMs = Math.max(tookMs, this.#typicalMs + (tookMs - this.#typicalMs) / 8);
      return result;
    });
  }

  /** A value of this length was read or written. */
  moved(bytes: number): void {
    this.#values.moved(bytes);
  }

  /** Makes a call, or a pipeline of calls, whose requests and replies are small. */
  lookup<T>(
    call: NodeCall,
    make: (connection: RespConnection, deadlineMs: number) => Promise<T>,
  ): Promise<T> {
    return this.#submit(this.#lookups, call, make);
  }

  stats(): NodeStats {
    const lanes = [this.#values, this.#lookups];
    const sum = (pick: (lanes: Lanes) => number) =>
      lanes.reduce((all, each) => all + pick(each), 0);
    return {
      url: this.address.label,
      breaker: this.#breaker.state,
      connections: sum(({ connected }) => connected),
      inFlight: sum(({ inFlight }) => inFlight),
      waiting: sum(({ queue }) => queue.length),
      waitingBytes: sum(({ queue }) => queue.bytes),
      dropped: sum(({ queue }) => queue.dropped),
      outages: this.#outages,
      lastError: this.#lastError,
    };
  }

  /** Fails what waits; what is in flight is answered or overdue first. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const error = new KeepwarmError("CLOSED", `the store of ${this.address.label} is closed`);
    await Promise.all([this.#values.close(error), this.#lookups.close(error)]);
  }

  #lanes(count: number, depth: number): Lanes {
    return new Lanes({
      label: this.address.label,
      count,
      depth,
      queueBytes: this.#settings.queueBytes,
      queueCalls: this.#settings.queueCalls,
      connect: () => this.#connect(),
      unreachable: (error) => this.#count(Failure.dead, error),
    });
  }

  async #connect(): Promise<RespConnection> {
    let up = false;
    const connection = await connectAddress(this.address, {
      deadlineMs: this.#settings.connectDeadlineMs,
      tls: this.#settings.tls,
      onRead: () => (this.#lastReadAt = performance.now()),
      onEnd: (reason) => {
        if (!up || this.#closed) return;
        if (reason.code === "PROTOCOL") this.#count(Failure.dead, reason);
        else if (reason.code === "CONNECTION_FAILED") this.#count(Failure.lost, reason);
      },
    });
    up = true;
    return connection;
  }

  #submit<T>(
    lanes: Lanes,
    { due, signal, bytes = 0 }: NodeCall,
    make: (connection: RespConnection, deadlineMs: number) => Promise<T>,
  ): Promise<T> {
    if (!this.available) return Promise.reject(this.#unavailable());
    return new Promise<T>((resolve, reject) => {
      const giveUp = () => {
        lanes.queue.remove(job);
        reject(signal?.reason as Error);
      };
      const job: Job = {
        due,
        bytes,
        reject: (error) => {
          signal?.removeEventListener("abort", giveUp);
          reject(error);
        },
        start: async (connection) => {
          signal?.removeEventListener("abort", giveUp);
          const startedAt = performance.now();
          try {
            const result = await make(connection, Math.max(due - startedAt, 1));
            this.#breaker.success();
            resolve(result);
          } catch (error) {
            this.#failed(error, startedAt);
            reject(error);
          }
        },
      };
      signal?.addEventListener("abort", giveUp);
      lanes.submit(job);
    });
  }

  #failed(error: unknown, startedAt: number): void {
    if (isKeepwarmError(error, "REPLY")) return this.#breaker.success();
    if (!isKeepwarmError(error, "TIMEOUT")) return;
    const { deadlineMs, connectDeadlineMs } = this.#settings;
    const silentMs = performance.now() - Math.max(this.#lastReadAt, startedAt);
    const dead = silentMs >= Math.min(0.9 * deadlineMs, connectDeadlineMs);
    // A call that had waited for its turn for most of its time says little about the server.
    if (!dead && performance.now() - startedAt < deadlineMs / 2) return;
    this.#count(dead ? Failure.dead : Failure.slow, error);
  }

  #count(failure: Failure, error: unknown): void {
    if (!this.available) return;
    this.#lastError = error instanceof Error ? error.message : String(error);
    if (!this.#breaker.failure(failure)) return;
    this.#outages++;
    this.#outage = undefined;
    this.#settings.logger.warn(
      { server: this.address.label, error: this.#lastError },
      "a server fails and is not asked until it answers again",
    );
    if (failure === Failure.dead) {
      this.#values.abandon(this.#unavailable());
      this.#lookups.abandon(this.#unavailable());
    }
    this.#probeLater();
    this.#onOutage(this);
  }

  #probeLater(): void {
    this.#timer = setTimeout(() => void this.#probe(), this.#breaker.pauseMs()).unref();
  }

  async #probe(): Promise<void> {
    try {
      const connection = await this.#connect();
      if (!this.#closed) {
        this.#breaker.tryAgain();
        this.#settings.logger.info({ server: this.address.label }, "a server answers again");
      }
      if (this.#closed || !this.#lookups.adopt(connection)) await connection.close();
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
      if (!this.#closed) this.#probeLater();
    }
  }

  /** For a call whose turn comes when it can't be answered in time: sent, it would break its connection. */
  #tooLate(): KeepwarmError {
    return new KeepwarmError("TIMEOUT", `${this.address.label} had no free connection in time`, {
      remedy: "Check that the server keeps up, or allow more time with a longer deadline.",
    });
  }

  #unavailable(): KeepwarmError {
    const { label } = this.address;
    if (this.#closed) return new KeepwarmError("CLOSED", `the store of ${label} is closed`);
    return (this.#outage ??= new KeepwarmError(
      "CONNECTION_FAILED",
      `${label} is not asked until it answers again: ${this.#lastError}`,
      { remedy: "Check that the server runs there." },
    ));
  }
}
