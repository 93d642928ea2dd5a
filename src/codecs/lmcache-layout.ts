import { type Dtype, dtypeOf } from "./dtypes.ts";
import { type BlockLayout, memoryFormatOf } from "./tensor.ts";

// LMCache's metadata of a chunk: i32 length, i32 memory format, then for each group of layers i32 dtype and four
// i32 sizes, which end with zeros where there are fewer.

const headBytes = 8;
const groupBytes = 20;

/** What LMCache's `metadata` says that the block beside it is; nothing when codecs do not know such a thing. */
export function layoutOfMetadata(metadata: Uint8Array): BlockLayout | undefined {
  const groups = Math.floor((metadata.length - headBytes) / groupBytes);
  if (groups < 1) return undefined;
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.length);
  const int = (at: number): number => view.getInt32(at, true);
  const dtypes = Array.from({ length: groups }, (_, group) =>
    dtypeOf(int(headBytes + group * groupBytes)),
  );
  const [dtype] = dtypes;
  if (dtype === undefined) return undefined;
  // Several groups are several tensors; of equal elements all the same, or bytes.
  if (groups > 1) return elementsOf(dtypes.every((other) => other === dtype) ? dtype : "bytes");
  const format = memoryFormatOf(int(4));
  const [first, second, third, fourth] = [12, 16, 20, 24].map(int);
  switch (format) {
    case "KV_2LTD":
    case "KV_MLA_FMT":
      return first === (format === "KV_2LTD" ? 2 : 1) && second > 0 && third > 0 && fourth > 0
        ? { dtype, format, layers: second, channels: fourth }
        : undefined;
    case "KV_T2D":
    case "KV_2TD":
      return third > 0 && fourth === 0 ? { dtype, format, channels: third } : undefined;
    default:
      return elementsOf(dtype);
  }
}

/** Words for element types in LMCache's keys. */
const words: Readonly<Record<string, Dtype>> = {
  half: "float16",
  float16: "float16",
  bfloat16: "bfloat16",
  float: "float32",
  float32: "float32",
  double: "float64",
  float64: "float64",
  uint8: "uint8",
  fp8_e4m3: "float8_e4m3fn",
  fp8_e4m3fn: "float8_e4m3fn",
  fp8_e5m2: "float8_e5m2",
};

/** What is known of blocks whose key names their element type: enough for lossless codecs. */
export function layoutOfDtype(word: string): BlockLayout | undefined {
  const dtype = Object.hasOwn(words, word) ? words[word] : undefined;
  return dtype && elementsOf(dtype);
}

/** Elements in a row, of no known shape. */
function elementsOf(dtype: Dtype): BlockLayout {
  return { dtype, format: "BINARY", channels: 1 };
}
