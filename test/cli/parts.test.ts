import { describe, expect, test } from "vitest";
import { ExitCode, exitCodeOf } from "../../src/cli/exit-code.ts";
import { wantsColor } from "../../src/cli/io.ts";
import { inLanes } from "../../src/cli/load/lanes.ts";
import { BlockPattern } from "../../src/cli/load/pattern.ts";
import { readKey, showKey } from "../../src/cli/render/key.ts";
import { painter } from "../../src/cli/render/style.ts";
import { alignedTable, tabbedTable } from "../../src/cli/render/table.ts";
import { snapshotOfInfo } from "../../src/cli/server/info.ts";
import { rates } from "../../src/cli/server/rates.ts";
import { KeepwarmError } from "../../src/errors.ts";

describe("tables", () => {
  test("a terminal gets a heading and aligned columns", () => {
    const columns = [{ title: "KEY" }, { title: "SIZE", align: "right" }] as const;
    const text = alignedTable(
      columns,
      [
        ["a", "1 KiB"],
        ["longer", "2 B"],
      ],
      painter(false),
    );
    expect(text).toBe("KEY      SIZE\na       1 KiB\nlonger    2 B\n");
  });

  test("a pipe gets tabs, and no cell can break a line", () => {
    expect(tabbedTable([["a\tb", "c\nd"]])).toBe("a b\tc d\n");
  });
});

describe("colour", () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [false, { FORCE_COLOR: "1" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [true, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
    [true, { TERM: "dumb" }, false],
  ])("terminal %s with %j: %s", (isTTY, env, expected) => {
    expect(wantsColor({ write: () => true, isTTY }, env)).toBe(expected);
  });
});

describe("keys as text", () => {
  test.each([
    ["plain@1@0", Buffer.from("plain@1@0")],
    ["modèle", Buffer.from("modèle")],
    ["a\\x00b\\xff", Buffer.from([97, 0, 98, 255])],
    ["\\x5cn\\x0a", Buffer.from("\\n\n")],
  ])("%s", (shown, key) => {
    expect(showKey(key)).toBe(shown);
    expect(readKey(shown).equals(key)).toBe(true);
  });
});

describe("block pattern", () => {
  const pattern = new BlockPattern(1000);
  const block = (id: number) => Buffer.concat([...pattern.parts(id)]);

  test.each([0, 1, 4096, 182_789, 2 ** 32 + 1, 2 ** 52])("block %d is itself only", (id) => {
    const bytes = block(id);
    expect(bytes).toHaveLength(1000);
    expect(pattern.matches(id, bytes, 1000)).toBe(true);
    expect(pattern.matches(id + 1, bytes, 1000)).toBe(false);
    expect(pattern.matches(id, bytes, 999)).toBe(false);
    for (const at of [0, 15, 16, 500, 999]) {
      const wrong = Buffer.from(bytes);
      wrong[at] ^= 1;
      expect(pattern.matches(id, wrong, 1000)).toBe(false);
    }
  });
});

describe("lanes", () => {
  test("items start in order and each runs once", async () => {
    const started: number[] = [];
    await inLanes([5, 4, 3, 2, 1, 0], ["a", "b"], async (item) => {
      started.push(item);
      await Promise.resolve();
    });
    expect(started).toEqual([5, 4, 3, 2, 1, 0]);
  });

  test("after a failure nothing new starts", async () => {
    const started: number[] = [];
    const work = inLanes([1, 2, 3, 4], ["only"], async (item) => {
      started.push(item);
      if (item === 2) throw new Error("no");
      await Promise.resolve();
    });
    await expect(work).rejects.toThrow("no");
    expect(started).toEqual([1, 2]);
  });
});

test.each([
  [new KeepwarmError("CONFIG_INVALID", ""), ExitCode.config],
  [new KeepwarmError("INPUT_INVALID", ""), ExitCode.input],
  [new KeepwarmError("UNSUPPORTED", ""), ExitCode.unsupported],
  [new KeepwarmError("CONNECTION_FAILED", ""), ExitCode.failed],
  [new Error("bug"), ExitCode.failed],
])("%s ends the process with %d", (error, code) => expect(exitCodeOf(error)).toBe(code));

describe("INFO of other servers", () => {
  const info = [
    "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.1.0\r\nuptime_in_seconds:60",
    "connected_clients:3\r\nused_memory:2048\r\nmaxmemory:4096\r\nmaxmemory_policy:allkeys-lru",
    "keyspace_hits:30\r\nkeyspace_misses:10\r\nevicted_keys:5\r\ntotal_commands_processed:100",
    "# Keyspace\r\ndb0:keys=7,expires=0,avg_ttl=0\r\ndb3:keys=2,expires=0\r\n",
  ].join("\r\n");
  const snapshot = snapshotOfInfo(info);

  test("become a snapshot", () => {
    expect(snapshot).toMatchObject({
      product: "valkey",
      version: "8.1.0",
      tiers: [
        { policy: "allkeys-lru", capacityBytes: 4096, usedBytes: 2048, blocks: 9, evicted: 5 },
      ],
    });
  });

  test("two of them become rates; a restart counts from zero", () => {
    const later = {
      ...snapshot,
      keyspace: { hits: 33, misses: 11 },
      traffic: { commands: 300, bytesIn: 1000, bytesOut: 0 },
    };
    expect(rates(snapshot, later, 2)).toMatchObject({
      commandsPerSecond: 100,
      hitRate: 0.75,
      bytesInPerSecond: 500,
    });
    expect(rates(later, snapshot, 1).commandsPerSecond).toBe(100);
    expect(rates(later, later, 1).hitRate).toBeNull();
  });
});
