import { KeepwarmError, isKeepwarmError } from "../../errors.ts";
import type { Logger } from "../../observe/logger.ts";
import { Breaker, type BreakerState, Failure } from "../valkey/breaker.ts";
import { command } from "../../wire/lm/header.ts";
import { encodeRequest } from "../../wire/lm/request.ts";
import { LmConnection } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import type { LmAddress } from "./url.ts";
import { wireKey } from "./wire-key.ts";

/** Asks for a key that nobody has: unlike HEALTH, servers of all ages answer that. */
const PROBE: Exchange = {
  pieces: [encodeRequest(command.exist, wireKey(Buffer.from("probe"), 0))],
  replies: 1,
  reply: () => {},
};

export interface LanesSettings {
  readonly connections: number;
  readonly deadlineMs: number;
  readonly connectDeadlineMs: number;
  readonly queueCalls: number;
  readonly logger: Logger;
}

/** A server as it is now. */
export interface LanesStats {
  readonly url: string;
  /** `open`: it does not answer and is not asked; `trial`: it has just come back. */
  readonly breaker: BreakerState;
  readonly connections: number;
  readonly waiting: number;
  /** Times the breaker opened. */
  readonly outages: number;
  readonly lastError: string | undefined;
}

interface Lane {
  connection: LmConnection | undefined;
  connecting: boolean;
}

interface Job {
  readonly exchange: Exchange;
  readonly startedAt: number;
  connection: LmConnection | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Connections to one server that share its exchanges, one on each at a time, the others in a bounded
 * queue. A server that fails is not asked until it lets itself be connected again: a call to it then
 * fails at once.
 */
export class Lanes {
  readonly #address: LmAddress;
  readonly #settings: LanesSettings;
  readonly #breaker = new Breaker();
  readonly #lanes: Lane[];
  readonly #queue = new Set<Job>();
  #timer: NodeJS.Timeout | undefined;
  #outages = 0;
  #lastError: string | undefined;
  #closed = false;

  constructor(address: LmAddress, settings: LanesSettings) {
    this.#address = address;
    this.#settings = settings;
    this.#lanes = Array.from({ length: settings.connections }, () => ({
      connection: undefined,
      connecting: false,
    }));
  }

  /** Whether it is worth asking. */
  get available(): boolean {
    return !this.#closed && this.#breaker.state !== "open";
  }

  get connectionCount(): number {
    return this.#lanes.length;
  }

  stats(): LanesStats {
    return {
      url: this.#address.label,
      breaker: this.#breaker.state,
      connections: this.#lanes.filter(({ connection }) => connection?.usable).length,
      waiting: this.#queue.size,
      outages: this.#outages,
      lastError: this.#lastError,
    };
  }

  /**
   * Runs an exchange within the deadline, waiting for a connection included. After a broken connection
   * it is run once more: all exchanges may be repeated.
   *
   * @throws KeepwarmError `CONNECTION_FAILED`, `TIMEOUT`, `PROTOCOL`, `CLOSED`; the signal's reason
   */
  async run(exchange: Exchange, signal: AbortSignal | undefined): Promise<void> {
    const due = performance.now() + this.#settings.deadlineMs;
    try {
      await this.#submit(exchange, due, signal);
    } catch (error) {
      if (!isKeepwarmError(error, "CONNECTION_FAILED") || !this.available) throw error;
      await this.#submit(exchange, due, signal);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    const error = this.#unavailable();
    for (const { connection } of this.#lanes) connection?.break(error);
    for (const job of this.#queue) job.reject(error);
  }

  #submit(exchange: Exchange, due: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (!this.available) return Promise.reject(this.#unavailable());
    if (this.#queue.size >= this.#settings.queueCalls)
      return Promise.reject(
        new KeepwarmError("CONNECTION_FAILED", `too many calls wait for ${this.#address.label}`, {
          remedy: "Check whether the server keeps up; queueCalls bounds what waits.",
        }),
      );
    return new Promise<void>((resolve, reject) => {
      const giveUp = (): void => {
        const { connection } = job;
        job.reject(signal?.reason);
        connection?.break(this.#gaveUp());
      };
      const timer = setTimeout(() => this.#expire(job), Math.max(1, due - performance.now()));
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
        this.#queue.delete(job);
      };
      const job: Job = {
        exchange,
        startedAt: performance.now(),
        connection: undefined,
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener("abort", giveUp);
      this.#queue.add(job);
      this.#pump();
    });
  }

  #pump(): void {
    for (const { connection } of this.#lanes) {
      const [job] = this.#queue;
      if (job === undefined) return;
      if (connection?.usable !== true || connection.busy) continue;
      this.#queue.delete(job);
      void this.#start(job, connection);
    }
    let wanted = this.#queue.size;
    for (const lane of this.#lanes) {
      if (wanted <= 0) return;
      if (lane.connecting) wanted--;
      else if (lane.connection?.usable !== true) {
        wanted--;
        void this.#connect(lane);
      }
    }
  }

  async #start(job: Job, connection: LmConnection): Promise<void> {
    job.connection = connection;
    try {
      await connection.run(job.exchange);
      this.#breaker.success();
      job.resolve();
    } catch (error) {
      job.reject(error);
    }
    job.connection = undefined;
    this.#pump();
  }

  #expire(job: Job): void {
    const { connection, startedAt } = job;
    const error = new KeepwarmError("TIMEOUT", `${this.#address.label} did not answer in time`, {
      remedy: "Check that the server keeps up, or allow more time with a longer deadline.",
    });
    job.reject(error);
    if (connection === undefined) return;
    connection.break(error);
    this.#count(connection.lastReadAt < startedAt ? Failure.dead : Failure.slow, error);
  }

  async #connect(lane: Lane): Promise<void> {
    lane.connecting = true;
    try {
      lane.connection = await this.#open();
    } catch (error) {
      lane.connecting = false;
      const others = this.#lanes.some(
        ({ connection, connecting }) => connecting || connection?.usable,
      );
      if (others || this.#closed) return;
      this.#count(Failure.dead, error);
      return;
    }
    lane.connecting = false;
    if (this.#closed) lane.connection.break(this.#unavailable());
    else this.#pump();
  }

  #open(): Promise<LmConnection> {
    return LmConnection.open(this.#address, this.#settings.connectDeadlineMs, (error) => {
      if (this.#closed) return;
      if (error.code === "PROTOCOL") this.#count(Failure.dead, error);
      else if (error.code === "CONNECTION_FAILED") this.#count(Failure.lost, error);
    });
  }

  #count(failure: Failure, error: unknown): void {
    if (!this.available) return;
    this.#lastError = error instanceof Error ? error.message : String(error);
    if (!this.#breaker.failure(failure)) return;
    this.#outages++;
    this.#settings.logger.warn(
      { server: this.#address.label, error: this.#lastError },
      "an lm server fails and is not asked until it answers again",
    );
    if (failure === Failure.dead) {
      const unavailable = this.#unavailable();
      for (const { connection } of this.#lanes) connection?.break(unavailable);
      for (const job of this.#queue) job.reject(unavailable);
    }
    this.#probeLater();
  }

  #probeLater(): void {
    this.#timer = setTimeout(() => void this.#probe(), this.#breaker.pauseMs()).unref();
  }

  /** A server that lets itself be connected and answers is tried again. */
  async #probe(): Promise<void> {
    let connection: LmConnection | undefined;
    try {
      connection = await this.#open();
      await this.#ask(connection);
      if (this.#closed) return;
      this.#breaker.tryAgain();
      this.#settings.logger.info({ server: this.#address.label }, "an lm server answers again");
      const lane = this.#lanes.find(({ connection }) => connection?.usable !== true);
      if (lane !== undefined && !lane.connecting) {
        lane.connection = connection;
        connection = undefined;
      }
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
      if (!this.#closed) this.#probeLater();
    } finally {
      connection?.break(this.#gaveUp());
    }
  }

  async #ask(connection: LmConnection): Promise<void> {
    const timer = setTimeout(
      () => connection.break(new KeepwarmError("TIMEOUT", "no answer to a probe")),
      this.#settings.connectDeadlineMs,
    );
    try {
      await connection.run(PROBE);
    } finally {
      clearTimeout(timer);
    }
  }

  #gaveUp(): KeepwarmError {
    return new KeepwarmError("CLOSED", `a call to ${this.#address.label} was given up`);
  }

  #unavailable(): KeepwarmError {
    const { label } = this.#address;
    if (this.#closed) return new KeepwarmError("CLOSED", `the store of ${label} is closed`);
    const why = this.#lastError === undefined ? "" : `: ${this.#lastError}`;
    return new KeepwarmError("CONNECTION_FAILED", `${label} does not answer${why}`, {
      remedy: "Check that the server runs there; it is asked again as soon as it answers.",
    });
  }
}
