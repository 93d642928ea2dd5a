export { withLock } from "../../util/lock.ts";
