import fc from "fast-check";
import { expect, test } from "vitest";
import { parseLmUrl } from "../../../src/backends/lm/url.ts";
import { wireKey } from "../../../src/backends/lm/wire-key.ts";
import { KEY_FIELD_BYTES } from "../../../src/wire/lm/header.ts";

const HASHED = /^keepwarm@1@0@[\da-f]{64}@uint8$/;

test.each([
  "Qwen/Qwen3-8B@8@0@44ea817d9387da2c@bfloat16",
  "m@1@0@-5754ed40775a7be6@half",
  "m@1@0@1@fp8_e4m3fn@12",
  "m@1@0@1@bfloat16@user%alice@tier%",
  "m@1@0@1@bfloat16@3@user%alice",
])("LMCache's %s stays as it is", (key) => {
  expect(wireKey(Buffer.from(key), 0).toString()).toBe(key);
  expect(wireKey(Buffer.from(key), 1).toString()).toMatch(HASHED);
});

test.each([
  "chunk-1",
  "vllm@m@1@0@44ea817d9387da2c",
  "m@1@0@1@bfloat16kv_bytes",
  "m@1@0@1@bfloat16@3@4",
  "m@one@0@1@bfloat16",
  "keepwarm@1@0@1@uint8",
  `${"m".repeat(150)}@1@0@1@bfloat16`,
])("%s, which lmcache_server cannot read, is hashed", (key) => {
  expect(wireKey(Buffer.from(key), 0).toString()).toMatch(HASHED);
});

test("any key fits, and two keys never share a name", () => {
  const key = fc.tuple(
    fc.uint8Array({ minLength: 1, maxLength: 1024 }),
    fc.integer({ min: 0, max: 255 }),
  );
  fc.assert(
    fc.property(key, key, ([one, first], [two, second]) => {
      const [a, b] = [wireKey(one, first), wireKey(two, second)];
      expect(a.length).toBeLessThanOrEqual(KEY_FIELD_BYTES);
      expect(a.equals(b)).toBe(first === second && Buffer.from(one).equals(two));
    }),
  );
});

test("URLs", () => {
  expect(parseLmUrl("lm://cache-1")).toEqual({
    host: "cache-1",
    port: 65_432,
    label: "lm://cache-1:65432",
  });
  expect(parseLmUrl("lm://[::1]:99/")).toEqual({ host: "::1", port: 99, label: "lm://[::1]:99" });
  for (const text of ["redis://a", "lm://", "lm://a/0", "lm://u:p@a", "a:1", "lm://a:99999"])
    expect(() => parseLmUrl(text)).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }) as Error,
    );
});
