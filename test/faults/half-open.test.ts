import { expect, test } from "vitest";
import { Front } from "./support/front.ts";
import { MIB, encode, pattern, setHeader } from "./support/peer.ts";

// A client that has nothing more to ask may still be waiting for answers.

const value = pattern(MIB, 6);
const frame = Buffer.concat([Buffer.from(`$${MIB}\r\n`), value, Buffer.from("\r\n")]);

async function start(): Promise<Front> {
  const front = await Front.start({ limits: { outputBytes: 4 * MIB, stallMs: 500 } });
  const writer = front.connect();
  writer.send("SET", "k", value);
  await writer.take(5);
  writer.destroy();
  await expect.poll(() => front.server.state.sessions.size).toBe(1);
  return front;
}

test("requests sent before the client's end are all answered, then the server ends too", async () => {
  await using front = await start();
  const peer = front.connect();
  const requests = Array.from({ length: 1000 }, (_, index) => encode("ECHO", `word ${index}`));
  peer.write(Buffer.concat(requests));
  peer.socket.end();
  await peer.untilEnded();
  const expected = Array.from({ length: 1000 }, (_, index) => {
    const word = `word ${index}`;
    return `$${word.length}\r\n${word}\r\n`;
  });
  expect(peer.text).toBe(expected.join(""));
  await expect.poll(() => front.server.state.sessions.size).toBe(1);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("large replies, more than may wait at once, come whole after the client's end", async () => {
  await using front = await start();
  const peer = front.connect();
  peer.write(Buffer.concat(Array.from({ length: 40 }, () => encode("GET", "k"))));
  peer.socket.end();
  await front.bystander.check();
  for (let reply = 0; reply < 40; reply++)
    expect((await peer.take(frame.length)).equals(frame)).toBe(true);
  await peer.untilEnded();
  expect(peer.receivedBytes).toBe(0);
  await expect.poll(() => front.server.state.sessions.size).toBe(1);
  await front.expectNothingLeft();
});

test("a client that ends before it reads gets all replies once it reads", async () => {
  await using front = await start();
  const peer = front.connect();
  peer.socket.pause();
  peer.write(Buffer.concat(Array.from({ length: 10 }, () => encode("GET", "k"))));
  peer.socket.end();
  await expect.poll(() => front.unwrittenBytes).toBeGreaterThan(0);
  await front.bystander.check();
  peer.socket.resume();
  for (let reply = 0; reply < 10; reply++)
    expect((await peer.take(frame.length)).equals(frame)).toBe(true);
  await peer.untilEnded();
  await front.expectNothingLeft();
});

test("a client that ends and never reads is closed", async () => {
  await using front = await start();
  const peer = front.connect();
  peer.socket.pause();
  peer.write(Buffer.concat(Array.from({ length: 40 }, () => encode("GET", "k"))));
  peer.socket.end();
  await expect.poll(() => front.unwrittenBytes).toBeGreaterThan(0);
  await expect.poll(() => front.server.state.sessions.size, { timeout: 10_000 }).toBe(1);
  expect(front.unwrittenBytes).toBe(0);
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("the client's end in the middle of a value frees its memory at once", async () => {
  await using front = await start();
  const peer = front.connect();
  await peer.deliver(Buffer.concat([Buffer.from(setHeader("half", MIB)), value.subarray(0, 9999)]));
  await expect.poll(() => front.ram.fillingBytes).toBeGreaterThan(MIB);
  peer.socket.end();
  await expect.poll(() => front.ram.fillingBytes).toBe(0);
  await peer.untilEnded();
  expect(peer.text).toBe("");
  await front.bystander.check();
  await front.expectNothingLeft();
});

test("QUIT is answered, and the session ends with the client", async () => {
  await using front = await start();
  for (let round = 0; round < 50; round++) {
    const peer = front.connect();
    peer.write(Buffer.concat([encode("PING"), encode("QUIT"), encode("PING")]));
    await peer.untilEnded();
    expect(peer.text).toBe("+PONG\r\n+OK\r\n");
    peer.socket.end();
  }
  await expect.poll(() => front.server.state.sessions.size).toBe(1);
  await front.bystander.check();
  await front.expectNothingLeft();
});
