import { expect, it } from "vitest";

import { pseudoRandomBytes } from "../../support/bytes.ts";
import { text, type Arg } from "../driver.ts";
import type { Context } from "./context.ts";

export function pipelines(context: Context): void {
  it("answers 1000 commands of one pipeline in their order", async () => {
    const commands = Array.from({ length: 500 }, (_, index): Arg[][] => [
      ["SET", `p:${index}`, `value ${index}`],
      ["GET", `p:${index}`],
    ]).flat();
    const replies = await context.client.pipeline(commands);
    expect(replies.map(text)).toEqual(
      Array.from({ length: 500 }, (_, index) => ["OK", `value ${index}`]).flat(),
    );
  });

  it("keeps small and big values of one pipeline apart", async () => {
    const sizes = [1, 2_000_000, 3, 65_536, 0, 700_001, 16_384];
    const blocks = sizes.map((size, index) => pseudoRandomBytes(size, index));
    const replies = await context.client.pipeline([
      ...blocks.map((block, index): Arg[] => ["SET", `mixed:${index}`, block]),
      ...blocks.map((_, index): Arg[] => ["GET", `mixed:${index}`]),
    ]);
    const kept = replies.slice(blocks.length) as Buffer[];
    expect(kept.map((block, index) => block.equals(blocks[index]))).toEqual(blocks.map(() => true));
  });

  it("goes on after an error in the middle", async () => {
    const replies = await context.client.pipeline([
      ["SET", "p:ok", "1"],
      ["SET", "p:ok"],
      ["NOSUCHCOMMAND"],
      ["GET", "p:ok"],
    ]);
    expect(replies.map(text)).toEqual([
      "OK",
      expect.stringMatching(/^ERROR.*wrong number of arguments/i),
      expect.stringMatching(/^ERROR.*unknown command/i),
      "1",
    ]);
  });

  it("answers many calls that did not wait for one another", async () => {
    const pending = Array.from({ length: 200 }, async (_, index) => {
      await context.client.set(`c:${index}`, String(index));
      return context.client.get(`c:${index}`);
    });
    expect(await Promise.all(pending)).toEqual(pending.map((_, index) => String(index)));
  });
}
