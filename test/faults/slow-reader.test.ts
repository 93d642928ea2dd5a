import { expect, test } from "vitest";
import { Front } from "./support/front.ts";
import { MIB, encode, pattern } from "./support/peer.ts";

// Replies wait for whoever asked for them, up to a limit: then his requests wait, and nobody else's.

const GETS = 200;
const OUTPUT_BYTES = 8 * MIB;
const value = pattern(MIB, 4);
const frame = Buffer.concat([Buffer.from(`$${MIB}\r\n`), value, Buffer.from("\r\n")]);
const gets = Buffer.concat(Array.from({ length: GETS }, () => encode("GET", "k")));

async function start(stallMs: number): Promise<Front> {
  const front = await Front.start({ limits: { outputBytes: OUTPUT_BYTES, stallMs } });
  const writer = front.connect();
  writer.send("SET", "k", value);
  await writer.take(5);
  await front.bystander.check();
  return front;
}

test("a reader that stops: its requests wait, then it is closed; others are unharmed", async () => {
  await using front = await start(500);
  const before = process.memoryUsage.rss();
  const { state } = front.server;
  const processed = state.commandsProcessed;
  const peer = front.connect();
  peer.socket.pause();
  await peer.deliver(gets);
  await expect.poll(() => front.unwrittenBytes).toBeGreaterThan(OUTPUT_BYTES);
  await front.bystander.check();
  expect(front.unwrittenBytes).toBeLessThanOrEqual(OUTPUT_BYTES + frame.length);
  // The kernel holds some replies, the server its limit, and the other requests have not been run.
  expect(state.commandsProcessed - processed).toBeLessThan(GETS / 2);
  expect(process.memoryUsage.rss() - before).toBeLessThan(32 * MIB);
  front.expectBounded();
  await expect.poll(() => state.sessions.size, { timeout: 10_000 }).toBe(2);
  expect(front.unwrittenBytes).toBe(0);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("what a stopped reader has asked for can be replaced and deleted; it comes free with him", async () => {
  await using front = await start(500);
  const peer = front.connect();
  peer.socket.pause();
  await peer.deliver(gets);
  await expect.poll(() => front.unwrittenBytes).toBeGreaterThan(OUTPUT_BYTES);
  const writer = front.connect();
  writer.send("SET", "k", pattern(MIB, 5));
  writer.send("DEL", "k");
  expect((await writer.take(9)).toString()).toBe("+OK\r\n:1\r\n");
  await expect.poll(() => front.server.state.sessions.size, { timeout: 10_000 }).toBe(3);
  await front.expectNothingLeft();
});

test("a slow but steady reader is not closed and gets every byte right", async () => {
  await using front = await start(500);
  const peer = front.connect();
  peer.socket.removeAllListeners("data");
  peer.socket.pause();
  peer.write(gets);
  const began = front.server.state.now();
  let read = 0;
  // A little every few milliseconds, until it has lasted longer than a stalled client would.
  await expect
    .poll(
      () => {
        const chunk = peer.socket.read() as Buffer | null;
        if (chunk !== null) read += expectFrames(chunk, read);
        return front.server.state.now() - began;
      },
      { interval: 25, timeout: 15_000 },
    )
    .toBeGreaterThan(3000);
  expect(peer.closed).toBe(false);
  expect(read).toBeGreaterThan(0);
  expect(front.unwrittenBytes).toBeGreaterThan(0);
  await front.bystander.check();
  peer.socket.on("data", (chunk: Buffer) => (read += expectFrames(chunk, read)));
  peer.socket.resume();
  await expect.poll(() => read, { timeout: 10_000 }).toBe(GETS * frame.length);
  await front.bystander.check();
  await front.expectNothingLeft();
});

/** `chunk` must be what stands at `at` of an endless row of replies. Returns its length. */
function expectFrames(chunk: Buffer, at: number): number {
  for (let done = 0; done < chunk.length;) {
    const from = (at + done) % frame.length;
    const count = Math.min(chunk.length - done, frame.length - from);
    expect(frame.compare(chunk, done, done + count, from, from + count)).toBe(0);
    done += count;
  }
  return chunk.length;
}

test("a thousand small requests whose replies nobody takes are bounded too", async () => {
  await using front = await start(500);
  const before = process.memoryUsage.rss();
  const peer = front.connect();
  peer.socket.pause();
  const echo = encode("ECHO", Buffer.alloc(8000, "e"));
  const flood = Buffer.concat(Array.from({ length: 500 }, () => echo));
  for (let sent = 0; sent < 40 && front.unwrittenBytes <= OUTPUT_BYTES; sent++) peer.write(flood);
  await expect.poll(() => front.unwrittenBytes).toBeGreaterThan(OUTPUT_BYTES);
  await front.bystander.check();
  expect(front.unwrittenBytes).toBeLessThanOrEqual(OUTPUT_BYTES + MIB);
  await expect.poll(() => front.server.state.sessions.size, { timeout: 10_000 }).toBe(2);
  // This process is the flooding client too, with all that it has not sent.
  expect(process.memoryUsage.rss() - before).toBeLessThan(256 * MIB);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("a monitor that does not read is cut off", async () => {
  await using front = await start(500);
  const monitor = front.connect();
  monitor.send("MONITOR");
  await monitor.take(5);
  monitor.socket.pause();
  const talker = front.connect();
  const requests = Buffer.concat(
    Array.from({ length: 2000 }, () => encode("EXISTS", "e".repeat(1000))),
  );
  const { state } = front.server;
  await expect
    .poll(
      async () => {
        if (!monitor.closed && state.monitors.size > 0) await talker.deliver(requests);
        return state.monitors.size;
      },
      { timeout: 10_000, interval: 1 },
    )
    .toBe(0);
  await front.bystander.check();
  await front.expectNothingLeft();
});
