import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { KeepwarmError } from "../../src/errors.ts";
import { chunkSize, seed, type Row } from "./rows.ts";

const script = fileURLToPath(new URL("hash_tokens.py", import.meta.url));
const deadlineMs = 15 * 60_000;

export interface Timing {
  /** CPU time, all threads. */
  readonly seconds: number;
  /** Prompts hashed in that time. */
  readonly rounds: number;
  /** The last hash of the chain. */
  readonly last: string;
}

/** A Python process with LMCache that hashes a prompt when asked to. */
export class LmcachePeer {
  readonly #child;
  readonly #lines;
  #log = "";

  private constructor(interpreter: string, tokens: string) {
    this.#child = spawn(interpreter, ["-B", script, tokens], {
      env: { ...process.env, PYTHONHASHSEED: seed },
      stdio: "pipe",
      timeout: deadlineMs,
    });
    this.#child.stderr.on(
      "data",
      (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-1000)),
    );
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** @param tokens a file of little-endian u32 */
  static async start(interpreter: string, tokens: string): Promise<LmcachePeer> {
    const peer = new LmcachePeer(interpreter, tokens);
    await peer.#answer();
    return peer;
  }

  async measure(row: Required<Row>["peer"], seconds: number): Promise<Timing> {
    this.#child.stdin.write(`${JSON.stringify({ ...row, chunkSize, seconds })}\n`);
    return JSON.parse(await this.#answer()) as Timing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin.end();
    await once(this.#child, "exit");
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done !== true) return value;
    throw new KeepwarmError("NOT_FOUND", `LMCache ended instead of hashing: ${this.#log.trim()}`, {
      remedy: "Run npm run interop -- lmcache-hashes, which shows why.",
    });
  }
}
