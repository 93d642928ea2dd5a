import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Decoding, type DecodingOptions, encode } from "../support/decoding.ts";

const big = (length: number, fill: number): Buffer => Buffer.alloc(length, fill);

interface Case {
  readonly name: string;
  readonly input: string | Buffer;
  readonly requests: readonly (readonly (string | Buffer)[])[];
}

const cases: readonly Case[] = [
  { name: "one request", input: encode(["PING"]), requests: [["PING"]] },
  { name: "empty arguments", input: encode(["ECHO", ""]), requests: [["ECHO", ""]] },
  {
    name: "bytes of all kinds",
    input: encode(["SET", Buffer.from([0, 13, 10, 255]), "\r\n$5\r\n*1"]),
    requests: [["SET", Buffer.from([0, 13, 10, 255]), "\r\n$5\r\n*1"]],
  },
  {
    name: "a pipeline",
    input: Buffer.concat([encode(["GET", "a"]), encode(["GET", "b"]), encode(["DEL", "a", "b"])]),
    requests: [
      ["GET", "a"],
      ["GET", "b"],
      ["DEL", "a", "b"],
    ],
  },
  {
    name: "requests of no arguments between others",
    input: "*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n*0\r\n",
    requests: [["PING"]],
  },
  {
    name: "inline words and quotes",
    input: "PING\r\nSET  k \"a b\\x41\\n\" \n  get 'it\\'s'  \r\n",
    requests: [["PING"], ["SET", "k", "a bA\n"], ["get", "it's"]],
  },
  {
    name: "many arguments",
    input: encode(["MGET", ...Array.from({ length: 5000 }, (_, n) => `key-${n}`)]),
    requests: [["MGET", ...Array.from({ length: 5000 }, (_, n) => `key-${n}`)]],
  },
  {
    name: "a big value, and what follows it",
    input: Buffer.concat([encode(["SET", "k", big(70_000, 7), "EX", "10"]), encode(["GET", "k"])]),
    requests: [
      ["SET", "k", big(70_000, 7), "EX", "10"],
      ["GET", "k"],
    ],
  },
  {
    name: "big values one after the other",
    input: Buffer.concat([1, 2, 3, 4].map((n) => encode(["SET", `k${n}`, big(40_000, n)]))),
    requests: [1, 2, 3, 4].map((n) => ["SET", `k${n}`, big(40_000, n)]),
  },
  {
    name: "several big values in one request",
    input: encode(["MSET", "a", big(20_000, 1), "b", "small", "c", big(30_000, 3)]),
    requests: [["MSET", "a", big(20_000, 1), "b", "small", "c", big(30_000, 3)]],
  },
  {
    name: "a value right at the limit of what counts as big",
    input: Buffer.concat([16_383, 16_384, 16_385].map((n) => encode(["SET", "k", big(n, 1)]))),
    requests: [16_383, 16_384, 16_385].map((n) => ["SET", "k", big(n, 1)]),
  },
];

const ways: readonly (readonly [string, DecodingOptions])[] = [
  ["into memory", {}],
  ["inline", { bodies: ["inline"] }],
  ["after a wait", { bodies: ["wait", "memory"] }],
  ["landing", { landing: 71_000 }],
  ["landing that is too small", { landing: 5000 }],
  ["stopping after every request", { suspendEvery: 1, landing: 71_000 }],
  ["every request again", { again: 1 }],
  ["every request again, twice, and stopping after it", { again: 2, suspendEvery: 1 }],
  ["every request again, landing", { again: 1, landing: 71_000 }],
  ["every request again, after a wait", { again: 1, bodies: ["wait", "inline", "memory"] }],
  ["stopped from outside after each read", { suspendAfterPieces: true, landing: 71_000 }],
];

const isSame = (decoded: Decoding["requests"], requests: Case["requests"]): boolean =>
  decoded.length === requests.length &&
  decoded.every(
    (words, row) =>
      words.length === requests[row].length &&
      words.every(
        (word, index) => word !== "discarded" && word.equals(Buffer.from(requests[row][index])),
      ),
  );

const asBuffers = (requests: Case["requests"]): Buffer[][] =>
  requests.map((words) => words.map((word) => Buffer.from(word)));

describe.each(ways)("%s", (_, options) => {
  describe.each(cases)("$name", ({ input, requests }) => {
    const bytes = Buffer.from(input);

    test("whole", () => {
      const decoding = new Decoding(options).feed(bytes);
      expect(decoding.error).toBeUndefined();
      expect(decoding.requests).toEqual(asBuffers(requests));
    });

    test("byte by byte", () => {
      const decoding = new Decoding(options).feed(bytes, [1]);
      expect(decoding.error).toBeUndefined();
      expect(decoding.requests).toEqual(asBuffers(requests));
    });

    test("at random splits", () => {
      const pieces = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 30 });
      fc.assert(
        fc.property(pieces, (sizes) => {
          const decoding = new Decoding(options).feed(bytes, sizes);
          expect(decoding.error).toBeUndefined();
          // Comparing the bytes of large buffers one by one takes seconds.
          if (!isSame(decoding.requests, requests))
            expect(decoding.requests).toEqual(asBuffers(requests));
        }),
        { numRuns: 30 },
      );
    });
  });
});

test("bytes that a reader brings are decoded as those read in place", () => {
  const input = Buffer.concat(cases.map((each) => Buffer.from(each.input)));
  const decoding = new Decoding({ landing: 71_000 });
  for (let at = 0; at < input.length; at += 1000)
    decoding.decoder.push(input.subarray(at, at + 1000));
  expect(decoding.requests).toEqual(cases.flatMap(({ requests }) => asBuffers(requests)));
});

describe("malformed", () => {
  const inputs: readonly (readonly [input: string, error: RegExp])[] = [
    ["*1\r\nPING\r\n", /^expected '\$', got 'P'$/],
    ["*1\r\n\x01", /^expected '\$', got '\\x1'$/],
    ["*x\r\n", /^invalid multibulk length$/],
    ["*\r\n", /^invalid multibulk length$/],
    ["*1x\r\n", /^invalid multibulk length$/],
    ["*1\rx", /^invalid multibulk length$/],
    ["*99999999\r\n", /^invalid multibulk length$/],
    ["*99999999999999999999999\r\n", /^invalid multibulk length$/],
    [`*${"1".repeat(64)}`, /^too big mbulk count string$/],
    ["*1\r\n$x\r\n", /^invalid bulk length$/],
    ["*1\r\n$-1\r\n", /^invalid bulk length$/],
    ["*1\r\n$536870913\r\n", /^invalid bulk length$/],
    ["*1\r\n$99999999999999999999\r\n", /^invalid bulk length$/],
    [`*1\r\n$${"0".repeat(64)}`, /^too big bulk count string$/],
    ["*1\r\n$4\r\nPINGxx", /^expected CRLF after an argument$/],
    [`*1\r\n$20000\r\n${"v".repeat(20_000)}xx`, /^expected CRLF after an argument$/],
    ['SET k "open\r\n', /^unbalanced quotes in request$/],
    ['SET k "a"b\r\n', /^unbalanced quotes in request$/],
    ["x".repeat(70_000), /^too big inline request$/],
  ];

  test.each(inputs)("%j", (input, error) => {
    const good = encode(["PING"]);
    const bytes = Buffer.concat([good, Buffer.from(input, "latin1")]);
    for (const pieces of [[bytes.length], [1], [3, 1000]]) {
      const decoding = new Decoding().feed(bytes, pieces);
      expect(decoding.error).toMatch(error);
      expect(decoding.requests).toEqual([[Buffer.from("PING")]]);
      decoding.decoder.advance(0);
      decoding.decoder.push(good);
      decoding.decoder.resume();
      expect(decoding.requests).toHaveLength(1);
    }
  });
});

describe("oversize", () => {
  test("an argument that may not be kept is thrown away, and the connection goes on", () => {
    const bytes = Buffer.concat([encode(["SET", "k", big(300_000, 1)]), encode(["PING"])]);
    for (const pieces of [[bytes.length], [1000], [65_536]]) {
      const decoding = new Decoding({ bodies: ["discard"] }).feed(bytes, pieces);
      expect(decoding.requests).toEqual([
        [Buffer.from("SET"), Buffer.from("k"), "discarded"],
        [Buffer.from("PING")],
      ]);
      expect(decoding.mostHeld).toBeLessThan(70_000);
    }
  });

  test("a big argument among the small ones is kept only up to the request's limit", () => {
    const limits = { maxRequestBytes: 100_000 };
    const small = new Decoding({ limits, bodies: ["inline"] });
    small.feed(encode(["ECHO", big(90_000, 1)]), [10_000]);
    expect(small.requests).toEqual([[Buffer.from("ECHO"), big(90_000, 1)]]);
    const large = new Decoding({ limits, bodies: ["inline"] });
    large.feed(encode(["ECHO", big(200_000, 1)]), [10_000]);
    expect(large.requests).toEqual([[Buffer.from("ECHO"), "discarded"]]);
    expect(large.mostHeld).toBeLessThan(100_000);
  });

  test("a request of very many small arguments is refused at the limit", () => {
    const limits = { maxRequestBytes: 100_000 };
    const words = Array.from({ length: 20_000 }, () => "0123456789");
    const decoding = new Decoding({ limits }).feed(encode(words), [5000]);
    expect(decoding.error).toBe("request too big");
    expect(decoding.mostHeld).toBeLessThan(400_000);
  });

  test("an announced length takes no memory before its bytes come", () => {
    const decoding = new Decoding({ bodies: ["discard"] });
    decoding.feed(Buffer.from("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n"));
    expect(decoding.error).toBeUndefined();
    expect(decoding.decoder.inBody).toBe(true);
    expect(decoding.mostHeld).toBeLessThan(1000);
  });
});

test("memory in use while a request is cut off is reported for whoever must free it", () => {
  const decoding = new Decoding();
  const bytes = encode(["MSET", "a", big(20_000, 1), "b", big(20_000, 2)]);
  decoding.feed(bytes.subarray(0, bytes.length - 100), [7000]);
  expect(decoding.decoder.openBodies).toEqual([1, 2]);
});
