import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { findBinary } from "../../src/testing/servers/binaries.ts";
import { onPath } from "../../src/testing/servers/on-path.ts";
import { ServerProcess } from "../../src/testing/servers/process.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { startTarget, targetKind } from "../support/target.ts";
import { runTool } from "./spawn.ts";

describe.each(["redis-cli", "valkey-cli"] as const)(`%s with ${targetKind}`, (name) => {
  let server: RunningServer;
  const cli = (args: readonly string[], input?: Buffer | string) =>
    runTool(name, ["-p", String(server.port), ...args], input);

  beforeAll(async () => {
    server = await startTarget();
  });
  afterAll(async () => {
    await server?.stop();
  });
  beforeEach(async () => {
    await cli(["FLUSHALL"]);
  });

  it("sets from standard input and gets the same bytes", async () => {
    const block = pseudoRandomBytes(5_000_000, 5);
    expect(await cli(["-x", "SET", "block"], block)).toMatchObject({ code: 0, text: "OK" });
    const { stdout } = await cli(["GET", "block"]);
    expect(stdout.subarray(0, -1).equals(block)).toBe(true);
    expect(await cli(["STRLEN", "block"])).toMatchObject({ text: "5000000" });
  });

  it("shows replies with their types", async () => {
    await cli(["SET", "key", 'say "hi"\r\n']);
    expect((await cli(["--no-raw", "GET", "key"])).text).toBe(String.raw`"say \"hi\"\r\n"`);
    expect((await cli(["--no-raw", "GET", "none"])).text).toBe("(nil)");
    expect((await cli(["--no-raw", "DEL", "key", "none"])).text).toBe("(integer) 1");
    expect((await cli(["--no-raw", "MGET", "none"])).text).toBe("1) (nil)");
  });

  it("speaks RESP3 with -3", async () => {
    const { text } = await cli(["-3", "--no-raw", "HELLO"]);
    expect(text).toMatch(/"proto" => \(integer\) 3$/m);
    expect(text).toMatch(/"role" => "master"$/m);
    expect((await cli(["-3", "--no-raw", "GET", "none"])).text).toBe("(nil)");
  });

  it("lists keys with --scan and a pattern", async () => {
    await cli([], Array.from({ length: 300 }, (_, n) => `SET scan:${n} x\n`).join(""));
    await cli(["SET", "other", "x"]);
    const { text } = await cli(["--scan", "--pattern", "scan:*"]);
    expect(new Set(text.split("\n")).size).toBe(300);
    expect(text).not.toContain("other");
  });

  it("loads commands with --pipe", async () => {
    const commands = Array.from({ length: 500 }, (_, n) => `SET pipe:${n} value\r\n`).join("");
    const { code, text } = await cli(["--pipe"], commands);
    expect(text).toContain("errors: 0, replies: 500");
    expect(code).toBe(0);
    expect((await cli(["DBSIZE"])).text).toBe("500");
  });

  it("shows INFO, whole and by section", async () => {
    const whole = (await cli(["INFO"])).text;
    for (const section of ["Server", "Clients", "Memory", "Stats", "Replication", "Keyspace"])
      expect(whole).toContain(`# ${section}`);
    await cli(["SET", "one", "1"]);
    expect((await cli(["INFO", "keyspace"])).text).toMatch(/^db0:keys=1,expires=0/m);
  });

  it("answers a repeated command and exits by the outcome with -e", async () => {
    expect((await cli(["-r", "3", "PING"])).text).toBe("PONG\nPONG\nPONG");
    expect((await cli(["-e", "NOSUCHCOMMAND"])).code).toBe(1);
    expect((await cli(["-e", "PING"])).code).toBe(0);
  });

  it("finds big keys and what they weigh", async () => {
    await cli(["-x", "SET", "big"], Buffer.alloc(100_000, 1));
    await cli(["SET", "small", "x"]);
    const big = await cli(["--bigkeys"]);
    expect(big).toMatchObject({ code: 0, text: expect.stringMatching(/big.*has 100000 bytes/) });
    const memory = await cli(["--memkeys"]);
    expect(memory).toMatchObject({ code: 0, text: expect.stringMatching(/big.*has \d{6} bytes/) });
  });

  it("executes a transaction line by line", async () => {
    const { text } = await cli([], "MULTI\nSET t 1\nGET t\nEXEC\nMULTI\nSET t 2\nDISCARD\nGET t\n");
    expect(text.split("\n")).toEqual("OK QUEUED QUEUED OK 1 OK QUEUED OK 1".split(" "));
  });

  it("prints its rolling --stat line", async () => {
    const stdbuf = await onPath("stdbuf"); // a pipe would keep the lines back
    const binary = await findBinary(name);
    const lines: string[] = [];
    const args = ["-p", String(server.port), "--stat", "-i", "0.05"];
    await using stat = new ServerProcess(
      `${name} --stat`,
      stdbuf === undefined ? binary : { path: stdbuf, env: binary.env },
      {
        args: stdbuf === undefined ? args : ["-oL", binary.path, ...args],
        onLine: (line) => lines.push(line),
      },
    );
    await stat.until(async () => (lines.length >= 5 ? true : undefined));
    expect(lines[1]).toMatch(/keys\s+mem\s+clients/);
    expect(lines[2]).toMatch(/^\d+\s+\d+(\.\d+)?[BKMG]\s+\d+/);
  });
});
