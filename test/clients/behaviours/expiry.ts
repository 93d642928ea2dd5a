import { expect, it } from "vitest";

import type { Context } from "./context.ts";

const past = "1000000000000"; // 2001, in milliseconds
const future = 4_000_000_000; // 2096, in seconds

export function expiry(context: Context): void {
  it("tells no time to live of a key that has none, and none of no key", async () => {
    await context.client.set("ttl", "x");
    expect(await context.client.call("TTL", "ttl")).toBe(-1);
    expect(await context.client.call("PTTL", "ttl")).toBe(-1);
    expect(await context.client.call("TTL", "none")).toBe(-2);
    expect(await context.client.call("PTTL", "none")).toBe(-2);
  });

  it.each([
    ["EX", "100"],
    ["PX", "100000"],
    ["EXAT", String(Math.floor(Date.now() / 1000) + 100)],
    ["PXAT", String(Date.now() + 100_000)],
  ])("sets a time to live with SET %s", async (option, time) => {
    expect(await context.client.call("SET", "ttl", "x", option, time)).toBe("OK");
    const ttl = Number(await context.client.call("PTTL", "ttl"));
    expect(ttl).toBeGreaterThan(30_000);
    expect(ttl).toBeLessThanOrEqual(101_000);
  });

  it("forgets a key at once whose time has passed", async () => {
    await context.client.set("gone", "x");
    expect(await context.client.call("SET", "gone", "y", "PXAT", past)).toBe("OK");
    expect(await context.client.get("gone")).toBeNull();
    expect(await context.client.exists("gone")).toBe(0);
    await context.client.set("gone", "x");
    expect(await context.client.call("PEXPIREAT", "gone", past)).toBe(1);
    expect(await context.client.get("gone")).toBeNull();
    await context.client.set("gone", "x");
    expect(await context.client.call("EXPIRE", "gone", "-1")).toBe(1);
    expect(await context.client.mget("gone")).toEqual([null]);
  });

  it("sets, replaces and removes a time to live of a key that is there", async () => {
    const { client } = context;
    await client.set("ttl", "x");
    expect(await client.call("EXPIRE", "ttl", "1000")).toBe(1);
    expect(await client.call("TTL", "ttl")).toBe(1000);
    expect(await client.call("PEXPIRE", "ttl", "500000")).toBe(1);
    expect(await client.call("TTL", "ttl")).toBe(500);
    expect(await client.call("EXPIREAT", "ttl", String(future))).toBe(1);
    expect(Number(await client.call("TTL", "ttl"))).toBeGreaterThan(1_000_000);
    expect(await client.call("PERSIST", "ttl")).toBe(1);
    expect(await client.call("PERSIST", "ttl")).toBe(0);
    expect(await client.call("TTL", "ttl")).toBe(-1);
    expect(await client.get("ttl")).toBe("x");
    expect(await client.call("EXPIRE", "none", "10")).toBe(0);
    expect(await client.call("PERSIST", "none")).toBe(0);
  });

  it("drops the time to live on SET, and keeps it on SET KEEPTTL", async () => {
    const { client } = context;
    await client.call("SET", "ttl", "x", "EX", "100");
    await client.call("SET", "ttl", "y", "KEEPTTL");
    expect(Number(await client.call("TTL", "ttl"))).toBeGreaterThan(30);
    await client.set("ttl", "z");
    expect(await client.call("TTL", "ttl")).toBe(-1);
  });
}
