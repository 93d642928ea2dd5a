import type { CodecName } from "./codec.ts";
import { type FloatDtype, isFloatDtype } from "./dtypes.ts";
import { malformed, unsuitable } from "./malformed.ts";
import { type Geometry, type Tensor, geometryOf } from "./tensor.ts";

/** A tensor of numbers with a layout, as lossy codecs need it. */
export interface FloatTensor {
  readonly dtype: FloatDtype;
  readonly geometry: Geometry;
  /** Whether it has no elements. */
  readonly empty: boolean;
}

/** @throws KeepwarmError `INPUT_INVALID` when it is bytes, or of a type without fractions. */
export function floatTensor(codec: CodecName, tensor: Tensor): FloatTensor {
  const found = asFloatTensor(tensor);
  if (found === undefined) throw unsuitable(codec, `${tensor.format} of ${tensor.dtype}`);
  return found;
}

/** The same of what a container says. */
export function decodedFloatTensor(codec: CodecName, tensor: Tensor): FloatTensor {
  const found = asFloatTensor(tensor);
  if (found === undefined) throw malformed(`${codec} has no ${tensor.format} of ${tensor.dtype}`);
  return found;
}

function asFloatTensor(tensor: Tensor): FloatTensor | undefined {
  const geometry = geometryOf(tensor);
  if (geometry === undefined || !isFloatDtype(tensor.dtype)) return undefined;
  return { dtype: tensor.dtype, geometry, empty: tensor.shape.includes(0) };
}
