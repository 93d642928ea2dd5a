import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import type { CliIo } from "../../src/cli/io.ts";
import {
  fill,
  missingFrom,
  openStore,
  spoil,
  valueOf,
  whereIs,
} from "../tiers/ssd/maintenance/support.ts";

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "keepwarm-ssd-cli-"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

let directories = 0;
const newDirectory = (): string => join(cwd, `d${++directories}`);

async function run(args: string[], world: { stdin?: Buffer; tty?: boolean } = {}) {
  const parts: Buffer[] = [];
  let err = "";
  const io: CliIo = {
    stdout: { write: (data) => parts.push(Buffer.from(data)), isTTY: world.tty ?? false },
    stderr: { write: (data) => (err += String(data)), isTTY: world.tty ?? false },
    stdin: Readable.from([world.stdin ?? Buffer.alloc(0)]),
    env: {},
    cwd,
    signal: new AbortController().signal,
  };
  const code = await runCli(["ssd", ...args], io);
  const bytes = Buffer.concat(parts);
  return { code, bytes, out: bytes.toString(), err };
}

test("check says what there is, and its exit code whether it is whole", async () => {
  const directory = newDirectory();
  await fill(directory, "k", 20);
  const whole = await run(["check", directory]);
  expect(whole.code).toBe(0);
  expect(whole.out).toMatch(/^blocks\t20, .* MiB$/m);
  expect(whole.out).toMatch(/^state\twhole$/m);
  const { path, position } = await whereIs(directory, valueOf("k-5", 100_000).subarray(0, 100));
  await spoil(path, position + 5);
  const damaged = await run(["check", directory, "--json"]);
  expect(damaged.code).toBe(1);
  expect(JSON.parse(damaged.out)).toMatchObject({
    state: "damaged",
    blocks: 19,
    damagedValues: 1,
    findings: [{ damagedValues: 1, footer: "whole" }],
  });
  expect(damaged.err).toContain("keepwarm ssd repair");
  expect((await run(["check", directory], { tty: true })).out).toMatch(/SEGMENT +HEADER/);
});

test("repair tells first and does it then", async () => {
  const directory = newDirectory();
  const blocks = await fill(directory, "k", 20);
  const { path, position } = await whereIs(directory, valueOf("k-5", 100_000).subarray(0, 100));
  await spoil(path, position + 5);
  const told = await run(["repair", directory, "--dry-run"]);
  expect(told).toMatchObject({ code: 2, err: expect.stringContaining("would write") as string });
  expect((await run(["check", directory])).code).toBe(1);
  const done = await run(["repair", directory]);
  expect(done.code).toBe(2);
  expect(done.err).toContain("wrote 0 headers and 1 footer, forgot 1 damaged value");
  expect((await run(["check", directory])).code).toBe(0);
  expect(await run(["repair", directory])).toMatchObject({ code: 0 });
  expect(await missingFrom(directory, blocks)).toEqual(["k-5"]);
});

test("compact frees the segments of dead blocks", async () => {
  const directory = newDirectory();
  await fill(directory, "k", 120);
  const store = await openStore(directory);
  for (let i = 0; i < 100; i++) await store.delete([`k-${i}`]);
  await store.close();
  const { code, out } = await run(["compact", directory, "--json"]);
  expect(code).toBe(0);
  const report = JSON.parse(out) as { blocks: number; freedBytes: number };
  expect(report.blocks).toBe(20);
  expect(report.freedBytes).toBeGreaterThan(0);
  const again = await run(["compact", directory]);
  expect(again.out).toMatch(/^moved\t0, 0 B$/m);
  expect(again.err).toContain("no segment would come free");
});

test("export and import through a file and through a pipe", async () => {
  const directory = newDirectory();
  const blocks = await fill(directory, "k", 20);
  const exported = await run(["export", directory, "blocks.kwb", "--json"]);
  expect(exported.code).toBe(0);
  expect(JSON.parse(exported.out)).toMatchObject({ blocks: 20, file: "blocks.kwb" });
  const piped = await run(["export", directory]);
  expect(piped.bytes.equals(readFileSync(join(cwd, "blocks.kwb")))).toBe(true);
  expect(existsSync(join(cwd, "blocks.kwb.part"))).toBe(false);
  const sizes = ["--size", "32MiB", "--segment-size", "2MiB"];
  for (const [file, stdin] of [
    ["blocks.kwb", undefined],
    ["-", piped.bytes],
  ] as const) {
    const target = newDirectory();
    const world = stdin === undefined ? {} : { stdin };
    const { code, out } = await run(["import", target, file, ...sizes, "--json"], world);
    expect([code, JSON.parse(out)]).toMatchObject([0, { blocks: 20, complete: true }]);
    expect(await missingFrom(target, blocks)).toEqual([]);
    expect((await run(["import", target, "blocks.kwb"])).out).toMatch(/^there already\t20$/m);
  }
  const cut = await run(["import", newDirectory(), "-", ...sizes], {
    stdin: piped.bytes.subarray(0, 200_000),
  });
  expect(cut.code).toBe(2);
  expect(cut.err).toContain("cut off");
});

test.each([
  [["check", "nowhere"], /INPUT_INVALID: .*nowhere has no keepwarm-ssd\.json/, 65],
  [["import", "new", "nowhere.kwb"], /INPUT_INVALID: .*nowhere\.kwb/, 65],
  [["import", "new", "-"], /INPUT_INVALID: this is no archive/, 65],
  [["import", "new", "-", "--size", "much"], /INPUT_INVALID: "much"/, 65],
  [["export", "nowhere", "out.kwb"], /INPUT_INVALID/, 65],
  [["chek", "d"], /Did you mean check/, 64],
])("%j is refused", async (args, message, code) => {
  const outcome = await run(args);
  expect(outcome.err).toMatch(message);
  expect(outcome.code).toBe(code);
  expect(existsSync(join(cwd, "new"))).toBe(false);
  expect(existsSync(join(cwd, "out.kwb"))).toBe(false);
});

test("a directory that a server has is left alone, and so is a file that is there", async () => {
  const directory = newDirectory();
  await fill(directory, "k", 1);
  const store = await openStore(directory);
  for (const verb of ["check", "repair", "compact", "export", "import"]) {
    const outcome = await run([verb, directory, ...(verb === "import" ? ["blocks.kwb"] : [])]);
    expect(outcome).toMatchObject({ code: 78, err: expect.stringContaining("in use") as string });
  }
  await store.close();
  const outcome = await run(["export", directory, "blocks.kwb"]);
  expect(outcome).toMatchObject({ code: 65, err: expect.stringContaining("already") as string });
});
