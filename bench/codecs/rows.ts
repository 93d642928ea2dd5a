import { type Codec, type CodecName, type EncodeOptions } from "../../src/codecs/codec.ts";
import {
  type Compressor,
  deflateCompressor,
  methods,
} from "../../src/codecs/planes/compression.ts";
import { planesCodecWith } from "../../src/codecs/planes/planes-codec.ts";
import { type Zstd, zstdOfNode, zstdOfWasm } from "../../src/codecs/planes/zstd.ts";
import { loadCodec } from "../../src/codecs/registry.ts";

/** A codec as it is measured. */
export interface Row {
  readonly name: string;
  readonly codec: Codec;
  readonly options: EncodeOptions;
}

/** Everything that is measured. */
export async function makeRows(): Promise<Row[]> {
  const rows: Row[] = [];
  const add = async (name: CodecName, label: string = name, options: EncodeOptions = {}) =>
    rows.push({ name: label, codec: await loadCodec(name), options });
  await add("naive");
  for (const zstd of [zstdOfNode(), await zstdOfWasm()])
    if (zstd !== undefined) rows.push(planes(`zstd-planes, ${zstd.origin}`, compressorOf(zstd)));
  rows.push(planes("planes with deflate", deflateCompressor));
  await add("fp8");
  for (const bins of [64, 32] as const)
    await add("cachegen", `cachegen, ${bins} bins`, { bins: () => bins });
  await add("cachegen", "cachegen, default bins");
  return rows;
}

function planes(name: string, compressor: Compressor): Row {
  return { name, codec: planesCodecWith(async () => compressor), options: {} };
}

function compressorOf(zstd: Zstd): Compressor {
  return { method: methods.zstd, compress: (bytes) => zstd.compress(bytes) };
}
