import { Redis } from "ioredis";
import { MetricsChannel } from "../../src/metrics-channel/channel/metrics-channel.ts";

/** A way to hand samples over; steps of a batch come one after the other, as they are generated. */
export interface ChannelClient extends AsyncDisposable {
  /** Writes one sample for each request. Settles when the next step may be written. */
  step(requests: readonly string[], step: number): Promise<void>;
  /** Settles when everything is on the server. */
  flush(): Promise<void>;
  /** Reads and removes one request; how many good samples it had. */
  drain(request: string, expected: number): Promise<number>;
}

const measuresAt = (step: number) => ({
  norm: 20.123456789 + step,
  temperedNorm: 25.987654321 + step,
  entropy: 2.3456789012,
});

/** As much as may wait before a writer that is faster than its server has to wait. */
const mostWaiting = 8192;

function keepwarmChannel(url: string): ChannelClient {
  const channel = new MetricsChannel({ url, deadlineMs: 30_000 });
  return {
    async step(requests, step) {
      for (const request of requests) channel.push(request, { step, ...measuresAt(step) });
      if (channel.stats().waiting > mostWaiting) await channel.flush();
      else await new Promise(setImmediate);
    },
    async flush() {
      await channel.flush();
      const { failed, dropped, lastError } = channel.stats();
      if (failed + dropped > 0) throw new Error(`samples were lost: ${lastError}`);
    },
    async drain(request, expected) {
      const { samples } = await channel.drain(request, { expected });
      return samples.filter(({ step, norm }) => norm === measuresAt(step).norm).length;
    },
    [Symbol.asyncDispose]: () => channel.close(),
  };
}

/** As logits processors do it that push text rows to lists: RPUSH for each token, LRANGE and DEL at the end. */
function naiveList(url: string, together: boolean): ChannelClient {
  const redis = new Redis(url);
  return {
    async step(requests, step) {
      const { norm, temperedNorm, entropy } = measuresAt(step);
      const row = `${norm},${temperedNorm},${entropy}`;
      if (together) await Promise.all(requests.map((request) => redis.rpush(request, row)));
      else for (const request of requests) await redis.rpush(request, row);
    },
    async flush() {},
    async drain(request) {
      const rows = await redis.lrange(request, 0, -1);
      await redis.del(request);
      return rows.filter((row, step) => {
        const [norm, ...others] = row.split(",").map(Number);
        return norm === measuresAt(step).norm && others.length === 2;
      }).length;
    },
    async [Symbol.asyncDispose]() {
      await redis.quit();
    },
  };
}

/** Every client by the name that reports give it; the first one is ours. */
export const channelClients: Readonly<Record<string, (url: string) => ChannelClient>> = {
  "keepwarm channel": keepwarmChannel,
  "ioredis, RPUSH a token": (url) => naiveList(url, false),
  "ioredis, RPUSH a token, a step at once": (url) => naiveList(url, true),
};
