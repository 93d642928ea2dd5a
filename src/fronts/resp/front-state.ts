import { randomBytes } from "node:crypto";
import type { TierChain } from "../../tiers/chain/tier-chain.ts";
import type { CodedStore } from "../../tiers/coded/coded-store.ts";
import type { RamTier } from "../../tiers/ram/ram-tier.ts";
import type { Bringing } from "../../tiers/chain/bringing.ts";
import { defaultRequestLimits } from "../../wire/resp/request-decoder.ts";
import { ReadWindow } from "../../wire/resp/read-window.ts";
import { ReplyWriter } from "../../wire/resp/reply-writer.ts";
import { Collections } from "./collections.ts";
import type { RespConnection } from "./connection.ts";
import type { CommandTable } from "./command-table.ts";
import { type RespLimits, type RespServerOptions, defaultRespLimits } from "./options.ts";
import { JobList } from "./jobs/job-list.ts";
import { Rates } from "./rates.ts";
import type { Session } from "./session.ts";
import { SlowLog } from "./slow-log.ts";
import { Users } from "./users.ts";

/** Databases that SELECT knows. */
export const DATABASES = 16;

/** Versions of keys that are only below RAM are from here on, those of lists and hashes below it. */
const ROW_VERSIONS_FROM = 2 ** 48;

/** What all clients of one RESP front share. */
export class FrontState {
  readonly tiers: TierChain;
  /** The first of the tiers. */
  readonly ram: RamTier;
  readonly collections: Collections;
  readonly commands: CommandTable;
  readonly options: RespServerOptions;
  /** Replies to writes wait for the tier below RAM. */
  readonly durable: boolean;
  readonly users: Users;
  readonly slowLog: SlowLog;
  readonly sessions: Map<number, Session> = new Map();
  readonly monitors: Set<Session> = new Set();
  /** Clients with a value that waits for memory. */
  readonly waiting: Set<RespConnection> = new Set();
  /** Clients that wait for the tier below RAM: for values, or for writes to be durable. */
  readonly awaiting: Set<RespConnection> = new Set();
  /** What the command under way had brought up to RAM. */
  bringing: Bringing | undefined;
  readonly window: ReadWindow = new ReadWindow();
  readonly reply: ReplyWriter = new ReplyWriter();
  readonly jobs: JobList = new JobList(this);
  readonly rates: Rates = new Rates();
  readonly runId: string = randomBytes(20).toString("hex");
  readonly startedAt: number = Date.now();
  limits: RespLimits;
  /** The port that is listened on. */
  port = 0;

  hits = 0;
  misses = 0;
  commandsProcessed = 0;
  errorReplies = 0;
  connectionsAccepted = 0;
  connectionsRejected = 0;
  protocolErrors = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Values dropped because memory that others held did not come free in time. */
  valuesDropped = 0;
  /** Commands that waited in vain for values from below RAM. */
  tierTimeouts = 0;
  /** When the command under way began: after the one before it, or with the turn (`performance.now`). */
  busySince = 0;
  /** Bytes of slots that connections hold for values they expect. */
  landingBytes = 0;
  #nextSession = 1;
  #retryDue = false;

  constructor(options: RespServerOptions, commands: CommandTable) {
    this.options = options;
    this.tiers = options.tiers;
    this.ram = options.tiers.ram;
    this.durable = options.durable === true && this.tiers.lower !== undefined;
    this.tiers.onRoomBelow(() => this.retryWaiting());
    this.commands = commands;
    this.limits = { ...defaultRespLimits, ...options.limits };
    this.collections = new Collections(this.limits.collectionBytes, () => this.ram.now());
    this.users = new Users(options.password, options.users ?? []);
    this.slowLog = new SlowLog(
      options.slowlogThresholdUs ?? 10_000,
      options.slowlogMaxEntries ?? 128,
    );
  }

  now(): number {
    return this.ram.now();
  }

  /** Blocks of this machine that are kept encoded. */
  get coded(): CodedStore | undefined {
    return this.options.coding?.mover?.coded;
  }

  nextSessionId(): number {
    return this.#nextSession++;
  }

  get requestLimits(): typeof defaultRequestLimits {
    return { ...defaultRequestLimits, maxRequestBytes: this.limits.requestBytes };
  }

  /** The longest value that can be stored. */
  get maxValueBytes(): number {
    return Math.min(this.limits.valueBytes, this.ram.maxValueBytes);
  }

  /** Changes with each change of the key; 0 while it is absent. */
  versionOf(key: Uint8Array, keyspace: number): number {
    const entry = this.ram.find(key, 0, key.length, keyspace);
    if (entry !== 0) return this.ram.entries.version(entry);
    const { lower } = this.tiers;
    const row = lower?.find(key, 0, key.length, keyspace) ?? 0;
    if (row !== 0) return -(ROW_VERSIONS_FROM + lower!.version(row));
    const collection = this.collections.find(Buffer.from(key).toString("latin1"), keyspace);
    return collection === undefined ? 0 : -collection.version;
  }

  /** Memory may have come free: lets those who wait for it try again, after this turn. */
  retryWaiting(): void {
    if (this.waiting.size === 0 || this.#retryDue) return;
    this.#retryDue = true;
    setImmediate(() => {
      this.#retryDue = false;
      for (const connection of this.waiting) connection.retryRoom();
    });
  }

  /** Whether connections may hold `bytes` more for values they expect: a sixteenth of the tier. */
  hasLandingRoom(bytes: number): boolean {
    return this.landingBytes + bytes <= this.ram.capacityBytes / 16;
  }

  cancelSlot(slot: number): void {
    this.ram.cancel(slot);
  }

  /** Drops everything, or all of one keyspace. */
  flush(keyspace?: number): void {
    this.tiers.clear(keyspace);
    this.collections.clear(keyspace);
  }
}
