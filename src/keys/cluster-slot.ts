/** Slots of a Redis or Valkey cluster. */
export const clusterSlots = 16_384;

const open = 0x7b;
const close = 0x7d;

/** CRC-16/XMODEM, the polynomial 0x1021. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The cluster slot of a key: of what stands between the first `{` and the next `}`, if anything does. */
export function clusterSlot(key: Uint8Array): number {
  const from = key.indexOf(open);
  const to = from < 0 ? -1 : key.indexOf(close, from + 1);
  const hashed = to > from + 1 ? key.subarray(from + 1, to) : key;
  let crc = 0;
  for (const byte of hashed) crc = ((crc << 8) & 0xffff) ^ table[((crc >> 8) ^ byte) & 0xff];
  return crc % clusterSlots;
}
