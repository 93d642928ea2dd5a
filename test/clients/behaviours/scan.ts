import { expect, it } from "vitest";

import type { Arg } from "../driver.ts";
import type { Context } from "./context.ts";

const keyCount = 5000;

export function scan(context: Context): void {
  it("finds each of 5,000 keys, and those of a pattern only", async () => {
    const names = Array.from({ length: keyCount }, (_, index) => `scan:${index % 10}:${index}`);
    await context.client.pipeline(names.map((name): Arg[] => ["SET", name, "x"]));
    await context.client.set("other:1", "x");

    const all = new Set(await context.client.scanAll("scan:*", 100));
    expect(all.size).toBe(keyCount);
    expect(names.every((name) => all.has(name))).toBe(true);

    const some = new Set(await context.client.scanAll("scan:[37]:*", 1000));
    expect(some.size).toBe(keyCount / 5);
    expect(new Set(await context.client.scanAll("scan:3:1?3", 10))).toEqual(
      new Set(names.filter((name) => /^scan:3:1.3$/.test(name))),
    );
    expect(await context.client.scanAll("no such key*", 1000)).toEqual([]);
  });

  it("finds every key that stays while others come and go", async () => {
    const stay = Array.from({ length: 1000 }, (_, index) => `stay:${index}`);
    await context.client.pipeline(stay.map((name): Arg[] => ["SET", name, "x"]));
    const seen = new Set<string>();
    let cursor = "0";
    let page = 0;
    do {
      const reply = await context.client.call("SCAN", cursor, "MATCH", "stay:*", "COUNT", "50");
      const [next, keys] = reply as [Arg, Arg[]];
      for (const key of keys) seen.add(String(key));
      cursor = String(next);
      page++;
      await context.client.pipeline([
        ["SET", `comes:${page}`, "x"],
        ["DEL", `comes:${page - 1}`],
      ]);
    } while (cursor !== "0" && page < 10_000);
    expect(cursor).toBe("0");
    expect(stay.filter((name) => !seen.has(name))).toEqual([]);
  });

  it("counts what is there and empties all", async () => {
    await context.client.set("last", "x");
    expect(Number(await context.client.call("DBSIZE"))).toBeGreaterThan(0);
    expect(await context.client.call("FLUSHALL")).toBe("OK");
    expect(await context.client.call("DBSIZE")).toBe(0);
    expect(await context.client.get("last")).toBeNull();
  });
}
