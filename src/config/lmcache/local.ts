import { resolve } from "node:path";
import type { PolicyName } from "../../store/policies/index.ts";
import { closest } from "../suggest.ts";
import type { Reader } from "./reader.ts";

/** What LMCache's configuration says of memory and disk. */
export interface LocalTiers {
  readonly ramBytes?: number;
  readonly policy?: PolicyName;
  readonly directory?: string;
  readonly diskBytes?: number;
}

/** Our policy for each of LMCache's, and what differs. */
const policies: Readonly<Record<string, readonly [ours: PolicyName, difference?: string]>> = {
  LRU: ["lru"],
  LFU: ["s3fifo", "s3fifo takes its place: it keeps what is read more than once"],
  FIFO: ["s3fifo", "s3fifo takes its place: first in, first out, but for what is read again"],
  MRU: ["lru", "lru takes its place: dropping what was just used helps no chain of chunks"],
  COST_AWARE: ["s3fifo", "s3fifo takes its place: costs of recomputing are not known here"],
};

/** @param cwd where relative paths start, as they do in LMCache. */
export function localTiers(
  read: Reader,
  cwd: string,
  note: (key: string, text: string) => void,
): LocalTiers {
  const ramBytes = read.gigabytes("max_local_cpu_size");
  if (read.flag("local_cpu") === false)
    note("local_cpu", "is off, but there is always a RAM tier here: every block passes through it");
  if (ramBytes !== undefined)
    note("max_local_cpu_size", "is for each worker of LMCache, and for all clients together here");
  const policy = policyOf(read, note);
  return {
    ...(ramBytes !== undefined && { ramBytes }),
    ...(policy !== undefined && { policy }),
    ...disk(read, cwd, note),
  };
}

function policyOf(read: Reader, note: (key: string, text: string) => void): PolicyName | undefined {
  const name = read.text("cache_policy");
  if (name === undefined) return undefined;
  const found = policies[name.toUpperCase().replace("-", "_")];
  if (found === undefined) {
    const meant = closest(name, Object.keys(policies));
    const remedy = `Write one of ${Object.keys(policies).join(", ")}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
    return read.fail("cache_policy", `${JSON.stringify(name)} is no policy of LMCache`, remedy);
  }
  const [ours, difference] = found;
  if (difference !== undefined) note("cache_policy", `${name}: ${difference}`);
  return ours;
}

function disk(
  read: Reader,
  cwd: string,
  note: (key: string, text: string) => void,
): Pick<LocalTiers, "directory" | "diskBytes"> {
  const location = read.text("local_disk");
  const diskBytes = read.gigabytes("max_local_disk_size");
  if (location === undefined) {
    if (diskBytes) note("max_local_disk_size", "has no effect without local_disk");
    return {};
  }
  const path = location.replace(/^file:\/\//, "");
  if (path === "" || path.includes("://") || path.includes(",")) {
    read.fail(
      "local_disk",
      `${JSON.stringify(location)} is no single directory`,
      "Write one directory, such as file:///mnt/nvme/kv.",
    );
    return {};
  }
  if (!diskBytes) {
    read.fail(
      "local_disk",
      "has no size: LMCache keeps nothing on disk then",
      "Set max_local_disk_size as well, in GB.",
    );
    return {};
  }
  note("local_disk", "gets files of our own form; what LMCache itself wrote there stays unread");
  return { directory: resolve(cwd, path), diskBytes };
}
