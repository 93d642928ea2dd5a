import { createWriteStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { createInflateRaw } from "node:zlib";
import { KeepwarmError } from "../errors.ts";

const pageMs = 30_000;
const downloadMs = 15 * 60_000;
const json = "application/vnd.pypi.simple.v1+json";

export interface WheelOptions {
  readonly name: string;
  readonly version: string;
  /** Where `PIP_INDEX_URL` is read. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  readonly onProgress?: ((line: string) => void) | undefined;
}

/**
 * Downloads a wheel for any platform from the Python package index that `PIP_INDEX_URL` names, without
 * Python. Resolves to its path.
 *
 * @throws KeepwarmError `NOT_FOUND` when no index is named, or it cannot be reached or does not have it
 */
export async function downloadWheel(folder: string, options: WheelOptions): Promise<string> {
  const { name, version, env = process.env, onProgress } = options;
  const index = env["PIP_INDEX_URL"]?.replace(/\/$/, "");
  if (!index) throw new KeepwarmError("NOT_FOUND", "PIP_INDEX_URL names no package index");
  const page = new URL(`${index}/${name}/`);
  const start = `${name.replaceAll("-", "_")}-${version}-`;
  try {
    const headers = { accept: `${json}, text/html;q=0.5`, ...credentialsOf(page) };
    const response = await get(page, headers, pageMs);
    const base = response.url;
    const wheel = filesOn(await response.text(), base).find(
      (url) => fileName(url).startsWith(start) && fileName(url).endsWith("-none-any.whl"),
    );
    if (wheel === undefined) throw new Error(`it has no wheel ${start}*-none-any.whl`);
    const isSameHost = wheel.host === page.host;
    const file = await get(wheel, isSameHost ? credentialsOf(page) : {}, downloadMs);
    const path = join(folder, fileName(wheel));
    const total = Number(file.headers.get("content-length") ?? 0);
    const body = Readable.fromWeb(file.body as ReadableStream);
    await pipeline(body, progress(total, onProgress), createWriteStream(path));
    return path;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KeepwarmError("NOT_FOUND", `${page.host} does not give ${name}: ${why}`, { cause });
  }
}

/**
 * Unpacks the first file of a zip archive whose name ends so.
 *
 * @throws KeepwarmError `NOT_FOUND` when there is none
 */
export async function unzipFile(archive: string, ending: string, target: string): Promise<void> {
  const file = await open(archive);
  try {
    const entry = await findEntry(file, ending);
    if (entry === undefined)
      throw new KeepwarmError("NOT_FOUND", `${archive} has no file that ends with ${ending}`);
    const header = await read(file, entry.offset, 30);
    const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const bytes = file.createReadStream({ start, end: start + entry.bytes - 1, autoClose: false });
    const out = createWriteStream(target);
    await (entry.method === 0 ? pipeline(bytes, out) : pipeline(bytes, createInflateRaw(), out));
  } finally {
    await file.close();
  }
}

/** An entry of a zip archive: `method` 0 is stored, 8 deflated. */
interface Entry {
  readonly method: number;
  readonly bytes: number;
  readonly offset: number;
}

/** Reads the directory at the archive's end. */
async function findEntry(file: FileHandle, ending: string): Promise<Entry | undefined> {
  const { size } = await file.stat();
  const tail = await read(file, Math.max(0, size - 65_558), Math.min(size, 65_558));
  const end = tail.lastIndexOf(Buffer.from("PK\x05\x06"));
  if (end < 0) return undefined;
  const directory = await read(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  for (let at = 0; at + 46 <= directory.length;) {
    const nameBytes = directory.readUInt16LE(at + 28);
    const name = directory.toString("utf8", at + 46, at + 46 + nameBytes);
    if (name.endsWith(ending))
      return {
        method: directory.readUInt16LE(at + 10),
        bytes: directory.readUInt32LE(at + 20),
        offset: directory.readUInt32LE(at + 42),
      };
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, position);
  return bytes;
}

async function get(url: URL, headers: Record<string, string>, ms: number): Promise<Response> {
  const plain = new URL(url);
  plain.username = plain.password = "";
  const response = await fetch(plain, { headers, signal: AbortSignal.timeout(ms) });
  if (response.ok && response.body !== null) return response;
  throw new Error(`it answers ${response.status}`);
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** The files that an index lists, in its JSON or its HTML form. */
function filesOn(page: string, base: string): URL[] {
  const links = page.trimStart().startsWith("{")
    ? (JSON.parse(page) as { files: { url: string }[] }).files.map(({ url }) => url)
    : [...page.matchAll(/<a\s[^>]*href="([^"]+)"/gi)].map(([, url]) => url);
  return links.map((link) => new URL(link.replaceAll("&amp;", "&"), base));
}

function fileName({ pathname }: URL): string {
  return decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
}

/** Passes bytes on and tells each tenth of them. */
function progress(total: number, onProgress: ((line: string) => void) | undefined): Transform {
  let bytes = 0;
  let told = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      const tenth = total > 0 ? Math.floor((10 * bytes) / total) : 0;
      if (tenth > told) onProgress?.(`${tenth * 10} % of ${Math.round(total / 1e6)} MB`);
      told = tenth;
      done(null, chunk);
    },
  });
}
