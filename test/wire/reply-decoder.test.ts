import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isKeepwarmError } from "../../src/errors.ts";
import { ReplyDecoder } from "../../src/wire/resp/reply-decoder.ts";
import type { ReplyLimits } from "../../src/wire/resp/reply-handler.ts";
import { ReplyError, type Reply } from "../../src/wire/resp/reply.ts";

/** Collects what a decoder says; bulk strings go to `memory` when it has some. */
class Listener {
  readonly heard: unknown[] = [];
  memory: (length: number) => Uint8Array | null | undefined = () => undefined;
  reply(reply: Reply): void {
    this.heard.push(reply);
  }
  push(message: Reply[]): void {
    this.heard.push({ push: message });
  }
  destination(length: number): Uint8Array | null | undefined {
    return this.memory(length);
  }
  landed(length: number): void {
    this.heard.push({ landed: length });
  }
}

/** Feeds pieces as a socket would: into the destination when there is one, else by write(). */
function feed(decoder: ReplyDecoder, bytes: Buffer, sizes: Iterable<number>): void {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) return;
    const space = decoder.space();
    const end = Math.min(bytes.length, at + Math.min(size, space?.length ?? Infinity));
    if (space) {
      space.set(bytes.subarray(at, end));
      decoder.advance(end - at);
    } else {
      const reused = Buffer.from(bytes.subarray(at, end));
      decoder.write(reused);
      reused.fill(0xee);
    }
    at = end;
  }
}

function* repeat(size: number): Generator<number> {
  while (true) yield size;
}

function decode(wire: string | Buffer, size = Infinity, limits: ReplyLimits = {}): unknown[] {
  const listener = new Listener();
  const decoder = new ReplyDecoder(listener, limits);
  feed(decoder, Buffer.from(wire), repeat(size));
  expect(decoder.idle).toBe(true);
  return listener.heard;
}

const big = Buffer.alloc(40_000, "0123456789abcdef\r\n");

const cases: [name: string, wire: string, replies: unknown[]][] = [
  ["simple string", "+OK\r\n", ["OK"]],
  ["empty simple string", "+\r\n", [""]],
  ["error", "-ERR no\r\n", [new ReplyError("ERR no")]],
  ["integers", ":0\r\n:-42\r\n:+7\r\n", [0, -42, 7]],
  ["integer beyond 2^53", ":9223372036854775807\r\n", [9223372036854775807n]],
  ["most negative integer", ":-9223372036854775808\r\n", [-9223372036854775808n]],
  ["bulk string", "$5\r\nhe\r\nl\r\n", [Buffer.from("he\r\nl")]],
  ["empty bulk string", "$0\r\n\r\n", [Buffer.alloc(0)]],
  ["large bulk string", `$${big.length}\r\n${big.toString()}\r\n+OK\r\n`, [big, "OK"]],
  ["nil bulk string and array", "$-1\r\n*-1\r\n", [null, null]],
  ["empty array", "*0\r\n", [[]]],
  ["array", "*3\r\n:1\r\n$1\r\na\r\n$-1\r\n", [[1, Buffer.from("a"), null]]],
  ["nested arrays", "*2\r\n*1\r\n*1\r\n:1\r\n*0\r\n", [[[[1]], []]]],
  ["error in an array", "*1\r\n-X y\r\n", [[new ReplyError("X y")]]],
  ["RESP3 null", "_\r\n", [null]],
  ["booleans", "#t\r\n#f\r\n", [true, false]],
  [
    "doubles",
    ",1.5\r\n,-3\r\n,inf\r\n,-inf\r\n,1e3\r\n,nan\r\n",
    [1.5, -3, Infinity, -Infinity, 1000, NaN],
  ],
  [
    "big number",
    "(3492890328409238509324850943850943825024385\r\n",
    [3492890328409238509324850943850943825024385n],
  ],
  ["bulk error", "!5\r\nE a\r\n\r\n", [new ReplyError("E a\r\n")]],
  ["verbatim string", "=8\r\ntxt:some\r\n", ["some"]],
  [
    "map",
    "%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*1\r\n:2\r\n",
    [
      new Map<Reply, Reply>([
        ["a", 1],
        ["b", [2]],
      ]),
    ],
  ],
  ["empty map", "%0\r\n", [new Map()]],
  ["set", "~2\r\n+a\r\n+b\r\n", [new Set(["a", "b"])]],
  [
    "push between replies",
    ":1\r\n>2\r\n+message\r\n+x\r\n:2\r\n",
    [1, { push: ["message", "x"] }, 2],
  ],
  ["attribute before a reply", "|1\r\n+ttl\r\n:3\r\n:1\r\n", [1]],
  ["attribute inside an array", "*2\r\n:1\r\n|1\r\n+k\r\n+v\r\n:2\r\n", [[1, 2]]],
  ["streamed string", "$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n", [Buffer.from("Hello")]],
  ["streamed array", "*?\r\n:1\r\n*?\r\n.\r\n.\r\n", [[1, []]]],
  ["streamed map", "%?\r\n+a\r\n:1\r\n.\r\n", [new Map([["a", 1]])]],
];

describe("every kind of reply", () => {
  test.each(cases)("%s, whole", (_, wire, replies) => expect(decode(wire)).toEqual(replies));
  test.each(cases)("%s, byte by byte", (_, wire, replies) =>
    expect(decode(wire, 1)).toEqual(replies),
  );

  test("any sequence, split anywhere", () => {
    const sequence = fc.array(fc.constantFrom(...cases), { minLength: 1, maxLength: 12 });
    const sizes = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(sequence, sizes, (chosen, sizes) => {
        const listener = new Listener();
        const decoder = new ReplyDecoder(listener);
        const wire = Buffer.from(chosen.map(([, wire]) => wire).join(""));
        feed(
          decoder,
          wire,
          (function* () {
            yield* sizes;
            yield* repeat(wire.length);
          })(),
        );
        expect(listener.heard).toEqual(chosen.flatMap(([, , replies]) => replies));
        expect(decoder.idle).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe("destinations", () => {
  const wire = Buffer.from(`$${big.length}\r\n${big.toString()}\r\n$2\r\nhi\r\n$-1\r\n`);

  test.each([1, 7, 1000, Infinity])(
    "a bulk string lands where it was told, %d bytes a read",
    (size) => {
      const memory = Buffer.alloc(big.length + 10, "#");
      const listener = new Listener();
      listener.memory = (length) => (length > 2 ? memory : undefined);
      feed(new ReplyDecoder(listener), wire, repeat(size));
      expect(listener.heard).toEqual([{ landed: big.length }, Buffer.from("hi"), null]);
      expect(memory.subarray(0, big.length).equals(big)).toBe(true);
      expect(memory.subarray(big.length).toString()).toBe("##########");
    },
  );

  test("after the header the rest of the memory is offered for reading", () => {
    const memory = Buffer.alloc(big.length);
    const listener = new Listener();
    listener.memory = () => memory;
    const decoder = new ReplyDecoder(listener);
    expect(decoder.space()).toBeUndefined();
    decoder.write(Buffer.from(`$${big.length}\r\nabc`));
    expect(decoder.landing).toBe(true);
    const space = decoder.space();
    expect(space?.length).toBe(big.length - 3);
    expect(space?.buffer).toBe(memory.buffer);
    decoder.advance(big.length - 3 - 100);
    expect(decoder.space()).toBeUndefined();
    decoder.write(Buffer.alloc(100));
    expect(decoder.landing).toBe(false);
    decoder.write(Buffer.from("\r\n"));
    expect(listener.heard).toEqual([{ landed: big.length }]);
  });

  test("what is not wanted is dropped", () => {
    const listener = new Listener();
    listener.memory = () => null;
    const decoder = new ReplyDecoder(listener);
    feed(decoder, wire, repeat(999));
    expect(listener.heard).toEqual([{ landed: big.length }, { landed: 2 }, null]);
  });

  test("elements of arrays get Buffers of their own", () => {
    const listener = new Listener();
    listener.memory = () => expect.unreachable("not asked for elements");
    new ReplyDecoder(listener).write(Buffer.from("*1\r\n$2\r\nhi\r\n"));
    expect(listener.heard).toEqual([[Buffer.from("hi")]]);
  });
});

describe("what is no RESP", () => {
  test.each([
    ["HTTP/1.1 400 Bad Request\r\n"],
    ["\r\n"],
    ["+a\n"],
    [":\r\n"],
    [":12a\r\n"],
    [":123456789012345678901\r\n"],
    ["$-2\r\n"],
    ["$x\r\n"],
    ["$1\r\nab\r\n"],
    ["$1\r\na\rb"],
    ["*-2\r\n"],
    ["%-1\r\n"],
    ["#x\r\n"],
    ["_x\r\n"],
    [",1.2.3\r\n"],
    ["(12e3\r\n"],
    ["=3\r\ntxt\r\n"],
    ["*1\r\n>1\r\n+x\r\n"],
    [";1\r\na\r\n"],
    ["$?\r\n+x\r\n"],
    [".\r\n"],
    ["*2\r\n:1\r\n.\r\n"],
    ["%?\r\n+a\r\n.\r\n"],
  ])("%j", (wire) => {
    for (const size of [1, Infinity]) {
      const decoder = new ReplyDecoder(new Listener());
      const error = thrown(() => feed(decoder, Buffer.from(wire), repeat(size)));
      expect(isKeepwarmError(error, "PROTOCOL")).toBe(true);
      expect(thrown(() => decoder.write(Buffer.from("+OK\r\n")))).toBeDefined();
    }
  });

  test("random bytes throw a protocol error or decode, and never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const error = thrown(() => new ReplyDecoder(new Listener()).write(Buffer.from(bytes)));
        expect(error === undefined || isKeepwarmError(error, "PROTOCOL")).toBe(true);
      }),
    );
  });
});

describe("too much", () => {
  test.each([
    ["bulk string", "$101\r\n"],
    ["streamed string", `$?\r\n;60\r\n${"x".repeat(60)}\r\n;60\r\n`],
    ["line", `+${"x".repeat(101)}`],
    ["array", "*11\r\n"],
    ["streamed array", `*?\r\n${":1\r\n".repeat(30)}`],
    ["nesting", "*1\r\n".repeat(5)],
  ])("%s", (_, wire) => {
    const limits = { bulkBytes: 100, lineBytes: 100, elements: 10, depth: 4 };
    const error = thrown(() => new ReplyDecoder(new Listener(), limits).write(Buffer.from(wire)));
    expect(isKeepwarmError(error, "PROTOCOL")).toBe(true);
  });

  test("a huge count reserves nothing", () => {
    const decoder = new ReplyDecoder(new Listener());
    decoder.write(Buffer.from("*16777216\r\n*16777216\r\n"));
    expect(decoder.idle).toBe(false);
  });
});

function thrown(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
