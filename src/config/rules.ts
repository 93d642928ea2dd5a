import { isIP } from "node:net";
import { storeProblem } from "../backends/registry.ts";
import { brokenCodecs } from "./codecs.ts";
import type { Config } from "./schema.ts";

/** A rule about several settings that was broken. */
export interface Broken {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly remedy: string;
}

/** Rules that no single setting can check. */
export function brokenRules(config: Config): Broken[] {
  return [
    ...exposure(config),
    ...tls(config),
    ...users(config),
    ...disk(config),
    ...remotes(config),
    ...brokenCodecs(config),
  ];
}

/** Whether an address can be reached from this machine only. */
function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  if (isIP(host) === 4) return host.startsWith("127.");
  return /^::ffff:127\./i.test(host);
}

function* exposure(config: Config): Generator<Broken> {
  const { tls, lm } = config;
  if (config.protected && lm.port !== "off" && !isLoopback(lm.host))
    yield {
      path: ["lm", "host"],
      message: `refusing to listen on ${lm.host}, where others can reach it: lm:// has no authentication`,
      remedy: "Listen on 127.0.0.1, or allow it with `protected: false` (--no-protected).",
    };
  const certified = tls.ca !== undefined && tls.clients === "required";
  if (config.protected && !certified && isOpen(config) && !isLoopback(config.resp.host))
    yield {
      path: ["resp", "host"],
      message: `refusing to listen on ${config.resp.host}, where others can reach it, without auth`,
      remedy:
        "Set auth.password (--requirepass) or tls.ca (--tls-ca), or allow it with `protected: false` (--no-protected).",
    };
}

/**
 * Whether a client gets in without a password. With named users and no `auth.password` nobody does: the
 * user `default`, which every client is at first, is closed then.
 */
function isOpen({ auth }: Config): boolean {
  return auth.password === undefined && auth.users.length === 0;
}

function* tls({ tls }: Config): Generator<Broken> {
  if (tls.cert !== undefined && tls.key === undefined)
    yield { path: ["tls", "cert"], message: "has no private key", remedy: "Set tls.key as well." };
  if (tls.key !== undefined && tls.cert === undefined)
    yield { path: ["tls", "key"], message: "has no certificate", remedy: "Set tls.cert as well." };
  if (tls.ca !== undefined && tls.cert === undefined)
    yield {
      path: ["tls", "ca"],
      message: "needs TLS to be on",
      remedy: "Set tls.cert and tls.key as well.",
    };
}

function* users({ auth }: Config): Generator<Broken> {
  const names = new Set<string>();
  for (const [index, user] of auth.users.entries()) {
    const path = ["auth", "users", index];
    if ((user.password === undefined) === (user.passwordSha256 === undefined))
      yield {
        path,
        message: `user ${JSON.stringify(user.name)} needs one password`,
        remedy: "Set either password or passwordSha256.",
      };
    if (names.has(user.name) || (user.name === "default" && auth.password !== undefined))
      yield {
        path: [...path, "name"],
        message: `user ${JSON.stringify(user.name)} is there twice`,
        remedy: "Give every user a name of its own.",
      };
    names.add(user.name);
  }
}

function* disk({ ssd, durability }: Config): Generator<Broken> {
  if (ssd.dir === undefined && durability !== "none")
    yield {
      path: ["durability"],
      message: `${durability} promises what memory cannot keep`,
      remedy: "Set ssd.dir (--ssd-dir) as well.",
    };
  if (ssd.dir === undefined && ssd.size !== undefined)
    yield {
      path: ["ssd", "size"],
      message: "there is no directory for blocks on disk",
      remedy: "Set ssd.dir (--ssd-dir) as well.",
    };
  if (durability === "fsync" && ssd.write !== "through")
    yield {
      path: ["ssd", "write"],
      message: `${ssd.write} writes later than durability fsync promises`,
      remedy: "Set ssd.write to through, or durability to none or async.",
    };
}

function* remotes({ remote }: Config): Generator<Broken> {
  for (const [index, url] of remote.entries()) {
    const problem = storeProblem(url);
    if (problem !== undefined) yield { path: ["remote", index], ...problem };
  }
}
