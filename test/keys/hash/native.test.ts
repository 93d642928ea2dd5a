import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { nativeHasher } from "../../../src/keys/hash/native.ts";

const sha256 = (hex: string) =>
  createHash("sha256")
    .update(Buffer.from(hex.replaceAll(" ", ""), "hex"))
    .digest("hex");
const label = Buffer.from("keepwarm-chain-v1").toString("hex");
const tokens = Uint32Array.of(1, 2, 0x01020304);

test("hashes what its documentation says", () => {
  const root = sha256(`${label} 02000000 00 00`);
  const first = sha256(`${root} 01000000 02000000`);
  const second = sha256(`${first} 04030201`);
  const hasher = nativeHasher({ chunkSize: 2, unfull: true });
  expect(Buffer.from(hasher.root).toString("hex")).toBe(root);
  expect(hasher.chain(tokens).hashes()).toEqual([first, second]);
});

test("chunk size, extra key and salt make other chains", () => {
  const root = sha256(`${label} 02000000 01 0100000000000000 61 01 0200000000000000 c3a9`);
  const hasher = nativeHasher({ chunkSize: 2, extraKey: "a", cacheSalt: "é" });
  expect(Buffer.from(hasher.root).toString("hex")).toBe(root);
  expect(hasher.chain(tokens).hashes()).toEqual([sha256(`${root} 01000000 02000000`)]);
});

// A vector of ours, so that keys of one version are found by the next.
test("stays as it is", () => {
  const hasher = nativeHasher({ chunkSize: 4 });
  expect(hasher.chain(Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8)).hashes()).toMatchInlineSnapshot(`
    [
      "b314288678be323b0594d17a10ac5744758046f1853f1a202697e201fa57da07",
      "009e2477f98c6d1ce2b5e08d4ed93539c243e00547d816fa927fb0d38768e117",
    ]
  `);
});
