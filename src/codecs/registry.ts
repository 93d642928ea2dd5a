import { KeepwarmError } from "../errors.ts";
import { type Codec, type CodecName, codecIds, codecNames } from "./codec.ts";

const loaders: Readonly<Record<CodecName, () => Promise<Codec>>> = {
  naive: async () => (await import("./naive.ts")).naiveCodec,
  "zstd-planes": async () => (await import("./planes/planes-codec.ts")).planesCodec,
  fp8: async () => (await import("./fp8.ts")).fp8Codec,
  cachegen: async () => (await import("./cachegen/cachegen-codec.ts")).cachegenCodec,
};

/** The codec of that name, loaded when first asked for. */
export function loadCodec(name: CodecName): Promise<Codec> {
  return loaders[name]();
}

/**
 * The codec with that number in a container.
 *
 * @throws KeepwarmError `UNSUPPORTED` when this version has none.
 */
export async function loadCodecById(id: number): Promise<Codec> {
  const name = codecNames.find((name) => codecIds[name] === id);
  if (name !== undefined) return loadCodec(name);
  throw new KeepwarmError(
    "UNSUPPORTED",
    `a block is encoded with codec ${id}, which is not known`,
    {
      remedy: "Read it with the version of Keepwarm that wrote it, or a later one.",
    },
  );
}
