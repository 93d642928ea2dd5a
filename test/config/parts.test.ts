import { describe, expect, test } from "vitest";
import { defaultRamBytes } from "../../src/config/defaults.ts";
import { environmentName } from "../../src/config/environment.ts";
import { flagName, serveFlags } from "../../src/config/flags.ts";
import { configJsonSchema } from "../../src/config/schema.ts";
import { settingPaths } from "../../src/config/shape.ts";
import { closest } from "../../src/config/suggest.ts";

const GiB = 1024 ** 3;

test.each([
  [4 * GiB, 0, GiB],
  [64 * GiB, 0, 8 * GiB],
  [64 * GiB, 2 * GiB, GiB / 2],
  [4 * GiB, 2 ** 63, GiB],
])("of %d bytes, %d allowed, %d are for blocks", (machine, constrained, expected) => {
  expect(defaultRamBytes(machine, constrained)).toBe(expected);
});

describe("names", () => {
  test.each([
    ["ram.maxBlocks", "KEEPWARM_RAM_MAX_BLOCKS"],
    ["slowlog.thresholdUs", "KEEPWARM_SLOWLOG_THRESHOLD_US"],
    ["protected", "KEEPWARM_PROTECTED"],
  ])("%s is %s", (path, name) => expect(environmentName(path)).toBe(name));

  test.each([
    ["--ram-max-blocks <n>", "ramMaxBlocks"],
    ["--no-protected", "protected"],
  ])("%s is %s", (flag, name) => expect(flagName(flag)).toBe(name));

  test("every flag sets a setting that exists", () => {
    const paths = new Set([...settingPaths(), "remote"]);
    expect(serveFlags.filter(({ path }) => !paths.has(path))).toEqual([]);
  });

  test.each([
    ["polcy", "policy"],
    ["ploicy", "policy"],
    ["MAX_BLOCKS", "maxBlocks"],
    ["zzz", undefined],
  ])("%s was meant to be %s", (word, meant) => {
    expect(closest(word, ["policy", "maxBlocks", "size"])).toBe(meant);
  });
});

test("the JSON Schema describes what people write", () => {
  const schema = configJsonSchema();
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties?.["ram"]).toMatchObject({
    properties: { size: { description: expect.stringContaining("8GiB") } },
  });
});
