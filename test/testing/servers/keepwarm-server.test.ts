import { afterEach, describe, expect, it, vi } from "vitest";

import { startKeepwarm } from "../../../src/testing/servers/keepwarm-server.ts";
import { answersPing } from "../../../src/testing/servers/ping.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("Keepwarm's own server", () => {
  it("answers on the URL it says, drains on SIGTERM and is gone after stop", async () => {
    const server = await startKeepwarm({ args: ["--ram-size", "64MiB"] });
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
    expect(server.ready).toMatchObject({ event: "ready", resp: server.url, pid: server.pid });
    expect(await answersPing(server.port)).toBe(true);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(await answersPing(server.port)).toBeUndefined();
  });

  it("says why, with the end of its log, when it does not start", async () => {
    await expect(startKeepwarm({ args: ["--no-such-flag"] })).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringMatching(/keepwarm serve ended while starting[^]*no-such-flag/),
    });
  });

  it("sees the settings it is given and not those around the test", async () => {
    vi.stubEnv("KEEPWARM_RAM_SIZE", "nonsense");
    await using server = await startKeepwarm({ args: ["--ram-size", "64MiB"] });
    expect(await answersPing(server.port)).toBe(true);
    await expect(startKeepwarm({ env: { KEEPWARM_RAM_SIZE: "nonsense" } })).rejects.toThrow(
      /nonsense/,
    );
  });
});
