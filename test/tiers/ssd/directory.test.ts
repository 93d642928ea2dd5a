import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { NodeDisk } from "../../../src/tiers/ssd/disk.ts";
import { SsdTier } from "../../../src/tiers/ssd/ssd-tier.ts";
import { FaultyDisk } from "../../support/faulty-disk.ts";

const MiB = 1024 ** 2;

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-directory-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

test("the lock of a process that is dead, but that nobody has collected, is taken over", async () => {
  // `sleep` takes the shell's place and never collects the shell's child.
  const parent = spawn("sh", ["-c", "sleep 600 & echo $!; exec sleep 600"]);
  onTestFinished(() => void parent.kill("SIGKILL"));
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  const stat = (): string[] => {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  };
  const directory = await newDirectory();
  const holder = { pid, started: stat()[19], host: hostname() };
  writeFileSync(join(directory, "lock.json"), JSON.stringify(holder));
  const open = () => SsdTier.open({ directory, capacityBytes: 8 * MiB, segmentBytes: MiB });

  await expect(open()).rejects.toThrow(`is in use by another process (pid ${pid}`);
  process.kill(pid, "SIGKILL");
  await expect.poll(() => stat()[0]).toBe("Z");
  const tier = await open();
  await tier.close();
});

test("a directory that cannot be used as asked is left as it was", async () => {
  const directory = join(await newDirectory(), "new");
  const tooSmall = SsdTier.open({ directory, capacityBytes: 2 * MiB });
  await expect(tooSmall).rejects.toThrow("an SSD tier of 2 MiB is too small for segments of 1 MiB");
  expect(existsSync(directory)).toBe(false);
});

test("a directory of more segments than files may be open says what to do", async () => {
  const directory = await newDirectory();
  await (await SsdTier.open({ directory, capacityBytes: 4 * MiB })).close();
  const disk = new FaultyDisk(await NodeDisk.open(directory, "off", Buffer.alloc(4096)));
  disk.fault = ({ operation, file }) =>
    operation === "open" && file === "segment-00009.kws"
      ? { kind: "error", code: "EMFILE" }
      : undefined;
  const grown = SsdTier.open({ directory, capacityBytes: 16 * MiB, disk });
  await expect(grown).rejects.toThrow(
    `${directory} needs 16 segments of 1 MiB, more files than may be open`,
  );
  await (await SsdTier.open({ directory, capacityBytes: 8 * MiB })).close();
});
