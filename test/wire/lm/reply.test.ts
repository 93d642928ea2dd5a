import { expect, test } from "vitest";
import { currentGeneration, replyCode } from "../../../src/wire/lm/header.ts";
import { writeAnswer, writeBytes, writeHit } from "../../../src/wire/lm/reply.ts";
import { blob, generations, golden, packMetadata, packReply } from "../../support/lm.ts";

const target = Buffer.alloc(36, 0xff);

test("golden replies of LMCache's server", () => {
  const miss = "900100000000000001000000020000000000000000000000000000000000000000000000";
  const hit = "c80000000002000001000000030000000200000002000000040000001000000000000000";
  expect(writeAnswer(target, currentGeneration, false)).toBe(36);
  expect(target.toString("hex")).toBe(miss);
  const metadata = Buffer.concat([Buffer.from("xxx"), packMetadata(512, golden)]);
  expect(writeHit(target, currentGeneration, metadata, 3)).toBe(36);
  expect(target.toString("hex")).toBe(hit);
});

test.each(generations)("replies of the $name generation", (generation) => {
  const written = (length: number) => target.subarray(0, length);
  const { success, fail } = replyCode;
  expect(written(writeAnswer(target, generation, true))).toEqual(
    packReply(success, 0, undefined, generation),
  );
  expect(written(writeAnswer(target, generation, false))).toEqual(
    packReply(fail, 0, undefined, generation),
  );
  expect(written(writeHit(target, generation, packMetadata(99, golden), 0))).toEqual(
    packReply(success, 99, golden, generation),
  );
  expect(written(writeBytes(target, generation, 7))).toEqual(
    packReply(success, 7, blob(7), generation),
  );
});
