import { expect, onTestFinished, test } from "vitest";
import { inProcessCoder } from "../../../src/codecs/coder.ts";
import { type BlockLayout, tensorOf } from "../../../src/codecs/tensor.ts";
import { CoderPool } from "../../../src/codecs/thread/coder-pool.ts";
import { ThreadedCoder } from "../../../src/codecs/thread/threaded-coder.ts";
import { kvLike } from "../../support/tensors.ts";

/** Threads run what was compiled; `npm test` builds it. */
const compiled = new URL("../../../dist/codecs/thread/coding-thread.js", import.meta.url);
const layout = { dtype: "bfloat16", format: "KV_2LTD", layers: 4, channels: 64 } as const;
const tensor = tensorOf(layout satisfies BlockLayout, 256 * 1024)!;
const block = kvLike({ ...tensor, dtype: "bfloat16" });

function start(script: URL = compiled): ThreadedCoder {
  const coder = new ThreadedCoder(script);
  onTestFinished(() => coder.close());
  return coder;
}

test.each(["naive", "zstd-planes", "fp8", "cachegen"] as const)(
  "%s on a thread is what it is here, and leaves the caller's memory alone",
  async (codec) => {
    const coder = start();
    const options = { bins: (kind: "key" | "value") => (kind === "key" ? 64 : 32), firstLayer: 2 };
    const given = Buffer.from(block);
    const there = Buffer.concat(await coder.encode(codec, given, tensor, options));
    const here = Buffer.concat(await inProcessCoder.encode(codec, block, tensor, options));
    expect(given.equals(block)).toBe(true);
    expect(there.equals(here)).toBe(true);
    const decoded = await coder.decode(there);
    expect(Buffer.from(decoded).equals(await inProcessCoder.decode(here))).toBe(true);
    expect(there.length).toBeGreaterThan(0);
  },
);

test("its errors are those of codecs, and it goes on", async () => {
  const coder = start();
  await expect(coder.encode("fp8", block, undefined)).rejects.toMatchObject({
    name: "KeepwarmError",
    code: "INPUT_INVALID",
  });
  await expect(coder.decode(Buffer.from("no container"))).rejects.toMatchObject({
    code: "INPUT_INVALID",
  });
  const many = Array.from({ length: 8 }, () => coder.encode("zstd-planes", block, tensor));
  expect((await Promise.all(many)).map(([{ length }]) => length)).toHaveLength(8);
});

test("what is under way when it dies or is closed fails, and the next block has a new thread", async () => {
  const broken = start(new URL("data:text/javascript,process.exit(1)"));
  await expect(broken.encode("naive", block, tensor)).rejects.toMatchObject({ code: "CLOSED" });
  await expect(broken.encode("naive", block, tensor)).rejects.toMatchObject({ code: "CLOSED" });
  const coder = start();
  const under = coder.encode("cachegen", block, tensor);
  const failed = expect(under).rejects.toMatchObject({ code: "CLOSED" });
  await coder.close();
  await failed;
  await expect(coder.decode(block)).rejects.toMatchObject({ code: "CLOSED" });
});

test("several threads share the blocks, and what somebody waits for goes first", async () => {
  const pool = new CoderPool(2, compiled);
  onTestFinished(() => pool.close());
  const containers = await Promise.all(
    Array.from({ length: 6 }, () => pool.encode("zstd-planes", block, tensor)),
  );
  for (const parts of containers)
    expect(Buffer.from(await pool.decode(Buffer.concat(parts))).equals(block)).toBe(true);
  const coder = start();
  const order: string[] = [];
  const encodes = Array.from({ length: 3 }, async () => {
    await coder.encode("cachegen", block, tensor);
    order.push("encode");
  });
  const decode = coder.decode(Buffer.concat(containers[0])).then(() => order.push("decode"));
  await Promise.all([...encodes, decode]);
  expect(order.indexOf("decode")).toBeLessThan(2);
});
