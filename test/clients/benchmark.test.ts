import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { startTarget, targetKind } from "../support/target.ts";
import { runTool } from "./spawn.ts";

const simple = [
  "PING_INLINE",
  "PING_MBULK",
  "SET",
  "GET",
  "LPUSH",
  "RPUSH",
  "LPOP",
  "RPOP",
  "HSET",
];
const ranges = [
  "LPUSH (needed to benchmark LRANGE)",
  ...[100, 300, 500, 600].map((count) => `LRANGE_${count} (first ${count} elements)`),
];
const tests = "ping,set,get,lpush,rpush,lpop,rpop,hset,lrange,mset";

describe.each(["redis-benchmark", "valkey-benchmark"] as const)(
  `%s with ${targetKind}`,
  { timeout: 60_000 },
  (name) => {
    let server: RunningServer;
    const benchmark = async (line: string) => {
      const result = await runTool(name, ["-p", String(server.port), ...line.split(" ")]);
      expect(result).toMatchObject({ code: 0, stderr: "" });
      return result.text;
    };

    beforeAll(async () => {
      server = await startTarget();
    });
    afterAll(async () => {
      await server?.stop();
    });

    it.each(["", " -P 16", " -c 1", " -3"])(
      "finishes every test with a rate%s",
      async (options) => {
        const text = await benchmark(`-q -n 2000 -t ${tests}${options}`);
        const named = [...text.matchAll(/^\s*(.+?): ([\d.]+) requests per second/gm)];
        const names = named.map(([, title]) => title.split("\r").at(-1)!.trim());
        expect(names).toEqual([...simple, ...ranges, expect.stringMatching(/^MSET \(10 keys\)/)]);
        expect(named.filter(([, , rate]) => !(Number(rate) > 0))).toEqual([]);
      },
    );

    it.each([3, 1024, 65_536, 1_048_576])("moves values of %i bytes", async (size) => {
      const requests = size > 100_000 ? 200 : 2000;
      const text = await benchmark(`--csv -n ${requests} -c 8 -r 50 -d ${size} -t set,get`);
      const [header, ...rows] = text.split("\n");
      expect(header).toMatch(/^"test","rps"/);
      expect(rows.map((row) => row.split(",")[0])).toEqual(['"SET"', '"GET"']);
    });

    it("runs a command of one's own", async () => {
      expect(await benchmark("-q -n 500 EXISTS some key")).toMatch(
        /EXISTS some key: [\d.]+ requests per second/,
      );
    });
  },
);
