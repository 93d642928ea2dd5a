import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";

import { answersPing } from "../../../src/testing/servers/ping.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";

describe.each(["redis", "valkey"] as const)("a real %s server", (engine) => {
  it(
    "answers on its URL, keeps nothing, and is gone after stop",
    { timeout: 120_000 },
    async () => {
      const server = await startRedisServer({ engine });
      expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
      expect(await answersPing(server.port)).toBe(true);
      expect(existsSync(`/proc/${server.pid}`)).toBe(existsSync("/proc"));
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      expect(await answersPing(server.port)).toBeUndefined();
    },
  );

  it("is ready too when it wants a password", async () => {
    await using server = await startRedisServer({ engine, args: ["--requirepass", "secret"] });
    expect(await answersPing(server.port)).toBe(true);
  });

  it("passes the environment on", async () => {
    await using server = await startRedisServer({ engine, env: { TZ: "UTC-05:45" } });
    const [, hours, minutes] = /\d{4} (\d\d):(\d\d):/.exec(server.process.log) ?? [];
    const now = new Date();
    const ahead =
      Number(hours) * 60 + Number(minutes) - now.getUTCHours() * 60 - now.getUTCMinutes();
    expect([344, 345]).toContain((ahead + 1440) % 1440);
  });
});

describe("a redis server that cannot start", () => {
  it("says why, with the end of its log", async () => {
    await expect(startRedisServer({ args: ["--no-such-option", "1"] })).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringMatching(/redis-server ended while starting[^]*no-such-option/),
    });
  });

  it("does not go elsewhere when the port that was asked for is taken", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const { port } = squatter.address() as { port: number };
    await expect(startRedisServer({ port })).rejects.toThrow(/address already in use/i);
    squatter.close();
  });
});
