import { readFileSync } from "node:fs";
import { KeepwarmError } from "../../errors.ts";
import { parseBytes, parseDuration } from "../../util/units.ts";
import type { PairGeneration, ValkeyFormat } from "./formats/options.ts";
import type { TlsOptions } from "./read-socket.ts";
import type { ValkeyStoreOptions } from "./store-options.ts";

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
type Format = Record<string, string>;
type Reader = (into: Mutable<ValkeyStoreOptions>, value: string, format: Format) => void;

const tlsFile =
  (name: "ca" | "cert" | "key"): Reader =>
  (into, file) => {
    into.tls = { ...into.tls, [name]: readPem(file) };
  };
const ofFormat =
  (name: string): Reader =>
  (_, value, format) => {
    format[name] = value;
  };
const trusting: Reader = (into, value) => {
  into.tls = { ...into.tls, rejectUnauthorized: !isTrue(value) } satisfies TlsOptions;
};

/** What may stand in the query of a URL. Names with `ssl_` are those of redis-py. */
const readers: Readonly<Record<string, Reader>> = {
  username: (into, value) => (into.username = value),
  password: (into, value) => (into.password = value),
  db: (into, value) => (into.database = wholeNumber("db", value)),
  prefix: (into, value) => (into.prefix = value),
  ttl: (into, value) => (into.ttlMs = parseDuration(value)),
  "read-ttl": (into, value) => (into.readTtl = isTrue(value)),
  connections: (into, value) => (into.connections = wholeNumber("connections", value)),
  depth: (into, value) => (into.pipelineDepth = wholeNumber("depth", value)),
  deadline: (into, value) => (into.deadlineMs = parseDuration(value)),
  "connect-deadline": (into, value) => (into.connectDeadlineMs = parseDuration(value)),
  "queue-size": (into, value) => (into.queueBytes = parseBytes(value)),
  "queue-calls": (into, value) => (into.queueCalls = wholeNumber("queue-calls", value)),
  "recycle-size": (into, value) => (into.recycleBytes = parseBytes(value)),
  service: (into, value) => (into.service = value),
  "sentinel-username": (into, value) => (into.sentinelUsername = value),
  "sentinel-password": (into, value) => (into.sentinelPassword = value),
  ca: tlsFile("ca"),
  cert: tlsFile("cert"),
  key: tlsFile("key"),
  servername: (into, value) => (into.tls = { ...into.tls, servername: value }),
  insecure: trusting,
  ssl_ca_certs: tlsFile("ca"),
  ssl_certfile: tlsFile("cert"),
  ssl_keyfile: tlsFile("key"),
  ssl_cert_reqs: (into, value, format) => trusting(into, String(value === "none"), format),
  format: ofFormat("name"),
  generation: ofFormat("generation"),
  model: ofFormat("model"),
  rank: ofFormat("rank"),
  "world-size": ofFormat("world-size"),
  mla: ofFormat("mla"),
};

/**
 * The options in a URL's query.
 *
 * @throws KeepwarmError `INPUT_INVALID` for a name or value that cannot be used, `NOT_FOUND` for a
 *   certificate file that is not there
 */
export function queryOptions(query: URLSearchParams): ValkeyStoreOptions {
  const options: Mutable<ValkeyStoreOptions> = {};
  const format: Format = {};
  for (const [name, value] of query) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined)
      throw invalid(
        `${JSON.stringify(name)} is no option of a Valkey store`,
        `Options are ${Object.keys(readers).join(", ")}.`,
      );
    read(options, value, format);
  }
  const chosen = formatOf(format);
  return chosen === undefined ? options : { ...options, format: chosen };
}

function formatOf(format: Format): ValkeyFormat | undefined {
  const { name, generation, model } = format;
  switch (name) {
    case undefined:
      if (Object.keys(format).length === 0) return undefined;
      throw invalid(`${Object.keys(format)[0]} belongs to a format`, "Add format=hicache.");
    case "native":
    case "raw":
    case "lmcache-raw":
      return name;
    case "lmcache-pair":
      if (!["redis", "valkey", "valkey-cluster"].includes(generation ?? "redis"))
        throw invalid(
          `${JSON.stringify(generation)} is no generation of LMCache's pairs`,
          "Write generation=redis, valkey or valkey-cluster.",
        );
      return { name, generation: (generation ?? "redis") as PairGeneration };
    case "hicache":
      return {
        name,
        model,
        rank: wholeNumber("rank", format["rank"] ?? "0"),
        worldSize: wholeNumber("world-size", format["world-size"] ?? "1"),
        mla: isTrue(format["mla"] ?? "false"),
      };
    default:
      throw invalid(
        `${JSON.stringify(name)} is no format of a Valkey store`,
        "Formats are native, raw, lmcache-raw, lmcache-pair and hicache.",
      );
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new KeepwarmError("NOT_FOUND", `the certificate file ${file} cannot be read`, {
      cause: error,
      remedy: "Name a file in PEM format that this user may read.",
    });
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw invalid(`${name} is ${JSON.stringify(text)}`, "Write a whole number.");
  return Number(text);
}

function isTrue(text: string): boolean {
  if (/^(true|yes|1)$/i.test(text)) return true;
  if (/^(false|no|0)$/i.test(text)) return false;
  throw invalid(`${JSON.stringify(text)} is neither true nor false`, "Write true or false.");
}

function invalid(what: string, remedy: string): KeepwarmError {
  return new KeepwarmError("INPUT_INVALID", what, { remedy });
}
