import { describe, expect, test } from "vitest";
import { ReplyWriter } from "../../src/wire/resp/reply-writer.ts";

type Step = (writer: ReplyWriter) => void;
const forms: readonly (readonly [name: string, step: Step, resp2: string, resp3: string])[] = [
  ["ok", (w) => w.ok(), "+OK\r\n", "+OK\r\n"],
  ["error", (w) => w.error("ERR a\r\nb"), "-ERR a b\r\n", "-ERR a b\r\n"],
  ["small integer", (w) => w.integer(7), ":7\r\n", ":7\r\n"],
  ["large integer", (w) => w.integer(123_456), ":123456\r\n", ":123456\r\n"],
  ["negative integer", (w) => w.integer(-2), ":-2\r\n", ":-2\r\n"],
  ["nil", (w) => w.nil(), "$-1\r\n", "_\r\n"],
  ["nil array", (w) => w.nilArray(), "*-1\r\n", "_\r\n"],
  ["bulk", (w) => w.bulk("ü"), "$2\r\nü\r\n", "$2\r\nü\r\n"],
  ["empty bulk", (w) => w.bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"],
  ["array", (w) => w.array(2), "*2\r\n", "*2\r\n"],
  ["map", (w) => w.map(2), "*4\r\n", "%2\r\n"],
  ["set", (w) => w.set(2), "*2\r\n", "~2\r\n"],
  ["push", (w) => w.push(2), "*2\r\n", ">2\r\n"],
  ["double", (w) => w.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
  ["infinity", (w) => w.double(-Infinity), "$4\r\n-inf\r\n", ",-inf\r\n"],
  ["boolean", (w) => w.boolean(true), ":1\r\n", "#t\r\n"],
  ["verbatim", (w) => w.verbatim("a\n"), "$2\r\na\n\r\n", "=6\r\ntxt:a\n\r\n"],
  [
    "long text",
    (w) => w.simple("é".repeat(40)),
    `+${"é".repeat(40)}\r\n`,
    `+${"é".repeat(40)}\r\n`,
  ],
];

describe.each(forms)("%s", (_, step, resp2, resp3) => {
  test.each([
    [2, resp2],
    [3, resp3],
  ] as const)("RESP%i", (protocol, expected) => {
    const writer = new ReplyWriter(8);
    writer.protocol = protocol;
    step(writer);
    step(writer);
    expect(writer.buffer.toString("utf8", 0, writer.length)).toBe(expected.repeat(2));
  });
});

test("references stand where they were put among the replies", () => {
  const writer = new ReplyWriter();
  writer.ok();
  writer.reference(Buffer.from("$3\r\nabc\r\n"), 9);
  writer.integer(1);
  expect(writer.references).toEqual([{ at: 5, frame: Buffer.from("$3\r\nabc\r\n"), token: 9 }]);
  expect(writer.pendingBytes).toBe(5 + 9 + 4);
  writer.reset();
  expect(writer.pendingBytes).toBe(0);
  expect(writer.references).toEqual([]);
});
