import { z } from "zod";
import { codecNames } from "../codecs/codec.ts";
import { dtypeNames } from "../codecs/dtypes.ts";
import { memoryFormatNames } from "../codecs/tensor.ts";
import { keyFamilies } from "../keys/facts.ts";
import { writeModes } from "../tiers/chain/write-policy.ts";
import { defaultRamBytes } from "./defaults.ts";
import { bytes, choice, duration, flag, integer, notYet, portOrOff, text } from "./values.ts";

const section = <T extends z.core.$ZodLooseShape>(shape: T) =>
  z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === "invalid_type" ? "must be a section with keys of its own" : undefined,
    })
    .prefault({} as never);

const user = z.strictObject({
  name: text("Name that the client sends with AUTH or HELLO.").min(1, "must not be empty"),
  password: text("Password in clear. Prefer passwordSha256 in files that others read.").optional(),
  passwordSha256: text("SHA-256 of the password, 64 hex digits.")
    .regex(/^[0-9a-f]{64}$/i, "must be 64 hex digits")
    .optional(),
  access: choice(["ro", "rw"], "ro may read, rw may also write and delete.").default("rw"),
  keys: z
    .array(text("Glob pattern of keys."))
    .default(["*"])
    .describe("Keys this user may touch, as glob patterns."),
});

const atLeastOne = <T extends string>(names: readonly T[]) => names as readonly [T, ...T[]];

const codecRule = z.strictObject({
  match: text('Glob of keys, such as "org/model@*".').optional(),
  family: choice(keyFamilies, "Only keys of this family, as `keepwarm ls` shows it.").optional(),
  model: text("Only keys of this model, as `keepwarm ls` shows it.").optional(),
  codec: choice(
    atLeastOne(codecNames),
    "How: naive, zstd-planes (lossless), fp8 or cachegen (lossy).",
  ),
  dtype: choice(
    atLeastOne(dtypeNames),
    "Element type of the blocks, where no metadata tells.",
  ).optional(),
  format: choice(atLeastOne(memoryFormatNames), "How their elements follow each other.").optional(),
  layers: integer(1, 4096, "Layers in one block.").optional(),
  channels: integer(1, 2 ** 24, "Heads times head size.").optional(),
  bins: integer(4, 64, "cachegen: bins of every layer, an even number.").optional(),
  remote: flag("Encode what goes to stores on other machines.").default(false),
  idle: duration("Encode in memory what was not used for so long.").optional(),
});

/**
 * Everything that can be configured, with its defaults. Input is what people write (`"8GiB"`,
 * `"30s"`, digits in the environment); output is bytes, milliseconds, numbers and booleans.
 */
export const configSchema = z.strictObject({
  resp: section({
    host: text("Address the RESP listener binds to.").default("127.0.0.1"),
    port: integer(0, 65535, "Port of the RESP listener; 0 picks a free one.").default(6379),
  }),
  lm: section({
    host: text("Address the lm:// listener binds to.").default("127.0.0.1"),
    port: portOrOff("Port of the lm:// listener for LMCache; LMCache's own is 65432.").default(
      "off",
    ),
  }),
  http: section({ port: notYet("off", "the HTTP listener") }),
  ram: section({
    size: bytes("Memory for blocks. Default: a quarter of the memory, at most 8 GiB.").default(() =>
      defaultRamBytes(),
    ),
    maxBlocks: integer(0, 2 ** 32, "Most blocks kept in RAM; 0 is no limit.").default(0),
    policy: choice(["lru", "s3fifo"], "Which block goes when RAM is full.").default("lru"),
    graceMs: duration("How long a key that was just reported present is spared.").default(2000),
  }),
  ssd: section({
    dir: text("Directory for blocks on disk; turns the SSD tier on.").optional(),
    size: bytes(
      "Most bytes of that disk. Default: half of what is free there, what it has already included.",
    ).optional(),
    maxBlocks: integer(0, 2 ** 32, "Most blocks kept on disk; 0 is no limit.").default(0),
    write: choice(
      writeModes,
      "When a block goes to disk: through (at once), selective (on its second use), back (later).",
    ).default("through"),
    queueSize: bytes("Most bytes of blocks that wait to be written.").default(256 * 1024 ** 2),
    segmentSize: bytes(
      "Size of a segment file, whole MiB, for a new directory. Default: a 64th of ssd.size, or what blocks of 64 MiB need.",
    ).optional(),
    direct: choice(
      ["auto", "on", "off"],
      "Whether to bypass the page cache (O_DIRECT): auto does where the file system can.",
    ).default("auto"),
  }),
  remote: z
    .array(text("URL of a store on another machine."))
    .default([])
    .describe("Stores on other machines, asked in this order for what is not here, as URLs."),
  coded: section({
    size: bytes("Memory for encoded blocks, beside ram.size; 0 keeps none.").default(0),
    dir: text("Directory for encoded blocks on disk, beside ssd.dir.").optional(),
    diskSize: bytes("Most bytes of that disk. Default: half of what is free there.").optional(),
  }),
  codecs: z
    .array(codecRule)
    .default([])
    .describe("Which blocks are encoded, and how; of the rules that name a block the first holds."),
  durability: choice(
    ["none", "async", "fsync"],
    "What a reply to a write promises of the disk: none, async (synced each second), fsync (synced before the reply).",
  ).default("none"),
  limits: section({
    clients: integer(1, 1_000_000, "Most clients connected at once.").default(10_000),
    valueBytes: bytes("Longest value accepted.").default(512 * 1024 ** 2),
    requestBytes: bytes("Most bytes of one command outside its values.").default(16 * 1024 ** 2),
    outputBytes: bytes("Most bytes of unread replies per client.").default(64 * 1024 ** 2),
    idleMs: duration("Idle clients are closed after this; 0 never.").default(0),
    roomWaitMs: duration(
      "How long a value waits for memory that others hold, before it is dropped.",
    ).default(1000),
    tierWaitMs: duration(
      "How long a command waits for blocks from the disk, before they are misses.",
    ).default(2000),
    departures: integer(
      0,
      2 ** 24,
      "Keys that left and are remembered with the reason, for `keepwarm explain`; 0 none.",
    ).default(65_536),
    collectionBytes: bytes("Memory for lists and hashes, all told.").default(64 * 1024 ** 2),
    stallMs: duration("A client that stops amid a value or a reply is closed after this.").default(
      30_000,
    ),
  }),
  auth: section({
    password: text("Password of the default user (Redis: requirepass).").optional(),
    users: z.array(user).default([]).describe("Named users with their rights."),
  }),
  tls: section({
    cert: text("PEM file with the certificate chain; turns TLS on.").optional(),
    key: text("PEM file with the private key.").optional(),
    ca: text(
      "PEM file of the authority that client certificates must come from (mTLS).",
    ).optional(),
    clients: choice(
      ["required", "optional"],
      "Whether clients must show a certificate when tls.ca is given.",
    ).default("required"),
  }),
  cluster: section({
    enabled: flag("Answer CLUSTER commands as a cluster of one node.").default(false),
  }),
  slowlog: section({
    thresholdUs: integer(
      -1,
      Number.MAX_SAFE_INTEGER,
      "Commands at least this slow are logged, in microseconds; -1 none.",
    ).default(10_000),
    maxEntries: integer(0, 1_000_000, "Entries that the slow log keeps.").default(128),
  }),
  log: section({
    level: choice(
      ["trace", "debug", "info", "warn", "error", "silent"],
      "Least severe line that is written.",
    ).default("info"),
    format: choice(["auto", "text", "json"], "auto: text on a terminal, JSON elsewhere.").default(
      "auto",
    ),
  }),
  protected: flag(
    "Refuse to bind beyond loopback without auth. Set to false only on a trusted network.",
  ).default(true),
});

/** What people write, before defaults and units. */
export type ConfigInput = z.input<typeof configSchema>;

/** The whole configuration: sizes in bytes, durations in milliseconds. */
export type Config = z.output<typeof configSchema>;

/** JSON Schema of `keepwarm.yaml`, for editors. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" });
}
