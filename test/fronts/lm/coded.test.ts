import { expect, onTestFinished, test } from "vitest";
import { LmServer } from "../../../src/fronts/lm/server.ts";
import { silentLogger } from "../../../src/observe/logger.ts";
import { kvBlock, layout, startCodedFront } from "../../support/coded-front.ts";
import { packPut, packReply, packRequest } from "../../support/lm.ts";
import { RawClient } from "../../support/raw-client.ts";

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";

test("lm:// finds blocks that are kept encoded, and gets them as they were", async () => {
  const { tiers, mover, ram, client } = await startCodedFront();
  const server = await LmServer.listen({ tiers, logger: silentLogger, port: 0 });
  onTestFinished(() => server.close(0));
  const lm = await RawClient.connect(server.state.port);
  onTestFinished(() => lm.close());
  const value = kvBlock(256);
  const description = { format: 1, dtype: 3, shape: [2, 4, 256, 64] } as const;
  lm.raw(packPut(KEY, value, description));
  lm.raw(packRequest(5, ""));
  await lm.bytes(36);
  const how = { codec: "zstd-planes", layout } as const;
  expect(await mover.encode(Buffer.from(`${KEY}kv_bytes`), 0, how, true)).toMatchObject({
    status: "moved",
  });
  expect(ram.entries.count).toBe(0);
  lm.raw(packRequest(3, KEY));
  expect((await lm.bytes(36)).readInt32LE(0)).toBe(200);
  lm.raw(packRequest(2, KEY));
  expect((await lm.bytes(36)).equals(packReply(200, value.length, description))).toBe(true);
  expect((await lm.bytes(value.length)).equals(value)).toBe(true);
  lm.raw(packPut(KEY, kvBlock(8), description));
  lm.raw(packRequest(5, ""));
  await lm.bytes(36);
  expect(await client.ask("KW.WHERE", `${KEY}kv_bytes`)).toEqual([["ram"]]);
  expect(mover.coded.stats().blocks).toBe(0);
});
