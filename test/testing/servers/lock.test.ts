import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { withLock } from "../../../src/testing/servers/lock.ts";
import { onPath } from "../../../src/testing/servers/on-path.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepwarm-lock-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.runIf((await onPath("flock")) !== undefined)("a lock file", () => {
  it("lets one at a time do its work, in folders that did not exist", async () => {
    const file = join(folder, "deep", "er", ".lock");
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      inside--;
    };
    await Promise.all([withLock(file, work), withLock(file, work), withLock(file, work)]);
    expect(most).toBe(1);
  });

  it("is free again after work that failed", async () => {
    const file = join(folder, ".lock");
    await expect(withLock(file, () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
    expect(await withLock(file, async () => "done")).toBe("done");
  });

  it("names the setting when the file cannot be made", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(
      withLock(join(folder, "file", ".lock"), async () => "never"),
    ).rejects.toMatchObject({
      code: "INPUT_INVALID",
      remedy: expect.stringContaining("KEEPWARM_TEST_CACHE"),
    });
  });
});
