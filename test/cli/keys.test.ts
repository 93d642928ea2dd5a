import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";

let cwd: string;
beforeAll(() => (cwd = mkdtempSync(join(tmpdir(), "keepwarm-keys-"))));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

async function keys(line: string) {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    write: (data: string | Uint8Array) => (written[name] += Buffer.from(data).toString()),
  });
  const code = await runCli(["keys", ...line.split(" ")], {
    stdout: sink("out"),
    stderr: sink("err"),
    stdin: (async function* () {})(),
    env: {},
    cwd,
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

const eight = "--tokens 1,2,3,4,5,6,7,8";
const blake = "6309ed506b8721905753f5c73c070bb21c3aafbd9b474b1e231f41368b71123c";
const page = "cf97adeedb59e05bfd73a2b4c2a8885708c4f4f70c84c64b27120e72ab733b72";

test.each<[what: string, line: string, printed: string[]]>([
  [
    "hashes",
    `--family lmcache --chunk-size 4 --seed 0 ${eight}`,
    ["0\t4\t6cc7d6490d8a0e18", "4\t8\t-7ee8ab9fe3a0354b"],
  ],
  [
    "keys of LMCache",
    `--family lmcache --chunk-size 4 --hash sha256_cbor_64bit --seed 0 --model a/b --dtype half ` +
      `--world-size 2 --worker-id 1 --part metadata ${eight}`,
    ["0\t4\ta/b@2@1@29d42bf4f9a3b4b6@halfmetadata", "4\t8\ta/b@2@1@9d49993895b8a4c1@halfmetadata"],
  ],
  [
    "keys of LMCache MP",
    "--family lmcache-mp --chunk-size 4 --tokens 1,2,3,4 --model m --cache-salt s --group 10",
    [`0\t4\tm@01000100@a@${blake}@s`],
  ],
  [
    "keys of HiCache",
    "--family hicache --page-size 4 --tokens 1,2,3,4 --model m",
    [`0\t4\thicache:m:0:1:${page}`],
  ],
  [
    "keys of HiCache that ranks share",
    "--family hicache --page-size 4 --tokens 1,2,3,4 --model m --mla",
    [`0\t4\thicache:m:${page}`],
  ],
])("prints %s", async (_, line, printed) => {
  expect(await keys(line)).toEqual({ code: 0, out: `${printed.join("\n")}\n`, err: "" });
});

test("prints our own keys, the last with fewer tokens", async () => {
  const { code, out } = await keys(
    `--family native --chunk-size 5 --save-unfull-chunk --model m --dtype float --extra-key lora ${eight}`,
  );
  expect(code).toBe(0);
  expect(out).toMatch(/^0\t5\tkw@m@1@0@[0-9a-f]{64}@float\n5\t8\tkw@m@1@0@[0-9a-f]{64}@float\n$/);
});

test("prints JSON", async () => {
  const { out } = await keys(`--family lmcache-mp --chunk-size 4 ${eight} --json`);
  expect(JSON.parse(out)).toEqual({
    family: "lmcache-mp",
    hash: "blake3",
    chunkSize: 4,
    tokens: 8,
    root: "7e3eff9ef7613a50340eb12677ee03b83ac759fcba9bb32705f07248d56d473b",
    chunks: [
      { start: 0, end: 4, hash: blake },
      {
        start: 4,
        end: 8,
        hash: "98efc76eafb06cfe774c31ff151f300b61a614c27982a211bb8cdbd83a8c0e19",
      },
    ],
  });
});

test.each([
  ["JSON", "[1, 2, 3, 4]"],
  ["commas", "1,2 , 3,4\n"],
  ["white space", " 1\n2\t3 4"],
])("reads a file of %s", async (_, content) => {
  writeFileSync(join(cwd, "tokens"), content);
  const { out } = await keys("--family hicache --page-size 4 --tokens @tokens");
  expect(out).toBe(`0\t4\t${page}\n`);
});

test("says how many tokens fill no chunk", async () => {
  const { out, err } = await keys("--family native --tokens 1,2,3");
  expect(out).toBe("");
  expect(err).toBe("3 tokens at the end fill no chunk of 256\n");
});

describe("says what was wrong", () => {
  test.each<[line: string, message: RegExp]>([
    [`--family redis ${eight}`, /--family "redis" is not known.*\n.*lmcache-mp/],
    ["--family lmcache --tokens 1,x,3", /item 1 of --tokens is "x", which is no token id/],
    ["--family lmcache --tokens 1,,3", /item 1 of --tokens is ""/],
    ["--family lmcache --tokens 1,-3", /item 1 of --tokens is "-3"/],
    ["--family lmcache --tokens [1,4294967296]", /item 1 of --tokens is 4294967296/],
    ["--family lmcache --tokens [1,", /--tokens is no JSON/],
    ["--family lmcache --tokens @nowhere", /nowhere cannot be read/],
    [`--family lmcache ${eight} --chunk-size 0`, /--chunk-size "0" is no count/],
    [`--family lmcache ${eight} --hash md5`, /--hash "md5" is not known.*\n.*sha256_cbor/],
    [`--family lmcache ${eight} --hash blake3`, /--hash "blake3" is not known/],
    [`--family lmcache ${eight} --hash xxhash`, /xxhash begin at random.*\n.*PYTHONHASHSEED/],
    [`--family lmcache ${eight} --seed random`, /"random" is no seed/],
    [`--family lmcache ${eight} --release 9`, /--release "9" is not known/],
    [`--family lmcache ${eight} --python 2.7`, /--python "2.7" is no version/],
    [`--family lmcache ${eight} --release 0.3 --python 3.11`, /builtin hashes None/],
    [`--family lmcache ${eight} --bigram`, /--bigram is not for --family lmcache\n.*--seed/],
    [`--family lmcache ${eight} --world-size 2`, /--world-size needs --model/],
    [`--family lmcache ${eight} --model m`, /--dtype is missing/],
    [`--family lmcache ${eight} --model m --dtype half --part x`, /--part "x"/],
    [`--family lmcache ${eight} --model m --worker-id 1`, /not below --world-size/],
    [`--family lmcache --chunk-size 4 ${eight} --model a@b --dtype half`, /"a@b" as model/],
    [`--family hicache ${eight}`, /--page-size is missing/],
  ])("%s", async (line, message) => {
    const { code, out, err } = await keys(line);
    expect(err).toMatch(message);
    expect([code, out]).toEqual([65, ""]);
  });
});
