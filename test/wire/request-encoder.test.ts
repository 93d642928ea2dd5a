import { expect, test } from "vitest";
import { encodeRequest } from "../../src/wire/resp/request-encoder.ts";

const wire = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString("latin1");

test("text goes as UTF-8 with its length in bytes", () => {
  expect(wire(encodeRequest(["GET", "é"]))).toBe("*2\r\n$3\r\nGET\r\n$2\r\n\xc3\xa9\r\n");
});

test("bytes that are no text go as they are", () => {
  const key = Uint8Array.of(0xff, 0x00, 0x0d);
  expect(wire(encodeRequest(["GET", key, "x"]))).toBe(
    "*3\r\n$3\r\nGET\r\n$3\r\n\xff\x00\r\r\n$1\r\nx\r\n",
  );
});

test("a short command is one piece", () => {
  expect(encodeRequest(["SET", "k", Buffer.from("v")])).toHaveLength(1);
});

test("a long value is sent from where it lies", () => {
  const value = Buffer.alloc(10_000, "v");
  const pieces = encodeRequest(["SET", "k", [Buffer.from("head"), value], "NX"]);
  expect(pieces).toContain(value);
  expect(wire(pieces)).toBe(
    `*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$10004\r\nhead${value.toString()}\r\n$2\r\nNX\r\n`,
  );
  expect(encodeRequest(["SET", "k", value])).toContain(value);
});
