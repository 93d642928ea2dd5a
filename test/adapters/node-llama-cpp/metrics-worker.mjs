// The worker's entry: on Node 20 a worker thread has to be taught TypeScript first.
import { register } from "tsx/esm/api";

register();
await import("./metrics-worker.ts");
