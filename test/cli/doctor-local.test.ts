import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseClusterNodes } from "../../src/cli/doctor/cluster-nodes.ts";
import { checkDataDirectory } from "../../src/cli/doctor/data-directory.ts";
import { Findings } from "../../src/cli/doctor/finding.ts";
import { checkKeepwarm } from "../../src/cli/doctor/keepwarm.ts";
import { checkMachine, type Machine, readMachine } from "../../src/cli/doctor/machine.ts";
import type { Snapshot, TierSnapshot } from "../../src/cli/server/snapshot.ts";
import { parseConfig } from "../../src/config/load.ts";
import { version } from "../../src/util/version.ts";

const GIB = 1024 ** 3;
const good: Machine = {
  node: "22.1.0",
  memoryBytes: 64 * GIB,
  openFiles: 65_536,
  congestionControl: "cubic",
};

function levelsOf({ all }: Findings): Record<string, string> {
  return Object.fromEntries(all.map(({ check, level }) => [check, level]));
}

function machine(changes: Partial<Machine>, ram = "8GiB"): Record<string, string> {
  const found = new Findings("this machine");
  checkMachine({ ...good, ...changes }, parseConfig({ ram: { size: ram } }), found);
  return levelsOf(found);
}

async function directory(ssd: NonNullable<Parameters<typeof parseConfig>[0]>["ssd"]) {
  const found = new Findings("this machine");
  await checkDataDirectory(parseConfig({ ssd }), found);
  return found;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "keepwarm-doctor-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a machine is judged by what the configuration asks of it", () => {
  expect(machine({})).toEqual({
    node: "ok",
    memory: "ok",
    "open files": "ok",
    tcp: "ok",
  });
  expect(machine({ node: "20.18.3" })).toMatchObject({ node: "problem" });
  expect(machine({ node: "20.19.0" })).toMatchObject({ node: "ok" });
  expect(machine({}, "60GiB")).toMatchObject({ memory: "hint" });
  expect(machine({}, "65GiB")).toMatchObject({ memory: "problem" });
  expect(machine({ openFiles: 1024 })).toMatchObject({ "open files": "problem" });
  expect(machine({ openFiles: Infinity })).toMatchObject({ "open files": "ok" });
  expect(machine({ congestionControl: "bbr" })).toMatchObject({ tcp: "hint" });
  expect(machine({ openFiles: undefined, congestionControl: undefined })).toEqual({
    node: "ok",
    memory: "ok",
  });
});

test("this machine tells what it is", async () => {
  const machine = await readMachine();
  expect(machine.node).toBe(process.versions.node);
  expect(machine.memoryBytes).toBeGreaterThan(0);
  if (process.platform === "linux") expect(machine.openFiles).toBeGreaterThan(0);
});

test("a data directory: room, file system, O_DIRECT; nothing is left there", async () => {
  expect((await directory({})).all).toEqual([]);
  const dir = folder();
  const found = levelsOf(await directory({ dir: join(dir, "a", "b"), size: "1GiB" }));
  expect(Object.keys(found)).toEqual(["disk space", "file system", "o_direct"]);
  expect(readdirSync(dir)).toEqual([]);
  expect(levelsOf(await directory({ dir, size: "900TiB" }))).toMatchObject({
    "disk space": "problem",
  });
  expect(levelsOf(await directory({ dir, direct: "off" }))).toMatchObject({ o_direct: "ok" });
  const file = join(dir, "file");
  writeFileSync(file, "");
  expect(levelsOf(await directory({ dir: file }))).toEqual({ "ssd.dir": "problem" });
  const locked = join(dir, "locked");
  mkdirSync(locked);
  chmodSync(locked, 0o500);
  if (process.getuid?.() !== 0)
    expect(levelsOf(await directory({ dir: locked }))).toEqual({ "ssd.dir": "problem" });
});

const ram = {
  name: "ram",
  capacityBytes: GIB,
  usedBytes: GIB / 2,
  blocks: 10,
  hits: 0,
  misses: 0,
  stored: 100,
  evicted: 90,
  expired: 0,
} as TierSnapshot;
const ssd = {
  ...ram,
  name: "ssd",
  directory: "/mnt/kv",
  alarm: "",
  writtenBytes: 1,
  load: { segments: 10, segmentsDone: 10, records: 1, done: true },
} as TierSnapshot;

type Remotes = NonNullable<Snapshot["remotes"]>;

const remotes = (...some: object[]) => ({ remotes: some as unknown as Remotes });

function keepwarm(changes: Partial<Snapshot>): Record<string, string> {
  const found = new Findings("server");
  checkKeepwarm(
    {
      product: "keepwarm",
      version,
      pid: 1,
      uptimeSeconds: 1,
      tiers: [ram],
      clients: { connected: 1, max: 10, rejected: 0 },
      traffic: { commands: 0, bytesIn: 0, bytesOut: 0 },
      keyspace: { hits: 0, misses: 0 },
      ...changes,
    },
    found,
  );
  return levelsOf(found);
}

test("a Keepwarm server: loading, alarm, pressure, refused clients, remote stores that fail", () => {
  expect(keepwarm({ tiers: [ram, ssd] })).toEqual({ version: "ok", alarm: "ok", eviction: "ok" });
  expect(keepwarm({ version: "0.0.1" })).toMatchObject({ version: "hint" });
  expect(keepwarm({ tiers: [ram, { ...ssd, alarm: "EIO" }] })).toMatchObject({ alarm: "problem" });
  const load = { segments: 10, segmentsDone: 3, records: 1, done: false };
  expect(keepwarm({ tiers: [ram, { ...ssd, load }] })).toMatchObject({ loading: "hint" });
  expect(keepwarm({ tiers: [ram, { ...ssd, usedBytes: GIB }] })).toMatchObject({
    eviction: "hint",
  });
  expect(keepwarm({ tiers: [{ ...ram, usedBytes: GIB }, ssd] })).toMatchObject({ eviction: "ok" });
  expect(keepwarm({ clients: { connected: 1, max: 1, rejected: 2 } })).toMatchObject({
    clients: "hint",
  });
  const remote = { name: "valkey", dropped: 0, failedWrites: 0, store: { servers: [] } };
  expect(keepwarm(remotes(remote))).toMatchObject({ remote: "ok" });
  expect(keepwarm(remotes({ ...remote, dropped: 1 }))).toMatchObject({ remote: "hint" });
  const servers = [{ url: "redis://h:1", breaker: "open", connections: 0, lastError: "gone" }];
  expect(keepwarm(remotes({ ...remote, store: { servers } }))).toMatchObject({ remote: "problem" });
});

test("CLUSTER NODES: flags, slots that move, hosts that a node does not know", () => {
  const text = [
    "a1 :7000@17000 myself,master - 0 0 1 connected 0-100 200 [300->-b2]",
    "b2 10.0.0.2:7001@17001,name master,fail? - 0 0 2 connected 101-199",
    "c3 [fd00::3]:7002@17002 slave,fail a1 0 0 1 connected",
    "d4 10.0.0.4:7003@17003 handshake - 0 0 0 connected",
    "",
  ].join("\n");
  expect(parseClusterNodes(text, { host: "seed", port: 1 })).toEqual([
    {
      id: "a1",
      endpoint: { host: "seed", port: 7000 },
      failed: false,
      primary: undefined,
      slots: [
        [0, 100],
        [200, 200],
      ],
    },
    {
      id: "b2",
      endpoint: { host: "10.0.0.2", port: 7001 },
      failed: false,
      primary: undefined,
      slots: [[101, 199]],
    },
    {
      id: "c3",
      endpoint: { host: "fd00::3", port: 7002 },
      failed: true,
      primary: "a1",
      slots: [],
    },
  ]);
});
