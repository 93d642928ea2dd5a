import { expect, test } from "vitest";
import { Front } from "./support/front.ts";
import { MIB, PATIENCE, encode, pattern, setHeader } from "./support/peer.ts";

// Memory is set aside for what was announced, never more than half of the tier, and not for ever.

test("512 MiB announced and never sent take no memory", async () => {
  await using front = await Front.start({ limits: { stallMs: 300 } });
  await front.bystander.check();
  const before = process.memoryUsage.rss();
  const peer = front.connect();
  await peer.deliver(setHeader("huge", 512 * MIB));
  await front.bystander.check();
  // What is set aside is for the well-behaved client's next value.
  expect(front.ram.fillingBytes).toBeLessThan(2 * MIB);
  expect(front.heldBytes).toBeLessThan(64 * 1024);
  await peer.untilEnded();
  expect(peer.text).toBe("");
  expect(process.memoryUsage.rss() - before).toBeLessThan(16 * MIB);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("a value too long for the tier is read, thrown away and refused; the connection goes on", async () => {
  await using front = await Front.start();
  await front.bystander.check();
  const before = process.memoryUsage.rss();
  const peer = front.connect();
  const piece = Buffer.alloc(MIB);
  await peer.deliver(setHeader("huge", 128 * MIB));
  for (let sent = 0; sent < 128; sent++) {
    await peer.deliver(piece);
    if (sent % 32 === 0) await front.bystander.check();
    front.expectBounded();
  }
  await peer.deliver("\r\nPING\r\n");
  await expect.poll(() => peer.text).toMatch(/^-ERR .*128 MiB is too long.*\r\n\+PONG\r\n$/);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("many clients that announce large values hold half of the tier at most; the rest stays cached", async () => {
  const limits = { stallMs: 1000, roomWaitMs: 200 };
  await using front = await Front.start({ limits });
  const cached = front.connect();
  for (let key = 0; key < 20; key++) cached.send("SET", `cached${key}`, pattern(MIB, key));
  await cached.take(20 * 5);
  const peers = Array.from({ length: 30 }, () => front.connect());
  for (const [index, peer] of peers.entries()) {
    await peer.deliver(setHeader(`big${String(index).padStart(2, "0")}`, 8 * MIB));
    front.expectBounded();
  }
  await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(20 * MIB);
  // Others' values may be dropped while memory is short, but reads and small talk go on.
  for (let key = 0; key < 20; key++) cached.send("GET", `cached${key}`);
  const frame = `$${MIB}\r\n`.length + MIB + 2;
  for (let key = 0; key < 20; key++) {
    const reply = await cached.take(frame);
    expect(reply.subarray(-MIB - 2, -2).equals(pattern(MIB, key))).toBe(true);
  }
  await expect.poll(() => front.server.state.waiting.size, { timeout: 5000 }).toBe(0);
  front.expectBounded();
  for (const peer of peers) await peer.untilEnded();
  expect(peers.map((peer) => peer.text).join("")).toBe("");
  await expect.poll(() => front.ram.fillingBytes, { timeout: 5000 }).toBe(0);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test.each([20, 50_000])(
  "a value that stops halfway (after %i bytes) is dropped with its client",
  async (sent) => {
    await using front = await Front.start({ limits: { stallMs: 300 } });
    const peer = front.connect();
    peer.send("SET", "k", "old");
    await peer.take(5);
    await peer.deliver(Buffer.concat([Buffer.from(setHeader("k", 100_000)), pattern(sent, 1)]));
    await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(100_000);
    await front.bystander.check();
    await peer.untilEnded();
    expect(peer.text).toBe("");
    await expect.poll(() => front.ram.fillingBytes).toBe(0);
    const other = front.connect();
    other.send("GET", "k");
    expect((await other.take(9)).toString()).toBe("$3\r\nold\r\n");
    await front.bystander.check();
    await front.expectNothingLeft();
  },
);

test("a value that comes slowly but steadily is not dropped", async () => {
  await using front = await Front.start({ limits: { stallMs: 300 } });
  const peer = front.connect();
  const value = pattern(200_000, 5);
  const request = encode("SET", "slow", value);
  const began = front.server.state.now();
  let at = 0;
  // Two seconds, more than the checks for stalled clients are apart.
  await expect
    .poll(
      async () => {
        await peer.deliver(request.subarray(at, (at += 100)));
        return front.server.state.now() - began;
      },
      { timeout: 10_000, interval: 20 },
    )
    .toBeGreaterThan(2500);
  expect(peer.closed).toBe(false);
  peer.write(request.subarray(at));
  expect((await peer.take(5)).toString()).toBe("+OK\r\n");
  await front.expectNothingLeft();
});

test("keys and other words of 15 MiB that never come take no memory either", async () => {
  await using front = await Front.start({ limits: { stallMs: 300 } });
  await front.bystander.check();
  const before = process.memoryUsage.rss();
  const peers = Array.from({ length: 100 }, () => front.connect());
  for (const peer of peers) await peer.deliver(`*2\r\n$3\r\nGET\r\n$${15 * MIB}\r\nabc`);
  await front.bystander.check();
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB);
  front.expectBounded();
  for (const peer of peers) await peer.untilEnded();
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("what all clients together hold of unfinished requests is bounded", async () => {
  await using front = await Front.start();
  const peers = Array.from({ length: 20 }, () => front.connect());
  const part = pattern(14 * MIB, 1);
  for (const peer of peers) peer.write(`*2\r\n$3\r\nGET\r\n$${15 * MIB}\r\n`);
  for (const peer of peers) peer.write(part);
  await expect
    .poll(() => peers.filter((peer) => peer.ended || peer.closed).length, PATIENCE)
    .toBeGreaterThan(3);
  await expect.poll(() => front.heldBytes, PATIENCE).toBeLessThanOrEqual(256 * MIB);
  await front.bystander.check();
  for (const peer of peers) peer.socket.destroy();
  await front.expectNothingLeft();
});

test("who has not said a password may announce nothing large", async () => {
  await using front = await Front.start({ password: "secret" });
  const peer = front.connect();
  peer.write(setHeader("k", 20_000));
  await peer.untilEnded();
  expect(peer.text).toMatch(/^-ERR Protocol error: invalid bulk length\r\n$/);
  const many = front.connect();
  many.write("*11\r\n");
  await many.untilEnded();
  expect(many.text).toMatch(/^-ERR Protocol error: invalid multibulk length\r\n$/);
  expect(front.ram.fillingBytes).toBe(0);
  await front.expectNothingLeft();
});
