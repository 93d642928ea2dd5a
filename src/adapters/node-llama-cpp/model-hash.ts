import { modelFileHash, textHash } from "../shared/model-identity.ts";

const splitName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * The SHA-256 of a GGUF file, or of all of its parts.
 *
 * @throws KeepwarmError `NOT_FOUND` for a file that is not there
 */
export async function modelHash(modelPath: string): Promise<string> {
  const hashes = await Promise.all(partsOf(modelPath).map((path) => modelFileHash(path, "GGUF")));
  return hashes.length === 1 ? hashes[0] : textHash(hashes.join());
}

function partsOf(path: string): string[] {
  const [, name, , count] = splitName.exec(path) ?? [];
  if (count === undefined) return [path];
  return Array.from({ length: Number(count) }, (_, index) => {
    const number = String(index + 1).padStart(5, "0");
    return `${name}-${number}-of-${count}.gguf`;
  });
}
