import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { type RunningKeepwarm, startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import type { Random } from "../fuzz/random.ts";
import { markedValue } from "../support/marked-value.ts";
import { ABSENT, Known, Violation } from "./known.ts";

const MIB = 1024 ** 2;
const SEGMENT_BYTES = 8 * MIB;
const WRITERS = 3;
const KEYS_A_WRITER = 16;
const READERS = 2;
/** Times that a block is asked for again before it counts as lost. */
const MISSES_TO_BELIEVE = 2;
/** Of the directory's bytes, so much can be written before anything has to leave. */
const SHARE_WITHOUT_EVICTION = 0.5;
/** After so many times its size a directory is given up for a fresh one. */
const ROUNDS_OF_A_DIRECTORY = 2;

export interface LaneOptions {
  readonly random: Random;
  readonly durability: "none" | "async" | "fsync";
  readonly sizeBytes: number;
  readonly write: "through" | "selective" | "back";
}

export interface LaneCounts {
  cycles: number;
  acknowledged: number;
  acknowledgedBytes: number;
  reads: number;
  misses: number;
  proven: number;
  killedWhileLoading: number;
  errorReplies: number;
}

/** The server died under a client: the end of the cycle, not a fault. */
const CONNECTION_OVER = /Connection is closed|ECONNREFUSED|ECONNRESET|EPIPE|Stream isn't writeable/;

/** One data directory after the other, and a server on it that is killed over and over. */
export class Lane {
  readonly counts: LaneCounts = {
    cycles: 0,
    acknowledged: 0,
    acknowledgedBytes: 0,
    reads: 0,
    misses: 0,
    proven: 0,
    killedWhileLoading: 0,
    errorReplies: 0,
  };
  readonly errors = new Map<string, number>();
  readonly #options: LaneOptions;
  #directory: string | undefined;
  #server: RunningKeepwarm | undefined;
  #known: Known[][] = [];
  #sentBytes = 0;
  #cyclesHere = 0;
  #sequence = 0;
  #isOver = false;
  #isLoading = true;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get directory(): string | undefined {
    return this.#directory;
  }

  get log(): string {
    return this.#server?.process.log ?? "";
  }

  /** Starts the server, proves what is there, loads it, and kills it at a random instant. */
  async cycle(): Promise<void> {
    const { random, sizeBytes } = this.#options;
    const used = this.#sentBytes + this.#cyclesHere * SEGMENT_BYTES;
    if (used > sizeBytes * ROUNDS_OF_A_DIRECTORY) await this.cleanUp();
    await this.#start();
    this.#isOver = false;
    this.#isLoading = true;
    const server = this.#server!;
    const connections = Array.from({ length: WRITERS + READERS }, () => connect(server.url));
    const killsEarly = random.below(8) === 0;
    const lifeMs = killsEarly ? random.below(150) : 100 + random.below(500);
    const work = (async () => {
      await this.#verify(connections);
      if (this.#isOver) return;
      const loads = this.#known.map((keys, at) => this.#write(connections[at], keys));
      for (const connection of connections.slice(WRITERS)) loads.push(this.#read(connection));
      await Promise.all(loads);
    })();
    // Whatever it finds is told when the server is gone.
    work.catch(() => {
      this.#isOver = true;
    });
    if (!killsEarly) await this.#until(() => !this.#isLoading);
    await delay(lifeMs);
    if (this.#isLoading) this.counts.killedWhileLoading++;
    this.#isOver = true;
    server.process.kill("SIGKILL");
    await server.process.exited;
    for (const connection of connections) connection.disconnect();
    await work;
    if (this.#options.durability !== "fsync")
      for (const keys of this.#known) for (const known of keys) known.forget(1);
    this.counts.cycles++;
    this.#cyclesHere++;
  }

  async cleanUp(): Promise<void> {
    this.#server?.process.kill("SIGKILL");
    await this.#server?.process.exited;
    this.#server = undefined;
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true });
    this.#directory = undefined;
  }

  async #start(): Promise<void> {
    const { sizeBytes, durability, write } = this.#options;
    if (this.#directory === undefined) {
      this.#directory = await mkdtemp(join(tmpdir(), "keepwarm-torture-"));
      this.#known = Array.from({ length: WRITERS }, (_, writer) => newKeys(writer));
      this.#sentBytes = 0;
      this.#cyclesHere = 0;
    }
    this.#server = await startKeepwarm({
      args: [
        "--ram-size=48MiB",
        `--ssd-dir=${this.#directory}`,
        `--ssd-size=${sizeBytes}`,
        `--ssd-write=${write}`,
        `--durability=${durability}`,
        "--log-level=warn",
      ],
      env: { KEEPWARM_SSD_SEGMENT_SIZE: String(SEGMENT_BYTES) },
    });
  }

  /** Reads all keys while the index is loaded, and again when it is. */
  async #verify(connections: readonly Redis[]): Promise<void> {
    const readAll = async (mayMiss: boolean, settles: boolean): Promise<void> => {
      await Promise.all(
        this.#known.map(async (keys, at) => {
          for (const known of keys) await this.#readOne(connections[at], known, mayMiss, settles);
        }),
      );
    };
    if (!(await this.#isLoaded(connections[0]))) await readAll(true, false);
    while (!this.#isOver && !(await this.#isLoaded(connections[0]))) await delay(2);
    await readAll(!this.#keepsAll, true);
    this.#isLoading = false;
  }

  /** Nothing has had to leave the directory yet, so nothing acknowledged may be missing. */
  get #keepsAll(): boolean {
    const { sizeBytes, durability } = this.#options;
    const used = this.#sentBytes + (this.#cyclesHere + 1) * SEGMENT_BYTES;
    return durability === "fsync" && used < sizeBytes * SHARE_WITHOUT_EVICTION;
  }

  async #isLoaded(connection: Redis): Promise<boolean> {
    const text = await this.#call(connection, "call", "KW.STATS");
    if (typeof text !== "string") return false;
    const stats = JSON.parse(text) as {
      tiers: { name: string; load?: { done: boolean } }[];
    };
    return stats.tiers.find(({ name }) => name === "ssd")?.load?.done === true;
  }

  async #write(connection: Redis, keys: readonly Known[]): Promise<void> {
    const { random } = this.#options;
    while (!this.#isOver) {
      const known = random.pick(keys);
      const choice = random.below(20);
      if (isPair(known)) {
        const pair = keys.filter(isPair);
        if (choice < 3) await this.#remove(connection, pair[0], pair);
        else await this.#put(connection, pair, undefined);
      } else if (choice < 2) await this.#remove(connection, known, [known]);
      else if (choice < 5)
        await this.#put(connection, keys.filter((key) => !isPair(key)).slice(0, 3), undefined);
      else if (choice < 8) await this.#put(connection, [known], 100 + random.below(3000));
      else if (choice < 12)
        await this.#readOne(connection, random.pick(keys), !this.#keepsAll, false);
      else await this.#put(connection, [known], undefined);
    }
  }

  async #read(connection: Redis): Promise<void> {
    const { random } = this.#options;
    while (!this.#isOver)
      await this.#readOne(
        connection,
        random.pick(random.pick(this.#known)),
        !this.#keepsAll,
        false,
      );
  }

  async #put(connection: Redis, keys: readonly Known[], ttlMs: number | undefined): Promise<void> {
    const { random } = this.#options;
    const parts = keys.map((known) => {
      const sequence = ++this.#sequence;
      const length = Math.floor(1024 * 2 ** (random.below(12_000) / 1000));
      known.put(sequence, ttlMs);
      this.#sentBytes += length + 8192;
      return { known, sequence, value: markedValue(known.number, sequence, length) };
    });
    const [first] = parts;
    const reply =
      parts.length > 1
        ? await this.#call(connection, "mset", ...parts.flatMap((p) => [p.known.name, p.value]))
        : ttlMs === undefined
          ? await this.#call(connection, "set", first.known.name, first.value)
          : await this.#call(connection, "set", first.known.name, first.value, "PX", ttlMs);
    if (reply !== "OK") return;
    for (const { known, sequence, value } of parts) {
      known.acknowledged(sequence, ttlMs);
      if (!this.#keepsAll) known.may.add(ABSENT);
      this.counts.acknowledged++;
      this.counts.acknowledgedBytes += value.length;
    }
  }

  async #remove(connection: Redis, known: Known, all: readonly Known[]): Promise<void> {
    for (const one of all) one.removing();
    const reply = await this.#call(connection, "del", known.name);
    if (reply === undefined) return;
    for (const one of all) one.removed(reply === 1 && (one === known || this.#keepsAll));
  }

  async #readOne(
    connection: Redis,
    known: Known,
    mayMiss: boolean,
    settles: boolean,
  ): Promise<void> {
    const judge = known.watch();
    let value = await this.#call(connection, "getBuffer", known.name);
    // A disk that is too slow makes a miss as well; what is lost stays lost.
    for (let again = 0; value === null && !mayMiss && again < MISSES_TO_BELIEVE; again++)
      value = await this.#call(connection, "getBuffer", known.name);
    if (value === undefined) return;
    const found = judge(value as Buffer | null, mayMiss);
    this.counts.reads++;
    if (found === ABSENT) this.counts.misses++;
    if (!settles) return;
    if (found !== ABSENT) this.counts.proven++;
    if (isPair(known)) {
      // Of a pair that was not acknowledged one half may be there: it goes when that is noticed.
      if (known.may.size > 1) known.may.add(ABSENT);
      return;
    }
    // What a restart has decided stays so, but what is missing may have been evicted and come back.
    if (found !== ABSENT || this.#keepsAll) known.may = new Set([found]);
  }

  /** The reply; `undefined` when there was none, or an error. */
  async #call(
    connection: Redis,
    method: "call" | "set" | "mset" | "del" | "getBuffer",
    ...words: (string | Buffer | number)[]
  ): Promise<unknown> {
    try {
      return await (connection[method] as (...all: typeof words) => Promise<unknown>)(...words);
    } catch (error) {
      const { message } = error as Error;
      if (CONNECTION_OVER.test(message) || this.#isOver) {
        this.#isOver = true;
        return undefined;
      }
      this.counts.errorReplies++;
      this.errors.set(message, (this.errors.get(message) ?? 0) + 1);
      return undefined;
    }
  }

  async #until(isTrue: () => boolean): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!isTrue() && !this.#isOver) {
      if (Date.now() > deadline) throw new Violation("the server does not answer for a minute");
      await delay(2);
    }
  }
}

function connect(url: string): Redis {
  const connection = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  // Commands tell of it.
  connection.on("error", () => undefined);
  return connection;
}

function newKeys(writer: number): Known[] {
  return Array.from({ length: KEYS_A_WRITER }, (_, index) => {
    const number = writer * 1000 + index;
    const half = index === 0 ? "kv_bytes" : index === 1 ? "metadata" : undefined;
    const name = half === undefined ? `key ${number}` : `pair ${writer} ${half}`;
    return new Known(number, name);
  });
}

function isPair({ name }: Known): boolean {
  return name.startsWith("pair");
}
