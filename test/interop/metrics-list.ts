import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { MetricsChannel } from "../../src/metrics-channel/channel/metrics-channel.ts";
import type { TokenSample } from "../../src/metrics-channel/channel/sample.ts";
import { run } from "../../src/util/run.ts";
import type { Check, Peer, PeerContext } from "./peer.ts";
import { findPython, pythonEnvironment } from "./python-environment.ts";

const script = fileURLToPath(new URL("python/metrics_list.py", import.meta.url));
const requirements = ["redis==7.*"];
const steps = 40;
/** Rows of {@link steps}, and three of special numbers. */
const rowsOfEach = steps + 3;

/** Rows of each list; of each number the hex digits of its float64. */
type Lists = Readonly<Record<string, readonly (readonly string[])[]>>;

/** Python programs that hand token metrics over in lists, with each other and with `MetricsChannel`. */
export const metricsList: Peer = {
  summary: "token metrics in lists: a Python writer and reader, alone and with MetricsChannel",
  async *run(context: PeerContext): AsyncIterable<Check> {
    const python = await findPython(context.python);
    const interpreter = await pythonEnvironment(python, requirements);
    const { url } = await context.start();
    await using channel = new MetricsChannel({ url, deadlineMs: 10_000 });
    const script = (...args: string[]) => runScript(interpreter, args);
    for (const [name, check] of Object.entries(checks)) {
      const began = performance.now();
      const reason = await check(channel, url, script).then(
        () => undefined,
        (error: unknown) => String(error).slice(0, 1000),
      );
      const elapsedMs = Math.round(performance.now() - began);
      const passed = reason === undefined;
      yield { variant: "redis-py 7", name, passed, elapsedMs, ...(passed ? {} : { reason }) };
    }
  },
};

type Run = (...args: string[]) => Promise<Lists>;

const checks: Readonly<
  Record<string, (c: MetricsChannel, url: string, run: Run) => Promise<void>>
> = {
  async "Python reads what Python wrote, through this server"(_, url, run) {
    const keys = ["my_request_1.5", "my_request_1.6"];
    const written = await run("write", url, String(steps), ...keys);
    assert.deepEqual(await run("read", url, ...keys), written);
    assert.deepEqual(await run("read", url, ...keys), { [keys[0]]: [], [keys[1]]: [] });
  },
  async "MetricsChannel drains what Python wrote"(channel, url, run) {
    const keys = Array.from({ length: 8 }, (_, index) => `tensorrt_${index}`);
    const written = await run("write", url, String(steps), ...keys);
    for (const key of keys) {
      const { samples, complete } = await channel.drainList(key, rowsOfEach);
      assert.equal(complete, true);
      assert.deepEqual(samples.map(digitsOf), written[key]);
    }
    assert.deepEqual((await channel.drainList(keys[0])).samples, []);
  },
  async "Python reads what MetricsChannel pushed"(channel, url, run) {
    const numbers = [0, -0, 5e-324, 1e-7, 0.1 + 0.2, 3, 1e16, 1e21, 1e22, Infinity, -Infinity, NaN];
    const samples = numbers.map((number, step) => ({
      step,
      norm: number,
      temperedNorm: -number,
      entropy: number / 3,
    }));
    for (const sample of samples) assert.equal(await channel.pushList("pushed", [sample]), true);
    assert.deepEqual(await run("read", url, "pushed"), { pushed: samples.map(digitsOf) });
  },
  async "what a dead writer left is given an expiry"(channel, url, run) {
    await run("write", url, "1", "my_request_dead");
    assert.equal(await channel.sweep({ lists: ["my_request_*"] }), 1);
    assert.equal(await channel.sweep({ lists: ["my_request_*"] }), 0);
  },
};

function digitsOf({ norm, temperedNorm, entropy }: TokenSample): string[] {
  return [norm, temperedNorm, entropy].map((value) => {
    const bytes = Buffer.alloc(8);
    // There are many kinds of NaN in memory, and one as text.
    bytes.writeDoubleBE(Number.isNaN(value) ? NaN : value!);
    return bytes.toString("hex");
  });
}

async function runScript(interpreter: string, args: readonly string[]): Promise<Lists> {
  const { code, stdout, stderr } = await run(interpreter, ["-B", script, ...args], {
    timeoutMs: 60_000,
  });
  if (code !== 0) throw new Error(`the Python program failed: ${stderr.trim().slice(-800)}`);
  return JSON.parse(stdout) as Lists;
}
