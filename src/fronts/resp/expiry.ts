import type { Request } from "../../wire/resp/request.ts";
import type { Session } from "./session.ts";
import { NOT_AN_INTEGER } from "./values.ts";

export type ExpiryUnit = "EX" | "PX" | "EXAT" | "PXAT";

const LATEST = Number.MAX_SAFE_INTEGER / 2;

/** Milliseconds since 1970 for `amount` in `unit`, or `undefined` when it is beyond any calendar. */
export function expiryTime(amount: number, unit: ExpiryUnit, now: number): number | undefined {
  const ms = unit === "EX" || unit === "EXAT" ? amount * 1000 : amount;
  const at = unit === "EX" || unit === "PX" ? now + ms : ms;
  return Number.isFinite(at) && Math.abs(at) < LATEST ? at : undefined;
}

/** Reads argument `index` as an expiry in `unit`; a string is the error to reply. */
export function expiryArgument(
  { front }: Session,
  request: Request,
  index: number,
  unit: ExpiryUnit,
  command: string,
): number | string {
  const amount = request.integer(index);
  if (amount === undefined) return NOT_AN_INTEGER;
  const at = amount > 0 ? expiryTime(amount, unit, front.now()) : undefined;
  return at ?? `ERR invalid expire time in '${command}' command`;
}
