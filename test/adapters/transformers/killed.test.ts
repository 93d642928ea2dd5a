import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { startKeepwarm } from "../../../src/testing/servers/keepwarm-server.ts";
import { ServerProcess } from "../../../src/testing/servers/process.ts";
import { answer, loadModel, serve, tinyFolder } from "./support.ts";
import { manyPrompts } from "./tokens.ts";

const program = fileURLToPath(new URL("storing-process.ts", import.meta.url));

it("finds whole chunks or none of what a process stored that was killed at it", async () => {
  const folder = await tinyFolder();
  await using server = await startKeepwarm({ args: ["--ram-size", "64MiB"] });
  const url = `valkey://${server.host}:${server.port}`;
  const prompts = manyPrompts(400);
  const stored = new Set<number>();
  let done = false;
  const storing = new ServerProcess(
    "a process that stores",
    { path: process.execPath, env: process.env },
    {
      args: ["--import", "tsx", program, url, folder],
      onLine: (line) => {
        // With each prompt one token of its answer is stored.
        if (line.startsWith("stored")) stored.add(Number(line.split(" ")[1]) - 1);
        if (line === "done") done = true;
      },
    },
  );
  try {
    await storing.until(async () => (stored.size >= 5 ? stored : undefined), 20_000);
  } finally {
    storing.kill("SIGKILL");
    await storing.stop();
  }
  expect(done).toBe(false);
  const plain = await loadModel(folder);
  await using served = await serve(folder, url);
  for (const prompt of prompts.slice(0, stored.size + 3)) {
    const cold = await answer(plain, prompt, { max_new_tokens: 2 });
    expect(await answer(served.model, prompt, { max_new_tokens: 2 })).toEqual(cold);
    const restored = served.attached.lastReuse?.restoredTokens;
    if (stored.has(prompt.length)) expect(restored).toBe(prompt.length - 1);
  }
  await plain.dispose();
}, 60_000);
