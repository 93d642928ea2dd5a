import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cborLength, cborText, writeCbor } from "../../../src/keys/hash/cbor.ts";
import { pickleLength, pickleText, writePickle } from "../../../src/keys/hash/pickle.ts";
import { hashOfText } from "../../../src/keys/hash/string-hash.ts";
import { hashOfInteger, hashOfNone, TupleHash } from "../../../src/keys/hash/tuple-hash.ts";

const bytes = (hex: string) => Buffer.from(hex, "hex");

function cbor(prior: string, tokens: number[], extra: "tuple" | "none"): string {
  const target = Buffer.alloc(cborLength(tokens.length));
  const end = writeCbor(target, bytes(prior), Uint32Array.from(tokens), 0, tokens.length, extra);
  return target.subarray(0, end).toString("hex");
}

function pickle(prior: string, tokens: number[], extra: "tuple" | "none"): string {
  const target = Buffer.alloc(pickleLength(tokens.length));
  const end = writePickle(target, bytes(prior), Uint32Array.from(tokens), 0, tokens.length, extra);
  return target.subarray(0, end).toString("hex");
}

// As cbor2 and pickle of CPython 3.11 write them.
test("CBOR of a chunk", () => {
  expect(cbor("0000000000000000", [1, 2, 3, 4], "tuple")).toBe("8300840102030480");
  expect(cbor("4e1195df020de59e", [23, 24, 255, 256, 65535, 65536, 0xffffffff], "none")).toBe(
    "831b4e1195df020de59e8717181818ff19010019ffff1a000100001afffffffff6",
  );
  expect(cbor("00000000fffffffe", [], "tuple")).toBe("831afffffffe8080");
  expect(cbor("01".repeat(32), [7], "none")).toBe(`835820${"01".repeat(32)}8107f6`);
  expect(cbor("01".repeat(16), [7], "none")).toBe(`8350${"01".repeat(16)}8107f6`);
  expect(cborText("0").toString("hex")).toBe("6130");
});

test("pickle of a chunk", () => {
  expect(pickle("0000000000000000", [1, 2, 3, 4], "tuple")).toBe(
    "80059511000000000000004b00284b014b024b034b0474942987942e",
  );
  expect(
    pickle(
      "4e1195df020de59e",
      [255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
      "tuple",
    ),
  ).toBe(
    "80059531000000000000008a089ee50d02df95114e284bff4d00014dffff4a000001004affffff7f" +
      "8a0500000080008a05ffffffff0074942987942e",
  );
  expect(pickle("f56093f83821918e", [1], "none")).toBe(
    "80059513000000000000008a098e912138f89360f5004b0185944e87942e",
  );
  expect(pickle("0056093f83821918", [1, 2], "none")).toBe(
    "80059513000000000000008a07181982833f09564b014b0286944e87942e",
  );
  expect(pickle("0000000080000000", [1, 2, 3], "tuple")).toBe(
    "80059513000000000000008a0500000080004b014b024b0387942987942e",
  );
  expect(pickleText("0").toString("hex")).toBe("80059505000000000000008c0130942e");
});

test("tuple hashes of integers, against BigInt", () => {
  const tuple = new TupleHash();
  const token = fc.oneof(fc.nat(300), fc.nat(0xffffffff));
  fc.assert(
    fc.property(fc.array(token, { maxLength: 300 }), (tokens) => {
      const ids = Uint32Array.from(tokens);
      expect(tuple.ofTokens(ids, 0, ids.length)).toBe(tuple.ofLanes(...tokens.map(BigInt)));
    }),
  );
});

test("tuples longer than the memory of the fold", () => {
  const tuple = new TupleHash();
  const ids = Uint32Array.from({ length: 40_000 }, (_, index) => index * 3);
  expect(tuple.ofTokens(ids, 5, 39_999)).toBe(
    tuple.ofLanes(...Array.from(ids.subarray(5, 39_999), BigInt)),
  );
});

// As CPython 3.11 hashes them.
test("hashes of tuples and integers", () => {
  const tuple = new TupleHash();
  expect(tuple.ofLanes()).toBe(5740354900026072187n);
  const inner = tuple.ofTokens(Uint32Array.of(1, 2, 3, 4), 0, 4);
  expect(tuple.ofLanes(0n, inner, tuple.ofLanes())).toBe(4965923915475442220n);
  expect(tuple.ofLanes(0n, tuple.ofTokens(Uint32Array.of(0), 0, 1), hashOfNone)).toBe(
    -2674670255092364915n,
  );
  expect(hashOfInteger(-1n)).toBe(-2n);
  expect(hashOfInteger((1n << 61n) - 1n)).toBe(0n);
  expect(hashOfInteger(-(1n << 62n) - 5n)).toBe(-7n);
});

test("hashes of texts by seed and version", () => {
  expect(hashOfText("0", 0, 10)).toBe(-5282990986457227702n);
  expect(hashOfText("0", 0, 11)).toBe(5313149338359954478n);
  expect(hashOfText("42", 42, 12)).toBe(866561823186450123n);
  expect(hashOfText("1234", 1234, 12)).toBe(-1311328053432315041n);
  expect(hashOfText("vllm-none-hash", 4294967295, 12)).toBe(-5654930642261103510n);
  expect(hashOfText("vllm-none-hash", 4294967295, 10)).toBe(-8414780943778206321n);
  expect(hashOfText("", 7, 12)).toBe(0n);
});

test("a frame of a pickle ends at 64 KiB", () => {
  const tokens = Array.from({ length: 40_000 }, (_, index) => index * 50);
  const text = pickle("ff".repeat(32), tokens, "none");
  expect(createHash("sha256").update(bytes(text)).digest("hex")).toBe(
    "33f4dd9181d696dc0fcb19daeb2d9b11e1ea16d84d937762a0876a87f4eff017",
  );
});
