import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ReplyDecoder,
  type ReplyHeader,
  type ReplyReceiver,
} from "../../../src/wire/lm/reply-decoder.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { golden, nothing, packMetadata, packReply } from "../../support/lm.ts";

class Decoding implements ReplyReceiver {
  readonly seen: unknown[] = [];
  readonly decoder = new ReplyDecoder(this);
  expectsReply = true;
  readonly #memory: (length: number) => Uint8Array | undefined;

  constructor(memory: (length: number) => Uint8Array | undefined = (n) => Buffer.alloc(n)) {
    this.#memory = memory;
  }

  feed(input: Buffer, pieces: readonly number[] = [input.length]): this {
    for (let at = 0, piece = 0; at < input.length; piece++) {
      const end = Math.min(input.length, at + pieces[piece % pieces.length]);
      while (at < end) {
        const target = this.decoder.target();
        const count = Math.min(target.length, end - at);
        expect(count).toBeGreaterThan(0);
        target.set(input.subarray(at, at + count));
        at += count;
        this.decoder.advance(count);
      }
    }
    return this;
  }

  place(header: ReplyHeader): Uint8Array | undefined {
    return this.#memory(header.length);
  }

  reply(header: ReplyHeader, value: Uint8Array | undefined): void {
    const { success, length, metadata } = header;
    const bytes = value && Buffer.from(value.subarray(0, length)).toString("base64");
    this.seen.push([success, metadata.toString("hex"), bytes]);
  }
}

const small = pseudoRandomBytes(512);
const large = pseudoRandomBytes(70_000, 2);
const input = Buffer.concat([
  packReply(400, 0),
  packReply(200, 512, golden),
  small,
  packReply(200, 0),
  packReply(200, 70_000, { format: 4, dtype: 9, shape: [-1, 2, 3, 4] }),
  large,
  packReply(400, 0),
]);
const wanted = [
  [false, packMetadata(0, nothing).toString("hex"), undefined],
  [true, packMetadata(512, golden).toString("hex"), small.toString("base64")],
  [true, packMetadata(0, nothing).toString("hex"), ""],
  [
    true,
    packMetadata(70_000, { format: 4, dtype: 9, shape: [-1, 2, 3, 4] }).toString("hex"),
    large.toString("base64"),
  ],
  [false, packMetadata(0, nothing).toString("hex"), undefined],
];

test("replies come whole, byte by byte and at random splits", () => {
  expect(new Decoding().feed(input).seen).toEqual(wanted);
  expect(new Decoding().feed(input, [1]).seen).toEqual(wanted);
  const pieces = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(pieces, (pieces) => {
      expect(new Decoding().feed(input, pieces).seen).toEqual(wanted);
    }),
    { numRuns: 30 },
  );
});

test("a value nobody wants, or has too little memory for, is dropped", () => {
  const dropped = wanted.map(([success, metadata]) => [success, metadata, undefined]);
  expect(new Decoding(() => undefined).feed(input, [9999]).seen).toEqual(dropped);
  const tight = new Decoding((length) => Buffer.alloc(Math.max(0, length - 1)));
  expect(tight.feed(input).seen).toEqual(
    dropped.map((row, index) => (index === 2 ? wanted[2] : row)),
  );
});

describe("what is no reply is an error", () => {
  test.each([
    ["an unknown code", packReply(500, 0)],
    ["a miss with a value", packReply(400, 1)],
    ["a negative length", packReply(200, -1)],
    ["RESP", Buffer.from("-ERR Protocol error: too big mbulk count string\r\n")],
  ])("%s", (_, bytes) => {
    const error = expect.objectContaining({ code: "PROTOCOL" }) as Error;
    expect(() => new Decoding().feed(bytes)).toThrow(error);
  });

  test("what nobody asked for", () => {
    const decoding = new Decoding();
    decoding.expectsReply = false;
    expect(() => decoding.feed(packReply(400, 0))).toThrow(/nobody asked/);
  });
});
