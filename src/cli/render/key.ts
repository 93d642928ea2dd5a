/** A key as text that can be typed back into a shell: bytes that are no printable ASCII as `\xff`. */
export function showKey(key: Uint8Array): string {
  const text = Buffer.from(key).toString("utf8");
  if (!/[\p{Cc}\uFFFD\\]/u.test(text)) return text;
  let shown = "";
  for (const byte of key)
    shown +=
      byte >= 32 && byte < 127 && byte !== 92
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, "0")}`;
  return shown;
}

/** The bytes of a key as {@link showKey} shows it. */
export function readKey(shown: string): Buffer {
  if (!shown.includes("\\x")) return Buffer.from(shown, "utf8");
  const pieces = shown.split(/\\x([0-9a-f]{2})/i);
  return Buffer.concat(
    pieces.map((piece, index) => Buffer.from(piece, index % 2 === 1 ? "hex" : "utf8")),
  );
}
