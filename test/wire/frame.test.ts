import { expect, test } from "vitest";
import { bulkHeaderBytes, writeBulkHeaderBefore } from "../../src/wire/resp/frame.ts";

test.each([0, 1, 9, 10, 99, 100, 65_536, 1_048_576, 999_999_999, 1_000_000_000])(
  "the header of %i bytes",
  (length) => {
    const expected = `$${length}\r\n`;
    expect(bulkHeaderBytes(length)).toBe(expected.length);
    const target = Buffer.alloc(20, 0x2e);
    const start = writeBulkHeaderBefore(target, 18, length);
    expect(target.toString("latin1")).toBe(`${".".repeat(start)}${expected}..`);
  },
);
