import net from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { LmServer } from "../../../src/fronts/lm/server.ts";
import { silentLogger } from "../../../src/observe/logger.ts";
import { DepartureLog } from "../../../src/tiers/departure-log.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { TierChain } from "../../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";
import { command } from "../../../src/wire/lm/header.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { packPut, packRequest } from "../../support/lm.ts";
import { eventually, startLmFront } from "../../support/lm-front.ts";

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";
const MIB = 1024 ** 2;
const value = pseudoRandomBytes(MIB);

describe("a reply", () => {
  test("arrives with its header whole in the first read, also behind a full pipe", async () => {
    const front = await startLmFront();
    const client = await front.client();
    client.put(KEY, value);
    await client.settled();
    const socket = net.connect({ port: front.server.state.port, host: "127.0.0.1" });
    onTestFinished(() => void socket.destroy());
    const sizes: number[] = [];
    let left = 0;
    socket.on("data", (chunk: Buffer) => {
      let at = 0;
      while (at < chunk.length) {
        if (left === 0) {
          sizes.push(chunk.length - at);
          left = 36 + chunk.readInt32LE(at + 4);
        }
        const step = Math.min(left, chunk.length - at);
        left -= step;
        at += step;
        if (left === 0 && sizes.length < 50) socket.write(packRequest(command.get, KEY));
      }
    });
    socket.write(packRequest(command.get, KEY));
    await eventually(() => sizes.length === 50 && left === 0).toBe(true);
    for (const size of sizes) expect(size).toBeGreaterThanOrEqual(36);
  });

  test("that a client does not take holds a bounded amount, and it is closed in time", async () => {
    const clock = new FakeClock();
    const front = await startLmFront(
      { limits: { outputBytes: 4 * MIB, stallMs: 5000 } },
      { clock, capacityBytes: 32 * MIB },
    );
    const client = await front.client();
    client.put(KEY, value);
    await client.settled();
    client.raw.socket.pause();
    for (let round = 0; round < 64; round++) client.send(command.get, KEY);
    const [connection] = front.server.state.connections;
    await eventually(() => connection.unwrittenBytes).toBeGreaterThan(0);
    const most = (): number => connection.unwrittenBytes;
    expect(most()).toBeLessThanOrEqual(5 * MIB + 36);
    await expect
      .poll(
        () => {
          clock.advance(2000);
          expect(most()).toBeLessThanOrEqual(5 * MIB + 36);
          return front.server.state.connections.size;
        },
        { timeout: 15_000, interval: 200 },
      )
      .toBe(0);
    await front.expectNothingLeft();
  });

  test("that is cut off by a client that leaves gives its memory back", async () => {
    const front = await startLmFront();
    const client = await front.client();
    client.put(KEY, value);
    await client.settled();
    client.raw.socket.pause();
    for (let round = 0; round < 20; round++) client.send(command.get, KEY);
    await eventually(() => front.server.stats().gets).toBe(20);
    await front.expectNothingLeft();
  });
});

describe("a value that stops amid", () => {
  test("is discarded when its client leaves; the key keeps what it had", async () => {
    const front = await startLmFront();
    const [client, other] = [await front.client(), await front.client()];
    client.put(KEY, value);
    await client.settled();
    client.raw.raw(packPut(KEY, pseudoRandomBytes(MIB, 2)).subarray(0, 600_000));
    await eventually(() => front.ram.fillingBytes).toBeGreaterThan(MIB);
    client.close();
    await eventually(() => front.ram.fillingBytes).toBe(0);
    await other.hit(KEY, value);
    await front.expectNothingLeft();
  });

  test("is discarded when its client falls silent, which is closed", async () => {
    const clock = new FakeClock();
    const front = await startLmFront({ limits: { stallMs: 5000 } }, { clock });
    const client = await front.client();
    client.raw.raw(packPut(KEY, value).subarray(0, 1000));
    await eventually(() => front.ram.fillingBytes).toBeGreaterThan(MIB);
    clock.advance(6000);
    await client.raw.ended();
    await front.expectNothingLeft();
  });

  test("so is a header", async () => {
    const clock = new FakeClock();
    const front = await startLmFront({ limits: { stallMs: 5000 } }, { clock });
    const client = await front.client();
    client.raw.raw(packRequest(command.get, KEY).subarray(0, 20));
    await eventually(() => front.server.stats().bytesIn).toBe(20);
    clock.advance(6000);
    await client.raw.ended();
  });
});

describe("limits", () => {
  test("a value that is too long is read and dropped, with what the key had; the client goes on", async () => {
    const front = await startLmFront({ limits: { valueBytes: MIB } });
    const client = await front.client();
    client.put(KEY, value);
    await client.hit(KEY, value);
    client.put(KEY, pseudoRandomBytes(MIB + 1));
    await client.miss(KEY);
    client.put(KEY, pseudoRandomBytes(15 * MIB));
    await client.miss(KEY);
    client.put(KEY, value);
    await client.hit(KEY, value);
    expect(front.server.stats()).toMatchObject({ puts: 4, dropped: 2 });
    await front.expectNothingLeft();
  });

  test("a client too many is turned away, and counted", async () => {
    const front = await startLmFront({ limits: { clients: 2 } });
    const clients = [await front.client(), await front.client(), await front.client()];
    await clients[2].raw.ended();
    await clients[0].miss(KEY);
    expect(front.server.stats().clients).toEqual({ connected: 2, max: 2, rejected: 1 });
    clients[1].close();
    await eventually(() => front.server.state.connections.size).toBe(1);
    await (await front.client()).miss(KEY);
  });

  test("an idle client is closed", async () => {
    const clock = new FakeClock();
    const front = await startLmFront({ limits: { idleMs: 1000 } }, { clock });
    const client = await front.client();
    await client.settled();
    clock.advance(1500);
    await client.raw.ended();
  });

  test("what is no lm:// is closed, and counted", async () => {
    const front = await startLmFront();
    const client = await front.client();
    client.raw.raw(`GET / HTTP/1.1\r\nHost: keepwarm\r\nAccept: */*\r\n\r\n`);
    await client.raw.ended();
    const other = await front.client();
    await other.miss(KEY);
    other.raw.raw(packRequest(9, KEY));
    await other.raw.ended();
    expect(front.server.stats().protocolErrors).toBe(2);
  });

  test("more is stored than fits: the tier evicts, whole pairs, and stays within its capacity", async () => {
    const front = await startLmFront();
    const client = await front.client();
    for (let index = 0; index < 60; index++) {
      client.put(`${KEY}${index}`, value);
      await client.settled();
      expect(front.ram.usedBytes).toBeLessThanOrEqual(front.ram.capacityBytes);
    }
    await client.hit(`${KEY}59`, value);
    await client.miss(`${KEY}0`);
    expect(front.ram.counters.evicted).toBeGreaterThan(80);
    expect(front.ram.entries.count % 2).toBe(0);
    await front.expectNothingLeft();
  });

  test("a value waits for room that others hold, and is dropped when there is none in time", async () => {
    const clock = new FakeClock();
    const front = await startLmFront({ limits: { roomWaitMs: 1000 } }, { clock });
    const { ram } = front;
    ram.departures = new DepartureLog({ clock });
    const client = await front.client();
    for (let index = 0; index < 14; index++) client.put(`${KEY}${index}`, value);
    await client.settled();
    const held: number[] = [];
    for (let entry = 1; entry < ram.entries.end; entry++)
      if (ram.entries.isPresent(entry)) held.push(ram.entries.slot(entry));
    for (const slot of held) ram.slots.retain(slot);
    const large = pseudoRandomBytes(4 * MIB);
    client.put("waits", large);
    await eventually(() => front.server.state.waiting.size).toBe(1);
    for (const slot of held) ram.slots.release(slot);
    await client.hit("waits", large);
    expect(front.server.stats().dropped).toBe(0);

    held.length = 0;
    for (let entry = 1; entry < ram.entries.end; entry++)
      if (ram.entries.isPresent(entry)) held.push(ram.entries.slot(entry));
    for (const slot of held) ram.slots.retain(slot);
    client.put("dropped", large);
    await eventually(() => front.server.state.waiting.size).toBe(1);
    clock.advance(1500);
    await client.miss("dropped");
    expect(front.server.stats().dropped).toBe(1);
    const resp = await front.resp();
    const left = ["left", "ram", "dropped", clock.now(), 0];
    expect(await resp.ask("KW.WHY", "droppedkv_bytes", "droppedmetadata")).toEqual([left, left]);
    for (const slot of held) ram.slots.release(slot);
    client.put("dropped", large);
    await client.hit("dropped", large);
    await front.expectNothingLeft();
  });
});

describe("the server", () => {
  test("lets what is under way finish when it closes, and ends those who are idle", async () => {
    const front = await startLmFront();
    const [busy, idle] = [await front.client(), await front.client()];
    await idle.settled();
    const put = packPut(KEY, value);
    busy.raw.raw(put.subarray(0, 500_000));
    await eventually(() => front.ram.fillingBytes).toBeGreaterThan(0);
    const closed = front.server.close(10_000);
    await idle.raw.ended();
    busy.raw.raw(put.subarray(500_000));
    await busy.raw.ended();
    await closed;
    expect(front.ram.entries.count).toBe(2);
  });

  test("says what to do when its port is taken, or can be reached by others", async () => {
    const front = await startLmFront();
    const ram = new RamTier({ capacityBytes: MIB });
    const options = { tiers: new TierChain({ ram }), logger: silentLogger };
    const { port } = front.server.state;
    await expect(LmServer.listen({ ...options, port })).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      remedy: expect.stringContaining("--lm-port") as string,
    });
    await expect(LmServer.listen({ ...options, port: 0, host: "0.0.0.0" })).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      remedy: expect.stringContaining("--no-protected") as string,
    });
    const open = await LmServer.listen({ ...options, port: 0, host: "0.0.0.0", openDoor: true });
    expect(open.url).toBe(`lm://0.0.0.0:${open.state.port}`);
    await open.close();
  });

  test("reads from accepted sockets in place", async () => {
    const front = await startLmFront();
    await (await front.client()).settled();
    const [connection] = front.server.state.connections;
    expect(connection.readMode).toBe("direct");
  });
});
