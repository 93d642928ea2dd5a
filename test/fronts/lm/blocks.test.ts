import { describe, expect, test } from "vitest";
import { command } from "../../../src/wire/lm/header.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { type Description, blob, generations, golden, packMetadata } from "../../support/lm.ts";
import { eventually, startLmFront } from "../../support/lm-front.ts";

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";

describe.each(generations)("a client of the $name generation", (generation) => {
  const described = (length: number, description: Description) =>
    generation.name === "oldest" ? blob(length) : description;

  test("has blocks of any size back as they were", async () => {
    const front = await startLmFront();
    const client = await front.client(generation);
    for (const size of [0, 1, 511, 512, 16_383, 16_384, 65_536, 1_048_576, 4_194_304 + 5]) {
      const value = pseudoRandomBytes(size, size + 1);
      client.put(`${KEY}${size}`, value);
      await client.hit(`${KEY}${size}`, value, described(size, golden));
    }
    await front.expectNothingLeft();
  });

  test("is told what is there and what is not", async () => {
    const front = await startLmFront();
    const client = await front.client(generation);
    await client.miss(KEY);
    client.put(KEY, pseudoRandomBytes(100));
    expect(await client.exists(KEY)).toBe(true);
    await client.settled();
    await client.miss(`${KEY}x`);
    client.put(KEY, pseudoRandomBytes(70_000, 2), { format: 3, dtype: 8, shape: [9, 8, 7, 6] });
    await client.hit(
      KEY,
      pseudoRandomBytes(70_000, 2),
      described(70_000, { format: 3, dtype: 8, shape: [9, 8, 7, 6] }),
    );
    expect(front.server.stats()).toMatchObject({ gets: 3, hits: 1, misses: 2, exists: 3, puts: 2 });
  });

  test("lists what is there whole, a key a line", async () => {
    const front = await startLmFront();
    const client = await front.client(generation);
    client.send(command.list, "");
    await client.reply(200, 0, described(0, blob(0)));
    client.put("one", pseudoRandomBytes(10));
    client.put("two", pseudoRandomBytes(20));
    const resp = await front.resp();
    await resp.ask("SET", "half@1@0@1@bfloat16kv_bytes", "v");
    client.send(command.list, "");
    await client.reply(200, 7, described(7, blob(7)));
    expect((await client.raw.bytes(7)).toString()).toBe("one\ntwo");
  });

  test("pipelines", async () => {
    const front = await startLmFront();
    const client = await front.client(generation);
    const values = Array.from({ length: 40 }, (_, index) => pseudoRandomBytes(30_000, index + 1));
    for (const [index, value] of values.entries()) client.put(`${KEY}${index}`, value);
    for (const index of values.keys()) client.send(command.get, `${KEY}${index}`);
    for (const value of values) {
      await client.reply(200, value.length, described(value.length, golden));
      expect((await client.raw.bytes(value.length)).equals(value)).toBe(true);
    }
    await front.expectNothingLeft();
  });
});

describe("blocks that come one way and are read the other", () => {
  test("are the two keys of LMCache's Redis connector", async () => {
    const front = await startLmFront();
    const [lm, resp] = [await front.client(), await front.resp()];
    const value = pseudoRandomBytes(512);
    lm.put(KEY, value);
    await lm.settled();
    expect(await resp.ask("EXISTS", `${KEY}metadata`)).toBe(1);
    resp.send("GET", `${KEY}metadata`);
    expect((await resp.reply()) as Buffer).toEqual(packMetadata(512, golden));
    resp.send("GET", `${KEY}kv_bytes`);
    expect(((await resp.reply()) as Buffer).equals(value)).toBe(true);
    expect(await resp.ask("DEL", `${KEY}metadata`)).toBe(1);
    await lm.miss(KEY);
  });

  test("of every format and dtype, to the byte", async () => {
    const front = await startLmFront();
    const [lm, resp] = [await front.client(), await front.resp()];
    for (let format = 0; format <= 8; format++)
      for (let dtype = 0; dtype <= 8; dtype++) {
        const value = pseudoRandomBytes(64, format * 9 + dtype + 1);
        const description: Description = { format, dtype, shape: [dtype, format, 0, 3] };
        await resp.ask("SET", `${KEY}kv_bytes`, value);
        await resp.ask("SET", `${KEY}metadata`, packMetadata(64, description));
        await lm.hit(KEY, value, description);
        lm.put(KEY, value, description);
        await lm.settled();
        resp.send("GET", `${KEY}metadata`);
        expect((await resp.reply()) as Buffer).toEqual(packMetadata(64, description));
      }
  });

  test("are absent for lm:// while a half is missing, or does not fit the other", async () => {
    const front = await startLmFront();
    const [lm, resp] = [await front.client(), await front.resp()];
    await resp.ask("SET", `${KEY}metadata`, packMetadata(64, golden));
    await lm.miss(KEY);
    await resp.ask("SET", `${KEY}kv_bytes`, pseudoRandomBytes(63));
    await lm.miss(KEY);
    await resp.ask("SET", `${KEY}kv_bytes`, pseudoRandomBytes(64));
    await lm.hit(KEY, pseudoRandomBytes(64));
    await resp.ask("SET", `${KEY}metadata`, "short");
    await lm.miss(KEY);
    await resp.ask("RPUSH", `other@1@0@1@halfkv_bytes`, "x");
    await lm.miss("other@1@0@1@half");
  });

  test("of several groups go out by lm:// as bytes, since its header has room for one", async () => {
    const front = await startLmFront();
    const [lm, resp] = [await front.client(), await front.resp()];
    for (const groups of [2, 3, 7]) {
      const value = pseudoRandomBytes(64 * groups, groups);
      const others = Array.from({ length: groups - 1 }, (_, index) => ({
        format: 1,
        dtype: 2,
        shape: [2, index + 1, 4, 2] as const,
      }));
      const metadata = packMetadata(value.length, golden, ...others);
      expect(metadata).toHaveLength(8 + 20 * groups);
      await resp.ask("SET", `${KEY}kv_bytes`, value);
      await resp.ask("SET", `${KEY}metadata`, metadata);
      expect(await lm.exists(KEY)).toBe(true);
      await lm.hit(KEY, value, blob(value.length));
      resp.send("GET", `${KEY}metadata`);
      expect((await resp.reply()) as Buffer).toEqual(metadata);
    }
  });

  test("keep further groups when lm:// stores what the first says of them", async () => {
    const front = await startLmFront();
    const [lm, resp] = [await front.client(), await front.resp()];
    const second: Description = { format: 1, dtype: 2, shape: [2, 1, 4, 2] };
    const metadata = packMetadata(64, golden, second);
    await resp.ask("SET", `${KEY}kv_bytes`, pseudoRandomBytes(64));
    await resp.ask("SET", `${KEY}metadata`, metadata, "PX", 60_000);
    lm.put(KEY, pseudoRandomBytes(64, 2), golden);
    await lm.hit(KEY, pseudoRandomBytes(64, 2), blob(64));
    resp.send("GET", `${KEY}metadata`);
    expect((await resp.reply()) as Buffer).toEqual(metadata);
    expect(await resp.ask("PTTL", `${KEY}metadata`)).toBe(-1);
    lm.put(KEY, pseudoRandomBytes(64, 3), second);
    await lm.hit(KEY, pseudoRandomBytes(64, 3), second);
    resp.send("GET", `${KEY}metadata`);
    expect((await resp.reply()) as Buffer).toEqual(packMetadata(64, second));
  });

  test("may have bytes behind their metadata, as LMCache lets them", async () => {
    const front = await startLmFront();
    const [lm, resp] = [await front.client(), await front.resp()];
    await resp.ask("SET", `${KEY}kv_bytes`, pseudoRandomBytes(64));
    await resp.ask(
      "SET",
      `${KEY}metadata`,
      Buffer.concat([packMetadata(64, golden), Buffer.alloc(8)]),
    );
    await lm.hit(KEY, pseudoRandomBytes(64), golden);
  });

  test("leave together when their time is over", async () => {
    const front = await startLmFront();
    const [lm, resp] = [await front.client(), await front.resp()];
    lm.put(KEY, pseudoRandomBytes(64));
    await lm.settled();
    expect(await resp.ask("PEXPIRE", `${KEY}kv_bytes`, 1)).toBe(1);
    await eventually(() => lm.exists(KEY)).toBe(false);
    await lm.miss(KEY);
    expect(front.ram.entries.count).toBe(0);
  });
});

describe("keys", () => {
  test("of 150 bytes are kept, one byte more or less makes another", async () => {
    const front = await startLmFront();
    const client = await front.client();
    const key = "k".repeat(150);
    client.put(key, pseudoRandomBytes(100));
    await client.hit(key, pseudoRandomBytes(100));
    await client.miss(key.slice(1));
    const resp = await front.resp();
    expect(await resp.ask("EXISTS", `${key}kv_bytes`)).toBe(1);
  });

  test("that are empty name nothing", async () => {
    const front = await startLmFront();
    const client = await front.client();
    client.put("", pseudoRandomBytes(70_000));
    await client.miss("");
    expect(front.ram.entries.count).toBe(0);
    expect(front.server.stats().dropped).toBe(1);
  });
});

test("a value of nothing without a format removes the block", async () => {
  const front = await startLmFront();
  const client = await front.client();
  client.put(KEY, pseudoRandomBytes(70_000));
  client.put("other", Buffer.alloc(0), golden);
  client.put(KEY, Buffer.alloc(0), { format: 0, dtype: 0, shape: [0, 0, 0, 0] });
  await client.miss(KEY);
  await client.hit("other", Buffer.alloc(0));
  expect(front.server.stats().dropped).toBe(0);
  await front.expectNothingLeft();
});
