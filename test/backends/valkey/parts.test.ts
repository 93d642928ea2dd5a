import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { Breaker, Failure } from "../../../src/backends/valkey/breaker.ts";
import { JobQueue } from "../../../src/backends/valkey/job-queue.ts";
import type { Job } from "../../../src/backends/valkey/job.ts";
import { KeyNames } from "../../../src/backends/valkey/key-names.ts";
import { MemoryPool } from "../../../src/backends/valkey/memory-pool.ts";
import { Refresher } from "../../../src/backends/valkey/topology/refresher.ts";
import {
  parseRedirection,
  parseSlotRanges,
} from "../../../src/backends/valkey/topology/slot-ranges.ts";

describe("the breaker", () => {
  test("opens for a dead server at once, for a slow one after three, for losses after twelve", () => {
    for (const [failure, count] of [
      [Failure.dead, 1],
      [Failure.slow, 3],
      [Failure.lost, 12],
    ] as const) {
      const breaker = new Breaker();
      const opened = Array.from({ length: count }, () => breaker.failure(failure));
      expect(opened.indexOf(true)).toBe(count - 1);
      expect(breaker.state).toBe("open");
    }
  });

  test("forgets failures after a success", () => {
    const breaker = new Breaker();
    for (let i = 0; i < 100; i++) {
      expect(breaker.failure(Failure.slow) || breaker.failure(Failure.slow)).toBe(false);
      breaker.success();
    }
  });

  test("on trial opens again at the first slow call, and pauses twice as long", () => {
    const breaker = new Breaker(() => 1);
    const pauses: number[] = [];
    breaker.failure(Failure.dead);
    for (let i = 0; i < 9; i++) {
      pauses.push(breaker.pauseMs());
      breaker.tryAgain();
      expect(breaker.failure(Failure.slow)).toBe(true);
    }
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    breaker.tryAgain();
    breaker.success();
    expect(breaker.state).toBe("closed");
    expect(breaker.pauseMs()).toBe(50);
  });

  test("is not closed by an answer to a call from before", () => {
    const breaker = new Breaker(() => 0);
    breaker.failure(Failure.dead);
    breaker.success();
    expect(breaker.state).toBe("open");
    expect(breaker.pauseMs()).toBe(25);
  });
});

describe("the queue", () => {
  const never = { due: Infinity, start: async () => {} };
  const job = (bytes: number, rejected: string[], name: string): Job => ({
    ...never,
    bytes,
    reject: () => rejected.push(name),
  });

  test("drops the oldest write first, and refuses what comes when there is none", () => {
    const rejected: string[] = [];
    const queue = new JobQueue("here", { queueBytes: 100, queueCalls: 4 });
    queue.add(job(0, rejected, "read"));
    queue.add(job(60, rejected, "one"));
    queue.add(job(40, rejected, "two"));
    queue.add(job(10, rejected, "three"));
    expect(rejected).toEqual(["one"]);
    queue.add(job(200, rejected, "huge"));
    expect(rejected).toEqual(["one", "two", "three", "huge"]);
    for (let i = 0; i < 4; i++) queue.add(job(0, rejected, `read ${i}`));
    expect(rejected.slice(4)).toEqual(["read 3"]);
    expect(queue).toMatchObject({ length: 4, bytes: 0, dropped: 4 });
  });

  test("lets reads go before writes, but not for ever", () => {
    const taken: string[] = [];
    const queue = new JobQueue("here", { queueBytes: 100, queueCalls: 100 });
    const jobs = new Map<Job, string>();
    for (let i = 0; i < 3; i++) jobs.set(job(1, [], ""), `write ${i}`);
    for (let i = 0; i < 6; i++) jobs.set(job(0, [], ""), `read ${i}`);
    for (const each of jobs.keys()) queue.add(each);
    for (let next = queue.take(); next; next = queue.take()) taken.push(jobs.get(next)!);
    expect(taken.join()).toBe("read 0,read 1,read 2,read 3,write 0,read 4,read 5,write 1,write 2");
  });

  test("gives up what is overdue", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const rejected: string[] = [];
      const queue = new JobQueue("here", { queueBytes: 100, queueCalls: 4 });
      const now = performance.now();
      queue.add({ ...job(1, rejected, "later"), due: now + 200 });
      queue.add({ ...job(1, rejected, "sooner"), due: now + 100 });
      vi.advanceTimersByTime(110);
      expect(rejected).toEqual(["sooner"]);
      vi.advanceTimersByTime(110);
      expect(rejected).toEqual(["sooner", "later"]);
      expect(queue.length).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("memory of released blocks", () => {
  test("is used again for blocks of about the same length", () => {
    const pool = new MemoryPool(10_000_000);
    const first = pool.take(1_000_000);
    pool.give(first);
    const second = pool.take(999_000);
    expect(second.buffer).toBe(first.buffer);
    expect(second.length).toBe(999_000);
    expect(pool.idleBytes).toBe(0);
  });

  test("is bounded, makes way for other lengths, and never doubles", () => {
    const pool = new MemoryPool(4_000_000);
    const held = Array.from({ length: 10 }, () => pool.take(1_000_000));
    expect(new Set(held.map(({ buffer }) => buffer)).size).toBe(10);
    for (const memory of held) pool.give(memory);
    expect(pool.idleBytes).toBeLessThanOrEqual(4_000_000);
    const big = Array.from({ length: 2 }, () => pool.take(2_000_000));
    for (const memory of [...big, pool.take(2_000_000)]) pool.give(memory);
    const again = pool.take(2_000_000);
    expect(again.length).toBe(2_000_000);
    pool.give(Buffer.alloc(100));
    pool.give(pool.take(8_000_000));
    expect(pool.idleBytes).toBeLessThanOrEqual(4_000_000);
  });
});

describe("names of blocks", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 12 });
  const space = fc.integer({ min: 0, max: 255 });
  const tricky = fc.oneof(
    bytes,
    bytes.map((rest) => Uint8Array.of(0, 0x6b, 0x73, ...rest)),
  );

  test("lead back to key and keyspace, and never to another one", () => {
    const names = new KeyNames("a:", ":z");
    fc.assert(
      fc.property(tricky, space, tricky, space, (key, keyspace, otherKey, other) => {
        const name = names.name(key, keyspace);
        expect(names.key(name, keyspace)).toEqual(Buffer.from(key));
        const same = Buffer.compare(key, otherKey) === 0 && keyspace === other;
        expect(name.equals(names.name(otherKey, other))).toBe(same);
        if (other !== keyspace) expect(names.key(name, other)).toBeUndefined();
      }),
    );
  });

  test("of others are nobody's", () => {
    const names = new KeyNames("a:", ":z");
    for (const text of ["", "a:", "a::z", "a:x", "b:x:z", "x"])
      expect(names.key(Buffer.from(text), 0)).toBeUndefined();
  });
});

describe("what a cluster says", () => {
  const asked = { host: "here", port: 1 };

  test("CLUSTER SLOTS becomes ranges; an unknown host is the one that was asked", () => {
    for (const [host, expected] of [
      [Buffer.from("10.0.0.1"), "10.0.0.1"],
      [Buffer.from(""), "here"],
      [null, "here"],
      ["?", "here"],
    ])
      expect(parseSlotRanges([[0, 5, [host, 7000, "id"], ["replica", 1]]] as never, asked)).toEqual(
        [{ from: 0, to: 5, primary: { host: expected, port: 7000 } }],
      );
  });

  test.each([null, "OK", [1], [[0, 99999, ["h", 1]]], [[0, 1, "h"]], [[0, 1, ["h", "x"]]]])(
    "%j is no map",
    (reply) => expect(parseSlotRanges(reply as never, asked)).toBeUndefined(),
  );

  test("redirections name a slot and a server", () => {
    expect(parseRedirection("MOVED 3999 127.0.0.1:6381", asked)).toEqual({
      slot: 3999,
      endpoint: { host: "127.0.0.1", port: 6381 },
    });
    expect(parseRedirection("ASK 1 ::1:6381", asked)?.endpoint.host).toBe("::1");
    expect(parseRedirection("MOVED 1 :7000", asked)?.endpoint).toEqual({
      host: "here",
      port: 7000,
    });
    for (const text of ["MOVED", "MOVED x y", "ASK 99999 h:1", "ERR MOVED 1 h:1"])
      expect(parseRedirection(text, asked)).toBeUndefined();
  });
});

describe("what is refreshed in the background", () => {
  test("runs once for many who ask, and again until it is content", async () => {
    let runs = 0;
    const refresher = new Refresher(async () => {
      runs++;
      await new Promise((resolve) => setImmediate(resolve));
      if (runs < 3) throw new Error("not yet");
      return true;
    });
    await Promise.all([refresher.run(), refresher.run(), refresher.run()]);
    expect(runs).toBe(1);
    expect(refresher.lastError).toBe("not yet");
    await expect.poll(() => runs, { timeout: 5000 }).toBe(3);
    await expect.poll(() => refresher.lastError).toBeUndefined();
    refresher.close();
    await refresher.run();
    expect(runs).toBe(3);
  });
});
