import { expect, it } from "vitest";

import { pseudoRandomBytes } from "../../support/bytes.ts";
import { text, type Reply } from "../driver.ts";
import type { Context } from "./context.ts";

export function transactions(context: Context): void {
  it("executes MULTI with values big and small and returns every reply", async () => {
    const block = pseudoRandomBytes(4 << 20, 11);
    const replies = await context.client.multi([
      ["SET", "t:block", block],
      ["SET", "t:small", "small"],
      ["GET", "t:block"],
      ["EXISTS", "t:block", "t:small", "t:none"],
      ["GET", "t:none"],
      ["DEL", "t:small"],
    ]);
    expect(replies).toHaveLength(6);
    expect(holds(replies![2], block)).toBe(true);
    expect((await context.client.getBuffer("t:block"))?.equals(block)).toBe(true);
    expect([0, 1, 3, 4, 5].map((index) => text(replies![index]))).toEqual(["OK", "OK", 2, null, 1]);
  });

  it("carries an error of one command inside the replies and executes the others", async () => {
    const replies = await context.client.multi([
      ["SET", "t:number", "x"],
      ["SET", "t:number", "y", "EX", "0"],
      ["GET", "t:number"],
    ]);
    expect(replies?.map(text)).toEqual([
      "OK",
      expect.stringMatching(/^ERROR.*invalid expire/i),
      "x",
    ]);
  });

  it("forgets what was queued on DISCARD", async () => {
    const client = await context.another();
    await client.set("t:kept", "before");
    expect(text(await client.call("MULTI"))).toBe("OK");
    expect(text(await client.call("SET", "t:kept", "after"))).toBe("QUEUED");
    expect(text(await client.call("DISCARD"))).toBe("OK");
    expect(await client.get("t:kept")).toBe("before");
  });

  it("refuses EXEC after a command that could not be queued", async () => {
    const client = await context.another();
    await client.call("MULTI");
    await client.call("SET", "t:refused", "1");
    await expect(client.call("SET", "t:refused")).rejects.toThrow(/wrong number of arguments/i);
    await expect(client.call("EXEC")).rejects.toThrow(/EXECABORT/i);
    expect(await client.get("t:refused")).toBeNull();
  });

  it("refuses EXEC and DISCARD without MULTI, and MULTI within MULTI", async () => {
    const client = await context.another();
    await expect(client.call("EXEC")).rejects.toThrow(/EXEC without MULTI/i);
    await expect(client.call("DISCARD")).rejects.toThrow(/DISCARD without MULTI/i);
    await client.call("MULTI");
    await expect(client.call("MULTI")).rejects.toThrow(/nested|not allowed/i);
    expect(text(await client.call("DISCARD"))).toBe("OK");
  });

  it("aborts when another client changed a watched key, and not otherwise", async () => {
    const client = await context.another();
    await client.set("t:watched", "0");
    await client.watch("t:watched", "t:absent");
    await context.client.set("t:watched", "theirs");
    expect(await client.multi([["SET", "t:watched", "ours"]])).toBeNull();
    expect(await client.get("t:watched")).toBe("theirs");

    await client.watch("t:watched");
    const replies = await client.multi([["SET", "t:watched", "ours"]]);
    expect(replies?.map(text)).toEqual(["OK"]);
    expect(await client.get("t:watched")).toBe("ours");
  });

  it("aborts when a watched key appears or is deleted", async () => {
    const client = await context.another();
    await client.del("t:appears");
    await client.watch("t:appears");
    await context.client.set("t:appears", "now");
    expect(await client.multi([["GET", "t:appears"]])).toBeNull();

    await client.watch("t:appears");
    await context.client.del("t:appears");
    expect(await client.multi([["GET", "t:appears"]])).toBeNull();
  });

  it("forgets watched keys on UNWATCH", async () => {
    const client = await context.another();
    await client.watch("t:unwatched");
    await context.client.set("t:unwatched", "changed");
    await client.call("UNWATCH");
    expect((await client.multi([["GET", "t:unwatched"]]))?.map(text)).toEqual(["changed"]);
  });
}

/** Whether a reply is these bytes, or their decoding by a client that has only text in a batch. */
function holds(reply: Reply, block: Buffer): boolean {
  return Buffer.isBuffer(reply) ? reply.equals(block) : reply === block.toString("utf8");
}
