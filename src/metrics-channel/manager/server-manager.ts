import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KeepwarmError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../observe/logger.ts";
import { freePort } from "../../util/free-port.ts";
import { onPath } from "../../util/on-path.ts";
import { MetricsChannel } from "../channel/metrics-channel.ts";
import type { MetricsChannelOptions } from "../channel/options.ts";
import type { EnvironmentPrefix } from "./environment.ts";
import {
  isLocal,
  labelOf,
  type ManagedEndpoint,
  type ManagerOptions,
  resolveEndpoint,
} from "./options.ts";
import { processAt, silenceAt } from "./probe.ts";
import { writeServerConfig } from "./server-config.ts";
import { TiedProcess } from "./tied-process.ts";

/** Programs that can be the server, the one to be looked for first in front. */
type Program = "valkey-server" | "redis-server";

/** What answers at a manager's endpoint: a server that was there, or one that it has started. */
export type ServedBy = "found" | Program | "keepwarm";

/** A server in this process. */
export interface InProcessServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a server in this process, where neither program is on PATH. */
export type StartInProcess = (
  endpoint: ManagedEndpoint,
  logger: Logger,
) => Promise<InProcessServer>;

interface Started {
  readonly by: ServedBy;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/**
 * Sees to it that there is a server: uses the one at its endpoint, or starts one there, on loopback
 * only, which ends with this process.
 */
export class ServerManager implements AsyncDisposable {
  readonly #programs: readonly Program[];
  readonly #startInProcess: StartInProcess;
  readonly #deadlineMs: number;
  readonly #logger: Logger;
  #endpoint: ManagedEndpoint;
  #starting: Promise<Started> | undefined;
  #started: Started | undefined;

  /** @throws KeepwarmError `INPUT_INVALID`, `CONFIG_INVALID` (the environment) */
  protected constructor(
    prefix: EnvironmentPrefix,
    programs: readonly Program[],
    options: ManagerOptions,
    startInProcess: StartInProcess,
  ) {
    this.#programs = programs;
    this.#startInProcess = startInProcess;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#logger = options.logger ?? silentLogger;
    this.#endpoint = resolveEndpoint(prefix, options);
  }

  /** The server's URL without user and password. */
  get url(): string {
    return this.#endpoint.label;
  }

  get host(): string {
    return this.#endpoint.host;
  }

  /** The server's port; 0 until a free one is chosen. */
  get port(): number {
    return this.#endpoint.port;
  }

  get db(): number {
    return this.#endpoint.database;
  }

  /** What answers there; nothing before `start` and after `stop`. */
  get servedBy(): ServedBy | undefined {
    return this.#started?.by;
  }

  /** Process id of the server, if this manager has started one in a process of its own. */
  get pid(): number | undefined {
    return this.#started?.pid;
  }

  /** What clients of the library need: the options of a `MetricsChannel` or a `ValkeyStore`. */
  get connection(): Pick<
    MetricsChannelOptions,
    "url" | "username" | "password" | "database" | "tls"
  > {
    const { label, username, password, database, tlsOptions } = this.#endpoint;
    return { url: label, username, password, database, tls: tlsOptions };
  }

  /**
   * Makes sure that a server answers. What was started already is not started again.
   *
   * @throws KeepwarmError `CONNECTION_FAILED` when none answers and none can be started, `REPLY` for a
   *   wrong password and the like, `LISTEN_FAILED`, `TIMEOUT`, `UNSUPPORTED`
   */
  async start(): Promise<void> {
    if (this.#starting === undefined) {
      const starting = this.#start();
      this.#starting = starting;
      starting.catch(() => {
        if (this.#starting === starting) this.#starting = undefined;
      });
    }
    this.#started = await this.#starting;
  }

  /** Ends the server that this manager has started; one that it found goes on. */
  async stop(): Promise<void> {
    const starting = this.#starting;
    this.#starting = undefined;
    this.#started = undefined;
    const started = await starting?.catch(() => undefined);
    await started?.stop();
  }

  /** A channel over the server, which {@link start} has seen to. */
  openChannel(options: MetricsChannelOptions = {}): MetricsChannel {
    return new MetricsChannel({ logger: this.#logger, ...this.connection, ...options });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<Started> {
    if (this.#endpoint.port !== 0 || this.#endpoint.path !== undefined) {
      const silence = await silenceAt(this.#endpoint);
      if (silence === undefined) return found;
      if (!isLocal(this.#endpoint))
        throw new KeepwarmError("CONNECTION_FAILED", silence.message, {
          cause: silence,
          remedy: "Start the server there; a manager starts one only on this machine.",
        });
    }
    const program = await this.#findProgram();
    return program === undefined ? this.#startFront() : this.#spawn(...program);
  }

  async #findProgram(): Promise<[name: Program, path: string] | undefined> {
    const { tls, certificate } = this.#endpoint;
    if (tls && certificate === undefined)
      throw new KeepwarmError("UNSUPPORTED", `no server answers at ${this.url}`, {
        remedy: "Start one, or give a certificate for it to be started with.",
      });
    for (const name of this.#programs) {
      const path = await onPath(name);
      if (path !== undefined) return [name, path];
    }
    return undefined;
  }

  async #spawn(name: Program, path: string): Promise<Started> {
    const { host, path: socket, tls, port } = this.#endpoint;
    if (port === 0 && socket === undefined) this.#listenAt(await freePort());
    const folder = await mkdtemp(join(tmpdir(), "keepwarm-server-"));
    const config = await writeServerConfig(folder, this.#endpoint);
    const server = new TiedProcess(path, [config], folder);
    const until = performance.now() + this.#deadlineMs;
    while (server.running && performance.now() < until) {
      const there = await processAt(this.#endpoint);
      if (there !== undefined && there === server.pid) {
        server.unref();
        void server.ended.then(() => this.#ended(name));
        this.#logger.info({ server: this.url, pid: server.pid }, `${name} was started`);
        return { by: name, pid: server.pid, stop: () => server.stop() };
      }
      await Promise.race([sleep(20), server.ended]);
    }
    await server.stop();
    // Another program may have been faster and have taken the port: then its server does as well.
    const silence = await silenceAt(this.#endpoint);
    if (silence === undefined) return found;
    const end = server.output.trim().split("\n").slice(-3).join("\n");
    throw new KeepwarmError(
      "LISTEN_FAILED",
      `${name} does not answer at ${labelOf(host, this.port, socket, tls)}: ${end || silence.message}`,
      {
        cause: silence,
        remedy: "Choose another port (0 for any free one), or start a server there.",
      },
    );
  }

  async #startFront(): Promise<Started> {
    if (this.#endpoint.path !== undefined)
      throw new KeepwarmError("UNSUPPORTED", `no server answers at ${this.url}`, {
        remedy: `Install ${this.#programs.join(" or ")}: Keepwarm itself listens on no Unix socket.`,
      });
    const server = await this.#startInProcess(this.#endpoint, this.#logger);
    this.#listenAt(server.port);
    this.#logger.info({ server: this.url }, "Keepwarm serves in this process");
    return { by: "keepwarm", pid: undefined, stop: () => server.close() };
  }

  #listenAt(port: number): void {
    const { host, path, tls } = this.#endpoint;
    this.#endpoint = { ...this.#endpoint, port, label: labelOf(host, port, path, tls) };
  }

  #ended(name: Program): void {
    if (this.#started?.by !== name) return;
    this.#started = undefined;
    this.#starting = undefined;
    this.#logger.warn({ server: this.url }, `${name} has ended; start() starts another one`);
  }
}

const found: Started = { by: "found", pid: undefined, stop: async () => {} };
