import { expect, test } from "vitest";
import { drawBars } from "../../../src/cli/demo/chart.ts";
import { sideBySide } from "../../../src/cli/demo/side-by-side.ts";
import { damage, middleChunk, recordBlocks } from "../../../src/cli/demo/store.ts";
import { drawSvg } from "../../../src/cli/demo/svg.ts";
import { encodeHeader, tensorBytes } from "../../../src/cli/inference/gguf.ts";
import { kindOfUrl, shownUrl } from "../../../src/cli/inference/store-url.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";

const bars = [
  { label: "cold", ms: 2000, isCold: true },
  { label: "again <1>", ms: 20, isCold: false },
];

test("bars are as long as times, and never nothing", () => {
  expect(drawBars(bars, 10, (_, text) => text)).toBe(
    "cold       ██████████ 2.0 s\nagain <1>  ▏ 20 ms\n",
  );
});

test("the picture names what it shows, and is well formed", () => {
  const svg = drawSvg(bars, "Time & more", "about");
  expect(svg).toContain("Time &amp; more");
  expect(svg).toContain("again &lt;1>");
  expect(svg.match(/<rect /g)).toHaveLength(3);
  expect(svg.match(/width="380.0"/g)).toHaveLength(1);
});

test("two texts stand side by side, wrapped", () => {
  expect(sideBySide(["cold", "one two three"], ["warm", "one"], 25)).toBe(
    "cold        │  warm\none two     │  one\nthree       │\n",
  );
});

test("keys are recorded as they are stored, and a flipped bit stays in its block", async () => {
  const store = new RamStore({ capacityBytes: 1024 ** 2 });
  const blocks = recordBlocks(store);
  await store.put([{ key: "a", value: Buffer.alloc(9) }]);
  await store.put([{ key: "b", value: Buffer.alloc(9) }]);
  expect(blocks).toEqual([
    { key: "a", bytes: 9 },
    { key: "b", bytes: 9 },
  ]);
  expect(await damage(store, "b")).toBe(true);
  expect(await damage(store, "c")).toBe(false);
  const [a, b] = await store.get(["a", "b"]);
  expect([...a!.bytes]).toEqual(Array(9).fill(0));
  expect([...b!.bytes]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0]);
  a?.release();
  b?.release();
  await store.close();
});

test("the middle chunk is one of the largest blocks, in the middle of them", () => {
  const sizes: [key: string, bytes: number][] = [
    ["one", 64],
    ["two", 64],
    ["three", 64],
    ["tail", 20],
    ["list", 8],
  ];
  expect(middleChunk(sizes.map(([key, bytes]) => ({ key, bytes })))).toBe("two");
  expect(middleChunk([])).toBeUndefined();
});

test.each([
  ["redis://user:secret@host:1/2?x=y", "redis", "redis://host:1/2"],
  ["rediss://host", "redis", "rediss://host"],
  ["valkeys-cluster://a:1,b:2", "valkey", "valkeys-cluster://a:1,b:2"],
  ["unix:///run/x.sock", "unix", "unix:///run/x.sock"],
])("%s is shown without secrets, as a kind of server", (url, kind, shown) => {
  expect(kindOfUrl(url)).toBe(kind);
  expect(shownUrl(url)).toBe(shown);
});

test("the header of a GGUF file says what is in it, and where", () => {
  const one = { name: "a", type: "Q4_1", shape: [32, 3] } as const;
  const other = { name: "b", type: "F32", shape: [2] } as const;
  expect(tensorBytes(one)).toBe(60);
  const header = encodeHeader({ n: 7, x: 0.5, list: [1], texts: ["é"] }, [one, other]);
  const expected = [
    "47475546 03000000 0200000000000000 0400000000000000",
    `${text("n")} 04000000 07000000`,
    `${text("x")} 06000000 0000003f`,
    `${text("list")} 09000000 05000000 0100000000000000 01000000`,
    `${text("texts")} 09000000 08000000 0100000000000000 ${text("é")}`,
    `${text("a")} 02000000 2000000000000000 0300000000000000 03000000 0000000000000000`,
    // The first has 60 bytes; the second begins at the next multiple of 32.
    `${text("b")} 01000000 0200000000000000 00000000 4000000000000000`,
  ];
  const hex = expected.join("").replaceAll(" ", "");
  expect(header.toString("hex").replace(/(00)*$/, "")).toBe(hex.replace(/(00)*$/, ""));
  expect(header.length % 32).toBe(0);
});

/** A text as the format has it: bytes as u64, then the bytes; in hex. */
function text(value: string): string {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(value)));
  return length.toString("hex") + Buffer.from(value).toString("hex");
}
