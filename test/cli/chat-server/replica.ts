import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

/** A `keepwarm chat-server` in a process of its own. */
export interface Replica {
  /** `http://127.0.0.1:PORT/v1` */
  readonly url: string;
  /** Has it answer something else, so that it holds nothing of earlier chats itself. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

export async function startReplica(store: string): Promise<Replica> {
  const flags = ["--store", store, "--port", "0", "--context-size", "512", "--threads", "1"];
  const args = ["--import", import.meta.resolve("tsx"), main, "chat-server", "--json", ...flags];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const errors = text(child.stderr);
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url: string };
    return { url, forget: () => forget(url), stop: () => stop(child) };
  }
  throw new Error(`the replica ended before it was ready: ${await errors}`);
}

async function forget(url: string): Promise<void> {
  const messages = [{ role: "system", content: "." }];
  await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages, max_tokens: 1 }),
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
