import { describe, expect, it } from "vitest";

import { formatBytes } from "../../../src/util/units.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { text } from "../driver.ts";
import type { Context } from "./context.ts";

const mebibyte = 1 << 20;

export function values(context: Context): void {
  it.each(
    [1, 64 << 10, 8 * mebibyte, 64 * mebibyte].map((size) => [formatBytes(size), size] as const),
  )(
    "keeps a binary value of %s byte for byte",
    async (_, size) => {
      const value = pseudoRandomBytes(size, size);
      await context.client.set("value", value);
      const kept = await context.client.getBuffer("value");
      expect(kept?.equals(value)).toBe(true);
      await context.client.del("value");
    },
    60_000,
  );

  it("keeps the empty value apart from none", async () => {
    await context.client.set("empty", "");
    expect(await context.client.getBuffer("empty")).toEqual(Buffer.alloc(0));
    expect(await context.client.get("empty")).toBe("");
    expect(await context.client.getBuffer("none")).toBeNull();
    expect(await context.client.get("none")).toBeNull();
  });

  it("keeps text beyond ASCII", async () => {
    await context.client.set("schlüssel", "warm ☕ κρύο");
    expect(await context.client.get("schlüssel")).toBe("warm ☕ κρύο");
  });

  it("takes keys of any bytes", async () => {
    const key = Buffer.from([0, 13, 10, 0x2a, 0x24, 255, 32]);
    await context.client.set(key, "odd");
    expect(await context.client.get(key)).toBe("odd");
    expect(await context.client.exists(key)).toBe(1);
    expect(await context.client.del(key)).toBe(1);
    expect(await context.client.get(key)).toBeNull();
  });

  it("replaces a value by a longer and by a shorter one", async () => {
    for (const size of [100, 300_000, 5, 70_000]) {
      const value = pseudoRandomBytes(size, 7);
      await context.client.set("replaced", value);
      expect((await context.client.getBuffer("replaced"))?.equals(value)).toBe(true);
    }
  });

  describe("of several keys", () => {
    it("counts EXISTS by mention and DEL by key", async () => {
      await context.client.set("a1", "1");
      await context.client.set("a2", "2");
      expect(await context.client.exists("a1", "a2", "a1", "a3")).toBe(3);
      expect(await context.client.del("a1", "a2", "a1", "a3")).toBe(2);
      expect(await context.client.exists("a1", "a2")).toBe(0);
    });

    it("writes with MSET and reads with MGET, nothing where there is none", async () => {
      const big = pseudoRandomBytes(3 * mebibyte, 3);
      await context.client.mset([
        ["m1", "one"],
        ["m2", big],
        ["m3", ""],
      ]);
      const kept = await context.client.mget("m1", "nothing", "m2", "m3", "m1");
      expect(kept.map((value) => value?.length ?? null)).toEqual([3, null, big.length, 0, 3]);
      expect(kept[2]?.equals(big)).toBe(true);
    });
  });

  it("reads parts and lengths without the whole", async () => {
    await context.client.set("ruler", "0123456789");
    expect(await context.client.call("STRLEN", "ruler")).toBe(10);
    expect(text(await context.client.call("GETRANGE", "ruler", "2", "4"))).toBe("234");
    expect(text(await context.client.call("GETRANGE", "ruler", "-3", "-1"))).toBe("789");
    expect(await context.client.call("STRLEN", "none")).toBe(0);
  });

  it("sets only when absent or only when present", async () => {
    expect(await context.client.call("SET", "nx", "first", "NX")).toBe("OK");
    expect(await context.client.call("SET", "nx", "second", "NX")).toBeNull();
    expect(await context.client.call("SET", "xx", "first", "XX")).toBeNull();
    expect(await context.client.call("SET", "nx", "third", "XX")).toBe("OK");
    expect(await context.client.get("nx")).toBe("third");
    expect(text(await context.client.call("SET", "nx", "fourth", "GET"))).toBe("third");
    await context.client.del("nx");
  });

  it("tells the type of a key", async () => {
    await context.client.set("typed", "x");
    expect(await context.client.call("TYPE", "typed")).toBe("string");
    expect(await context.client.call("TYPE", "none")).toBe("none");
  });
}
