import { describe, expect, it } from "vitest";

import { ServerProcess } from "../../../src/testing/servers/process.ts";

const node = { path: process.execPath, env: process.env };
const script = (text: string) => ["-e", text];

describe("a server process", () => {
  it("passes lines on, keeps its log and ends on SIGTERM", async () => {
    const lines: string[] = [];
    const server = new ServerProcess("sample", node, {
      args: script(
        `console.log("up"); console.error(process.env.EXTRA); setInterval(() => {}, 1e6)`,
      ),
      env: { EXTRA: "from the test" },
      onLine: (line) => lines.push(line),
    });
    await server.until(async () => (server.log.includes("from the test") ? lines[0] : undefined));
    expect(lines).toEqual(["up"]);
    expect(server.exit).toBeUndefined();
    expect(await server.stop()).toEqual({ code: null, signal: "SIGTERM" });
    expect(server.exit).toEqual({ code: null, signal: "SIGTERM" });
  });

  it("is killed when it ignores SIGTERM for longer than the grace", async () => {
    const server = new ServerProcess("stubborn", node, {
      args: script(
        `process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1e6)`,
      ),
    });
    await server.until(async () => server.log || undefined);
    expect(await server.stop({ graceMs: 20 })).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("fails at once, with its log, when it ends while starting", async () => {
    const server = new ServerProcess("broken", node, {
      args: script(`console.error("bad option"); process.exit(3)`),
    });
    await expect(server.until(async () => undefined)).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringMatching(/^broken ended while starting \(exit code 3\).*\nbad option$/),
    });
  });

  it("fails after its deadline when it never gets ready", async () => {
    await using server = new ServerProcess("idle", node, {
      args: script("setInterval(() => {}, 1e6)"),
    });
    await expect(server.until(async () => undefined, 50)).rejects.toMatchObject({
      code: "TIMEOUT",
    });
  });

  it("ends, and says why, when the program does not exist", async () => {
    const server = new ServerProcess("absent", { path: "/nonexistent/program", env: {} });
    await expect(server.until(async () => undefined)).rejects.toThrow(/ENOENT/);
    expect(server.pid).toBe(0);
    expect(await server.stop()).toEqual({ code: null, signal: null });
  });
});
