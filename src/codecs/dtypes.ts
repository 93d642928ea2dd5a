/**
 * Element types of KV tensors: LMCache's numbers for them, which its metadata and `lm://` headers carry, and
 * bytes of one element. `bytes` stands for a value of no element type.
 */
export const dtypes = {
  bytes: { code: 0, bytes: 1 },
  float16: { code: 2, bytes: 2 },
  bfloat16: { code: 3, bytes: 2 },
  float32: { code: 4, bytes: 4 },
  float64: { code: 5, bytes: 8 },
  uint8: { code: 6, bytes: 1 },
  float8_e4m3fn: { code: 7, bytes: 1 },
  float8_e5m2: { code: 8, bytes: 1 },
} as const;

export type Dtype = keyof typeof dtypes;

/** Element types that lossy codecs can compute with. */
export type FloatDtype = "float16" | "bfloat16" | "float32" | "float8_e4m3fn" | "float8_e5m2";

export const dtypeNames = Object.keys(dtypes) as readonly Dtype[];

const byCode = new Map<number, Dtype>(dtypeNames.map((name) => [dtypes[name].code, name]));
/** LMCache reads 1, `half`, as float16 and never writes it. */
byCode.set(1, "float16");

/** The element type with LMCache's number `code`, if there is one. */
export function dtypeOf(code: number): Dtype | undefined {
  return byCode.get(code);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype !== "bytes" && dtype !== "uint8" && dtype !== "float64";
}
