import { expect, it } from "vitest";

import { text } from "../driver.ts";
import type { Context } from "./context.ts";

export function collections(context: Context): void {
  it("keeps lists, as metric channels and benchmarks use them", async () => {
    const { client } = context;
    await client.del("list");
    expect(await client.call("RPUSH", "list", "b", "c", "d")).toBe(3);
    expect(await client.call("LPUSH", "list", "a")).toBe(4);
    expect(text(await client.call("LRANGE", "list", "0", "-1"))).toEqual(["a", "b", "c", "d"]);
    expect(text(await client.call("LRANGE", "list", "-2", "100"))).toEqual(["c", "d"]);
    expect(text(await client.call("LINDEX", "list", "1"))).toBe("b");
    expect(text(await client.call("LPOP", "list"))).toBe("a");
    expect(text(await client.call("RPOP", "list"))).toBe("d");
    expect(text(await client.call("LTRIM", "list", "1", "-1"))).toBe("OK");
    expect(await client.call("LLEN", "list")).toBe(1);
    expect(text(await client.call("TYPE", "list"))).toBe("list");
    expect(text(await client.call("RPOP", "list"))).toBe("c");
    expect(await client.exists("list")).toBe(0);
  });

  it("keeps hashes", async () => {
    const { client } = context;
    await client.del("hash");
    expect(await client.call("HSET", "hash", "one", "1", "two", "2")).toBe(2);
    expect(await client.call("HSET", "hash", "two", "zwei")).toBe(0);
    expect(text(await client.call("HGET", "hash", "two"))).toBe("zwei");
    expect(text(await client.call("HMGET", "hash", "one", "none"))).toEqual(["1", null]);
    expect(fields(text(await client.call("HGETALL", "hash")))).toEqual({ one: "1", two: "zwei" });
    expect(await client.call("HLEN", "hash")).toBe(2);
    expect(await client.call("HDEL", "hash", "one", "none")).toBe(1);
    expect(text(await client.call("TYPE", "hash"))).toBe("hash");
    await client.del("hash");
  });

  it("answers WRONGTYPE when a key of another type is used", async () => {
    const { client } = context;
    await client.call("LPUSH", "list", "x");
    await client.set("block", "x");
    await expect(client.get("list")).rejects.toThrow(/WRONGTYPE/);
    await expect(client.call("STRLEN", "list")).rejects.toThrow(/WRONGTYPE/);
    await expect(client.call("LPUSH", "block", "x")).rejects.toThrow(/WRONGTYPE/);
    await expect(client.call("HGET", "list", "x")).rejects.toThrow(/WRONGTYPE/);
    expect(await client.mget("list", "block")).toEqual([null, Buffer.from("x")]);
    await client.set("list", "replaced");
    expect(await client.get("list")).toBe("replaced");
    await client.del("list", "block");
  });
}

/** A map reply, whether a client shows it as an object or as a flat list. */
function fields(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply;
  const pairs = Array.from({ length: reply.length / 2 }, (_, index) =>
    reply.slice(2 * index, 2 * index + 2),
  );
  return Object.fromEntries(pairs);
}
