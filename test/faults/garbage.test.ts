import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Front } from "./support/front.ts";
import { MIB, encode, pattern, setHeader } from "./support/peer.ts";

// What is no RESP gets one error that says so, and the connection ends.

const error = (text: string): RegExp => new RegExp(`^-ERR Protocol error: ${text}\r\n$`);
const big = 100_000;
const bigSet = encode("SET", "k", pattern(big, 1));

const garbage: readonly (readonly [name: string, bytes: Buffer | string, answer: RegExp])[] = [
  ["noise after a header", "*2\r\n\xff\x00\xfe\x01", error(String.raw`expected '\$', got '\\xc3'`)],
  ["letters for a count", "*abc\r\n", error("invalid multibulk length")],
  ["a count without digits", "*\r\n", error("invalid multibulk length")],
  ["a huge count", "*99999999\r\n", error("invalid multibulk length")],
  ["a count of 400 digits", `*${"9".repeat(400)}`, error("too big mbulk count string")],
  ["a negative length", "*2\r\n$3\r\nGET\r\n$-5\r\n", error("invalid bulk length")],
  ["a length above 512 MiB", "*2\r\n$3\r\nGET\r\n$536870913\r\n", error("invalid bulk length")],
  ["a length beyond 64 bits", `*1\r\n$${"9".repeat(25)}\r\n`, error("invalid bulk length")],
  ["a length of 400 digits", `*1\r\n$${"1".repeat(400)}`, error("too big bulk count string")],
  ["letters for a length", "*1\r\n$4x\r\nPING\r\n", error("invalid bulk length")],
  ["no CRLF after a word", "*1\r\n$4\r\nPINGxx*1\r\n", error("expected CRLF after an argument")],
  [
    "no CRLF after a value",
    Buffer.concat([Buffer.from(setHeader("k", big)), pattern(big + 50, 1)]),
    error("expected CRLF after an argument"),
  ],
  [
    "no CRLF after a value that was read in place",
    Buffer.concat([bigSet, bigSet, bigSet, bigSet.subarray(0, -2), Buffer.from("xy")]),
    /^(\+OK\r\n){3}-ERR Protocol error: expected CRLF after an argument\r\n$/,
  ],
  ["an inline request above 64 KiB", "x".repeat(70_000), error("too big inline request")],
  ["NULs without an end", Buffer.alloc(MIB), error("too big inline request")],
  ["unbalanced quotes", `SET "a b\r\n`, error("unbalanced quotes in request")],
];

describe("garbage", () => {
  test.each(garbage)("%s", async (_name, bytes, answer) => {
    await using front = await Front.start();
    await front.bystander.check();
    const peer = front.connect();
    peer.write(bytes);
    await peer.untilEnded();
    expect(peer.text).toMatch(answer);
    expect(front.server.state.protocolErrors).toBe(1);
    front.expectBounded();
    await front.bystander.check();
    await front.expectNothingLeft();
  });

  test("what came before the garbage is answered, what follows is not run", async () => {
    await using front = await Front.start();
    const peer = front.connect();
    peer.write(
      Buffer.concat([encode("SET", "a", "1"), Buffer.from("*1\r\nx"), encode("FLUSHALL")]),
    );
    await peer.untilEnded();
    expect(peer.text).toMatch(/^\+OK\r\n-ERR Protocol error: expected '\$', got 'x'\r\n$/);
    expect(front.ram.entries.count).toBe(1);
    await front.expectNothingLeft();
  });

  test.each(["says nothing more", "sends on and on"])(
    "a client that was told goodbye and %s is cut off after a second",
    async (behaviour) => {
      await using front = await Front.start();
      const peer = front.connect();
      const noise = randomBytes(10_000);
      const goOn = (failed?: Error | null): void => {
        if (behaviour === "sends on and on" && !failed) peer.socket.write(noise, goOn);
      };
      peer.write("*x\r\n");
      await peer.untilEnded();
      expect(peer.text).toMatch(error("invalid multibulk length"));
      goOn();
      await expect.poll(() => front.server.state.sessions.size, { timeout: 5000 }).toBe(1);
      await front.bystander.check();
      await front.expectNothingLeft();
    },
  );

  test("what is no request gets no reply, and the connection goes on", async () => {
    await using front = await Front.start();
    const peer = front.connect();
    peer.write("*0\r\n*-1\r\n\r\n\n   \r\n\0\0\0\r\nPING\r\n");
    expect((await peer.take(7)).toString()).toBe("+PONG\r\n");
    await front.expectNothingLeft();
  });

  test("an unknown command with line breaks in it cannot forge a reply", async () => {
    await using front = await Front.start();
    const peer = front.connect();
    peer.write(Buffer.concat([encode("a\r\n+OK\r\n", "b\r\n:1\r\n"), encode("PING")]));
    await expect.poll(() => peer.text).toMatch(/^-ERR unknown command [^\r\n]*\r\n\+PONG\r\n$/);
    await front.expectNothingLeft();
  });

  test("a hundred clients that send noise harm nobody", async () => {
    await using front = await Front.start();
    await front.bystander.check();
    const before = process.memoryUsage.rss();
    for (let round = 0; round < 10; round++) {
      const peers = Array.from({ length: 10 }, () => front.connect());
      for (const [index, peer] of peers.entries()) {
        // A part of them begins as requests do.
        if (index % 3 === 1) peer.write("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000\r\n");
        if (index % 3 === 2) peer.write("*1000000\r\n$16\r\n");
        peer.write(randomBytes(1000 + index * 30_000));
        peer.socket.end();
      }
      await front.bystander.check();
      for (const peer of peers) await peer.untilEnded();
      front.expectBounded();
    }
    expect(front.heldBytes).toBeLessThan(MIB);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB);
    await front.bystander.check();
    await front.expectNothingLeft();
  });
});
