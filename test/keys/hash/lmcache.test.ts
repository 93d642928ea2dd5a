import { expect, test } from "vitest";
import { isKeepwarmError } from "../../../src/errors.ts";
import {
  lmcacheHasher,
  lmcacheMpHasher,
  type LmcacheHashOptions,
  type LmcacheMpHashOptions,
} from "../../../src/keys/hash/lmcache.ts";

const tokens = Uint32Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const zero = new Uint8Array(8);

// The vectors of LMCache's rules: tokens 1 to 8 in chunks of 4.
test.each<[Omit<LmcacheHashOptions, "chunkSize">, root: string, first: string, second: string]>([
  [{ hash: "builtin" }, "0000000000000000", "44ea817d9387da2c", "-5754ed40775a7be6"],
  [{ hash: "builtin", seed: "0" }, "49bc192c478bfc2e", "6cc7d6490d8a0e18", "-7ee8ab9fe3a0354b"],
  [{ hash: "sha256_cbor", seed: "0" }, "4e1195df020de59e", "29d42bf4f9a3b4b6", "9d49993895b8a4c1"],
  [
    { hash: "sha256_cbor", noneHash: zero },
    "0000000000000000",
    "7e36a06c49df122e",
    "108f6ddba914556d",
  ],
  [{ hash: "sha256", seed: "0" }, "1973e23848344dc4", "dbdb288d4f28160d", "356093f83821918"],
])("in process: %j", async (options, root, first, second) => {
  const hasher = await lmcacheHasher({ ...options, chunkSize: 4 });
  expect(Buffer.from(hasher.root).toString("hex")).toBe(root);
  expect(hasher.chain(tokens).hashes()).toEqual([first, second]);
});

test.each<[Omit<LmcacheMpHashOptions, "chunkSize">, root: string, first: string, second: string]>([
  [
    { hash: "blake3" },
    "7e3eff9ef7613a50340eb12677ee03b83ac759fcba9bb32705f07248d56d473b",
    "6309ed506b8721905753f5c73c070bb21c3aafbd9b474b1e231f41368b71123c",
    "98efc76eafb06cfe774c31ff151f300b61a614c27982a211bb8cdbd83a8c0e19",
  ],
  [
    { hash: "sha256_cbor", seed: "0" },
    "4e1195df020de59e0d65a33a4279f1183e7ae4e5d980e309f8b55adff2e61c3e",
    "c9d58ba695280d69b243e1e0df813136ca9196b286fb1a021e0b2e028ef071cb",
    "24125b23e68883b5c2141db2959d48433fe6bde2f26bd914efad121d154ab2d6",
  ],
])("MP: %j", async (options, root, first, second) => {
  const hasher = await lmcacheMpHasher({ ...options, chunkSize: 4 });
  expect(Buffer.from(hasher.root).toString("hex")).toBe(root);
  expect(hasher.chain(tokens).hashes()).toEqual([first, second]);
});

test("builtin begins as the text of the seed hashes in Python", async () => {
  const { root } = await lmcacheHasher({ hash: "builtin", seed: "0", chunkSize: 4 });
  expect(Buffer.from(root).readBigInt64BE()).toBe(5313149338359954478n);
});

test("a chain goes on behind a chunk that is known", async () => {
  for (const hash of ["builtin", "sha256_cbor"] as const) {
    const hasher = await lmcacheHasher({ hash, chunkSize: 4 });
    const whole = hasher.chain(tokens);
    const rest = hasher.chain(tokens.subarray(4), whole.digest(0));
    expect(rest.hashes()).toEqual([whole.hash(1)]);
  }
});

test("a last chunk of fewer tokens counts when it is kept", async () => {
  for (const hash of ["builtin", "sha256"] as const) {
    const cut = tokens.subarray(0, 6);
    const hasher = await lmcacheHasher({ hash, chunkSize: 4 });
    const kept = await lmcacheHasher({ hash, chunkSize: 4, unfull: true });
    expect(hasher.chain(cut).length).toBe(1);
    const chain = kept.chain(cut);
    expect(chain.length).toBe(2);
    expect(chain.hash(0)).toBe(hasher.chain(cut).hash(0));
    expect([chain.start(1), chain.end(1)]).toEqual([4, 6]);
  }
});

test("no tokens make no chunks", async () => {
  const hasher = await lmcacheMpHasher({ hash: "blake3", chunkSize: 4 });
  expect(hasher.chain(new Uint32Array(0)).hashes()).toEqual([]);
});

test("signed token arrays are the same tokens", async () => {
  const hasher = await lmcacheMpHasher({ hash: "blake3", chunkSize: 4 });
  expect(hasher.chain(Int32Array.from(tokens)).hashes()).toEqual(hasher.chain(tokens).hashes());
});

test("tokens are read where they lie in their buffer", async () => {
  const hasher = await lmcacheMpHasher({ hash: "blake3", chunkSize: 4 });
  const shifted = Uint32Array.from([99, ...tokens]).subarray(1);
  expect(hasher.chain(shifted).hashes()).toEqual(hasher.chain(tokens).hashes());
});

test.each<[what: string, make: () => Promise<unknown>, message: RegExp]>([
  [
    "a token below 0",
    async () =>
      (await lmcacheHasher({ hash: "builtin", chunkSize: 1 })).chain(Int32Array.of(1, -2)),
    /token 1 is -2/,
  ],
  [
    "a chunk size of 0",
    () => lmcacheHasher({ hash: "builtin", chunkSize: 0 }),
    /0 is no chunk size/,
  ],
  [
    "xxhash without a seed",
    () => lmcacheHasher({ hash: "xxhash_cbor", chunkSize: 4 }),
    /at random without a seed/,
  ],
  [
    "a seed that Python refuses",
    () => lmcacheHasher({ hash: "sha256", chunkSize: 4, seed: "random" }),
    /"random" is no seed/,
  ],
  [
    "a None whose hash nobody knows",
    () => lmcacheMpHasher({ hash: "builtin", chunkSize: 4, pythonMinor: 11 }),
    /builtin hashes None/,
  ],
])("refuses %s", async (_, make, message) => {
  const error: unknown = await make().catch((reason: unknown) => reason);
  expect(isKeepwarmError(error, "INPUT_INVALID")).toBe(true);
  expect((error as Error).message).toMatch(message);
});
