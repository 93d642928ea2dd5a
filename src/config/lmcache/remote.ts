import type { LmStoreOptions } from "../../backends/lm/store-options.ts";
import { parseLmUrl } from "../../backends/lm/url.ts";
import { valkeyOptionsFromEnvironment } from "../../backends/valkey/environment.ts";
import type { ValkeyStoreOptions } from "../../backends/valkey/store-options.ts";
import { parseStoreUrl } from "../../backends/valkey/store-url.ts";
import { isKeepwarmError } from "../../errors.ts";
import { closest } from "../suggest.ts";
import type { Reader } from "./reader.ts";

/** Which store of ours `remote_url` means, and the options to make it with. */
export type LmcacheRemote =
  | { readonly store: "valkey"; readonly options: ValkeyStoreOptions }
  | { readonly store: "lm"; readonly options: LmStoreOptions };

/** Where blocks go, with what is needed to tell whether that is this very server. */
export interface Remote {
  readonly remote: LmcacheRemote;
  readonly endpoints: readonly { readonly host: string; readonly port: number }[];
  /** The URL without password and query. */
  readonly label: string;
}

/** LMCache's schemes that no store of ours stands behind, and why. */
const missing: Readonly<Record<string, string>> = {
  infinistore: "InfiniStore moves blocks by RDMA, and there is no client of it here",
  mooncakestore: "there is no client of Mooncake's store here",
  fs: "blocks are not kept as a file each here; local_disk is the disk of this store",
  s3: "there is no client of S3 here",
  azure: "there is no client of Azure here",
  bigtable: "there is no client of Bigtable here",
  hfbucket: "there is no client of Hugging Face's buckets here",
  hf3fs: "there is no client of 3FS here",
  eic: "there is no client of EIC here",
  maru: "Maru shares memory over CXL, which this store does not have",
  "sagemaker-hyperpod": "there is no client of SageMaker HyperPod here",
  audit: "audit:// wraps another store to check it; checksums are always on here",
  mock: "mock:// is for LMCache's tests",
  blackhole: "blackhole:// is for LMCache's tests: it keeps nothing",
  external: "external:// names Python code, which does not run here",
  plugin: "plugin:// names Python code, which does not run here",
};

const ours = [
  "redis",
  "rediss",
  "unix",
  "redis-sentinel",
  "redis-cluster",
  "resp",
  "valkey",
  "valkey-sync",
  "lm",
] as const;

type Extra = Readonly<Record<string, unknown>>;

/** The store that `remote_url` and what belongs to it mean; nothing without one. */
export function remoteOf(read: Reader, env: NodeJS.ProcessEnv): Remote | undefined {
  const url = read.text("remote_url");
  const extra = read.mapping("extra_config");
  const seconds = read.number("blocking_timeout_secs");
  if (url === undefined) return undefined;
  const scheme = /^([a-z0-9+-]+):\/\//.exec(url)?.[1];
  if (scheme === undefined)
    return read.fail(
      "remote_url",
      "is no URL",
      "Write scheme://host:port, such as redis://cache-1:6379.",
    );
  if (Object.hasOwn(missing, scheme))
    return read.fail(
      "remote_url",
      `${scheme}:// has no store here: ${missing[scheme]}`,
      "Use redis://, valkey:// or lm://, or leave remote_url out.",
    );
  if (!(ours as readonly string[]).includes(scheme)) {
    const meant = closest(scheme, [...ours, ...Object.keys(missing)]);
    return read.fail(
      "remote_url",
      `${scheme}:// is no scheme of LMCache that is known here`,
      meant === undefined ? `Schemes are ${ours.join(", ")}.` : `Did you mean ${meant}://?`,
    );
  }
  const deadline = seconds === undefined ? {} : { deadlineMs: Math.max(1, seconds * 1000) };
  try {
    if (scheme !== "lm") return valkeyRemote(scheme, url, deadline, extra, env);
    const { host, port, label } = parseLmUrl(url);
    const remote = { store: "lm", options: { url, ...deadline } } as const;
    return { remote, endpoints: [{ host, port }], label };
  } catch (error) {
    if (!isKeepwarmError(error)) throw error;
    return read.fail("remote_url", error.message, error.remedy ?? "Write it as LMCache has it.");
  }
}

function valkeyRemote(
  scheme: string,
  written: string,
  deadline: { readonly deadlineMs?: number },
  extra: Extra,
  env: NodeJS.ProcessEnv,
): Remote {
  const url = ourUrl(scheme, written, extra);
  const { endpoints, label, arrangement } = parseStoreUrl(url);
  const named: ValkeyStoreOptions = {
    url,
    ...deadline,
    ...extraOptions(scheme, extra, env),
    format: formatOf(scheme, extra, arrangement === "cluster"),
  };
  const options = scheme === "redis-sentinel" ? valkeyOptionsFromEnvironment(named, env) : named;
  return { remote: { store: "valkey", options }, endpoints, label };
}

/** The URL as our own store takes it. */
function ourUrl(scheme: string, written: string, extra: Extra): string {
  const rest = written.slice(scheme.length);
  if (scheme === "resp") return `redis${rest}`;
  if (!scheme.startsWith("valkey")) return written;
  const secure = extra["tls_enable"] === true ? "s" : "";
  const cluster = extra["valkey_mode"] === "cluster" ? "-cluster" : "";
  return `valkey${secure}${cluster}${rest}`;
}

function formatOf(scheme: string, extra: Extra, cluster: boolean): ValkeyStoreOptions["format"] {
  if (scheme === "resp" || (scheme.startsWith("valkey") && extra["save_chunk_meta"] === false))
    return "lmcache-raw";
  if (!scheme.startsWith("valkey")) return { name: "lmcache-pair", generation: "redis" };
  return { name: "lmcache-pair", generation: cluster ? "valkey-cluster" : "valkey" };
}

function extraOptions(scheme: string, extra: Extra, env: NodeJS.ProcessEnv): ValkeyStoreOptions {
  const text = (name: string) => (typeof extra[name] === "string" ? extra[name] : undefined);
  const number = (name: string) => (typeof extra[name] === "number" ? extra[name] : undefined);
  const ms = (name: string) => (number(name) === undefined ? undefined : number(name)! * 1000);
  if (scheme === "resp")
    return defined({
      username: env["LMCACHE_RESP_USERNAME"] || text("username"),
      password: env["LMCACHE_RESP_PASSWORD"] || text("password"),
      connections: number("resp_num_threads"),
    });
  if (!scheme.startsWith("valkey")) return {};
  return defined({
    username: text("valkey_username"),
    password: text("valkey_password"),
    database: number("valkey_database"),
    connections: number("valkey_num_workers"),
    deadlineMs: ms("request_timeout"),
    connectDeadlineMs: ms("connection_timeout"),
    ttlMs: extra["valkey_enable_ttl"] === true ? (ms("valkey_ttl_sec") ?? 86_400_000) : undefined,
  });
}

function defined(options: ValkeyStoreOptions): ValkeyStoreOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
