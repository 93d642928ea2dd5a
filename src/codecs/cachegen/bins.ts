import type { EncodeOptions } from "../codec.ts";
import type { Geometry } from "../tensor.ts";

export const fewestBins = 4;
const mostBins = 64;

const many = 32;
/** Bins of most layers. */
export const few = 16;
const layersOfKeysWithMany = 10;
const layersOfValuesWithMany = 2;
const smallModel = 10;

/**
 * Bins by kind and layer, all layers of one kind in a row. The first layers of a model bear less loss than
 * the later ones, and keys less than values.
 */
export function binsOf({ kinds, layers }: Geometry, options: EncodeOptions): Uint8Array {
  const { firstLayer = 0, modelLayers = firstLayer + layers } = options;
  const inGeneral = (kind: "key" | "value", layer: number): number => {
    const withMany = kind === "key" ? layersOfKeysWithMany : layersOfValuesWithMany;
    return modelLayers < smallModel || layer < withMany ? many : few;
  };
  const { bins = inGeneral } = options;
  const result = new Uint8Array(kinds * layers);
  for (const index of result.keys()) {
    const count = bins(index < layers ? "key" : "value", firstLayer + (index % layers));
    if (!areBins(count))
      throw new TypeError(
        `bins are an even number from ${fewestBins} to ${mostBins}, not ${count}`,
      );
    result[index] = count;
  }
  return result;
}

export function areBins(count: number): boolean {
  return count % 2 === 0 && count >= fewestBins && count <= mostBins;
}
