import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { connectResp } from "../../../src/backends/valkey/client.ts";
import { MetricsChannel } from "../../../src/metrics-channel/channel/metrics-channel.ts";
import type { MetricsChannelOptions } from "../../../src/metrics-channel/channel/options.ts";
import type { TokenSample } from "../../../src/metrics-channel/channel/sample.ts";
import { pollUntil } from "../../../src/testing/servers/poll.ts";
import { type Deployment, deployments } from "../deployments.ts";

/** A sample that tells its request and step, so that a mixed-up one shows. */
const sampleOf = (request: number, step: number): TokenSample => ({
  step,
  rank: 0,
  norm: request + step / 1024,
  temperedNorm: -request * 1.1,
  entropy: step * 1e-9,
});

const samplesOf = (request: number, count: number): TokenSample[] =>
  Array.from({ length: count }, (_, step) => sampleOf(request, step));

/** For what is looked at on one server: of a cluster's servers it is not said which that is. */
const itNowhere = (): void => {};

for (const [name, start] of Object.entries(deployments))
  describe(`over ${name}`, () => {
    let deployment: Deployment;
    beforeAll(async () => {
      deployment = await start();
    });
    afterAll(() => deployment.stop());

    function open(options: MetricsChannelOptions = {}): MetricsChannel {
      const channel = new MetricsChannel({
        ...deployment.options,
        namespace: `test*[${randomUUID()}]`,
        deadlineMs: 5000,
        ...options,
      });
      onTestFinished(() => channel.close());
      return channel;
    }

    /** A channel of another program that reads what `writer` writes. */
    function openReader(namespace: string, run: string): MetricsChannel {
      return open({ namespace, run });
    }

    it("hands over what was pushed, to another channel of the run", async () => {
      const writer = open({ namespace: "one" });
      const reader = openReader("one", writer.run);
      for (const sample of samplesOf(7, 100)) writer.push("a", sample);
      await writer.flush();
      const { samples, missing, complete } = await reader.drain("a", { expected: 100 });
      expect(samples).toEqual(samplesOf(7, 100));
      expect({ missing, complete }).toEqual({ missing: [], complete: true });
      expect(writer.stats()).toMatchObject({ pushed: 100, failed: 0, waiting: 0, duplicates: 0 });
      expect(reader.stats()).toMatchObject({ drained: 100, gaps: 0, damaged: 0 });
    });

    it("takes what it drains away", async () => {
      const channel = open();
      channel.push("a", sampleOf(1, 0));
      await channel.flush();
      expect((await channel.drain("a")).samples).toHaveLength(1);
      expect((await channel.drain("a")).samples).toEqual([]);
    });

    it("keeps numbers bit by bit, and apart from those that were not measured", async () => {
      const channel = open();
      channel.push("a", { step: 0, norm: -Infinity, temperedNorm: NaN, entropy: -0 });
      channel.push("a", { step: 2 ** 32 - 1, rank: 65_535, entropy: Number.MIN_VALUE });
      await channel.flush();
      const { samples } = await channel.drain("a");
      expect(samples).toEqual([
        { step: 0, rank: 0, norm: -Infinity, temperedNorm: NaN, entropy: -0 },
        { step: 2 ** 32 - 1, rank: 65_535, entropy: Number.MIN_VALUE },
      ]);
    });

    it("has each step once, however often and by whomever it was pushed", async () => {
      const first = open({ namespace: "twice" });
      const second = openReader("twice", first.run);
      for (const step of [0, 1, 2]) {
        first.push("a", sampleOf(3, step));
        second.push("a", { ...sampleOf(3, step), rank: 1 });
      }
      first.push("a", sampleOf(3, 0));
      await Promise.all([first.flush(), second.flush()]);
      const { samples, complete } = await first.drain("a", { expected: 3 });
      expect(samples.map(({ step, norm }) => [step, norm])).toEqual(
        samplesOf(3, 3).map(({ step, norm }) => [step, norm]),
      );
      expect(complete).toBe(true);
      const [one, two] = [first.stats(), second.stats()];
      expect([one.pushed, two.pushed]).toEqual([4, 3]);
      expect(one.duplicates + two.duplicates).toBe(4);
    });

    it("tells what is missing, and puts nothing in its place", async () => {
      const channel = open();
      for (const step of [0, 3, 4]) channel.push("a", sampleOf(1, step));
      channel.finish("a", 7);
      await channel.flush();
      const drained = await channel.drain("a");
      expect(drained.samples.map(({ step }) => step)).toEqual([0, 3, 4]);
      expect(drained).toMatchObject({ expected: 7, missing: [1, 2, 5, 6], complete: false });
      expect(channel.stats()).toMatchObject({ drained: 3, gaps: 4 });
    });

    it("waits until what is expected is there, and no longer than it may", async () => {
      const channel = open();
      channel.push("a", sampleOf(1, 0));
      const drained = channel.drain("a", { waitMs: 10_000 });
      await pollUntil("the first", async () => channel.stats().pushed === 1);
      channel.push("a", sampleOf(1, 1));
      channel.finish("a", 2);
      expect(await drained).toMatchObject({ expected: 2, complete: true });
      const began = performance.now();
      expect(await channel.drain("b", { expected: 2, waitMs: 50 })).toMatchObject({
        samples: [],
        missing: [0, 1],
      });
      expect(performance.now() - began).toBeGreaterThanOrEqual(49);
    });

    const itAlone = name === "a cluster" ? itNowhere : it;

    itAlone(
      "gives every key an expiry, with its first sample and again after a drain",
      async () => {
        const channel = open({ namespace: "ttl", ttlMs: 60_000 });
        const key = `ttl:metrics:{${channel.run}}:a`;
        const { url, username, password, tls } = deployment.options;
        const other = await connectResp(url!, { username, password, tls });
        onTestFinished(() => other.close());
        for (const round of [0, 1]) {
          channel.push("a", sampleOf(round, 0));
          await channel.flush();
          const left = Number(await other.command(["PTTL", key]));
          expect(left).toBeGreaterThan(30_000);
          expect(left).toBeLessThanOrEqual(60_000);
          await channel.drain("a");
          expect(await other.command(["PTTL", key])).toBe(-2);
        }
      },
    );

    it("forgets what nobody drains in time, and tells who waited for it", async () => {
      const channel = open({ ttlMs: 150 });
      channel.push("a", sampleOf(1, 0));
      await channel.flush();
      expect(await channel.drain("a", { expected: 2, waitMs: 600 })).toMatchObject({
        samples: [],
        missing: [0, 1],
      });
      expect(channel.stats()).toMatchObject({ gaps: 2, expired: 2 });
    });

    it("gives out samples while they are made, in order, and removes them", async () => {
      const writer = open({ namespace: "live" });
      const reader = openReader("live", writer.run);
      const live = reader.follow("a");
      const seen: TokenSample[] = [];
      const reading = (async () => {
        for await (const sample of live) seen.push(sample);
      })();
      for (let step = 0; step < 150; step += 2) {
        writer.push("a", sampleOf(2, step + 1));
        writer.push("a", sampleOf(2, step));
        if (step % 10 === 0) {
          await writer.flush();
          await pollUntil("what was pushed is read", async () => seen.length >= step);
        }
      }
      writer.finish("a", 150);
      await reading;
      expect(seen).toEqual(samplesOf(2, 150));
      expect(live).toMatchObject({ complete: true, missing: [] });
      expect((await reader.drain("a")).samples).toEqual([]);
    });

    it("goes on behind a gap, however long, and tells it", async () => {
      const channel = open();
      for (const step of [0, 2, 500]) channel.push("a", sampleOf(1, step));
      channel.finish("a", 502);
      await channel.flush();
      const live = channel.follow("a", { gapWaitMs: 20, idleMs: 200 });
      const steps: number[] = [];
      for await (const { step } of live) steps.push(step);
      expect(steps).toEqual([0, 2, 500]);
      expect(live.complete).toBe(false);
      expect(live.missing).toHaveLength(499);
      expect(live.missing.slice(0, 3)).toEqual([1, 3, 4]);
      expect(live.missing.at(-1)).toBe(501);
      expect(channel.stats()).toMatchObject({ drained: 3, gaps: 499 });
    });

    it("never mixes 64 requests that are made at once", async () => {
      const writers = [open({ namespace: "many" })];
      writers.push(openReader("many", writers[0].run));
      const reader = openReader("many", writers[0].run);
      const requests = Array.from({ length: 64 }, (_, index) => ({
        index,
        id: MetricsChannel.newRequest(),
        count: 20 + (index % 7),
      }));
      const drains = requests.map(({ id, count }) =>
        reader.drain(id, { expected: count, waitMs: 20_000 }),
      );
      for (let step = 0; step < 27; step++) {
        for (const { index, id, count } of requests)
          if (step < count) writers[(index + step) % 2].push(id, sampleOf(index, step));
        if (step % 5 === 0) await new Promise(setImmediate);
      }
      for (const [at, { samples, complete }] of (await Promise.all(drains)).entries()) {
        expect(complete).toBe(true);
        expect(samples).toEqual(samplesOf(at, requests[at].count));
      }
    });

    it("writes and reads the list form of Python programs", async () => {
      const channel = open();
      const key = `my_request_${Math.random()}`;
      const rows = [
        { step: 0, norm: 12.5, temperedNorm: 1e-7, entropy: 3 },
        { step: 1, norm: -Infinity, temperedNorm: NaN, entropy: 0.1 + 0.2 },
      ];
      expect(await channel.pushList(key, rows.slice(0, 1))).toBe(true);
      expect(await channel.pushList(key, rows.slice(1))).toBe(true);
      expect(await channel.drainList(key, 2)).toEqual({
        samples: rows,
        expected: 2,
        missing: [],
        complete: true,
      });
      expect(await channel.drainList(key, 1)).toMatchObject({ samples: [], missing: [0] });
    });

    it("tells rows that are too many, too few or none at all", async () => {
      const channel = open();
      const key = `tensorrt_${randomUUID()}`;
      const row = { step: 0, norm: 1, temperedNorm: 1, entropy: 1 };
      await channel.pushList(key, [row, row, row]);
      expect(await channel.drainList(key, 2)).toMatchObject({ complete: false, missing: [] });
      await channel.pushList(key, [row]);
      expect(await channel.drainList(key, 3)).toMatchObject({ complete: false, missing: [1, 2] });
    });

    itAlone("counts rows that are none", async () => {
      const channel = open();
      const key = `tensorrt_${randomUUID()}`;
      const { url, username, password, tls } = deployment.options;
      const other = await connectResp(url!, { username, password, tls });
      onTestFinished(() => other.close());
      await other.command(["RPUSH", key, "1.0,2.0,3.0", "1.0,2.0"]);
      expect(await channel.drainList(key, 2)).toMatchObject({
        samples: [{ step: 0, norm: 1, temperedNorm: 2, entropy: 3 }],
        missing: [1],
      });
      expect(channel.stats().damaged).toBe(1);
    });

    itAlone("lets what others left behind without an expiry expire", async () => {
      const { url, username, password, tls } = deployment.options;
      const channel = open({ ttlMs: 60_000 });
      const other = await connectResp(url!, { username, password, tls });
      onTestFinished(() => other.close());
      const mine = open({ namespace: "swept" });
      const orphan = "swept:metrics:{dead}:a";
      const list = `my_request_${Math.random()}`;
      await other.command(["HSET", orphan, "0", "x"]);
      await other.command(["RPUSH", list, "1.0,2.0,3.0"]);
      mine.push("a", sampleOf(1, 0));
      await mine.flush();
      expect(await mine.sweep()).toBe(1);
      expect(await mine.sweep()).toBe(0);
      expect(Number(await other.command(["PTTL", orphan]))).toBeGreaterThan(0);
      expect(await other.command(["PTTL", list])).toBe(-1);
      expect(await channel.sweep({ lists: ["my_request_*"] })).toBe(1);
      expect(Number(await other.command(["PTTL", list]))).toBeGreaterThan(0);
    });
  });
