import { randomUUID } from "node:crypto";
import type { ChannelClient } from "./clients.ts";

/** What one trial of one client on one server has seen. */
export interface ChannelTrial {
  readonly writtenPerSecond: number;
  readonly drainedPerSecond: number;
  /** Samples that were not there or not right. */
  readonly lost: number;
  /** CPU seconds of this process for a million samples, written and drained. */
  readonly clientCpu: number;
}

/** Tokens of an answer; then come other requests. */
const answerTokens = 256;

/** Writes answers of a batch for a while, then drains all of them. */
export async function runTrial(
  client: ChannelClient,
  batch: number,
  seconds: number,
): Promise<ChannelTrial> {
  const answers: { readonly requests: readonly string[]; tokens: number }[] = [];
  const cpuBefore = process.cpuUsage();
  const writingBegan = performance.now();
  const until = writingBegan + 1000 * seconds;
  while (performance.now() < until) {
    const requests = Array.from({ length: batch }, () => `bench-${randomUUID()}`);
    const answer = { requests, tokens: 0 };
    answers.push(answer);
    while (answer.tokens < answerTokens && performance.now() < until)
      await client.step(requests, answer.tokens++);
  }
  await client.flush();
  const writingMs = performance.now() - writingBegan;
  const written = answers.reduce((sum, { tokens }) => sum + tokens * batch, 0);
  const drainingBegan = performance.now();
  let drained = 0;
  for (const { requests, tokens } of answers)
    for (const request of requests) drained += await client.drain(request, tokens);
  const drainingMs = performance.now() - drainingBegan;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    writtenPerSecond: (1000 * written) / writingMs,
    drainedPerSecond: (1000 * drained) / drainingMs,
    lost: written - drained,
    clientCpu: (user + system) / written,
  };
}
