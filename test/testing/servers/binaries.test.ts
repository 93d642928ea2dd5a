import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { findBinary } from "../../../src/testing/servers/binaries.ts";
import { testCacheFolder } from "../../../src/testing/servers/cache-folder.ts";
import { unpackPackages } from "../../../src/testing/servers/debian-packages.ts";
import { onPath } from "../../../src/testing/servers/on-path.ts";
import { run } from "../../../src/testing/servers/run.ts";

const hasApt = (await onPath("apt-get")) !== undefined;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepwarm-binaries-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the cache folder", () => {
  it("is KEEPWARM_TEST_CACHE, else XDG_CACHE_HOME, else ~/.cache, each with keepwarm below", () => {
    const both = { KEEPWARM_TEST_CACHE: "/a", XDG_CACHE_HOME: "/b" };
    expect(testCacheFolder(both)).toBe("/a/keepwarm");
    expect(testCacheFolder({ XDG_CACHE_HOME: "/b" })).toBe("/b/keepwarm");
    expect(testCacheFolder({})).toMatch(/\/\.cache\/keepwarm$/);
  });
});

describe("finding a binary", () => {
  it("takes the executable on PATH, passing over folders and plain files of that name", async () => {
    for (const name of ["one", "two", "three"]) await mkdir(join(folder, name));
    await mkdir(join(folder, "one", "redis-cli"));
    await writeFile(join(folder, "two", "redis-cli"), "");
    await writeFile(join(folder, "three", "redis-cli"), "#!/bin/sh\n");
    await chmod(join(folder, "three", "redis-cli"), 0o755);
    const PATH = ["relative", ...["one", "two", "three"].map((name) => join(folder, name))].join(
      ":",
    );
    const { path, env } = await findBinary("redis-cli", { env: { PATH } });
    expect(path).toBe(join(folder, "three", "redis-cli"));
    expect(env).toEqual({ PATH });
  });

  it.runIf(hasApt)(
    "unpacks Debian's package once when PATH has none, for two at a time",
    async () => {
      const env = { ...process.env, PATH: "/nonexistent", KEEPWARM_TEST_CACHE: folder };
      const [cli, server] = await Promise.all([
        findBinary("valkey-cli", { env }),
        findBinary("valkey-server", { env }),
      ]);
      expect(server.path.startsWith(folder)).toBe(true);
      const version = await run(server.path, ["--version"], { env: server.env });
      expect(version).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^Valkey server v=/),
      });
      expect((await run(cli.path, ["--version"], { env: cli.env })).code).toBe(0);
      const [release] = await readdir(join(folder, "keepwarm", "servers"));
      const kept = await readdir(join(folder, "keepwarm", "servers", release));
      expect(kept.toSorted()).toEqual([".lock", "valkey-server+valkey-tools"]);
    },
    120_000,
  );

  it.runIf(hasApt)(
    "says what is missing and how to install it when the network is not there",
    async () => {
      const source = {
        uris: ["http://127.0.0.1:1/debian"],
        suites: ["bookworm", "trixie", "noble"],
        components: ["main"],
        options: { Trusted: "yes" },
      };
      const unpacking = unpackPackages(
        { packages: ["redis-server"] },
        { folder, sources: [source] },
      );
      await expect(unpacking).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringContaining("apt-get cannot fetch redis-server: "),
        remedy: expect.stringContaining("apt-get install redis-server"),
      });
      const [release] = await readdir(folder);
      expect(await readdir(join(folder, release))).toEqual([".lock"]);
    },
  );
});
